#include "meaning/chain.h"

#include <algorithm>

#include "callgate/bpf/emulate.h"

namespace callgate::meaning {
namespace {

/// How many witnesses of a failed block are tried on the whole program and policy.
constexpr std::uint32_t witness_tries = 64;
/// How many random calls are tried to find one that no step matches.
constexpr std::uint32_t point_tries = 20'000;
/// How many places are tried as the end of one step.
constexpr std::size_t candidate_tries = 16;
/// Nodes for running a block whose end is a guess, besides four times its condition's.
constexpr std::size_t guess_nodes = 4096;
/// How far before the first argument load a chain may begin.
constexpr std::uint32_t entry_distance = 64;

/// Words of one of several densities, so that masks and ranges of every kind are missed.
Assignment random_point(std::uint32_t seed) noexcept {
  Assignment point;
  for (std::uint32_t word = 2; word < input_words; ++word) {
    const std::uint32_t value = mix(seed, word, 1);
    switch (seed % 4) {
      case 0: point.words[word] = value; break;
      case 1: point.words[word] = value & mix(seed, word, 2) & mix(seed, word, 3); break;
      case 2: point.words[word] = value | mix(seed, word, 2) | mix(seed, word, 3); break;
      default: point.words[word] = value % 5 == 0 ? value : value % 2 == 0 ? 0 : 0xffffffff;
    }
  }
  return point;
}

}  // namespace

/// The block of one rule of a hint; none if the list has that rule elsewhere.
std::optional<ChainProof::Block> ChainProof::block_of(const DecisionList& list, std::size_t rule,
                                                      std::size_t item, bool is_over) const {
  if (item < list.items.size() && list.items[item].rule == rule)
    return Block{.step = {list.items[item].condition, list.items[item].ret}};
  if (list.rest.rule == rule && item == list.items.size() && !is_over)
    return Block{.step = {always, list.rest_ret}};
  // A rule that is not in the list never matches this call.
  const bool is_listed = list.rest.rule == rule ||
                         std::any_of(list.items.begin(), list.items.end(),
                                     [&](const ListItem& other) { return other.rule == rule; });
  if (is_listed) return std::nullopt;
  return Block{};
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
    auto block = block_of(list, hint.rules[i], item, is_over);
    if (!block) return std::nullopt;
    block->entry = hint.entries[i];
    block->ends = std::span(hint.entries).subspan(i + 1);
    if (i < hint.steps.size()) block->parts = hint.steps[i];
    if (block->step.condition == always)
      is_over = true;
    else if (block->step.condition != never)
      ++item;
    blocks.push_back(*block);
  }
  if (!is_over) blocks.push_back({.entry = hint.entries.back(), .first_item = item});
  return blocks;
}

/// From there, whatever the registers hold, the program comes to the very state in which the call
/// suspends it; so what is proved from there is proved for the call.
bool ChainProof::begins_at(const Meeting& meeting, std::size_t entry) {
  if (program_.facts().live(entry) != 0) return false;
  try {
    return program_.layer1_from(static_cast<std::uint32_t>(entry)) == meeting.right;
  } catch (const DiagramOverflow&) {
    return false;
  }
}

Answer ChainProof::prove(const Meeting& meeting, const ChainHint& hint) {
  const auto blocks = blocks_of(policy_.list(meeting.left), hint);
  if (!blocks || !begins_at(meeting, hint.entries.front())) return undecided(meeting);
  for (const Block& block : *blocks) {
    Answer answer = prove_block(meeting, block);
    if (!std::holds_alternative<Equal>(answer)) return answer;
  }
  return Equal{};
}

Answer ChainProof::prove_block(const Meeting& meeting, const Block& block) {
  for (const auto& groups : orders_of(program_.related()))
    if (std::optional<Answer> answer = ask(meeting, block, groups, false)) return *answer;
  if (!block.ends.empty() && !block.parts.empty()) {
    const Claim claim{.entry = block.entry,
                      .condition = block.step.condition,
                      .yes = {.ret = block.step.ret},
                      .no = {.place = block.ends.front()}};
    if (leads_by_parts(claim, block.parts)) return Equal{};
  }
  std::vector<Step> steps;
  if (!block.ends.empty()) flatten(block.step, steps);
  if (steps.size() < 2 || !follow(meeting, block.entry, steps, block.ends))
    return undecided(meeting);
  return Equal{};
}

