// Everything that runs in the handler is async-signal-safe: constant tables, memory that was
// prepared before, write(2) to the report's descriptor and rt_sigreturn(2), which the policy was
// seen to let through. All signals are blocked meanwhile, so a denied call within the handler ends
// the process (force_sig_seccomp of kernel/signal.c, 6.12): it cannot pass.
//
// The state is immutable and replaced as a whole; old ones are never freed, since a handler in
// another thread may be reading them.
#include "runtime/debug.h"

#include <linux/filter.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <memory>
#include <mutex>

#include "callgate/abi/arch.h"
#include "runtime/debug_registers.h"
#include "runtime/debug_report.h"
#include "runtime/debug_stack.h"

namespace callgate::runtime {
namespace {

struct State {
  std::vector<DebugRow> rows;
  std::vector<Region> regions;
  struct sigaction before {};  ///< what SIGSYS did before the first handler
  int fd = -1;
};

// Constant initialisation, so that it is there before any constructor.
constinit std::atomic<const State*> current_state{nullptr};
constinit std::mutex changing;

[[noreturn]] void die(std::uint32_t number) noexcept {
  ::syscall(static_cast<long>(number));
  // This thread is not under the filter, so nothing of it is in the way.
  ::signal(SIGSYS, SIG_DFL);
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGSYS);
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  ::raise(SIGSYS);
  ::_exit(128 + SIGSYS);
}

/// As if the handler were not there.
void pass_on(const struct sigaction& before, int signal, siginfo_t* info, void* context) noexcept {
  if ((before.sa_flags & SA_SIGINFO) != 0) {
    before.sa_sigaction(signal, info, context);
  } else if (before.sa_handler == SIG_DFL || before.sa_handler == SIG_IGN) {
    // A forced signal that is ignored kills as well.
    die(kill_process_number);
  } else {
    before.sa_handler(signal);
  }
}

void carry_out(const State& state, const Action& action, siginfo_t* info,
               ucontext_t& context) noexcept {
  switch (action.kind) {
    case ActionKind::errno_:
      set_result(context, -static_cast<long>(std::min<int>(action.data, 4095)));
      return;
    case ActionKind::trap:
      info->si_errno = action.data;
      pass_on(state.before, SIGSYS, info, &context);
      return;
    case ActionKind::kill_thread: die(kill_thread_number);
    default: die(kill_process_number);
  }
}

void on_sigsys(int signal, siginfo_t* info, void* data) {
  const int saved = errno;
  const State& state = *current_state.load(std::memory_order_acquire);
  constexpr int by_seccomp = 1;  // SYS_SECCOMP
  const auto row = static_cast<std::size_t>(info->si_errno);
  if (info->si_code != by_seccomp || row >= state.rows.size()) {
    pass_on(state.before, signal, info, data);
    errno = saved;
    return;
  }
  auto& context = *static_cast<ucontext_t*>(data);
  const DebugRow& denied = state.rows[row];
  DenialReport report{.number = static_cast<std::uint32_t>(info->si_syscall),
                      .arguments = arguments(context),
                      .action = denied.action,
                      .rule = denied.rule};
  report.address = reinterpret_cast<std::uintptr_t>(info->si_call_addr);
  report.frames = stack_frames(state.regions, context);
  write_report(state.fd, report, state.regions);
  carry_out(state, denied.action, info, context);
  errno = saved;
}

bool is_blocked() noexcept {
  sigset_t mask;
  return ::pthread_sigmask(SIG_BLOCK, nullptr, &mask) == 0 && ::sigismember(&mask, SIGSYS) == 1;
}

bool set_handler() noexcept {
  struct sigaction ours {};
  ours.sa_sigaction = on_sigsys;
  ours.sa_flags = SA_SIGINFO | SA_ONSTACK;
  ::sigfillset(&ours.sa_mask);
  return ::sigaction(SIGSYS, &ours, nullptr) == 0;
}

}  // namespace

bool debug_is_supported() noexcept { return has_registers; }

std::size_t first_debug_row() noexcept {
  const State* state = current_state.load(std::memory_order_acquire);
  return state == nullptr ? 0 : state->rows.size();
}

Result<Program> with_kill_calls(const Program& program) {
  constexpr std::uint32_t arch_offset = 4;
  constexpr std::uint16_t load = BPF_LD | BPF_W | BPF_ABS;
  constexpr std::uint16_t equal = BPF_JMP | BPF_JEQ | BPF_K;
  constexpr std::uint16_t ret = BPF_RET | BPF_K;
  std::vector<Instruction> code = {
      {load, 0, 0, arch_offset},
      {equal, 0, 5, arch_info(native_arch()).audit},
      {load, 0, 0, 0},
      {equal, 0, 1, kill_process_number},
      {ret, 0, 0, kill_process.ret()},
      {equal, 0, 1, kill_thread_number},
      {ret, 0, 0, kill_thread.ret()},
  };
  // A program may rely on A = 0 at its entry; ours load A first, which the proof has seen.
  code.insert(code.end(), program.instructions().begin(), program.instructions().end());
  return Program::verify(std::move(code), program.target());
}

Result<DebugHandler> DebugHandler::put_in_place(std::vector<DebugRow> rows, int fd) {
  if (is_blocked())
    return fail("the debug mode needs SIGSYS, and this thread blocks it", "unblock it first");
  const std::scoped_lock lock(changing);
  const State* before = current_state.load(std::memory_order_acquire);
  auto next = before == nullptr ? std::make_unique<State>() : std::make_unique<State>(*before);
  if (before == nullptr && ::sigaction(SIGSYS, nullptr, &next->before) != 0)
    return fail(system_error("cannot ask for the handler of SIGSYS", errno));
  next->rows.insert(next->rows.end(), std::make_move_iterator(rows.begin()),
                    std::make_move_iterator(rows.end()));
  next->regions = mapped_regions();
  next->fd = fd;
  DebugHandler handler;
  handler.before_ = before;
  // The state first: from the moment the handler is there it must find one.
  current_state.store(next.release(), std::memory_order_release);
  if (!set_handler()) {
    const int error = errno;
    current_state.store(before, std::memory_order_release);
    return fail(system_error("cannot handle SIGSYS", error));
  }
  return handler;
}

void DebugHandler::withdraw() noexcept {
  const std::scoped_lock lock(changing);
  const State* state = current_state.load(std::memory_order_acquire);
  if (before_ == nullptr) ::sigaction(SIGSYS, &state->before, nullptr);
  current_state.store(static_cast<const State*>(before_), std::memory_order_release);
}

}  // namespace callgate::runtime
