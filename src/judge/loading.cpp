#include "judge/loading.h"

#include "callgate/abi/syscalls.h"
#include "callgate/formats/text.h"
#include "callgate/policy/evaluate.h"

namespace callgate::judging {
namespace {

constexpr const char* loader_rules =
    "policy loading\n"
    "abi 6.12\n"
    "on untestable deny\n"
    "allow open, openat if flags subset O_RDONLY|O_CLOEXEC|O_LARGEFILE\n"
    "allow stat, stat64, lstat, lstat64, fstat, fstat64, newfstatat, fstatat64, statx, @statfs\n"
    "allow @access, @readlink, getcwd, @read, @pread, @write, @lseek, close\n"
    "allow mmap, mmap2, @mprotect, munmap, mremap, brk, madvise\n"
    "allow arch_prctl, set_thread_area, set_tid_address, set_robust_list, rseq, uname, getrandom\n"
    "allow getpid, gettid, @getuid, @geteuid, @getgid, @getegid, @exit, @futex\n"
    "allow prlimit64 if pid == 0 and new_limit == null\n"
    "allow getrlimit, ugetrlimit\n";

constexpr const char* signal_rules =
    "policy signalling\n"
    "abi 6.12\n"
    "allow tgkill, tkill\n";

Result<std::vector<Rule>> rules_of(const char* text, const char* name) {
  CALLGATE_TRY(ParsedPolicy parsed, parse_policy(text, name));
  return std::move(parsed.policy.rules);
}

/// TRACE ranks below USER_NOTIF and ERRNO above it, so that the policy that comes on top can still
/// notify of its denials.
Action left_to_tracer(Action action) {
  return action.kind == ActionKind::errno_ ? Action{ActionKind::trace, 0} : action;
}

}  // namespace

Result<Policy> loading_policy(const Policy& policy) {
  CALLGATE_TRY(std::vector<Rule> rules, rules_of(loader_rules, "loading"));
  Policy loading = policy;
  for (Action* action : {&loading.otherwise, &loading.unknown, &loading.unlisted}) {
    *action = left_to_tracer(*action);
  }
  for (Rule& rule : loading.rules) rule.action = left_to_tracer(rule.action);
  for (Rule& rule : rules) {
    rule.on_untestable = OnUntestable::deny;
    loading.rules.push_back(std::move(rule));
  }
  return loading;
}

bool lets_open(const Policy& policy) {
  const Arch arch = policy.arches.front();
  const Syscall* call = find_syscall(arch, "openat");
  if (call == nullptr) return true;
  constexpr std::uint64_t here = 0xffffffffffffff9c;  // AT_FDCWD
  const SeccompData data{call->number, arch_info(arch).audit, 0, {here, 0x10000}};
  return permits(evaluate(policy, policy.arches, data).action.kind);
}

Result<Policy> signalling_policy(const Policy& policy) {
  CALLGATE_TRY(std::vector<Rule> rules, rules_of(signal_rules, "signalling"));
  Policy with_signals = policy;
  with_signals.rules.insert(with_signals.rules.begin(), rules.begin(), rules.end());
  return with_signals;
}

}  // namespace callgate::judging