/// None if the diagrams do not fit.
std::optional<Answer> ChainProof::ask(const Meeting& meeting, const Block& block,
                                      const std::vector<WordSet>& groups, bool is_guess) {
  Question question(comparison_.allowance(), groups, layer_.returns);
  std::optional<Answer> answer;
  try {
    Runner runner(question.store, question.order, question.results, program_.facts());
    Diagram wanted = no;
    if (!block.ends.empty()) {
      runner.stop_at(block.ends);
      const Diagram test =
          ConditionDiagrams(conditions_, question.store, question.order).of(block.step.condition);
      wanted = question.store.if_then_else(test, question.results.of(block.step.ret),
                                           terminal(stop_base));
    } else {
      wanted = list_diagram(policy_.list(meeting.left), block.first_item, conditions_, question);
    }
    // A guessed end that is wrong shows by a run through the rest of the chain: not to be waited
    // for.
    if (is_guess) question.store.leave(4 * question.store.size() + guess_nodes);
    const Diagram found = runner.run({.pc = static_cast<std::uint32_t>(block.entry)});
    if (found == wanted)
      answer = Equal{};
    else
      answer = is_guess ? undecided(meeting) : search_witness(meeting, question, wanted, found);
  } catch (const DiagramOverflow&) {
  }
  comparison_.spend(question.store.size());
  return answer;
}

