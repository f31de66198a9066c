// A 32-bit value of which some bits, and bounds, are known.
#pragma once

#include <bit>
#include <cstdint>

namespace callgate::machine {

/// Every value between `min` and `max` whose bits under `known` are those of `value`.
struct KnownWord {
  std::uint32_t known = 0xffffffff;
  std::uint32_t value = 0;  ///< zero where nothing is known
  std::uint32_t min = 0;
  std::uint32_t max = 0;

  [[nodiscard]] static constexpr KnownWord exactly(std::uint32_t value) noexcept {
    return {0xffffffff, value, value, value};
  }
  [[nodiscard]] static constexpr KnownWord bits(std::uint32_t known, std::uint32_t value) noexcept {
    return {known, value & known, value & known, value | ~known};
  }
  [[nodiscard]] constexpr bool is_exact() const noexcept { return known == 0xffffffff; }
  [[nodiscard]] constexpr bool can_be(std::uint32_t other) const noexcept {
    return ((value ^ other) & known) == 0 && min <= other && other <= max;
  }

  [[nodiscard]] constexpr bool can_be_other_than(std::uint32_t other) const noexcept {
    return !is_exact() || value != other;
  }

  /// Draws from the bits what they say of the bounds, and the other way round. False if no value is
  /// left.
  constexpr bool settle() noexcept {
    if (!clip()) return false;
    // The leading bits that min and max share are those of every value between them.
    const int shared = std::countl_zero(min ^ max);
    const std::uint32_t lead = shared == 0 ? 0 : ~std::uint32_t{0} << (32 - shared);
    if (((min ^ value) & known & lead) != 0) return false;
    known |= lead;
    value |= min & lead;
    return clip();
  }
  constexpr bool set_bits(std::uint32_t mask, std::uint32_t bits) noexcept {
    if (((value ^ bits) & known & mask) != 0) return false;
    known |= mask;
    value |= bits & mask;
    return settle();
  }
  constexpr bool exclude(std::uint32_t other) noexcept {
    if (!can_be(other)) return true;
    if (is_exact()) return false;
    const std::uint32_t open = ~known;
    if (std::has_single_bit(open)) return set_bits(open, ~other & open);
    if (other == min)
      ++min;
    else if (other == max)
      --max;
    return settle();
  }

 private:
  constexpr bool clip() noexcept {
    if (min < value) min = value;
    if (max > (value | ~known)) max = value | ~known;
    return min <= max;
  }
};

}  // namespace callgate::machine
