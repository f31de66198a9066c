// Block-wise proof of one call that was lowered as a first-match chain.
//
// A block is proved alone: from its entry, whatever A, X and M[] hold, control reaches the rule's
// action exactly where the rule's own condition holds, and else the next block's entry. The last
// entry decides as the rest of the list. By induction over the blocks the chain then decides as the
// list, and the work is linear in the rules. Where blocks begin is a hint that nobody trusts: any
// division for which every step goes through is a proof.
#pragma once

#include "meaning/comparison.h"

namespace callgate::meaning {

class ChainProof {
 public:
  ChainProof(ProgramSide& program, const PolicySide& policy, const ConditionTable& conditions,
             FirstLayer& layer, Comparison& comparison)
      : program_(program),
        policy_(policy),
        conditions_(conditions),
        layer_(layer),
        comparison_(comparison) {}

  /// Equal if the hint's division proves it, Differs with a confirmed witness, else Undecided.
  /// `meeting.left` is a list of the policy, `meeting.right` where the program is suspended.
  [[nodiscard]] Answer prove(const Meeting& meeting, const ChainHint& hint);

 private:
  /// One step: a condition and what it gives, or (no stop) everything that is left.
  struct Block {
    std::size_t entry = 0;
    std::optional<std::size_t> next;
    ConditionId condition = never;
    std::uint32_t ret = 0;
    std::size_t first_item = 0;  ///< without `next`: the item from which the list goes on
  };

  [[nodiscard]] std::optional<std::vector<Block>> blocks_of(const DecisionList& list,
                                                            const ChainHint& hint) const;
  [[nodiscard]] Answer prove_block(const Meeting& meeting, const Block& block);
  [[nodiscard]] std::optional<Answer> ask(const Meeting& meeting, const Block& block,
                                          const std::vector<WordSet>& groups);
  [[nodiscard]] Answer search_witness(const Meeting& meeting, Question& question, Diagram wanted,
                                      Diagram found) const;
  [[nodiscard]] static Undecided undecided(const Meeting& meeting);

  ProgramSide& program_;
  const PolicySide& policy_;
  const ConditionTable& conditions_;
  FirstLayer& layer_;
  Comparison& comparison_;
};

}  // namespace callgate::meaning