/// A failed block may be a wrong hint or a wrong program: only the interpreters can tell.
Answer ChainProof::search_witness(const Meeting& meeting, Question& question, Diagram wanted,
                                  Diagram found) const {
  WitnessSearch search(question.store, question.order, layer_.returns, Violation::differing);
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

/// How many places a condition's parts begin at, as ChainHint::steps counts them.
std::size_t ChainProof::parts_in(ConditionId id) const {
  const std::vector<ConditionId>& children = conditions_[id].children;
  std::size_t parts = children.empty() ? 0 : children.size() - 1;
  for (const ConditionId child : children) parts += parts_in(child);
  return parts;
}

/// None if the diagrams do not fit in this order.
std::optional<bool> ChainProof::leads_at_once(const Claim& claim,
                                              const std::vector<WordSet>& groups) {
  Question question(comparison_.allowance(), groups, layer_.returns);
  std::optional<bool> answer;
  try {
    Runner runner(question.store, question.order, question.results, program_.facts());
    std::vector<std::size_t> stops;
    const auto diagram_of = [&](const Goal& goal) {
      if (!goal.place) return question.results.of(goal.ret);
      if (stops.empty() || stops.front() != *goal.place) stops.push_back(*goal.place);
      return terminal(stop_base + static_cast<std::uint32_t>(stops.size()) - 1);
    };
    const Diagram holding = diagram_of(claim.is_negated ? claim.no : claim.yes);
    const Diagram failing = diagram_of(claim.is_negated ? claim.yes : claim.no);
    runner.stop_at(stops);
    const Diagram test =
        ConditionDiagrams(conditions_, question.store, question.order).of(claim.condition);
    const Diagram wanted = question.store.if_then_else(test, holding, failing);
    answer = runner.run({.pc = static_cast<std::uint32_t>(claim.entry)}) == wanted;
  } catch (const DiagramOverflow&) {
  }
  comparison_.spend(question.store.size());
  return answer;
}

bool ChainProof::leads(const Claim& claim, std::span<const std::size_t> parts) {
  for (const auto& groups : orders_of(program_.related()))
    if (const auto answer = leads_at_once(claim, groups)) return *answer;
  return leads_by_parts(claim, parts);
}

/// `any` goes from child to child until one holds, `all` until one does not; a negation changes the
/// one into the other. Each child is a claim of its own, so the whole follows by induction over the
/// condition, whatever the places are.
bool ChainProof::leads_by_parts(const Claim& claim, std::span<const std::size_t> parts) {
  const ResolvedCondition& condition = conditions_[claim.condition];
  if (condition.children.empty() || parts.size() != parts_in(claim.condition)) return false;
  Claim child = claim;
  if (condition.kind == Condition::Kind::negation) {
    child.condition = condition.children.front();
    child.is_negated = !claim.is_negated;
    return leads(child, parts);
  }
  const bool is_any = (condition.kind == Condition::Kind::any) != claim.is_negated;
  for (std::size_t i = 0; i + 1 < condition.children.size(); ++i) {
    child.condition = condition.children[i];
    const std::size_t own = parts_in(child.condition);
    const std::size_t next = parts[own];
    if (next >= program_.facts().program().size() || program_.facts().live(next) != 0) return false;
    (is_any ? child.no : child.yes) = {.place = next};
    if (!leads(child, parts.first(own))) return false;
    child.entry = next;
    parts = parts.subspan(own + 1);
  }
  child.condition = condition.children.back();
  child.yes = claim.yes;
  child.no = claim.no;
  return leads(child, parts);
}

/// A condition that is any of several is several steps with one result.
void ChainProof::flatten(const Step& step, std::vector<Step>& steps) const {
  const ResolvedCondition& condition = conditions_[step.condition];
  if (condition.kind != Condition::Kind::any) return steps.push_back(step);
  for (const ConditionId child : condition.children) flatten({child, step.ret}, steps);
}

/// Places without live registers on the way of a call that no step matches.
std::vector<std::size_t> ChainProof::candidates(const Meeting& meeting, std::size_t entry,
                                                std::span<const Step> steps) const {
  const auto code = program_.facts().program().instructions().subspan(entry);
  const auto suffix =
      Program::verify({code.begin(), code.end()}, program_.facts().program().target());
  if (!suffix) return {};
  for (std::uint32_t seed = 1; seed <= point_tries; ++seed) {
    Assignment point = random_point(seed);
    const bool matches = std::any_of(steps.begin(), steps.end(), [&](const Step& step) {
      return holds(conditions_, step.condition, point);
    });
    if (matches) continue;
    point.words[arch_word] = meeting.example.words[arch_word];
    point.words[number_word] = meeting.example.words[number_word];
    std::vector<std::size_t> places;
    for (const std::uint16_t at : trace(*suffix, point.data()).path)
      if (at != 0 && program_.facts().live(entry + at) == 0) places.push_back(entry + at);
    return places;
  }
  return {};
}

bool ChainProof::is_step(const Meeting& meeting, const Block& block) {
  for (const auto& groups : orders_of(program_.related()))
    if (const auto answer = ask(meeting, block, groups, true))
      return std::holds_alternative<Equal>(*answer);
  return false;
}

/// Proves the steps one after the other from `entry`, the last one ending at the first of `last` if
/// there is any; says where it ended. None if some step's end is not found.
std::optional<std::size_t> ChainProof::follow(const Meeting& meeting, std::size_t entry,
                                              std::span<const Step> steps,
                                              std::span<const std::size_t> last) {
  const std::vector<std::size_t> places = candidates(meeting, entry, steps);
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (!last.empty() && i + 1 == steps.size()) {
      if (!is_step(meeting, {.entry = entry, .ends = last, .step = steps[i]})) return std::nullopt;
      return last.front();
    }
    const auto after = std::upper_bound(places.begin(), places.end(), entry) - places.begin();
    auto ends = std::span(places).subspan(static_cast<std::size_t>(after));
    std::size_t tries = 0;
    while (tries < candidate_tries && !ends.empty() &&
           !is_step(meeting, {.entry = entry, .ends = ends, .step = steps[i]})) {
      ends = ends.subspan(1);
      ++tries;
    }
    if (tries == candidate_tries || ends.empty()) return std::nullopt;
    entry = ends.front();
  }
  return entry;
}

Answer ChainProof::prove(const Meeting& meeting) {
  const DecisionList& list = policy_.list(meeting.left);
  std::vector<Step> steps;
  for (const ListItem& item : list.items) flatten({item.condition, item.ret}, steps);
  const std::uint32_t suspended = program_.suspended_at(meeting.right);
  std::size_t entry = suspended + 1;
  do {
    if (entry == 0 || entry + entry_distance < suspended) return undecided(meeting);
    --entry;
  } while (!begins_at(meeting, entry));
  const auto end = follow(meeting, entry, steps, {});
  if (!end) return undecided(meeting);
  return prove_block(meeting, {.entry = *end, .first_item = list.items.size()});
}

}  // namespace callgate::meaning
