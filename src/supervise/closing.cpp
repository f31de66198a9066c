// Closing by injection. The listener's descriptor appears in the program's own table and must leave
// it, for whoever holds it could answer for the supervisor, and a supervisor's death must close it.
// Where the policy does not let close(2) through, a helper process that shares the table, made
// before the filter and outside the thread group, closes it.
#include "supervise/closing.h"

#include <fmt/format.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "callgate/abi/syscalls.h"
#include "callgate/bpf/emulate.h"
#include "supervise/injector.h"
#include "supervise/layer.h"
#include "supervise/memory.h"
#include "supervise/tracee.h"

namespace callgate::supervise {
namespace {

constexpr unsigned long flag_tsync = 1;
constexpr unsigned long flag_log = 2;
constexpr unsigned long flag_new_listener = 8;
constexpr unsigned long flag_tsync_esrch = 16;
constexpr unsigned long flag_wait_killable = 32;
constexpr std::uint64_t likely_descriptors = 4096;

/// Takes a descriptor out of another process: pidfd_open (5.3), pidfd_getfd (5.6). -1 and errno.
int descriptor_of(pid_t process, int fd) {
  const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, process, 0)));
  if (!pidfd.valid()) return -1;
  return static_cast<int>(::syscall(SYS_pidfd_getfd, pidfd.get(), fd, 0));
}

/// 0 if descriptors can be taken out of the process, else errno.
int descriptors_out_of_reach(pid_t process) {
  const UniqueFd sample(descriptor_of(process, 0));
  return sample.valid() || errno == EBADF ? 0 : errno;
}

/// Whether the program may close whatever descriptor the listener gets.
bool may_close(const Program& program, Arch arch) {
  const Syscall* call = find_syscall(arch, "close");
  if (call == nullptr) return false;
  SeccompData data{call->number, arch_info(arch).audit, 0, {}};
  for (data.args[0] = 0; data.args[0] < likely_descriptors; ++data.args[0]) {
    const auto action = action_of(emulate(program, data));
    if (!action || !permits(action->kind)) return false;
  }
  return true;
}

/// One go at seccomp(2), as the injected call returns it.
struct Attempt {
  long result = 0;
  unsigned long flags = 0;
};

class Closing {
 public:
  Closing(pid_t program, const ClosingPlan& plan, Injector& injector)
      : program_(program), plan_(plan), injector_(injector) {}

  Result<Closed> close() {
    if (plan_.confinement.strict) return enter_strict();
    const bool wants = plan_.report == ReportLevel::full && plan_.supervised != program();
    if (wants) {
      CALLGATE_TRY(const bool done, with_listener());
      if (done) return std::move(closed_);
      if (plan_.log_only) {
        return fail("--log-only needs a supervisor: " + closed_.degraded,
                    "--report=audit lets the kernel's audit log take the supervisor's place");
      }
    }
    const bool logs = plan_.report == ReportLevel::audit;
    const Program& chosen = plan_.log_only ? plan_.supervised : program();
    CALLGATE_TRY(const long result,
                 injector_.set_filter(flag_tsync | (logs ? flag_log : 0), chosen.bytes()));
    CALLGATE_CHECK(check(result));
    return std::move(closed_);
  }

 private:
  [[nodiscard]] const Program& program() const { return plan_.confinement.program; }

  /// Strict mode is the calling thread's alone: there is no TSYNC for it.
  Result<Closed> enter_strict() {
    if (status_field(program_, "Threads") != 1) {
      return fail("a library of the program started threads, which strict mode would not confine",
                  "use --strict=filter");
    }
    CALLGATE_TRY(const long result,
                 injector_.call(InjectedCall::prctl, {PR_SET_SECCOMP, SECCOMP_MODE_STRICT}));
    if (result == -EINVAL) {
      return fail("the kernel refuses strict mode (EINVAL): a filter is in force already",
                  "use --strict=filter");
    }
    if (result != 0) {
      return fail(system_error("entering strict mode", static_cast<int>(-result)));
    }
    return std::move(closed_);
  }

  static Result<void> check(long result) {
    if (result == 0) return {};
    if (result > 0) {
      return fail(
          fmt::format("thread {} of the program cannot follow into the filter: it has one "
                      "of its own",
                      result));
    }
    return fail(system_error("installing the filter", static_cast<int>(-result)));
  }

