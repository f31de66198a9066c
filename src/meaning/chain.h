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
  /// The same without a hint: where the blocks begin is guessed from the path of calls that no rule
  /// matches.
  [[nodiscard]] Answer prove(const Meeting& meeting);

 private:
  /// A condition and what it gives.
  struct Step {
    ConditionId condition = never;
    std::uint32_t ret = 0;
  };
  /// A step from one entry to the next, or (without `ends`) everything that is left.
  struct Block {
    std::size_t entry = 0;
    std::span<const std::size_t> ends;  ///< the next entry, then others at which a run may stop
    Step step;
    std::size_t first_item = 0;          ///< without `ends`: the item from which the list goes on
    std::span<const std::size_t> parts;  ///< where the parts of the condition begin, if said
  };
  /// Where a condition, or a part of one, leads: to a place, or to a return value.
  struct Goal {
    std::optional<std::size_t> place;
    std::uint32_t ret = 0;
  };
  /// From `entry`, whatever the registers hold, control comes to `yes` exactly where the condition
  /// (or its negation) holds, and else to `no`.
  struct Claim {
    std::size_t entry = 0;
    ConditionId condition = never;
    bool is_negated = false;
    Goal yes;
    Goal no;
  };

  [[nodiscard]] std::optional<std::vector<Block>> blocks_of(const DecisionList& list,
                                                            const ChainHint& hint) const;
  [[nodiscard]] std::optional<Block> block_of(const DecisionList& list, std::size_t rule,
                                              std::size_t item, bool is_over) const;
  [[nodiscard]] bool begins_at(const Meeting& meeting, std::size_t entry);
  [[nodiscard]] Answer prove_block(const Meeting& meeting, const Block& block);
  [[nodiscard]] std::optional<Answer> ask(const Meeting& meeting, const Block& block,
                                          const std::vector<WordSet>& groups, bool is_guess);
  [[nodiscard]] Answer search_witness(const Meeting& meeting, Question& question, Diagram wanted,
                                      Diagram found) const;

  [[nodiscard]] std::size_t parts_in(ConditionId id) const;
  [[nodiscard]] bool leads(const Claim& claim, std::span<const std::size_t> parts);
  [[nodiscard]] bool leads_by_parts(const Claim& claim, std::span<const std::size_t> parts);
  [[nodiscard]] std::optional<bool> leads_at_once(const Claim& claim,
                                                  const std::vector<WordSet>& groups);
  void flatten(const Step& step, std::vector<Step>& steps) const;
  [[nodiscard]] bool is_step(const Meeting& meeting, const Block& block);
  [[nodiscard]] std::optional<std::size_t> follow(const Meeting& meeting, std::size_t entry,
                                                  std::span<const Step> steps,
                                                  std::span<const std::size_t> last);
  [[nodiscard]] std::vector<std::size_t> candidates(const Meeting& meeting, std::size_t entry,
                                                    std::span<const Step> steps) const;

  ProgramSide& program_;
  const PolicySide& policy_;
  const ConditionTable& conditions_;
  FirstLayer& layer_;
  Comparison& comparison_;
};

}  // namespace callgate::meaning
