// The text of a denial, written from within a signal handler.
#pragma once

#include <string_view>

#include "callgate/abi/action.h"
#include "runtime/debug_stack.h"

namespace callgate::runtime {

/// One denial.
struct DenialReport {
  std::uint32_t number = 0;  ///< of the call, on the native ABI
  std::array<std::uint64_t, 6> arguments{};
  Action action;               ///< what the policy says
  std::string_view rule;       ///< where it says so
  std::uintptr_t address = 0;  ///< behind the instruction that made the call
  Frames frames;
};

/// Writes the report in lines to a descriptor. What cannot be written is lost; nothing waits,
/// retries or fails. Async-signal-safe.
void write_report(int fd, const DenialReport& report, const std::vector<Region>& regions) noexcept;

}  // namespace callgate::runtime
