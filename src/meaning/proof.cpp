#include "callgate/meaning/proof.h"

#include <algorithm>

#include "meaning/chain.h"
#include "meaning/combined_side.h"

namespace callgate {
namespace {

using namespace meaning;  // NOLINT(google-build-using-namespace)

/// Both terminals stand for something that is still to be decided.
bool is_open(const Meeting& meeting) noexcept {
  return !ReturnTable::is_return(meeting.left) && !ReturnTable::is_return(meeting.right);
}

Answer compare_programs(const Program& left, const Program& right, Violation violation,
                        const ProofBudget& budget) {
  if (left == right) return Equal{};
  FirstLayer layer(first_layer_limit(budget));
  ProgramSide left_side(left, layer);
  ProgramSide right_side(right, layer);
  Comparison comparison(layer, left_side, right_side, violation, budget);
  comparison.set_fallback([&](const Meeting& meeting) -> Answer {
    if (is_open(meeting) && left_side.goes_on_like(meeting.left, right_side, meeting.right))
      return Equal{};
    return undecided(meeting);
  });
  return comparison.run();
}

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

bool decide_alike(const ListItem& a, const ListItem& b) noexcept {
  return a.condition == b.condition && a.ret == b.ret;
}

/// Two decision lists past the budget. What they begin with in common decides the same calls in the
/// same way, so they are equal if the rest of them are; that the rest differ says nothing.
Answer compare_remainders(const DecisionList& left, const DecisionList& right,
                          const ConditionTable& conditions, FirstLayer& layer,
                          Comparison& comparison, const Meeting& meeting) {
  const auto begin = std::mismatch(left.items.begin(), left.items.end(), right.items.begin(),
                                   right.items.end(), decide_alike)
                         .first -
                     left.items.begin();
  Question question(comparison.allowance(), {}, layer.returns);
  try {
    const auto first = static_cast<std::size_t>(begin);
    const Diagram one = list_diagram(left, first, conditions, question);
    if (one == list_diagram(right, first, conditions, question)) return Equal{};
  } catch (const DiagramOverflow&) {
  }
  return undecided(meeting);
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
  Comparison comparison(layer, left_side, right_side, Violation::differing, budget);
  comparison.set_fallback([&](const Meeting& meeting) -> Answer {
    if (!is_open(meeting)) return undecided(meeting);
    return compare_remainders(left_side.list(meeting.left), right_side.list(meeting.right),
                              conditions, layer, comparison, meeting);
  });
  return comparison.run();
}

Answer equal(std::span<const Program> stack, const Policy& policy, std::span<const Arch> arches,
             const ProofBudget& budget) {
  FirstLayer layer(first_layer_limit(budget));
  ConditionTable conditions;
  const auto left = make_side(stack, layer);
  PolicySide right(policy, arches, conditions, layer);
  Comparison comparison(layer, *left, right, Violation::differing, budget);
  return comparison.run();
}

Answer stricter(const Program& left, const Program& right, const ProofBudget& budget) {
  return compare_programs(left, right, Violation::looser, budget);
}

}  // namespace callgate
