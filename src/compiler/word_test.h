// A test of the policy language as what it means on words: "(high:low & mask) is in this set".
#pragma once

#include "callgate/policy/resolve.h"
#include "compiler/dag.h"
#include "compiler/intervals.h"

namespace callgate {

/// A comparison of one 32-bit word, or of two that form a 64-bit value.
struct WordTest {
  std::uint8_t low = 0;    ///< memory index of the word with the low half
  std::uint8_t high = 0;   ///< of the high half; equal to `low` if there is none
  std::uint64_t mask = 0;  ///< what of the value counts
  ValueSet values;         ///< what (value & mask) must be in
  [[nodiscard]] bool is_wide() const noexcept { return high != low; }
};

/// Resolves one test for one call of one ABI by docs/policy.md, Meaning 7 to 10. Errors are those
/// of the names and values, which `check` has excluded.
[[nodiscard]] Result<WordTest> resolve_test(const Test& test, Arch arch, const Syscall* call);

}  // namespace callgate
