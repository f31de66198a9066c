#include "formats/oci_cubes.h"

#include <algorithm>
#include <bit>

namespace callgate::oci {
namespace {

constexpr std::uint64_t low_bits(unsigned count) {
  return count >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
}

/// Appends what is in `from` and not in `other`, disjoint.
void subtract_one(const Cube& from, const Cube& other, Cubes& into) {
  if (!intersection(from, other)) {
    into.push_back(from);
    return;
  }
  Cube rest = from;
  for (std::size_t word = 0; word < rest.words.size(); ++word) {
    std::uint64_t open = other.words[word].mask & ~rest.words[word].mask;
    while (open != 0) {
      const std::uint64_t bit = std::bit_floor(open);
      open &= ~bit;
      const std::uint64_t wanted = other.words[word].value & bit;
      rest.words[word].mask |= bit;
      Cube outside = rest;
      outside.words[word].value |= wanted ^ bit;
      into.push_back(outside);
      rest.words[word].value |= wanted;
    }
  }
}

}  // namespace

std::vector<Masked> prefixes(std::uint64_t first, std::uint64_t last, unsigned bits) {
  std::vector<Masked> all;
  const std::uint64_t width = low_bits(bits);
  for (std::uint64_t at = first; at <= last;) {
    unsigned free = at == 0 ? bits : static_cast<unsigned>(std::countr_zero(at));
    while (low_bits(free) > last - at) --free;
    all.push_back({width & ~low_bits(free), at});
    const std::uint64_t end = at + low_bits(free);
    if (end >= last) break;
    at = end + 1;
  }
  return all;
}

std::vector<Masked> complement(const Masked& set) {
  std::vector<Masked> all;
  Masked rest;
  for (std::uint64_t open = set.mask; open != 0;) {
    const std::uint64_t bit = std::bit_floor(open);
    open &= ~bit;
    const std::uint64_t wanted = set.value & bit;
    rest.mask |= bit;
    all.push_back({rest.mask, rest.value | (wanted ^ bit)});
    rest.value |= wanted;
  }
  return all;
}

std::optional<Cube> intersection(const Cube& a, const Cube& b) {
  Cube both;
  for (std::size_t word = 0; word < both.words.size(); ++word) {
    if (!intersect(a.words[word], b.words[word])) return std::nullopt;
    both.words[word] = {a.words[word].mask | b.words[word].mask,
                        a.words[word].value | b.words[word].value};
  }
  return both;
}

std::optional<Cubes> subtract(const Cubes& from, const Cubes& others, std::size_t limit) {
  Cubes rest = from;
  for (const Cube& other : others) {
    Cubes next;
    for (const Cube& cube : rest) {
      subtract_one(cube, other, next);
      if (next.size() > limit) return std::nullopt;
    }
    rest = std::move(next);
  }
  return rest;
}

}  // namespace callgate::oci
