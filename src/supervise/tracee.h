// Threads under ptrace: attaching, waiting, what call a stopped thread is in.
#pragma once

#include <sys/types.h>

#include <optional>

#include "callgate/abi/seccomp_data.h"

namespace callgate::supervise {

/// What a wait status of a traced thread says.
enum class Stop {
  none,      ///< nothing to wait for, or time ran out
  ended,     ///< exited or killed: no tracee any more
  signal,    ///< signal-delivery-stop
  group,     ///< stopped with its process by job control
  trap,      ///< PTRACE_INTERRUPT's stop, or a new tracee's first
  created,   ///< made a child or thread (PTRACE_EVENT_FORK, VFORK, CLONE)
  executed,  ///< PTRACE_EVENT_EXEC
  exiting,   ///< PTRACE_EVENT_EXIT: about to die, registers and memory still there
};

struct WaitedStop {
  pid_t thread = 0;
  Stop stop = Stop::none;
  int signal = 0;  ///< for Stop::signal and Stop::group
  int status = 0;  ///< the wait status
};

/// Interprets a status of waitpid(2) for a thread attached by PTRACE_SEIZE.
[[nodiscard]] WaitedStop interpret(pid_t thread, int status) noexcept;
/// The next stop of one thread, or of any (-1), without blocking.
[[nodiscard]] WaitedStop poll_stop(pid_t thread) noexcept;
/// The next stop of one thread; Stop::none after `milliseconds`.
[[nodiscard]] WaitedStop wait_stop(pid_t thread, int milliseconds) noexcept;

/// PTRACE_SEIZE; 0 or errno.
[[nodiscard]] int seize(pid_t thread, unsigned long options) noexcept;
/// Lets a stopped thread go on as it would have without us: signals delivered, group stops kept.
void resume(const WaitedStop& stop) noexcept;
/// The same, and ends the tracing.
void detach(const WaitedStop& stop) noexcept;

/// The call that a stopped thread is in or has just made, as seccomp saw it; none if it is in no
/// call or the registers cannot be read.
[[nodiscard]] std::optional<SeccompData> stopped_call(pid_t thread) noexcept;

/// The seccomp_data that a SIGSYS stop (SECCOMP_RET_TRAP) belongs to; none for another signal.
[[nodiscard]] std::optional<SeccompData> trapped_call(pid_t thread) noexcept;

/// True if a thread that is stopped for SIGSEGV stands at rdtsc or rdtscp: the time stamp counter
/// is closed to it (PR_SET_TSC, or strict mode).
[[nodiscard]] bool reads_time_stamp(pid_t thread) noexcept;

/// PTRACE_GETEVENTMSG, 0 on failure.
[[nodiscard]] unsigned long event_message(pid_t thread) noexcept;

}  // namespace callgate::supervise
