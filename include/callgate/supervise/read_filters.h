// The seccomp filters of running processes, and those that a program is about to install.
#pragma once

#include <sys/types.h>

#include <span>
#include <string>
#include <vector>

#include "callgate/base/result.h"
#include "callgate/bpf/program.h"

namespace callgate {

/// What seccomp does for one thread ("Seccomp" of /proc/PID/status).
enum class ReportedMode : std::uint8_t { disabled = 0, strict = 1, filter = 2 };

/// One filter as the kernel keeps it.
struct InstalledFilter {
  std::vector<Instruction> instructions;
  bool log = false;  ///< SECCOMP_FILTER_FLAG_LOG (PTRACE_SECCOMP_GET_METADATA, 4.16)
  bool operator==(const InstalledFilter&) const = default;
};

/// The filters of one thread, the oldest first.
struct ThreadFilters {
  pid_t process = 0;
  pid_t thread = 0;
  std::string command;  ///< /proc/PID/comm
  ReportedMode mode = ReportedMode::disabled;
  std::vector<InstalledFilter> filters;
};

/// The filters of a thread. It is attached by PTRACE_SEIZE, stopped for as long as the reading
/// takes (which can surface as EINTR in a few blocking calls, signal(7)) and let go on; a thread
/// without filters is not touched. Errors, each with what is missing: no such process; not
/// CAP_SYS_ADMIN; this process is itself filtered; no CONFIG_CHECKPOINT_RESTORE; the thread is
/// traced by another process, which is named. Not to be called from two threads at once.
[[nodiscard]] Result<ThreadFilters> read_filters(pid_t thread);

/// The filters of the process's first thread, and of every other thread whose filters or mode
/// differ from it, by thread id.
[[nodiscard]] Result<std::vector<ThreadFilters>> read_filters_of_threads(pid_t process);

/// A filter that a program was about to install.
struct CapturedFilter {
  pid_t process = 0;
  pid_t thread = 0;
  std::string command;
  bool by_prctl = false;    ///< prctl(PR_SET_SECCOMP), else seccomp(2)
  std::uint32_t flags = 0;  ///< of seccomp(2)
  bool is_compat = false;   ///< by a call of a 32-bit ABI
  std::vector<Instruction> instructions;
};

struct Capture {
  std::vector<CapturedFilter> filters;  ///< in the order of the calls
  bool stopped = false;  ///< the limit was reached, and everything that ran was killed
  int status = 0;        ///< else: the program's wait status
};

/// Runs a program (found on PATH) until it, its threads and its descendants have asked for `limit`
/// filters (at least 1), then kills them all before the last of these calls takes effect. Requests
/// that the kernel refuses for their bytes are not counted. Errors: the program cannot be run;
/// PTRACE_GET_SYSCALL_INFO is missing (before 5.3). Every child of the calling process is waited
/// for, so it should have no others.
[[nodiscard]] Result<Capture> capture_filters(std::span<const std::string> command,
                                              std::size_t limit);

}  // namespace callgate
