// Call stacks from within a signal handler.
#pragma once

#include <ucontext.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace callgate::runtime {

/// A line of /proc/self/maps.
struct Region {
  std::uintptr_t first = 0;
  std::uintptr_t end = 0;
  std::uintptr_t file_offset = 0;
  bool is_code = false;  ///< readable and executable
  std::string name;      ///< path, "[stack]", or empty
};

/// What is mapped now, in ascending order; empty where /proc is missing. Allocates.
[[nodiscard]] std::vector<Region> mapped_regions();
/// The region that holds an address, or null. Async-signal-safe.
[[nodiscard]] const Region* find_region(const std::vector<Region>& regions,
                                        std::uintptr_t address) noexcept;

/// Return addresses, the innermost first.
struct Frames {
  std::array<std::uintptr_t, 24> addresses{};
  std::size_t count = 0;
};

/// The frames above the call that `context` was interrupted in, outside of signal handlers' own.
/// Reads only memory that was mapped when `regions` was taken, or that the stack pointer's own page
/// holds. Async-signal-safe.
[[nodiscard]] Frames stack_frames(const std::vector<Region>& regions,
                                  const ucontext_t& context) noexcept;

}  // namespace callgate::runtime