  /// False if there can be no listener; `degraded` says why. Nothing has been installed then.
  Result<bool> with_listener() {
    if (const int error = descriptors_out_of_reach(program_); error != 0) {
      closed_.degraded = fmt::format("taking the listener over: {}", std::strerror(error));
      return false;
    }
    CALLGATE_CHECK(prepare_helper());
    CALLGATE_TRY(const Attempt attempt, attempt_listener());
    if (attempt.result >= 0) {
      CALLGATE_CHECK(take_listener(attempt));
      return true;
    }
    end_helper();
    if (attempt.result == -ESRCH) {
      return fail("a thread of the program cannot follow into the filter: it has one of its own");
    }
    closed_.degraded =
        attempt.result == -EBUSY
            ? std::string("another supervisor listens already (EBUSY)")
            : fmt::format("listener: {}", std::strerror(static_cast<int>(-attempt.result)));
    return false;
  }

  Result<void> prepare_helper() {
    // execve closes the listener by itself.
    if (plan_.at == ClosePoint::exec || may_close(plan_.supervised, injector_.abi())) return {};
    CALLGATE_TRY(helper_, injector_.make_helper(!plan_.adopts));
    return {};
  }

  void end_helper() {
    if (helper_ != 0) injector_.end_helper(helper_);
    helper_ = 0;
  }

  Result<Attempt> attempt_listener() {
    Attempt attempt;
    attempt.flags = flag_tsync | flag_tsync_esrch | flag_new_listener | flag_wait_killable;
    const std::string bytes = plan_.supervised.bytes();
    CALLGATE_TRY(attempt.result, injector_.set_filter(attempt.flags, bytes));
    if (attempt.result == -EINVAL) {  // before 5.19
      attempt.flags &= ~flag_wait_killable;
      CALLGATE_TRY(attempt.result, injector_.set_filter(attempt.flags, bytes));
    }
    return attempt;
  }

  Result<void> take_listener(const Attempt& attempt) {
    const int theirs = static_cast<int>(attempt.result);
    UniqueFd ours(descriptor_of(program_, theirs));
    if (!ours.valid()) return fail(system_error("taking the listener over", errno));
    closed_.wait_killable = (attempt.flags & flag_wait_killable) != 0;
    closed_.listener = Listener(std::move(ours));
    if (plan_.at == ClosePoint::exec) return {};
    const std::array<std::uint64_t, 6> args{static_cast<std::uint64_t>(theirs)};
    CALLGATE_TRY(const long result, helper_ != 0
                                        ? injector_.call_in(helper_, InjectedCall::close, args)
                                        : injector_.call(InjectedCall::close, args));
    end_helper();
    if (result < 0) {
      return fail(
          system_error("closing the program's copy of the listener", static_cast<int>(-result)));
    }
    return {};
  }

  pid_t program_;
  const ClosingPlan& plan_;
  Injector& injector_;
  pid_t helper_ = 0;
  Closed closed_;
};

void say(const ClosingPlan& plan, const Error& error) {
  const std::string text = error.text();
  if (::write(plan.errors, text.data(), text.size()) < 0) return;
}

Closed ended() {
  Closed closed;
  closed.ended = true;
  return closed;
}

Closed give_up(pid_t program, const ClosingPlan& plan, const Error& error, Injector* injector) {
  say(plan, error);
  const std::array<std::uint64_t, 6> code{static_cast<std::uint64_t>(run_failed)};
  if (injector != nullptr) (void)injector->call(InjectedCall::exit_group, code);
  // Where exit_group could not be injected or is refused by a filter.
  ::kill(program, SIGKILL);
  return ended();
}

/// Whether the policy lets exit_group through.
bool may_exit_group(const Program& program, Arch arch) {
  const Syscall* call = find_syscall(arch, "exit_group");
  if (call == nullptr) return false;
  const auto action = action_of(emulate(program, {call->number, arch_info(arch).audit, 0, {}}));
  return action && permits(action->kind);
}

