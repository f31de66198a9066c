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

/// Where the diagrams of a meeting do not fit: what two programs, or two policies, have in common.
Answer compare_open(Side& left, Side& right, const ConditionTable& conditions, FirstLayer& layer,
                    Comparison& comparison, const Meeting& meeting) {
  if (!is_open(meeting)) return undecided(meeting);
  const auto* left_program = dynamic_cast<const ProgramSide*>(&left);
  const auto* right_program = dynamic_cast<const ProgramSide*>(&right);
  if (left_program != nullptr && right_program != nullptr &&
      left_program->goes_on_like(meeting.left, *right_program, meeting.right))
    return Equal{};
  const auto* left_policy = dynamic_cast<const PolicySide*>(&left);
  const auto* right_policy = dynamic_cast<const PolicySide*>(&right);
  if (left_policy != nullptr && right_policy != nullptr)
    return compare_remainders(left_policy->list(meeting.left), right_policy->list(meeting.right),
                              conditions, layer, comparison, meeting);
  return undecided(meeting);
}

Answer compare_sides(Side& left, Side& right, Violation violation, const ConditionTable& conditions,
                     FirstLayer& layer, const ProofBudget& budget) {
  Comparison comparison(layer, left, right, violation, budget);
  comparison.set_fallback([&](const Meeting& meeting) {
    return compare_open(left, right, conditions, layer, comparison, meeting);
  });
  return comparison.run();
}

Answer compare_programs(const Program& left, const Program& right, Violation violation,
                        const ProofBudget& budget) {
  if (left == right) return Equal{};
  FirstLayer layer(first_layer_limit(budget));
  ProgramSide left_side(left, layer);
  ProgramSide right_side(right, layer);
  return compare_sides(left_side, right_side, violation, {}, layer, budget);
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
  return compare_sides(left_side, right_side, Violation::differing, conditions, layer, budget);
}

Answer equal(const Subject& left, const Subject& right, const ProofBudget& budget) {
  FirstLayer layer(first_layer_limit(budget));
  ConditionTable conditions;
  const auto left_side = make_side(left, conditions, layer);
  const auto right_side = make_side(right, conditions, layer);
  return compare_sides(*left_side, *right_side, Violation::differing, conditions, layer, budget);
}

Answer stricter(const Program& left, const Program& right, const ProofBudget& budget) {
  return compare_programs(left, right, Violation::looser, budget);
}

}  // namespace callgate
