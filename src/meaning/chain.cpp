#include "meaning/chain.h"

namespace callgate::meaning {
namespace {

/// How many witnesses of a failed block are tried on the whole program and policy.
constexpr std::uint32_t witness_tries = 64;

}  // namespace

Undecided ChainProof::undecided(const Meeting& meeting) {
  return {call_name(meeting.example.words[arch_word], meeting.example.words[number_word])};
}

/// None if the hint does not name the list's rules in their order, or a block reads what it did not
/// write.
std::optional<std::vector<ChainProof::Block>> ChainProof::blocks_of(const DecisionList& list,
                                                                    const ChainHint& hint) const {
  const std::size_t size = program_.facts().program().size();
  if (hint.entries.size() != hint.rules.size() + 1) return std::nullopt;
  for (std::size_t i = 0; i < hint.entries.size(); ++i) {
    if (hint.entries[i] >= size || program_.facts().live(hint.entries[i]) != 0) return std::nullopt;
    if (i > 0 && hint.entries[i] <= hint.entries[i - 1]) return std::nullopt;
  }
  std::vector<Block> blocks;
  std::size_t item = 0;
  bool is_over = false;
  for (std::size_t i = 0; i < hint.rules.size(); ++i) {
    Block block{.entry = hint.entries[i], .next = hint.entries[i + 1]};
    if (item < list.items.size() && list.items[item].rule == hint.rules[i]) {
      block.condition = list.items[item].condition;
      block.ret = list.items[item].ret;
      ++item;
    } else if (list.rest.rule == hint.rules[i] && item == list.items.size() && !is_over) {
      block.condition = always;
      block.ret = normalise(list.rest.action.ret());
      is_over = true;
    } else {
      // A rule that is not in the list never matches this call; one that is comes in its turn.
      for (std::size_t j = 0; j < list.items.size(); ++j)
        if (list.items[j].rule == hint.rules[i]) return std::nullopt;
      if (list.rest.rule == hint.rules[i]) return std::nullopt;
    }
    blocks.push_back(block);
  }
  if (!is_over) blocks.push_back({.entry = hint.entries.back(), .first_item = item});
  return blocks;
}

Answer ChainProof::prove(const Meeting& meeting, const ChainHint& hint) {
  const auto blocks = blocks_of(policy_.list(meeting.left), hint);
  if (!blocks) return undecided(meeting);
  // From the first entry the program must come to the very state in which the call suspends it.
  try {
    const auto entry = static_cast<std::uint32_t>(hint.entries.front());
    if (program_.layer1_from(entry) != meeting.right) return undecided(meeting);
  } catch (const DiagramOverflow&) {
    return undecided(meeting);
  }
  for (const Block& block : *blocks) {
    Answer answer = prove_block(meeting, block);
    if (!std::holds_alternative<Equal>(answer)) return answer;
  }
  return Equal{};
}

Answer ChainProof::prove_block(const Meeting& meeting, const Block& block) {
  for (const auto& groups : orders_of(program_.related()))
    if (std::optional<Answer> answer = ask(meeting, block, groups)) return *answer;
  return undecided(meeting);
}

std::optional<Answer> ChainProof::ask(const Meeting& meeting, const Block& block,
                                      const std::vector<WordSet>& groups) {
  Question question(comparison_.allowance(), groups, layer_.returns);
  std::optional<Answer> answer;
  try {
    Runner runner(question.store, question.order, question.returns, program_.facts());
    Diagram wanted = no;
    if (block.next) {
      runner.stop_at(std::span(&*block.next, 1));
      const Diagram test =
          ConditionDiagrams(conditions_, question.store, question.order).of(block.condition);
      wanted = question.store.if_then_else(test, question.returns.terminal_of(block.ret),
                                           terminal(stop_base));
    } else {
      wanted = list_diagram(policy_.list(meeting.left), block.first_item, conditions_, question);
    }
    const Diagram found = runner.run({.pc = static_cast<std::uint32_t>(block.entry)});
    answer = found == wanted ? Answer{Equal{}} : search_witness(meeting, question, wanted, found);
  } catch (const DiagramOverflow&) {
  }
  comparison_.spend(question.store.size());
  return answer;
}

/// A failed block may be a wrong hint or a wrong program: only the interpreters can tell.
Answer ChainProof::search_witness(const Meeting& meeting, Question& question, Diagram wanted,
                                  Diagram found) const {
  WitnessSearch search(question.store, question.order, question.returns, Violation::differing);
  for (std::uint32_t seed = 0; seed < witness_tries; ++seed) {
    std::optional<Assignment> point = search.find(yes, wanted, found, seed);
    if (!point) break;
    point->words[arch_word] = meeting.example.words[arch_word];
    point->words[number_word] = meeting.example.words[number_word];
    Answer answer = comparison_.confirmed(point->data());
    if (std::holds_alternative<Differs>(answer)) return answer;
  }
  return undecided(meeting);
}

}  // namespace callgate::meaning
