#include "meaning/side_comparison.h"

#include <algorithm>

namespace callgate::meaning {
namespace {

bool decide_alike(const ListItem& a, const ListItem& b) noexcept {
  return a.condition == b.condition && a.ret == b.ret;
}

bool must_turn(const Side& left, const Side& right, Violation violation) {
  return violation == Violation::differing && dynamic_cast<const ProgramSide*>(&left) != nullptr &&
         dynamic_cast<const PolicySide*>(&right) != nullptr;
}

}  // namespace

SideComparison::SideComparison(Side& left, Side& right, Violation violation,
                               const ConditionTable& conditions, FirstLayer& layer,
                               const ProofBudget& budget)
    : is_turned_(must_turn(left, right, violation)),
      left_(is_turned_ ? right : left),
      right_(is_turned_ ? left : right),
      conditions_(conditions),
      layer_(layer),
      comparison_(layer, left_, right_, violation, budget) {
  auto* policy = dynamic_cast<PolicySide*>(&left_);
  auto* program = dynamic_cast<ProgramSide*>(&right_);
  if (policy != nullptr && program != nullptr)
    chains_ = std::make_unique<ChainProof>(*program, *policy, conditions, layer, comparison_);
  comparison_.set_fallback([this](const Meeting& meeting) { return decide_open(meeting); });
}

Answer SideComparison::turned(Answer answer) const {
  auto* differs = std::get_if<Differs>(&answer);
  if (is_turned_ && differs != nullptr) std::swap(differs->left, differs->right);
  return answer;
}

Answer SideComparison::run() { return turned(comparison_.run()); }

Answer SideComparison::run(Meeting meeting) {
  if (is_turned_) std::swap(meeting.left, meeting.right);
  return turned(comparison_.run(meeting));
}

Answer SideComparison::decide_open(const Meeting& meeting) {
  if (!is_open(meeting)) return undecided(meeting);
  if (chains_) return chains_->prove(meeting);
  const auto* left_program = dynamic_cast<const ProgramSide*>(&left_);
  const auto* right_program = dynamic_cast<const ProgramSide*>(&right_);
  if (left_program != nullptr && right_program != nullptr &&
      left_program->goes_on_like(meeting.left, *right_program, meeting.right))
    return Equal{};
  const auto* left_policy = dynamic_cast<const PolicySide*>(&left_);
  const auto* right_policy = dynamic_cast<const PolicySide*>(&right_);
  if (left_policy != nullptr && right_policy != nullptr)
    return compare_remainders(left_policy->list(meeting.left), right_policy->list(meeting.right),
                              meeting);
  return undecided(meeting);
}

/// Two decision lists past the budget. What they begin with in common decides the same calls in the
/// same way, so they are equal if the rest of them are; that the rest differs says nothing.
Answer SideComparison::compare_remainders(const DecisionList& left, const DecisionList& right,
                                          const Meeting& meeting) {
  const auto begin = std::mismatch(left.items.begin(), left.items.end(), right.items.begin(),
                                   right.items.end(), decide_alike)
                         .first -
                     left.items.begin();
  Question question(comparison_.allowance(), {}, layer_.returns);
  try {
    const auto first = static_cast<std::size_t>(begin);
    const Diagram one = list_diagram(left, first, conditions_, question);
    if (one == list_diagram(right, first, conditions_, question)) return Equal{};
  } catch (const DiagramOverflow&) {
  }
  return undecided(meeting);
}

}  // namespace callgate::meaning
