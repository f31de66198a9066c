// Making a stopped thread do system calls on our behalf, and bringing a fresh program to the point
// at which its policy comes into force. x86-64 kernels only (x86-64 and i386 programs).
#pragma once

#include <sys/types.h>

#include <array>
#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "callgate/abi/arch.h"
#include "callgate/base/result.h"

namespace callgate::supervise {

/// True if this build can inject calls.
[[nodiscard]] bool can_inject() noexcept;

/// Calls that are injected, by their number on the program's ABI.
enum class InjectedCall { close, clone, exit, exit_group, wait4, seccomp, prctl };

/// A thread that is stopped, its registers saved and the code at its instruction pointer replaced
/// by "system call, breakpoint". `restore` (or the destructor) undoes both. Signals that arrive in
/// the meantime are held back and sent to the thread again afterwards.
class Injector {
 public:
  /// `thread` is in a ptrace stop. Errors: registers or memory that the kernel does not let us at.
  [[nodiscard]] static Result<Injector> at_stop(pid_t thread);
  Injector(Injector&&) noexcept;
  Injector& operator=(Injector&&) = delete;
  ~Injector();

  /// The call's result as the kernel returns it (-errno). Error: the thread died.
  [[nodiscard]] Result<long> call(InjectedCall call, const std::array<std::uint64_t, 6>& args);
  /// The same in another thread that shares the memory and stands at the breakpoint (made by
  /// clone).
  [[nodiscard]] Result<long> call_in(pid_t thread, InjectedCall call,
                                     const std::array<std::uint64_t, 6>& args);
  /// Makes a process that shares memory and descriptors but not the thread group, so that TSYNC
  /// passes it by: it can close a descriptor that the filter would not let be closed. With
  /// `orphan`, it is made by way of another process and belongs to init, so that the program never
  /// has it as a child.
  [[nodiscard]] Result<pid_t> make_helper(bool orphan);
  /// Ends a helper.
  void end_helper(pid_t helper);

  /// seccomp(SECCOMP_SET_MODE_FILTER, flags, filter); the result as the kernel returns it.
  [[nodiscard]] Result<long> set_filter(unsigned long flags, std::string_view filter_bytes);

  /// The ABI whose call numbers the thread's code uses.
  [[nodiscard]] Arch abi() const noexcept;

  /// Puts code and registers back; the thread stays stopped.
  void restore();

 private:
  struct State;
  explicit Injector(std::unique_ptr<State> state);
  [[nodiscard]] Result<pid_t> clone_in(pid_t thread);
  std::unique_ptr<State> state_;
};

/// Lets a thread that is stopped at PTRACE_EVENT_EXEC run on to its entry point (AT_ENTRY) and
/// stops it there, before the first instruction. Nothing if the program ended before it got there.
[[nodiscard]] Result<bool> run_to_entry(pid_t thread);

/// Lets a thread that stands at its entry point call the C function at `function`, on its own
/// stack, and come back there; the function's result. Nothing if the program ended meanwhile.
/// Signals are delivered as they come.
[[nodiscard]] Result<std::optional<int>> call_function(pid_t thread, std::uint64_t function,
                                                       std::uint64_t argument);

/// The entry point that the kernel gave the program (AT_ENTRY of /proc/PID/auxv).
[[nodiscard]] Result<std::uint64_t> entry_point(pid_t process, bool is_32bit);

}  // namespace callgate::supervise
