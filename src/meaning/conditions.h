// Conditions of a policy, resolved to bits of words: the Meaning side's own reading of them.
#pragma once

#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "callgate/policy/resolve.h"
#include "meaning/words.h"

namespace callgate::meaning {

using ConditionId = std::uint32_t;
inline constexpr ConditionId never = 0;
inline constexpr ConditionId always = 1;

/// One test: the low `bits` bits of a word, or of a high and a low word, against numbers.
struct BitTest {
  InputWord low = 0;
  InputWord high = 0;  ///< for bits == 64
  unsigned bits = 32;
  bool is_signed = false;
  std::uint64_t mask = ~std::uint64_t{0};
  Relation relation = Relation::eq;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;  ///< inclusive
};

/// A resolved condition; `all` and `any` have at least two children.
struct ResolvedCondition {
  Condition::Kind kind = Condition::Kind::always;
  BitTest test;
  std::vector<ConditionId> children;
};

/// Every condition of a question, each once. Equal ids mean equal conditions, not the reverse.
class ConditionTable {
 public:
  ConditionTable();
  /// A condition for one call of one ABI; the call is null for a number without a name. What cannot
  /// be resolved (check reports it) is false.
  [[nodiscard]] ConditionId add(const Condition& condition, Arch arch, const Syscall* call);
  [[nodiscard]] const ResolvedCondition& operator[](ConditionId id) const noexcept {
    return conditions_[id];
  }
  [[nodiscard]] std::size_t size() const noexcept { return conditions_.size(); }

 private:
  [[nodiscard]] ConditionId add_test(const Test& test, Arch arch, const Syscall* call);
  [[nodiscard]] ConditionId add_list(const Condition& condition, Arch arch, const Syscall* call);
  [[nodiscard]] ConditionId intern(ResolvedCondition condition);

  std::vector<ResolvedCondition> conditions_;
  std::unordered_map<std::string, ConditionId> ids_;  ///< never iterated
};

/// True if a condition names a parameter, so that it means something else for each call.
[[nodiscard]] bool names_parameter(const Condition& condition) noexcept;

/// Whether a condition holds at a point, without diagrams: to choose points, never to prove.
[[nodiscard]] bool holds(const ConditionTable& table, ConditionId id,
                         const Assignment& point) noexcept;

/// Conditions as diagrams of one store.
class ConditionDiagrams {
 public:
  ConditionDiagrams(const ConditionTable& table, MeaningStore& store, const WordOrder& order)
      : table_(table), store_(store), order_(order) {}
  [[nodiscard]] Diagram of(ConditionId id);

 private:
  [[nodiscard]] Diagram build(const ResolvedCondition& condition);
  [[nodiscard]] Diagram build(const BitTest& test);

  const ConditionTable& table_;
  MeaningStore& store_;
  const WordOrder& order_;
  std::vector<std::pair<bool, Diagram>> memo_;
};

}  // namespace callgate::meaning
