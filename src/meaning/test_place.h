// What a test of one word can look at, and numbers as a person writes them there.
#pragma once

#include "callgate/abi/syscalls.h"
#include "callgate/policy/policy.h"
#include "meaning/words.h"

namespace callgate::meaning {

/// Where a condition will stand: which names its tests can use.
struct Scope {
  Arch arch = Arch::x86_64;
  const Syscall* call = nullptr;  ///< null: raw words only
  bool names_constants = true;
};

/// Bits of a word, under a name or raw.
struct TestPlace {
  Operand operand;
  unsigned shift = 0;  ///< of the word, the lowest bit that it holds
  unsigned bits = 64;
  const Parameter* parameter = nullptr;
  int cost = 0;  ///< how much longer it is to read than the best

  /// The bits of the word that it holds.
  [[nodiscard]] std::uint64_t mask() const noexcept;
  [[nodiscard]] bool is_signed() const noexcept {
    return parameter != nullptr && parameter->is_signed;
  }
  [[nodiscard]] bool is_pointer() const noexcept {
    return parameter != nullptr && parameter->kind == ParameterKind::pointer;
  }
  [[nodiscard]] bool holds_flags() const noexcept;
};

/// The places of a test in one argument word or the instruction pointer (`low` is its low half).
[[nodiscard]] std::vector<TestPlace> places_of(const Scope& scope, InputWord low);

/// A number of the place's width, of which the bits of `mask` are looked at: by names where these
/// give the same number back.
[[nodiscard]] Value value_for(const Scope& scope, const TestPlace& place, std::uint64_t number,
                              std::uint64_t mask = ~std::uint64_t{0});
/// The same without names, for the ends of ranges.
[[nodiscard]] Value number_for(const TestPlace& place, std::uint64_t number);
/// The same for the bits that a test looks at, or the complement of those that it does not.
[[nodiscard]] Value mask_for(const Scope& scope, const TestPlace& place, std::uint64_t mask);

}  // namespace callgate::meaning
