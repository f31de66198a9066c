// What the kernel makes of one system call.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "callgate/abi/action.h"
#include "callgate/abi/seccomp_data.h"
#include "callgate/kernel/release.h"

namespace callgate {

/// Index of a filter in a TaskModel; filters are numbered as they are installed.
using FilterId = std::uint32_t;

/// What becomes of a call.
enum class CallResult : std::uint8_t {
  runs,          ///< the kernel executes it
  returns,       ///< not executed: `value` is what the caller gets
  signal,        ///< not executed: the caller's SIGSYS handler runs
  thread_dies,   ///< not executed: the calling thread ends, others go on
  process_dies,  ///< not executed: the whole process ends
  traced,        ///< stopped for the tracer (TaskModel::resume says what follows)
  waits,         ///< waits for the supervisor at the listener of `filter`
};
[[nodiscard]] std::string_view call_result_name(CallResult result) noexcept;

/// Why; one reason a rule.
enum class CallReason : std::uint8_t {
  no_seccomp,      ///< mode 0, or seccomp is not there
  suspended,       ///< the tracer suspended seccomp
  strict,          ///< decided by strict mode's list
  filter,          ///< decided by the return value `ret`
  unknown_action,  ///< `ret` has an action that the release does not know
  no_tracer,       ///< TRACE, and no tracer has asked for it
  no_listener,     ///< USER_NOTIF, and no supervisor
  exempt,          ///< uretprobe and uprobe: filters do not count
  tracer,          ///< a tracer's doing
  supervisor,      ///< a supervisor's reply
  interrupted,     ///< a signal came while it waited
};
[[nodiscard]] std::string_view call_reason_name(CallReason reason) noexcept;

/// The record of type 1326 (AUDIT_SECCOMP): `sig=`, `arch=`, `syscall=`, `code=`.
struct AuditRecord {
  int signal = 0;
  std::uint32_t arch = 0;
  std::uint32_t nr = 0;
  std::uint32_t code = 0;  ///< the action, without its data
  bool operator==(const AuditRecord&) const = default;
};

/// The siginfo_t of a forced SIGSYS; si_code is SYS_SECCOMP (1).
struct SigsysInfo {
  int errno_value = 0;     ///< si_errno: the return value's data
  std::uint32_t nr = 0;    ///< si_syscall
  std::uint32_t arch = 0;  ///< si_arch
  bool operator==(const SigsysInfo&) const = default;
};

/// The verdict for one call of one thread.
struct KernelVerdict {
  CallResult result = CallResult::runs;
  CallReason reason = CallReason::no_seccomp;
  std::int64_t value = 0;            ///< for `returns`: -errno, or a number that looks like success
  int signal = 0;                    ///< for the deaths: SIGSYS or SIGKILL
  bool core = false;                 ///< for process_dies: a core dump is attempted
  std::optional<SigsysInfo> sigsys;  ///< where SIGSYS is forced
  std::optional<AuditRecord> audit;  ///< what is recorded
  std::optional<std::uint32_t> ret;  ///< the return value that won, or ALLOW
  std::optional<FilterId> filter;    ///< whose; none where every filter allowed
  bool operator==(const KernelVerdict&) const = default;
};

/// One line for people: "returns -1 (EPERM), by filter 2, recorded".
[[nodiscard]] std::string to_string(const KernelVerdict& verdict);

/// What a release does with a filter's return value, leaving aside who is there to take it.
struct ActionReading {
  std::optional<ActionKind> kind;  ///< none: unknown to that release
  std::uint16_t data = 0;          ///< as used: errno capped where the release caps it
  std::uint32_t action = 0;        ///< the bits that the release looks at
};
[[nodiscard]] ActionReading read_action(const KernelRelease& release, std::uint32_t ret) noexcept;

/// True if `left` wins over `right` in that release: the lower action does, of equals neither.
[[nodiscard]] bool wins(const KernelRelease& release, std::uint32_t left,
                        std::uint32_t right) noexcept;

}  // namespace callgate
