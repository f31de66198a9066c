// What seccomp is in a given kernel release.
//
//   const KernelRelease old({4, 4});
//   old.has(KernelFeature::ret_kill_process);    // false
//   change_of(KernelFeature::ret_kill_process);  // since 4.14, what it changed, and where that
//   stands
//
// Releases are mainline's x.y; what a distribution or a stable branch took back is named in
// KernelConfig::backported. One table (src/kernel/release.cpp) holds every change;
// docs/kernel-model.md prints it. Everything here is a value and safe to use from any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "callgate/abi/arch.h"

namespace callgate {

/// How a statement about a release is known.
enum class Evidence : std::uint8_t {
  ran,          ///< held against that kernel, running, by tests/kernel
  from_source,  ///< read from its source or manual page; never ran here
};

/// What a release has or lacks; in the order of kernel_changes().
enum class KernelFeature : std::uint8_t {
  proc_file,               ///< /proc/PID/seccomp sets strict mode (until 2.6.22)
  prctl_strict,            ///< PR_SET_SECCOMP, PR_GET_SECCOMP
  death_logged,            ///< an audit record when seccomp kills
  no_new_privs,            ///< PR_SET_NO_NEW_PRIVS
  filters,                 ///< mode 2, and the actions KILL TRAP ERRNO TRACE ALLOW
  stack_counts_converted,  ///< filters already there count in converted instructions
  seccomp_call,            ///< seccomp(2); the stack's limit is tested after the program
  tsync,
  errno_capped,       ///< ERRNO data above 4095 acts as 4095
  null_code_invalid,  ///< a null sock_fprog.filter is EINVAL, not EFAULT
  suspend,            ///< PTRACE_O_SUSPEND_SECCOMP
  get_filter,         ///< PTRACE_SECCOMP_GET_FILTER
  trace_rechecks,     ///< filters run again after a tracer's stop
  kill_dumps_core,    ///< the death of a single-threaded process by KILL dumps core
  ret_kill_process,   ///< KILL_PROCESS, and all 16 bits of the action count, signed
  ret_log,            ///< RET_LOG
  log_flag,           ///< FILTER_FLAG_LOG and the sysctl actions_logged
  action_avail,       ///< GET_ACTION_AVAIL
  get_metadata,       ///< PTRACE_SECCOMP_GET_METADATA
  spec_allow,
  audited_only_by_seccomp,  ///< an audited task's denials are no longer all recorded
  ret_user_notif,           ///< RET_USER_NOTIF, NEW_LISTENER, GET_NOTIF_SIZES
  listener_not_with_tsync,  ///< NEW_LISTENER with TSYNC is EINVAL
  notif_continue,
  tsync_esrch,  ///< TSYNC_ESRCH, with which NEW_LISTENER may go with TSYNC
  addfd,
  unknown_kills_process,  ///< an unknown action kills the process, not the thread
  action_cache,           ///< the constant-action bitmap
  addfd_send,
  dead_leader_ignored,  ///< "the last thread" ignores a leader that has exited
  wait_killable_recv,
  last_thread_status,  ///< a process that ends thread by thread has its last thread's status
  sync_wake_up,
  tsync_skips_exited,  ///< TSYNC ignores a leader that has exited
  uretprobe_exempt,    ///< x86-64 uretprobe (335) cannot be filtered
  uprobe_exempt,       ///< x86-64 uprobe (336) cannot be filtered
};
inline constexpr std::size_t kernel_feature_count = 36;

/// One change of seccomp's behaviour.
struct KernelChange {
  KernelFeature feature;
  Release since;
  Release until;            ///< first release without it; {} if it is still there
  std::string_view name;    ///< as people know it: "SECCOMP_RET_KILL_PROCESS"
  std::string_view what;    ///< what is so since then, and what was before
  std::string_view source;  ///< commit, file or manual page
};

/// Every change, oldest first.
[[nodiscard]] std::span<const KernelChange> kernel_changes() noexcept;
[[nodiscard]] const KernelChange& change_of(KernelFeature feature) noexcept;
/// The releases against which the model was held by tests/kernel.
[[nodiscard]] std::span<const Release> releases_that_ran() noexcept;

/// What a kernel was built with, and the machine.
struct KernelConfig {
  Arch native = Arch::x86_64;             ///< the machine: the ABI of its own kernel
  bool seccomp = true;                    ///< CONFIG_SECCOMP
  bool seccomp_filter = true;             ///< CONFIG_SECCOMP_FILTER
  bool checkpoint_restore = true;         ///< CONFIG_CHECKPOINT_RESTORE
  bool audit = true;                      ///< CONFIG_AUDITSYSCALL, and not audit=0
  std::vector<KernelFeature> backported;  ///< what it has beyond its release
};

/// A release with its configuration. A release before 2.6.12 has nothing.
class KernelRelease {
 public:
  explicit KernelRelease(Release release, KernelConfig config = {});

  [[nodiscard]] bool has(KernelFeature feature) const noexcept;
  [[nodiscard]] Release release() const noexcept { return release_; }
  [[nodiscard]] const KernelConfig& config() const noexcept { return config_; }
  /// Whether this very release ran under tests/kernel on x86-64, or was read only.
  [[nodiscard]] Evidence evidence() const noexcept;
  /// The flags that SECCOMP_SET_MODE_FILTER accepts; 0 before seccomp(2).
  [[nodiscard]] std::uint32_t known_flags() const noexcept;

 private:
  Release release_;
  KernelConfig config_;
  std::uint64_t features_ = 0;
};

}  // namespace callgate
