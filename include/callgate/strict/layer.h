// The start-up layer that lets programs live with read, write, exit and sigreturn.
#pragma once

#include <cstdint>
#include <string>

namespace callgate {

/// Heap of a program under the layer, in bytes, unless said otherwise.
inline constexpr std::uint64_t default_strict_memory = std::uint64_t{64} << 20;
/// The least: the C library's own start needs some.
inline constexpr std::uint64_t least_strict_memory = std::uint64_t{1} << 20;

/// The bytes of a shared object for RunOptions::layer, whose heap has `memory` bytes, rounded down
/// to pages and at least `least_strict_memory`. Empty where this build has none (it is for x86-64
/// programs of the GNU C library). What it changes: docs/strict.md.
[[nodiscard]] std::string strict_layer(std::uint64_t memory);

}  // namespace callgate
