// PTRACE_SEIZE semantics as ptrace(2) has them: an attached thread keeps its job control, for group
// stops are answered with PTRACE_LISTEN.
#include "supervise/tracee.h"

#include <linux/audit.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <ctime>

#include "supervise/memory.h"

namespace callgate::supervise {
namespace {

constexpr int event_stop = 128;  // PTRACE_EVENT_STOP
constexpr int sys_seccomp = 1;   // si_code SYS_SECCOMP of <asm-generic/siginfo.h>

Stop event_of(int event) noexcept {
  switch (event) {
    case PTRACE_EVENT_FORK:
    case PTRACE_EVENT_VFORK:
    case PTRACE_EVENT_CLONE: return Stop::created;
    case PTRACE_EVENT_EXEC: return Stop::executed;
    case PTRACE_EVENT_EXIT: return Stop::exiting;
    default: return Stop::trap;
  }
}

bool is_job_control(int signal) noexcept {
  return signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
}

WaitedStop wait_flags(pid_t thread, int flags) noexcept {
  int status = 0;
  pid_t waited = 0;
  do {
    waited = ::waitpid(thread, &status, flags | __WALL);
  } while (waited < 0 && errno == EINTR);
  if (waited < 0) return {thread, errno == ECHILD ? Stop::ended : Stop::none, 0, 0};
  if (waited == 0) return {};
  return interpret(waited, status);
}

#if defined(__x86_64__)
SeccompData data_of(const user_regs_struct& registers, std::uint32_t audit) noexcept {
  SeccompData data;
  data.nr = static_cast<std::uint32_t>(registers.orig_rax);
  data.arch = audit;
  data.instruction_pointer = registers.rip;
  if (audit == AUDIT_ARCH_I386) {
    data.args = {registers.rbx, registers.rcx, registers.rdx,
                 registers.rsi, registers.rdi, registers.rbp};
  } else {
    data.args = {registers.rdi, registers.rsi, registers.rdx,
                 registers.r10, registers.r8,  registers.r9};
  }
  return data;
}
#endif

/// AUDIT_ARCH_* of a stopped thread's entry (PTRACE_GET_SYSCALL_INFO, 5.3), 0 if unknown.
std::uint32_t audit_of(pid_t thread) noexcept {
  __ptrace_syscall_info info{};
  if (::ptrace(PTRACE_GET_SYSCALL_INFO, thread, as_pointer(sizeof info), &info) < 0) return 0;
  return info.arch;
}

}  // namespace

WaitedStop interpret(pid_t thread, int status) noexcept {
  WaitedStop result{thread, Stop::ended, 0, status};
  if (!WIFSTOPPED(status)) return result;
  const int event = status >> 16;
  result.signal = WSTOPSIG(status);
  if (event == event_stop) {
    result.stop = is_job_control(result.signal) ? Stop::group : Stop::trap;
  } else if (event != 0) {
    result.stop = event_of(event);
  } else {
    result.stop = Stop::signal;
  }
  return result;
}

WaitedStop poll_stop(pid_t thread) noexcept { return wait_flags(thread, WNOHANG); }

WaitedStop wait_stop(pid_t thread, int milliseconds) noexcept {
  // SIGCHLD tells of other threads as well, and reading it away would lose theirs: so short sleeps.
  // The first waits are short since the thread is about to stop anyway.
  timespec nap{0, 20'000};
  for (long waited = 0; waited < milliseconds * 1'000'000L; waited += nap.tv_nsec) {
    const WaitedStop stop = poll_stop(thread);
    if (stop.stop != Stop::none) return stop;
    ::nanosleep(&nap, nullptr);
    if (nap.tv_nsec < 1'000'000) nap.tv_nsec *= 2;
  }
  return {thread, Stop::none, 0, 0};
}

int seize(pid_t thread, unsigned long options) noexcept {
  return ::ptrace(PTRACE_SEIZE, thread, nullptr, as_pointer(options)) == 0 ? 0 : errno;
}

void resume(const WaitedStop& stop) noexcept {
  if (stop.stop == Stop::none || stop.stop == Stop::ended) return;
  if (stop.stop == Stop::group) {
    ::ptrace(static_cast<__ptrace_request>(PTRACE_LISTEN), stop.thread, nullptr, nullptr);
    return;
  }
  const int signal = stop.stop == Stop::signal ? stop.signal : 0;
  ::ptrace(PTRACE_CONT, stop.thread, nullptr, as_pointer(static_cast<unsigned long>(signal)));
}

void detach(const WaitedStop& stop) noexcept {
  if (stop.stop == Stop::none || stop.stop == Stop::ended) return;
  const int signal = stop.stop == Stop::signal ? stop.signal : 0;
  ::ptrace(PTRACE_DETACH, stop.thread, nullptr, as_pointer(static_cast<unsigned long>(signal)));
}

std::optional<SeccompData> stopped_call(pid_t thread) noexcept {
#if defined(__x86_64__)
  user_regs_struct registers{};
  // The fixed 64-bit layout, whatever the thread's ABI, is what PTRACE_GETREGS gives.
  if (::ptrace(PTRACE_GETREGS, thread, nullptr, &registers) < 0) return std::nullopt;
  const std::uint32_t audit = audit_of(thread);
  if (audit == 0 || static_cast<std::int64_t>(registers.orig_rax) < 0) return std::nullopt;
  return data_of(registers, audit);
#else
  (void)thread;
  return std::nullopt;
#endif
}

std::optional<SeccompData> trapped_call(pid_t thread) noexcept {
  siginfo_t info{};
  if (::ptrace(PTRACE_GETSIGINFO, thread, nullptr, &info) < 0) return std::nullopt;
  if (info.si_signo != SIGSYS || info.si_code != sys_seccomp) return std::nullopt;
#if defined(__x86_64__)
  user_regs_struct registers{};
  if (::ptrace(PTRACE_GETREGS, thread, nullptr, &registers) < 0) return std::nullopt;
  registers.orig_rax = static_cast<std::uint32_t>(info.si_syscall);
  return data_of(registers, info.si_arch);
#else
  return std::nullopt;
#endif
}

bool reads_time_stamp(pid_t thread) noexcept {
#if defined(__x86_64__)
  user_regs_struct registers{};
  if (::ptrace(PTRACE_GETREGS, thread, nullptr, &registers) < 0) return false;
  errno = 0;
  const long code = ::ptrace(PTRACE_PEEKTEXT, thread, as_pointer(registers.rip), nullptr);
  return errno == 0 && ((code & 0xffff) == 0x310f || (code & 0xffffff) == 0xf9010f);
#else
  (void)thread;
  return false;
#endif
}

unsigned long event_message(pid_t thread) noexcept {
  unsigned long message = 0;
  if (::ptrace(PTRACE_GETEVENTMSG, thread, nullptr, &message) < 0) return 0;
  return message;
}

}  // namespace callgate::supervise
