// Denials told from inside the process: a program whose denying results are TRAPs, and the SIGSYS
// handler that reports each and then does what the policy says.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "callgate/abi/action.h"
#include "callgate/base/result.h"
#include "callgate/bpf/program.h"

namespace callgate::runtime {

/// Number -> verdict of a debug program: calls that no ABI has, answered by a kill that the handler
/// uses to carry one out.
inline constexpr std::uint32_t kill_process_number = 0x3ffffffe;
inline constexpr std::uint32_t kill_thread_number = 0x3fffffff;

/// What a TRAP with the data `first + index of the row` stands for.
struct DebugRow {
  Action action;     ///< what the policy says
  std::string rule;  ///< "worker.policy:12:1", "otherwise"
};

/// True where this machine's registers are known to the handler.
[[nodiscard]] bool debug_is_supported() noexcept;

/// Where the next program's rows begin: TRAP data is 16 bits, shared by all programs of the
/// process.
[[nodiscard]] std::size_t first_debug_row() noexcept;

/// `program` with the reserved calls in front; its own verdicts for them are never reached.
[[nodiscard]] Result<Program> with_kill_calls(const Program& program);

/// The handler is in place, for rows from first_debug_row() on, until `withdraw` is called; what
/// another thread adds meanwhile is lost by that.
class DebugHandler {
 public:
  /// Reports go to `fd`. Errors: SIGSYS is blocked in this thread; rows past 16 bits; sigaction(2)
  /// fails.
  [[nodiscard]] static Result<DebugHandler> put_in_place(std::vector<DebugRow> rows, int fd);
  /// As it was before: for a filter that could not be installed.
  void withdraw() noexcept;

 private:
  const void* before_ = nullptr;
};

}  // namespace callgate::runtime
