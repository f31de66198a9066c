// Sets of unsigned 64-bit values as sorted inclusive ranges.
#pragma once

#include <cstdint>
#include <vector>

namespace callgate {

struct ValueRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  bool operator==(const ValueRange&) const = default;
};

/// Ascending, disjoint, not adjacent.
using ValueSet = std::vector<ValueRange>;

/// Any ranges as a set.
[[nodiscard]] ValueSet merged(std::vector<ValueRange> ranges);
/// Every value up to `top` that is not in the set. The set holds none above `top`.
[[nodiscard]] ValueSet complement(const ValueSet& set, std::uint64_t top);

}  // namespace callgate