/// Uses the layer at the entry point. False if the program ended meanwhile.
Result<bool> use_layer(pid_t program, const ClosingPlan& plan, std::string& missing) {
  if (plan.layer < 0) return true;
  CALLGATE_TRY(
      const bool lives,
      call_layer(program, may_exit_group(plan.confinement.program, Arch::x86_64), missing));
  if (!lives) return false;
  CALLGATE_TRY(Injector injector, Injector::at_stop(program));
  CALLGATE_TRY(const long closed,
               injector.call(InjectedCall::close, {static_cast<std::uint64_t>(plan.layer)}));
  (void)closed;  // a constructor may have closed it
  return true;
}

Closed close_here(pid_t program, const ClosingPlan& plan) {
  std::string no_layer;
  const auto lives = use_layer(program, plan, no_layer);
  if (!lives) return give_up(program, plan, lives.error(), nullptr);
  if (!*lives) return ended();
  // Helpers are attached as they are made.
  ::ptrace(PTRACE_SETOPTIONS, program, nullptr,
           as_pointer(closing_options() | PTRACE_O_TRACECLONE |
                      (plan.loading != nullptr ? PTRACE_O_TRACESECCOMP : 0)));
  auto injector = Injector::at_stop(program);
  if (!injector) return give_up(program, plan, injector.error(), nullptr);
  auto closed = Closing(program, plan, *injector).close();
  if (!closed) return give_up(program, plan, closed.error(), &*injector);
  closed->no_layer = std::move(no_layer);
  return *std::move(closed);
}

/// The next stop that is not passed on as it is; `wanted` tells.
template <class Wanted>
WaitedStop run_until(pid_t program, Wanted wanted) {
  while (true) {
    int status = 0;
    if (::waitpid(program, &status, __WALL) < 0) return {program, Stop::ended, 0, 0};
    const WaitedStop stop = interpret(program, status);
    if (stop.stop == Stop::ended || wanted(stop)) return stop;
    resume(stop);
  }
}

/// From PTRACE_EVENT_EXEC, which lies inside execve, to the return from it: registers that were set
/// before would be overwritten with its result.
bool leave_execve(pid_t program) {
  ::ptrace(PTRACE_INTERRUPT, program, nullptr, nullptr);
  ::ptrace(PTRACE_CONT, program, nullptr, nullptr);
  return run_until(program, [](const WaitedStop& stop) { return stop.stop == Stop::trap; }).stop ==
         Stop::trap;
}

/// Lets the program run from the return of execve to its entry point under a filter of its own.
Result<bool> load_confined(pid_t program, const Program& loading) {
  {
    CALLGATE_TRY(Injector injector, Injector::at_stop(program));
    CALLGATE_TRY(const long result, injector.set_filter(0, loading.bytes()));
    if (result != 0) {
      return fail(system_error("installing the loader's filter", static_cast<int>(-result)));
    }
  }
  CALLGATE_TRY(const bool lives, run_to_entry(program));
  if (lives && status_field(program, "Threads") != 1) {
    return fail("a library of the program started threads before its entry point");
  }
  return lives;
}

/// Waits until the program stands where it is to be closed; false if it ended before.
Result<bool> reach(pid_t program, const ClosingPlan& plan) {
  const ClosePoint at = plan.at;
  const bool is_exec = at == ClosePoint::exec;
  const WaitedStop stop = run_until(program, [&](const WaitedStop& candidate) {
    return candidate.stop == Stop::executed || (is_exec && candidate.signal == SIGSTOP);
  });
  if (stop.stop == Stop::ended) return false;
  if (is_exec && stop.stop == Stop::executed) return fail("it was started before it was closed");
  if (is_exec) return true;
  if (!leave_execve(program)) return false;
  if (at == ClosePoint::loader) return true;
  return plan.loading != nullptr ? load_confined(program, *plan.loading) : run_to_entry(program);
}

}  // namespace

unsigned long closing_options() noexcept { return PTRACE_O_EXITKILL | PTRACE_O_TRACEEXEC; }

Closed close_program(pid_t program, const ClosingPlan& plan) {
  const auto reached = reach(program, plan);
  if (!reached) return give_up(program, plan, reached.error(), nullptr);
  return *reached ? close_here(program, plan) : ended();
}

}  // namespace callgate::supervise
