// Return values as terminals of diagrams.
#pragma once

#include <optional>
#include <unordered_map>
#include <vector>

#include "callgate/meaning/proof.h"
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

/// How return values stand in a diagram: as terminals of a table, or as one bit of them. A value
/// that is computed from data may have more terminals than fit; its bits have two.
class Results {
 public:
  explicit Results(ReturnTable& table) : table_(&table) {}
  /// From now on, bit `bit` of the normalised value, as yes or no.
  void show_bit(unsigned bit) noexcept { bit_ = bit; }
  [[nodiscard]] std::optional<unsigned> bit() const noexcept { return bit_; }
  [[nodiscard]] Diagram of(std::uint32_t ret) const {
    return bit_ ? constant((normalise(ret) >> *bit_ & 1) != 0) : table_->terminal_of(ret);
  }
  /// The same for a terminal of the table.
  [[nodiscard]] Diagram of_terminal(Diagram terminal) const {
    return bit_ ? of(table_->value(terminal)) : terminal;
  }

 private:
  ReturnTable* table_;
  std::optional<unsigned> bit_;
};

/// normalise(), bit by bit.
[[nodiscard]] Bits normalised_bits(MeaningStore& store, const Bits& ret);

}  // namespace callgate::meaning
