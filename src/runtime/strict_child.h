// The child's side of a strict task.
#pragma once

#include <sys/types.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <span>

#include "callgate/runtime/strict.h"

namespace callgate::strict {

enum class Stage : std::uint32_t {
  preparing,
  no_heap,
  no_closing,
  refused,
  running,
  returned,
  threw
};

/// What the child tells, in shared memory.
struct Control {
  std::atomic<Stage> stage;
  std::int32_t error;  ///< errno of the stages that are failures
  std::int64_t value;
  std::array<char, 256> text;
};

struct Task {
  StrictFunction function;
  void* context;
  std::span<std::byte> memory;
  const StrictOptions& options;
  std::span<const int> descriptors;  ///< sorted, each once
  Control& control;
  pid_t parent;
  int start;  ///< a descriptor from which one byte comes when the parent is ready
};

/// Never returns.
[[noreturn]] void run_child(const Task& task) noexcept;

}  // namespace callgate::strict
