#include "meaning/bits.h"

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

namespace callgate::meaning {
namespace {

/// a + b + carry.
Bits add_carry(MeaningStore& store, const Bits& a, const Bits& b, Diagram carry) {
  Bits sum{};
  for (unsigned i = 0; i < 32; ++i) {
    const Diagram half = store.differ(a[i], b[i]);
    sum[i] = store.differ(half, carry);
    if (i < 31) carry = store.if_then_else(half, carry, a[i]);
  }
  return sum;
}

Bits complement(MeaningStore& store, const Bits& a) {
  Bits result{};
  for (unsigned i = 0; i < 32; ++i) result[i] = store.negation(a[i]);
  return result;
}

/// Of two bits, the one that is a constant first, if there is one.
std::pair<Diagram, Diagram> fixed_first(Diagram a, Diagram b) noexcept {
  return is_terminal(a) ? std::pair(a, b) : std::pair(b, a);
}

/// `a` moved by a constant distance; positive is left.
Bits moved(const Bits& a, int distance) {
  Bits result{};
  for (int i = 0; i < 32; ++i) {
    const int from = i - distance;
    result[static_cast<unsigned>(i)] = from >= 0 && from < 32 ? a[static_cast<unsigned>(from)] : no;
  }
  return result;
}

/// Barrel shifter over the bits of `by` that the machine looks at.
Bits shift(MeaningStore& store, const Bits& a, const Bits& by, ShiftRule rule, int sign) {
  Bits result = a;
  const unsigned stages = rule == ShiftRule::low5 ? 5 : 6;
  for (unsigned stage = 0; stage < stages; ++stage)
    result = choose(store, by[stage], moved(result, sign * (1 << stage)), result);
  return result;
}

}  // namespace

Bits add(MeaningStore& store, const Bits& a, const Bits& b) { return add_carry(store, a, b, no); }

Bits subtract(MeaningStore& store, const Bits& a, const Bits& b) {
  return add_carry(store, a, complement(store, b), yes);
}

Bits negate(MeaningStore& store, const Bits& a) { return subtract(store, constant_bits(0), a); }

Bits multiply(MeaningStore& store, const Bits& a, const Bits& b) {
  // The factor with constant bits is the one that is scanned.
  const bool scan_a = constant_of(a).has_value();
  const Bits& scanned = scan_a ? a : b;
  const Bits& moving = scan_a ? b : a;
  Bits product = constant_bits(0);
  for (unsigned i = 0; i < 32; ++i) {
    if (scanned[i] == no) continue;
    Bits addend = moved(moving, static_cast<int>(i));
    for (Diagram& bit : addend) bit = store.both(scanned[i], bit);
    product = add(store, product, addend);
  }
  return product;
}

Bits divide(MeaningStore& store, const Bits& a, const Bits& b) {
  Bits quotient{};
  Bits rest = constant_bits(0);
  for (unsigned i = 32; i-- > 0;) {
    // The bit shifted out stands for 2^32, which no divisor reaches.
    const Diagram beyond = rest[31];
    rest = moved(rest, 1);
    rest[0] = a[i];
    quotient[i] = store.either(beyond, greater(store, rest, b, true));
    rest = choose(store, quotient[i], subtract(store, rest, b), rest);
  }
  return quotient;
}

Bits bit_and(MeaningStore& store, const Bits& a, const Bits& b) {
  Bits result{};
  for (unsigned i = 0; i < 32; ++i) result[i] = store.both(a[i], b[i]);
  return result;
}

Bits bit_or(MeaningStore& store, const Bits& a, const Bits& b) {
  Bits result{};
  for (unsigned i = 0; i < 32; ++i) result[i] = store.either(a[i], b[i]);
  return result;
}

Bits bit_xor(MeaningStore& store, const Bits& a, const Bits& b) {
  Bits result{};
  for (unsigned i = 0; i < 32; ++i) result[i] = store.differ(a[i], b[i]);
  return result;
}

Bits shift_left(MeaningStore& store, const Bits& a, const Bits& by, ShiftRule rule) {
  return shift(store, a, by, rule, 1);
}

Bits shift_right(MeaningStore& store, const Bits& a, const Bits& by, ShiftRule rule) {
  return shift(store, a, by, rule, -1);
}

Bits choose(MeaningStore& store, Diagram test, const Bits& a, const Bits& b) {
  Bits result{};
  for (unsigned i = 0; i < 32; ++i) result[i] = store.if_then_else(test, a[i], b[i]);
  return result;
}

Diagram equal_bits(MeaningStore& store, std::span<const Diagram> a, std::span<const Diagram> b) {
  std::vector<std::size_t> bits(a.size());
  std::iota(bits.begin(), bits.end(), std::size_t{0});
  // From the last variable to the first, so that each step only adds a node on top.
  const auto is_below = [&](std::size_t i, std::size_t j) {
    return std::min(store.level(a[i]), store.level(b[i])) >
           std::min(store.level(a[j]), store.level(b[j]));
  };
  if (!std::is_sorted(bits.begin(), bits.end(), is_below))
    std::stable_sort(bits.begin(), bits.end(), is_below);
  Diagram result = yes;
  for (const std::size_t i : bits) {
    const auto& [fixed, bit] = fixed_first(a[i], b[i]);
    if (fixed == yes)
      result = store.if_then_else(bit, result, no);
    else if (fixed == no)
      result = store.if_then_else(bit, no, result);
    else
      result = store.if_then_else(store.differ(a[i], b[i]), no, result);
    if (result == no) break;
  }
  return result;
}

Diagram greater(MeaningStore& store, std::span<const Diagram> a, std::span<const Diagram> b,
                bool or_equal) {
  Diagram result = constant(or_equal);
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (is_terminal(b[i]))
      result = b[i] == yes ? store.both(a[i], result) : store.either(a[i], result);
    else if (is_terminal(a[i]))
      result = store.if_then_else(b[i], a[i] == yes ? result : no, a[i] == yes ? yes : result);
    else
      result = store.if_then_else(store.differ(a[i], b[i]), a[i], result);
  }
  return result;
}

Diagram intersect(MeaningStore& store, std::span<const Diagram> a, std::span<const Diagram> b) {
  Diagram result = no;
  for (std::size_t i = 0; i < a.size(); ++i) result = store.either(store.both(a[i], b[i]), result);
  return result;
}

}  // namespace callgate::meaning
