// Sets of argument words as unions of cubes: for each of the six words, some bits have fixed
// values. A condition on (word & mask) == value is one cube; a range is at most 126 of them (its
// binary prefixes); "not equal" is one cube a bit. Exact, and exponential in the number of words
// that one condition ties together in the worst case: callers bound the number of cubes.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

namespace callgate::oci {

/// The word lies in the set if (word & mask) == value.
struct Masked {
  std::uint64_t mask = 0;
  std::uint64_t value = 0;
  bool operator==(const Masked&) const = default;
};

/// All words lie in theirs.
struct Cube {
  std::array<Masked, 6> words{};
  bool operator==(const Cube&) const = default;
};

using Cubes = std::vector<Cube>;

/// The disjoint prefixes that make up first..last of `bits`-bit numbers, ascending.
[[nodiscard]] std::vector<Masked> prefixes(std::uint64_t first, std::uint64_t last, unsigned bits);

/// All but that set, disjoint: bit after bit of the mask differs.
[[nodiscard]] std::vector<Masked> complement(const Masked& set);

[[nodiscard]] constexpr bool intersect(const Masked& a, const Masked& b) {
  return ((a.value ^ b.value) & a.mask & b.mask) == 0;
}

/// What is in both, or none.
[[nodiscard]] std::optional<Cube> intersection(const Cube& a, const Cube& b);

/// What is in `from` and in none of `others`, disjoint cubes. None past `limit` cubes.
[[nodiscard]] std::optional<Cubes> subtract(const Cubes& from, const Cubes& others,
                                            std::size_t limit);

}  // namespace callgate::oci
