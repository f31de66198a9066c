// The table of changes. A commit is named by the first 12 digits of its id in Linux's history;
// docs/kernel-model.md says which of the sources were opened and which rows rest on a commit's
// id alone.
// Known weakness: the numbers of converted instructions, and which opcodes the program check takes,
// are those of 6.12 for every release.
#include "callgate/kernel/release.h"

#include <algorithm>
#include <array>

#include "callgate/kernel/constants.h"

namespace callgate {
namespace {

using enum KernelFeature;

// clang-format off
constexpr std::array<KernelChange, kernel_feature_count> changes = {{
    {proc_file, {2, 6, 12}, {2, 6, 23}, "/proc/PID/seccomp",
     "writing 1 puts that task into strict mode, for good (a second write: EPERM)",
     "fs/proc/base.c seccomp_write, 2.6.12"},
    {prctl_strict, {2, 6, 23}, {}, "PR_SET_SECCOMP, PR_GET_SECCOMP",
     "prctl(2) instead of the file in /proc; only mode 1; kernel/seccomp.c prctl_set_seccomp",
     "1d9d02feeee8, prctl(2)"},
    {death_logged, {3, 3, 0}, {}, "audit records",
     "a death by seccomp leaves an audit record",
     "85e7bac33b8d"},
    {no_new_privs, {3, 5, 0}, {}, "PR_SET_NO_NEW_PRIVS",
     "execve grants nothing any more; allows filters without CAP_SYS_ADMIN",
     "259e5e6c75a9, prctl(2)"},
    {filters, {3, 5, 0}, {}, "SECCOMP_MODE_FILTER",
     "filters by prctl(PR_SET_SECCOMP, 2, prog); actions KILL, TRAP, ERRNO, TRACE and ALLOW; "
     "any other kills the thread",
     "e2cfabdfd075, acf3b2c71ed2, bb6ea4301a11, fb0fadf9b213"},
    {stack_counts_converted, {3, 15, 0}, {}, "stack limit in converted instructions",
     "filters that are there already count by their converted size, not by the size as written",
     "bd4cf0ed331a"},
    {seccomp_call, {3, 17, 0}, {}, "seccomp(2)",
     "operations SET_MODE_STRICT and SET_MODE_FILTER; the new filter counts by its converted "
     "size too, after its program and the caller's privilege are checked",
     "48dc92b9fc39, seccomp(2)"},
    {tsync, {3, 17, 0}, {}, "SECCOMP_FILTER_FLAG_TSYNC",
     "all threads take the caller's filters, or the call returns the id of one that cannot",
     "c2e1f2e30daa, seccomp(2)"},
    {errno_capped, {4, 0, 0}, {}, "ERRNO capped at 4095",
     "before, data above 4095 came back as a large negative number that libc takes for success",
     "580c57f10768"},
    {null_code_invalid, {4, 2, 0}, {}, "sock_fprog.filter == NULL",
     "EINVAL (before: EFAULT)",
     "ac67eb2c5347"},
    {suspend, {4, 3, 0}, {}, "PTRACE_O_SUSPEND_SECCOMP",
     "a tracer may suspend seccomp (CONFIG_CHECKPOINT_RESTORE)",
     "13c4a90119d2, ptrace(2)"},
    {get_filter, {4, 4, 0}, {}, "PTRACE_SECCOMP_GET_FILTER",
     "a tracer may read filters (CONFIG_CHECKPOINT_RESTORE)",
     "f8e529ed941b, ptrace(2)"},
    {trace_rechecks, {4, 8, 0}, {}, "filters run again after TRACE",
     "the tracer's system-call stop comes before seccomp, and what a tracer made of a call at a "
     "TRACE stop is filtered again; before, it ran unfiltered",
     "93e35efb8de4, ce6526e8afa4, seccomp(2)"},
    {kill_dumps_core, {4, 11, 0}, {}, "KILL dumps core",
     "the death of a single-threaded process by KILL_THREAD dumps core",
     "b25e67161c29, d7276e321ff8, seccomp(2)"},
    {ret_kill_process, {4, 14, 0}, {}, "SECCOMP_RET_KILL_PROCESS",
     "kills all threads; the action is all 16 high bits, compared signed (before: bit 31 was "
     "masked off, so 0x80000000 was KILL and 0x80050001 was ERRNO 1)",
     "4d3b0b05aae9, 0466bdb99e87, seccomp(2)"},
    {ret_log, {4, 14, 0}, {}, "SECCOMP_RET_LOG",
     "lets the call through and records it",
     "59f5cf44a382, seccomp(2)"},
    {log_flag, {4, 14, 0}, {}, "SECCOMP_FILTER_FLAG_LOG, actions_logged",
     "records what a filter denies; the sysctl kernel.seccomp.actions_logged says which actions "
     "may be recorded at all",
     "e66a39977985, 0ddec0fc8900, seccomp(2)"},
    {action_avail, {4, 14, 0}, {}, "SECCOMP_GET_ACTION_AVAIL",
     "0 or EOPNOTSUPP",
     "d612b1fd8010, seccomp(2)"},
    {get_metadata, {4, 16, 0}, {}, "PTRACE_SECCOMP_GET_METADATA",
     "a tracer may read a filter's LOG flag",
     "26500475ac1b, ptrace(2)"},
    {spec_allow, {4, 17, 0}, {}, "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
     "keeps speculation as it is; no effect on a verdict",
     "00a02d0c502a, seccomp(2)"},
    {audited_only_by_seccomp, {4, 18, 0}, {}, "no record because a task is audited",
     "before, every action but ALLOW of a task with an audit context was recorded",
     "326bee0286d7"},
    {ret_user_notif, {5, 0, 0}, {}, "SECCOMP_RET_USER_NOTIF",
     "with NEW_LISTENER and GET_NOTIF_SIZES; one listener a stack",
     "6a21cc50f0c7, seccomp(2)"},
    {listener_not_with_tsync, {5, 1, 0}, {}, "NEW_LISTENER with TSYNC",
     "EINVAL: a returned number could be either",
     "7a0df7fbc145"},
    {notif_continue, {5, 5, 0}, {}, "SECCOMP_USER_NOTIF_FLAG_CONTINUE",
     "a supervisor may let the call run",
     "fb3c5386b382, seccomp_unotify(2)"},
    {tsync_esrch, {5, 7, 0}, {}, "SECCOMP_FILTER_FLAG_TSYNC_ESRCH",
     "a failed TSYNC is ESRCH, and NEW_LISTENER may go with it",
     "51891498f2da"},
    {addfd, {5, 9, 0}, {}, "SECCOMP_IOCTL_NOTIF_ADDFD",
     "a supervisor may put a descriptor into the caller",
     "7cf97b125455, seccomp_unotify(2)"},
    {unknown_kills_process, {5, 10, 0}, {}, "unknown actions kill the process",
     "before, a return value with an unknown action killed the thread; seccomp(2) dates this to "
     "4.14, the source of 4.17 says otherwise (kernel/seccomp.c __seccomp_filter)",
     "4d671d922d51"},
    {action_cache, {5, 11, 0}, {}, "constant-action bitmap",
     "calls that every filter allows whatever the arguments run without them",
     "f9d480b6ffbe"},
    {addfd_send, {5, 14, 0}, {}, "SECCOMP_ADDFD_FLAG_SEND",
     "a descriptor and the reply in one step",
     "0ae71c7720e3, seccomp_unotify(2)"},
    {dead_leader_ignored, {5, 16, 0}, {}, "threads counted by signal->live",
     "KILL_THREAD ends and dumps a process whose leader has exited and whose last thread calls",
     "d21918e5a94a"},
    {wait_killable_recv, {5, 19, 0}, {}, "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
     "only a fatal signal interrupts a call that a supervisor has received",
     "c2aa2dfef243"},
    {last_thread_status, {6, 1, 0}, {}, "status of a process that ends thread by thread",
     "the last thread's exit code is the process's; before, its leader's. In 6.1, not in 5.10",
     "kernel/exit.c synchronize_group_exit, 6.1"},
    {sync_wake_up, {6, 6, 0}, {}, "SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP",
     "supervisor and caller on one CPU; no effect on a verdict",
     "48a1084a8b74"},
    {tsync_skips_exited, {6, 11, 0}, {}, "TSYNC skips exited threads",
     "before, a leader that had exited with other filters made every TSYNC fail",
     "bfafe5efa975"},
    {uretprobe_exempt, {6, 14, 0}, {}, "uretprobe passes every filter",
     "x86-64 number 335 (a call since 6.11) is allowed by strict mode and by any filter; taken "
     "back into 6.12.y",
     "cf6cb56ef244, kernel/seccomp.c seccomp_uprobe_exception, 6.12.117"},
    {uprobe_exempt, {6, 18, 0}, {}, "uprobe passes every filter",
     "x86-64 number 336 (a call since 6.18) as well",
     "89d1d8434d24"},
}};
// clang-format on

constexpr bool in_order() {
  for (std::size_t i = 0; i < changes.size(); ++i)
    if (static_cast<std::size_t>(changes[i].feature) != i) return false;
  return true;
}
static_assert(in_order(), "one row a feature, in the order of KernelFeature");

constexpr std::array<Release, 1> ran = {{{6, 18, 0}}};

constexpr bool needs_filter(KernelFeature feature) {
  switch (feature) {
    case proc_file:
    case prctl_strict:
    case death_logged:
    case no_new_privs:
    case seccomp_call:
    case suspend:
    case ret_kill_process:
    case ret_log:
    case log_flag:
    case action_avail:
    case ret_user_notif:
    case last_thread_status: return false;
    default: return true;
  }
}

bool configured(KernelFeature feature, const KernelConfig& config) {
  switch (feature) {
    case no_new_privs:
    case last_thread_status: return true;
    case suspend:
    case get_filter:
    case get_metadata:
      if (!config.checkpoint_restore) return false;
      break;
    case uretprobe_exempt:
    case uprobe_exempt:
      if (config.native != Arch::x86_64) return false;
      break;
    default: break;
  }
  return config.seccomp && (config.seccomp_filter || !needs_filter(feature));
}

bool in_release(const KernelChange& change, Release release) {
  return release >= change.since && (change.until == Release{} || release < change.until);
}

}  // namespace

std::span<const KernelChange> kernel_changes() noexcept { return changes; }

const KernelChange& change_of(KernelFeature feature) noexcept {
  return changes[static_cast<std::size_t>(feature)];
}

std::span<const Release> releases_that_ran() noexcept { return ran; }

KernelRelease::KernelRelease(Release release, KernelConfig config)
    : release_(release), config_(std::move(config)) {
  for (const KernelChange& change : changes) {
    const bool there =
        in_release(change, release_) ||
        std::ranges::find(config_.backported, change.feature) != config_.backported.end();
    if (there && configured(change.feature, config_))
      features_ |= std::uint64_t{1} << static_cast<unsigned>(change.feature);
  }
}

bool KernelRelease::has(KernelFeature feature) const noexcept {
  return (features_ >> static_cast<unsigned>(feature) & 1) != 0;
}

Evidence KernelRelease::evidence() const noexcept {
  const Release mainline{release_.major, release_.minor, 0};
  const bool here = config_.native == Arch::x86_64 && std::ranges::find(ran, mainline) != ran.end();
  return here ? Evidence::ran : Evidence::from_source;
}

std::uint32_t KernelRelease::known_flags() const noexcept {
  constexpr std::array<std::pair<KernelFeature, std::uint32_t>, 6> flags = {{
      {tsync, uapi::flag_tsync},
      {log_flag, uapi::flag_log},
      {spec_allow, uapi::flag_spec_allow},
      {ret_user_notif, uapi::flag_new_listener},
      {tsync_esrch, uapi::flag_tsync_esrch},
      {wait_killable_recv, uapi::flag_wait_killable_recv},
  }};
  std::uint32_t known = 0;
  for (const auto& [feature, flag] : flags)
    if (has(feature)) known |= flag;
  return known;
}

}  // namespace callgate
