// Arithmetic at the width of an operand.
#pragma once

#include <cstdint>

namespace callgate::policy {

/// All ones in the low `bits` bits (1..64).
[[nodiscard]] constexpr std::uint64_t low_bits(unsigned bits) noexcept {
  return bits >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
}

/// The low `bits` bits of a value as two's complement.
[[nodiscard]] constexpr std::int64_t sign_extend(std::uint64_t value, unsigned bits) noexcept {
  const unsigned shift = bits >= 64 ? 0 : 64 - bits;
  return static_cast<std::int64_t>(value << shift) >> shift;
}

/// True if a number can be had at that width: 0..2^bits-1, or -(2^(bits-1))..-1 if it is negative.
[[nodiscard]] constexpr bool fits(std::uint64_t value, bool negative, unsigned bits) noexcept {
  if (!negative || value == 0) return value <= low_bits(bits);
  return static_cast<std::int64_t>(value) < 0 &&
         static_cast<std::int64_t>(value) == sign_extend(value, bits);
}

}  // namespace callgate::policy
