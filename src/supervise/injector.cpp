// System calls by ptrace: the bytes at the instruction pointer are replaced by the ABI's call
// instruction and a breakpoint, registers are loaded, the thread runs to the breakpoint.
//
// Known weakness: a filter is handed over on the stack below the red zone, so a program whose stack
// has no room for 33 KiB there cannot be closed by injection (the kernel maps 128 KiB at execve).
#include "supervise/injector.h"

#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "callgate/base/file.h"
#include "callgate/base/unique_fd.h"
#include "supervise/memory.h"
#include "supervise/tracee.h"

namespace callgate::supervise {

#if defined(__x86_64__)

namespace {

constexpr int call_timeout = 10'000;             // milliseconds
constexpr std::uint64_t code_segment_32 = 0x23;  // __USER32_CS of arch/x86/include/asm/segment.h
constexpr std::uint64_t clone_vm = 0x100;
constexpr std::uint64_t clone_files = 0x400;
constexpr std::uint64_t wall = 0x40000000;  // __WALL
constexpr long set_mode_filter = 1;         // SECCOMP_SET_MODE_FILTER
constexpr std::uint64_t stack_gap = 512;    // past the red zone

struct Numbers {
  InjectedCall call;
  std::uint64_t x86_64;
  std::uint64_t i386;
};
constexpr std::array numbers = {
    Numbers{InjectedCall::close, 3, 6},     Numbers{InjectedCall::clone, 56, 120},
    Numbers{InjectedCall::exit, 60, 1},     Numbers{InjectedCall::exit_group, 231, 252},
    Numbers{InjectedCall::wait4, 61, 114},  Numbers{InjectedCall::seccomp, 317, 354},
    Numbers{InjectedCall::prctl, 157, 172},
};

std::uint64_t number_of(InjectedCall call, bool is_32bit) {
  for (const Numbers& row : numbers) {
    if (row.call == call) return is_32bit ? row.i386 : row.x86_64;
  }
  return ~std::uint64_t{0};
}

Result<user_regs_struct> registers_of(pid_t thread) {
  user_regs_struct registers{};
  if (::ptrace(PTRACE_GETREGS, thread, nullptr, &registers) < 0) {
    return fail(system_error("reading a stopped thread's registers", errno));
  }
  return registers;
}

Result<void> set_registers(pid_t thread, const user_regs_struct& registers) {
  if (::ptrace(PTRACE_SETREGS, thread, nullptr, &registers) < 0) {
    return fail(system_error("setting a stopped thread's registers", errno));
  }
  return {};
}

/// Eight bytes of code, write protection or not.
Result<std::uint64_t> peek(pid_t thread, std::uint64_t address) {
  errno = 0;
  const long value = ::ptrace(PTRACE_PEEKTEXT, thread, as_pointer(address), nullptr);
  if (errno != 0) return fail(system_error("reading the program's code", errno));
  return static_cast<std::uint64_t>(value);
}
Result<void> poke(pid_t thread, std::uint64_t address, std::uint64_t value) {
  if (::ptrace(PTRACE_POKETEXT, thread, as_pointer(address), as_pointer(value)) < 0) {
    return fail(system_error("writing the program's code", errno));
  }
  return {};
}

Error died() { return Error("the program ended while it was being confined"); }

/// Whether a stop is the breakpoint that ends at `after`.
bool at_breakpoint(const WaitedStop& stop, std::uint64_t after) {
  if (stop.stop != Stop::signal || stop.signal != SIGTRAP) return false;
  const auto registers = registers_of(stop.thread);
  return registers && registers->rip == after;
}

}  // namespace

struct Injector::State {
  pid_t thread = 0;
  user_regs_struct saved{};
  std::uint64_t code = 0;  ///< what was there
  bool is_32bit = false;
  bool patched = false;
  pid_t created = 0;      ///< by the last clone
  std::vector<int> held;  ///< signals to send again

