// Return values as terminals of diagrams.
#pragma once

#include <unordered_map>
#include <vector>

#include "meaning/bits.h"

namespace callgate::meaning {

/// Terminals that stand for something that a side of a question looks up.
inline constexpr std::uint32_t suspension_base = 0x40000000;
inline constexpr std::uint32_t list_base = 0x20000000;
inline constexpr std::uint32_t stop_base = 0x10000000;

/// Normalised return values, numbered in the order in which they are met. One table serves every
/// store of a question.
class ReturnTable {
 public:
  /// The terminal of a return value, normalised.
  [[nodiscard]] Diagram terminal_of(std::uint32_t ret);
  [[nodiscard]] static bool is_return(Diagram diagram) noexcept {
    return is_terminal(diagram) && terminal_value(diagram) < stop_base;
  }
  [[nodiscard]] std::uint32_t value(Diagram diagram) const noexcept {
    return values_[terminal_value(diagram)];
  }

 private:
  std::vector<std::uint32_t> values_;
  std::unordered_map<std::uint32_t, std::uint32_t> numbers_;  ///< never iterated
};

/// normalise(), bit by bit.
[[nodiscard]] Bits normalised_bits(MeaningStore& store, const Bits& ret);

}  // namespace callgate::meaning
