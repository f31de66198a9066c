#include "callgate/meaning/proof.h"

#include <algorithm>

#include "meaning/combined_side.h"
#include "meaning/side_comparison.h"

namespace callgate {
namespace {

using namespace meaning;  // NOLINT(google-build-using-namespace)

/// Proves a meeting by the hints for its calls.
Answer prove_by_hints(ChainProof& chains, const Comparison& comparison, const Meeting& meeting,
                      std::span<const ChainHint> hints) {
  for (const ChainHint& hint : hints) {
    if (!is_open(meeting) || hint.entries.empty() ||
        !comparison.is_at(meeting, arch_info(hint.arch).audit, hint.number))
      continue;
    Answer attempt = chains.prove(meeting, hint);
    if (!std::holds_alternative<Undecided>(attempt)) return attempt;
  }
  return undecided(meeting);
}

Answer compare_programs(const Program& left, const Program& right, Violation violation,
                        const ProofBudget& budget) {
  if (left == right) return Equal{};
  FirstLayer layer(first_layer_limit(budget));
  ConditionTable conditions;
  ProgramSide left_side(left, layer);
  ProgramSide right_side(right, layer);
  return SideComparison(left_side, right_side, violation, conditions, layer, budget).run();
}

}  // namespace

Answer prove(const Policy& policy, std::span<const Arch> arches, const Program& program,
             std::span<const ChainHint> hints, const ProofBudget& budget) {
  FirstLayer layer(first_layer_limit(budget));
  ConditionTable conditions;
  PolicySide left(policy, arches, conditions, layer);
  ProgramSide right(program, layer);
  Comparison comparison(layer, left, right, Violation::differing, budget);
  ChainProof chains(right, left, conditions, layer, comparison);
  comparison.set_shortcut(
      [&](const Meeting& meeting) { return prove_by_hints(chains, comparison, meeting, hints); });
  comparison.set_fallback([&](const Meeting& meeting) -> Answer {
    return is_open(meeting) ? chains.prove(meeting) : undecided(meeting);
  });
  return comparison.run();
}

Answer equal(const Program& left, const Program& right, const ProofBudget& budget) {
  return compare_programs(left, right, Violation::differing, budget);
}

Answer equal(const Policy& left, const Policy& right, std::span<const Arch> arches,
             const ProofBudget& budget) {
  FirstLayer layer(first_layer_limit(budget));
  ConditionTable conditions;
  PolicySide left_side(left, arches, conditions, layer);
  PolicySide right_side(right, arches, conditions, layer);
  return SideComparison(left_side, right_side, Violation::differing, conditions, layer, budget)
      .run();
}

Answer equal(const Subject& left, const Subject& right, const ProofBudget& budget) {
  FirstLayer layer(first_layer_limit(budget));
  ConditionTable conditions;
  const auto left_side = make_side(left, conditions, layer);
  const auto right_side = make_side(right, conditions, layer);
  return SideComparison(*left_side, *right_side, Violation::differing, conditions, layer, budget)
      .run();
}

Answer stricter(const Program& left, const Program& right, const ProofBudget& budget) {
  return compare_programs(left, right, Violation::looser, budget);
}

}  // namespace callgate
