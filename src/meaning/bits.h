// 32-bit arithmetic and comparison on vectors of Boolean functions, as classic BPF defines them.
//
// Ripple-carry adders, shift-and-add products, restoring division, barrel shifters. Weakness: the
// product of two variable words, or of one with a constant of many bits, has no small diagram.
#pragma once

#include <span>

#include "meaning/words.h"

namespace callgate::meaning {

[[nodiscard]] Bits add(MeaningStore& store, const Bits& a, const Bits& b);
[[nodiscard]] Bits subtract(MeaningStore& store, const Bits& a, const Bits& b);
[[nodiscard]] Bits multiply(MeaningStore& store, const Bits& a, const Bits& b);
/// Unsigned; where b is 0 the quotient has no meaning.
[[nodiscard]] Bits divide(MeaningStore& store, const Bits& a, const Bits& b);
[[nodiscard]] Bits bit_and(MeaningStore& store, const Bits& a, const Bits& b);
[[nodiscard]] Bits bit_or(MeaningStore& store, const Bits& a, const Bits& b);
[[nodiscard]] Bits bit_xor(MeaningStore& store, const Bits& a, const Bits& b);
[[nodiscard]] Bits negate(MeaningStore& store, const Bits& a);
[[nodiscard]] Bits shift_left(MeaningStore& store, const Bits& a, const Bits& by, ShiftRule rule);
[[nodiscard]] Bits shift_right(MeaningStore& store, const Bits& a, const Bits& by, ShiftRule rule);
/// Bit by bit: where `test` then a else b.
[[nodiscard]] Bits choose(MeaningStore& store, Diagram test, const Bits& a, const Bits& b);

/// Comparisons of vectors of one length, least significant bit first, unsigned.
[[nodiscard]] Diagram equal_bits(MeaningStore& store, std::span<const Diagram> a,
                                 std::span<const Diagram> b);
/// a > b; with `or_equal`, a >= b.
[[nodiscard]] Diagram greater(MeaningStore& store, std::span<const Diagram> a,
                              std::span<const Diagram> b, bool or_equal);
/// Some bit is set in both.
[[nodiscard]] Diagram intersect(MeaningStore& store, std::span<const Diagram> a,
                                std::span<const Diagram> b);

}  // namespace callgate::meaning
