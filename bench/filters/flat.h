// A policy in the form that every peer takes: for each call, conjunctions of comparisons of one
// argument with one value. A file of it is lines of words, so that a peer's program in any language
// reads it with a split:
//
//   otherwise 80000000          what no line permits, as a return value in hex
//   unlisted 00000000           a call of another ABI
//   arch x86_64                 the lines below are of that ABI
//   call 0 read 7fff0000
//   call 9 mmap 7fff0000 2:64:eq:0000000000000004:0000000000000000
//
// Words after the return value are ARGUMENT:BITS:RELATION:MASK:VALUE; all of a line must hold, and
// of the lines of one call the first that holds decides.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "callgate/base/result.h"
#include "callgate/policy/policy.h"

namespace callgate::bench {

/// (args[argument] & mask) RELATION value, of the whole word or of its low 32 bits.
struct Comparison {
  unsigned argument = 0;
  unsigned bits = 64;
  Relation relation = Relation::eq;  ///< eq, ne, lt, le, gt, ge
  std::uint64_t mask = ~std::uint64_t{0};
  std::uint64_t value = 0;
  auto operator<=>(const Comparison&) const = default;

  [[nodiscard]] bool has_mask() const noexcept { return (mask & all_bits()) != all_bits(); }
  [[nodiscard]] std::uint64_t all_bits() const noexcept {
    return bits == 64 ? ~std::uint64_t{0} : 0xffffffff;
  }
};

/// One line.
struct FlatRule {
  std::uint32_t number = 0;
  std::string name;
  std::uint32_t ret = 0;
  std::vector<Comparison> comparisons;  ///< none: always
};

struct FlatArch {
  Arch arch = Arch::x86_64;
  std::vector<FlatRule> rules;  ///< by number; of one call in the policy's order
};

struct FlatPolicy {
  std::uint32_t otherwise = 0;
  std::uint32_t unlisted = 0;
  std::vector<FlatArch> arches;
};

/// The lines of a policy. Error: what lines cannot say, such as another action for numbers that no
/// call has, negated ranges under a mask, or more than 64 conjunctions for one call.
[[nodiscard]] Result<FlatPolicy> flatten(const Policy& policy);
/// The lines of the calls, whatever becomes of numbers that no call has.
[[nodiscard]] Result<FlatPolicy> flatten_calls(const Policy& policy);
[[nodiscard]] std::string print_flat(const FlatPolicy& policy);

/// Arguments for which the comparisons hold (as far as they do not contradict one another), or for
/// which the first of them does not.
[[nodiscard]] std::array<std::uint64_t, 6> matching_arguments(const FlatRule& rule);
[[nodiscard]] std::array<std::uint64_t, 6> failing_arguments(const FlatRule& rule);

}  // namespace callgate::bench