  [[nodiscard]] std::uint64_t after() const { return saved.rip + 3; }
};

bool can_inject() noexcept { return true; }

Injector::Injector(std::unique_ptr<State> state) : state_(std::move(state)) {}
Injector::Injector(Injector&&) noexcept = default;
Injector::~Injector() {
  if (state_ != nullptr) restore();
}

Arch Injector::abi() const noexcept { return state_->is_32bit ? Arch::i386 : Arch::x86_64; }

Result<Injector> Injector::at_stop(pid_t thread) {
  auto state = std::make_unique<State>();
  state->thread = thread;
  CALLGATE_TRY(state->saved, registers_of(thread));
  state->is_32bit = state->saved.cs == code_segment_32;
  CALLGATE_TRY(state->code, peek(thread, state->saved.rip));
  // int 0x80 or syscall, then int3.
  const std::uint64_t patch = state->is_32bit ? 0xcc80cdu : 0xcc050fu;
  CALLGATE_CHECK(poke(thread, state->saved.rip, (state->code & ~0xffffffULL) | patch));
  state->patched = true;
  return Injector(std::move(state));
}

void Injector::restore() {
  if (!state_->patched) return;
  state_->patched = false;
  (void)poke(state_->thread, state_->saved.rip, state_->code);
  (void)set_registers(state_->thread, state_->saved);
  for (const int signal : state_->held) {
    ::syscall(SYS_tgkill, state_->thread, state_->thread, signal);
  }
  state_->held.clear();
}

Result<long> Injector::call(InjectedCall call, const std::array<std::uint64_t, 6>& args) {
  return call_in(state_->thread, call, args);
}

Result<long> Injector::call_in(pid_t thread, InjectedCall call,
                               const std::array<std::uint64_t, 6>& args) {
  user_regs_struct registers = state_->saved;
  registers.orig_rax = ~0ULL;  // no call to restart
  registers.rax = number_of(call, state_->is_32bit);
  if (state_->is_32bit) {
    registers.rbx = args[0], registers.rcx = args[1], registers.rdx = args[2];
    registers.rsi = args[3], registers.rdi = args[4], registers.rbp = args[5];
  } else {
    registers.rdi = args[0], registers.rsi = args[1], registers.rdx = args[2];
    registers.r10 = args[3], registers.r8 = args[4], registers.r9 = args[5];
  }
  CALLGATE_CHECK(set_registers(thread, registers));
  ::ptrace(PTRACE_CONT, thread, nullptr, nullptr);
  while (true) {
    const WaitedStop stop = wait_stop(thread, call_timeout);
    if (stop.stop == Stop::ended || stop.stop == Stop::none) return fail(died());
    if (at_breakpoint(stop, state_->after())) break;
    if (stop.stop == Stop::created) state_->created = static_cast<pid_t>(event_message(thread));
    if (stop.stop == Stop::signal) state_->held.push_back(stop.signal);
    ::ptrace(PTRACE_CONT, thread, nullptr, nullptr);
  }
  CALLGATE_TRY(const user_regs_struct result, registers_of(thread));
  return state_->is_32bit ? static_cast<long>(static_cast<std::int32_t>(result.rax))
                          : static_cast<long>(result.rax);
}

Result<pid_t> Injector::clone_in(pid_t thread) {
  state_->created = 0;
  // Exit signal 0: nobody is told when it ends. The stack pointer is shared, and never used.
  CALLGATE_TRY(const long result,
               call_in(thread, InjectedCall::clone, {clone_vm | clone_files, 0, 0, 0, 0, 0}));
  if (result < 0) return fail(system_error("clone for a helper", static_cast<int>(-result)));
  const pid_t child = state_->created;
  if (child == 0) return fail("the helper process was not attached");
  while (true) {
    const WaitedStop stop = wait_stop(child, call_timeout);
    if (stop.stop == Stop::ended || stop.stop == Stop::none) return fail(died());
    if (at_breakpoint(stop, state_->after())) return child;
    ::ptrace(PTRACE_CONT, child, nullptr, nullptr);
  }
}

Result<pid_t> Injector::make_helper(bool orphan) {
  CALLGATE_TRY(const pid_t first, clone_in(state_->thread));
  if (!orphan) return first;
  auto second = clone_in(first);
  end_helper(first);
  CALLGATE_TRY(const long reaped,
               call(InjectedCall::wait4, {static_cast<std::uint64_t>(first), 0, wall, 0, 0, 0}));
  (void)reaped;
  return second;
}

void Injector::end_helper(pid_t helper) {
  // The thread dies in the call, so call_in's error is the success here.
  (void)call_in(helper, InjectedCall::exit, {});
}

Result<long> Injector::set_filter(unsigned long flags, std::string_view filter_bytes) {
  // struct sock_fprog, then the instructions.
  std::string block(16, '\0');
  const std::uint64_t address =
      (state_->saved.rsp - stack_gap - block.size() - filter_bytes.size()) & ~std::uint64_t{15};
  const auto length = static_cast<std::uint16_t>(filter_bytes.size() / 8);
  const std::uint64_t code = address + block.size();
  std::memcpy(block.data(), &length, sizeof length);
  std::memcpy(block.data() + (state_->is_32bit ? 4 : 8), &code, state_->is_32bit ? 4 : 8);
  block += filter_bytes;
  if (!write_memory(state_->thread, address, block)) {
    return fail(system_error("writing the filter below the program's stack", errno));
  }
  auto result = call(InjectedCall::seccomp, {set_mode_filter, flags, address, 0, 0, 0});
  (void)write_memory(state_->thread, address, std::string(block.size(), '\0'));
  return result;
}

Result<std::uint64_t> entry_point(pid_t process, bool is_32bit) {
  const std::string path = "/proc/" + std::to_string(process) + "/auxv";
  const std::string vector = read_proc_file(path, 65536);
  const std::size_t width = is_32bit ? 4 : 8;
  for (std::size_t at = 0; at + 2 * width <= vector.size(); at += 2 * width) {
    std::uint64_t type = 0;
    std::uint64_t value = 0;
    std::memcpy(&type, vector.data() + at, width);
    std::memcpy(&value, vector.data() + at + width, width);
    if (type == 9) return value;  // AT_ENTRY
  }
  return fail(path + " gives no entry point");
}

namespace {

/// Lets a thread run until it comes to `entry` and stops it there; false if it ended before.
Result<bool> run_to(pid_t thread, std::uint64_t entry) {
  CALLGATE_TRY(const std::uint64_t code, peek(thread, entry));
  CALLGATE_CHECK(poke(thread, entry, (code & ~0xffULL) | 0xcc));
  ::ptrace(PTRACE_CONT, thread, nullptr, nullptr);
  while (true) {
    int status = 0;
    if (::waitpid(thread, &status, __WALL) < 0) return false;
    const WaitedStop stop = interpret(thread, status);
    if (stop.stop == Stop::ended) return false;
    if (at_breakpoint(stop, entry + 1)) break;
    resume(stop);
  }
  CALLGATE_CHECK(poke(thread, entry, code));
  CALLGATE_TRY(user_regs_struct registers, registers_of(thread));
  registers.rip = entry;
  CALLGATE_CHECK(set_registers(thread, registers));
  return true;
}

}  // namespace

Result<bool> run_to_entry(pid_t thread) {
  CALLGATE_TRY(const user_regs_struct registers, registers_of(thread));
  CALLGATE_TRY(const std::uint64_t entry, entry_point(thread, registers.cs == code_segment_32));
  return registers.rip == entry ? Result<bool>(true) : run_to(thread, entry);
}

Result<std::optional<int>> call_function(pid_t thread, std::uint64_t function,
                                         std::uint64_t argument) {
  CALLGATE_TRY(const user_regs_struct saved, registers_of(thread));
  user_regs_struct registers = saved;
  registers.rip = function;
  registers.rdi = argument;
  registers.orig_rax = ~0ULL;  // no call to restart
  // As after a call instruction: a return address below a multiple of 16.
  registers.rsp = ((saved.rsp - stack_gap) & ~std::uint64_t{15}) - sizeof saved.rip;
  const std::string_view back(reinterpret_cast<const char*>(&saved.rip), sizeof saved.rip);
  if (!write_memory(thread, registers.rsp, back)) {
    return fail(system_error("writing below the program's stack", errno));
  }
  CALLGATE_CHECK(set_registers(thread, registers));
  CALLGATE_TRY(const bool came_back, run_to(thread, saved.rip));
  if (!came_back) return std::optional<int>();
  CALLGATE_TRY(registers, registers_of(thread));
  CALLGATE_CHECK(set_registers(thread, saved));
  return std::optional<int>(static_cast<int>(registers.rax));
}

#else

struct Injector::State {};
namespace {
constexpr const char* unsupported = "closing by injection is not written for this machine";
}
bool can_inject() noexcept { return false; }
Injector::Injector(std::unique_ptr<State> state) : state_(std::move(state)) {}
Injector::Injector(Injector&&) noexcept = default;
Injector::~Injector() = default;
Arch Injector::abi() const noexcept { return native_arch(); }
void Injector::restore() {}
Result<Injector> Injector::at_stop(pid_t) { return fail(unsupported); }
Result<long> Injector::call(InjectedCall, const std::array<std::uint64_t, 6>&) {
  return fail(unsupported);
}
Result<long> Injector::call_in(pid_t, InjectedCall, const std::array<std::uint64_t, 6>&) {
  return fail(unsupported);
}
Result<pid_t> Injector::make_helper(bool) { return fail(unsupported); }
void Injector::end_helper(pid_t) {}
Result<pid_t> Injector::clone_in(pid_t) { return fail(unsupported); }
Result<long> Injector::set_filter(unsigned long, std::string_view) { return fail(unsupported); }
Result<bool> run_to_entry(pid_t) { return fail(unsupported); }
Result<std::optional<int>> call_function(pid_t, std::uint64_t, std::uint64_t) {
  return fail(unsupported);
}
Result<std::uint64_t> entry_point(pid_t, bool) { return fail(unsupported); }

#endif

}  // namespace callgate::supervise
