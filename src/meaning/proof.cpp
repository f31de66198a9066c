#include "callgate/meaning/proof.h"

#include "meaning/chain.h"

namespace callgate {
namespace {

using namespace meaning;  // NOLINT(google-build-using-namespace)

/// Nodes of layer 1: it holds no argument, so it is small unless a program does arithmetic on nr.
std::size_t first_layer_limit(const ProofBudget& budget) noexcept {
  return std::min(budget.nodes_in_all, budget.nodes_per_call * 10);
}

Answer compare_programs(const Program& left, const Program& right, Violation violation,
                        const ProofBudget& budget) {
  if (left == right) return Equal{};
  FirstLayer layer(first_layer_limit(budget));
  ProgramSide left_side(left, layer);
  ProgramSide right_side(right, layer);
  return Comparison(layer, left_side, right_side, violation, budget).run();
}

/// Proves a call by the first hint that is about it and goes through.
Answer prove_by_hints(ChainProof& chains, const Meeting& meeting,
                      std::span<const ChainHint> hints) {
  Answer answer =
      Undecided{call_name(meeting.example.words[arch_word], meeting.example.words[number_word])};
  for (const ChainHint& hint : hints) {
    if (hint.entries.empty()) continue;
    Answer attempt = chains.prove(meeting, hint);
    if (!std::holds_alternative<Undecided>(attempt)) return attempt;
  }
  return answer;
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
  comparison.set_fallback([&](const Meeting& meeting) -> Answer {
    if (ReturnTable::is_return(meeting.left) || ReturnTable::is_return(meeting.right))
      return Undecided{
          call_name(meeting.example.words[arch_word], meeting.example.words[number_word])};
    return prove_by_hints(chains, meeting, hints);
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
  return Comparison(layer, left_side, right_side, Violation::differing, budget).run();
}

Answer stricter(const Program& left, const Program& right, const ProofBudget& budget) {
  return compare_programs(left, right, Violation::looser, budget);
}

}  // namespace callgate
