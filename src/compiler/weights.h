// How much each instruction on the way of a call number costs: what the tree over the numbers is
// built for.
#pragma once

#include <map>
#include <span>

#include "callgate/compiler/frequencies.h"
#include "callgate/policy/resolve.h"
#include "compiler/dag.h"

namespace callgate {

/// How a number is decided.
enum class Ending : std::uint8_t {
  allowed,  ///< always: where the kernel has a cache the filter does not run for it
  denied,   ///< always, and the program that made the call goes on
  killed,   ///< always: it is made once at most
  checked,  ///< its arguments count, or it is let through but not cached (LOG)
};
/// The ending of what a node decides.
[[nodiscard]] Ending ending_of(const Node& node) noexcept;

/// Weights of ranges of numbers, by the objective of docs/compiler.md: what runs the filter counts
/// by its frequency, then each number counts once for the emulation at load.
class Weights {
 public:
  /// `declared` null: the built-in frequencies.
  Weights(std::span<const Arch> arches, const Frequencies* declared);
  /// `allowed`: how many calls the tree always allows; they share what they weigh together.
  [[nodiscard]] std::uint64_t of(Arch arch, const NumberRange& numbers, Ending ending,
                                 std::size_t allowed) const;

  /// What one instruction more weighs.
  static constexpr std::uint64_t per_test = 32;

 private:
  [[nodiscard]] std::uint64_t runs_of(Arch arch, std::uint32_t number) const;

  bool is_declared_;
  std::map<std::pair<Arch, std::uint32_t>, std::uint64_t> runs_;
};

}  // namespace callgate
