// Comparing any two sides, with the ways out that their kinds have where diagrams do not fit.
#pragma once

#include <memory>

#include "meaning/chain.h"

namespace callgate::meaning {

/// Both terminals stand for something that is still to be decided.
[[nodiscard]] inline bool is_open(const Meeting& meeting) noexcept {
  return !ReturnTable::is_return(meeting.left) && !ReturnTable::is_return(meeting.right);
}

/// Past the budget two programs are compared instruction by instruction, two policies by what their
/// decision lists do not begin with in common, a policy and a program as a chain of rules.
class SideComparison {
 public:
  /// The sides, the table and the layer must outlive it.
  SideComparison(Side& left, Side& right, Violation violation, const ConditionTable& conditions,
                 FirstLayer& layer, const ProofBudget& budget);
  SideComparison(const SideComparison&) = delete;
  SideComparison& operator=(const SideComparison&) = delete;

  [[nodiscard]] Answer run();
  /// One meeting alone.
  [[nodiscard]] Answer run(Meeting meeting);

 private:
  [[nodiscard]] Answer decide_open(const Meeting& meeting);
  [[nodiscard]] Answer compare_remainders(const DecisionList& left, const DecisionList& right,
                                          const Meeting& meeting);
  [[nodiscard]] Answer turned(Answer answer) const;

  bool is_turned_;  ///< the program is on the left: the chain's proof wants it on the right
  Side& left_;
  Side& right_;
  const ConditionTable& conditions_;
  FirstLayer& layer_;
  Comparison comparison_;
  std::unique_ptr<ChainProof> chains_;
};

}  // namespace callgate::meaning
