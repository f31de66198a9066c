// What is compared, a program or a policy above all, as two layers of diagrams.
//
// Layer 1 is over arch and nr alone. Its terminals are return values, or what must still be decided
// by the other words: the place where a program stands when it first computes with one of them, or
// a policy's decision list. Layer 2 is one such terminal's diagram, in a store of its own.
#pragma once

#include <algorithm>

#include "callgate/meaning/proof.h"
#include "meaning/policy_lists.h"
#include "meaning/runner.h"

namespace callgate::meaning {

/// Layer 1 of a question: one store for both sides.
struct FirstLayer {
  explicit FirstLayer(std::size_t limit) : store(limit) {}
  MeaningStore store;
  WordOrder order;
  ReturnTable returns;
};

/// Nodes of layer 1: it holds no argument, so it is small unless a program does arithmetic on nr.
[[nodiscard]] constexpr std::size_t first_layer_limit(const ProofBudget& budget) noexcept {
  return std::min(budget.nodes_in_all, budget.nodes_per_call * 10);
}

/// One question of layer 2: a store with an order of its own.
struct Question {
  Question(std::size_t limit, const std::vector<WordSet>& groups, ReturnTable& table,
           std::span<const InputWord> sooner = {})
      : store(limit), order(groups, sooner), results(table) {}
  MeaningStore store;
  WordOrder order;
  Results results;
};

/// A function from seccomp_data to something, as two layers of diagrams.
class Layers {
 public:
  Layers() = default;
  Layers(const Layers&) = delete;
  Layers& operator=(const Layers&) = delete;
  virtual ~Layers() = default;

  /// Over arch and nr, in the store of layer 1.
  [[nodiscard]] virtual Diagram layer1() = 0;
  /// A terminal of layer 1 as a diagram of what the function gives.
  [[nodiscard]] virtual Diagram layer2(Diagram terminal, Question& question) = 0;
  /// Sets of words that are computed with together.
  [[nodiscard]] virtual const std::vector<WordSet>& related() const = 0;
};

/// A function to return values.
class Side : public Layers {
 public:
  /// In which order it looks at words from a terminal of layer 1 on, if it has one: diagrams with
  /// the words in that order are built in fewer steps.
  [[nodiscard]] virtual std::vector<InputWord> words_from(Diagram /*terminal*/) const { return {}; }
  /// True if some return value is computed and not a constant.
  [[nodiscard]] virtual bool computes_returns() const = 0;
  /// The normalised return value for one call, by the interpreter and not by diagrams.
  [[nodiscard]] virtual std::uint32_t at(const SeccompData& data) const = 0;
};

class ProgramSide final : public Side {
 public:
  ProgramSide(const Program& program, FirstLayer& layer);
  [[nodiscard]] Diagram layer1() override;
  [[nodiscard]] Diagram layer2(Diagram terminal, Question& question) override;
  [[nodiscard]] const std::vector<WordSet>& related() const override { return facts_.related(); }
  [[nodiscard]] std::vector<InputWord> words_from(Diagram terminal) const override;
  [[nodiscard]] bool computes_returns() const override;
  [[nodiscard]] std::uint32_t at(const SeccompData& data) const override;

  [[nodiscard]] const ProgramFacts& facts() const noexcept { return facts_; }
  /// Layer 1 from some instruction, whatever the registers hold; nothing may be read there that was
  /// not written.
  [[nodiscard]] Diagram layer1_from(std::uint32_t pc) { return first_.run({.pc = pc}); }
  /// True if two suspensions, of this program and of another of the same layer, go on alike: the
  /// same instructions and the same registers.
  [[nodiscard]] bool goes_on_like(Diagram terminal, const ProgramSide& other, Diagram others) const;
  /// The instruction at which a terminal of layer 1 suspends it.
  [[nodiscard]] std::uint32_t suspended_at(Diagram terminal) const noexcept {
    return first_.suspension(terminal).pc;
  }

 private:
  const Program& program_;
  ProgramFacts facts_;
  Runner first_;
};

class PolicySide final : public Side {
 public:
  PolicySide(const Policy& policy, std::span<const Arch> arches, ConditionTable& conditions,
             FirstLayer& layer);
  [[nodiscard]] Diagram layer1() override;
  [[nodiscard]] Diagram layer2(Diagram terminal, Question& question) override;
  [[nodiscard]] const std::vector<WordSet>& related() const override { return related_; }
  [[nodiscard]] bool computes_returns() const override { return false; }
  [[nodiscard]] std::uint32_t at(const SeccompData& data) const override;

  [[nodiscard]] const DecisionList& list(Diagram terminal) const noexcept {
    return lists_.lists()[terminal_value(terminal) - list_base];
  }

 private:
  const Policy& policy_;
  std::span<const Arch> arches_;
  ConditionTable& conditions_;
  FirstLayer& layer_;
  PolicyLists lists_;
  std::vector<WordSet> related_;
};

/// The items from `begin` on, then the rest, as a diagram of return values.
[[nodiscard]] Diagram list_diagram(const DecisionList& list, std::size_t begin,
                                   const ConditionTable& conditions, Question& question);

}  // namespace callgate::meaning
