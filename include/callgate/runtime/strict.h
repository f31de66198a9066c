// A C++ function in a child process that can do nothing but read, write and end.
//
//   CALLGATE_TRY(SharedMemory memory, SharedMemory::make(1 << 20));
//   CALLGATE_TRY(const StrictOutcome outcome, run_strict(memory.bytes(), [](std::span<std::byte> m)
//   {
//     return decode(m);                       // runs in SECCOMP_MODE_STRICT
//   }));
//   if (outcome.end == StrictEnd::returned) use(memory.bytes(), outcome.value);
//
// A C function for it is run_strict_function with a `StrictFunction` and its context.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "callgate/abi/seccomp_data.h"
#include "callgate/base/result.h"

namespace callgate {

/// Memory that a process and the children it forks share (MAP_SHARED); unmapped at the end.
class SharedMemory {
 public:
  /// `size` zero bytes, at least 1. Error: that of mmap(2).
  [[nodiscard]] static Result<SharedMemory> make(std::size_t size);
  SharedMemory(SharedMemory&& other) noexcept;
  SharedMemory& operator=(SharedMemory&& other) noexcept;
  ~SharedMemory();
  [[nodiscard]] std::span<std::byte> bytes() const noexcept { return bytes_; }

 private:
  explicit SharedMemory(std::span<std::byte> bytes) : bytes_(bytes) {}
  std::span<std::byte> bytes_;
};

enum class StrictForm : std::uint8_t {
  kernel,  ///< SECCOMP_MODE_STRICT; refused (EINVAL) in a process that is under a filter
  filter,  ///< a filter of the same calls and exit_group, by KILL_PROCESS
};

struct StrictOptions {
  StrictForm form = StrictForm::kernel;
  std::vector<int> descriptors{};  ///< those that stay open; all others are closed, 0, 1 and 2 too
  /// What malloc and new can give the function, in bytes: it is taken beforehand, of the GNU C
  /// library. Past it the child dies of brk. At most 32 MiB in a thread that is not the first.
  std::size_t heap = std::size_t{1} << 20;
  std::chrono::milliseconds time_limit{0};  ///< wall time until SIGKILL; 0: none
};

enum class StrictEnd : std::uint8_t {
  returned,   ///< the function returned `value`
  threw,      ///< an exception left it; `text` is what() says
  exited,     ///< it ended by exit(2) with `exit_code`
  denied,     ///< killed for `call`, or for one that is not known
  signalled,  ///< killed by `signal`
  timed_out,  ///< killed at the time limit
};

/// How a strict task ended. `value` and `text` are the child's word, as is the shared memory: check
/// them as any input.
struct StrictOutcome {
  StrictEnd end = StrictEnd::returned;
  std::int64_t value = 0;
  std::string text;
  int exit_code = 0;
  int signal = 0;
  std::optional<SeccompData> call;  ///< of a denial, where ptrace tells (x86-64)
  bool read_time_stamp = false;     ///< SIGSEGV for rdtsc, which strict mode forbids
  /// ptrace was refused: a death by SIGKILL may be a denial, and no call is known.
  bool unwatched = false;
};

using StrictFunction = std::int64_t (*)(std::span<std::byte> memory, void* context);

/// Forks, and runs the function in the child under strict mode; returns when the child has ended.
///
/// The child has a copy of everything that the caller's memory holds, secrets included, and could
/// write it to `memory` and to the descriptors: confine what may be read by what you have read.
/// `memory` must be shared (SharedMemory) for the caller to see what the child wrote. Of the
/// caller's threads only the calling one exists in the child: locks that others hold stay locked,
/// but for malloc's. Signals have their default actions there. It may be called from several
/// threads at once; descriptors that another thread opens meanwhile are closed in the child as
/// well.
///
/// The caller gets SIGCHLD; it must not ignore that signal, nor may another thread wait for any
/// child. Errors: the child cannot be made; strict mode is refused (the message names the remedy);
/// no close_range(2) (before 5.9); the heap cannot be had; someone else has waited for the child.
[[nodiscard]] Result<StrictOutcome> run_strict_function(StrictFunction function, void* context,
                                                        std::span<std::byte> memory,
                                                        const StrictOptions& options = {});

/// The same for anything that is called with the memory and returns an integer or nothing. What it
/// captures by reference is the child's copy.
template <class Function>
[[nodiscard]] Result<StrictOutcome> run_strict(std::span<std::byte> memory, Function&& function,
                                               const StrictOptions& options = {}) {
  using Plain = std::remove_reference_t<Function>;
  const auto call = [](std::span<std::byte> bytes, void* context) -> std::int64_t {
    auto& called = *static_cast<Plain*>(context);
    if constexpr (std::is_void_v<std::invoke_result_t<Plain&, std::span<std::byte>>>) {
      called(bytes);
      return 0;
    } else {
      return static_cast<std::int64_t>(called(bytes));
    }
  };
  void* context = const_cast<std::remove_const_t<Plain>*>(&function);
  return run_strict_function(call, context, memory, options);
}

/// "returned 42", "killed for call 2": one line for a log. This library has no names of calls;
/// find_syscall (abi/syscalls.h) and decode_arguments (supervise/denial.h) have them.
[[nodiscard]] std::string to_string(const StrictOutcome& outcome);

}  // namespace callgate
