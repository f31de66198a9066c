// A stack of filters is the product of theirs: where all have answered, the strictest answer; where
// some still have to look at arguments, a terminal for what each of them has come to. Weakness: the
// product of layer 1 can have as many nodes as those of its filters multiplied.
#include "meaning/stack_side.h"

#include <algorithm>

#include "callgate/abi/action.h"
#include "meaning/comparison.h"

namespace callgate::meaning {

std::uint32_t strictest(std::span<const std::uint32_t> youngest_first) noexcept {
  std::uint32_t result = static_cast<std::uint32_t>(ActionKind::allow);
  for (const std::uint32_t ret : youngest_first) {
    if (precedence(ret) < precedence(result)) result = ret;
  }
  return result;
}

StackSide::StackSide(std::span<const Program> oldest_first, FirstLayer& layer) : layer_(layer) {
  for (std::size_t i = oldest_first.size(); i-- > 0;) {
    sides_.push_back(std::make_unique<ProgramSide>(oldest_first[i], layer));
    related_ = merged_groups(related_, sides_.back()->related());
  }
}

Diagram StackSide::joined(const Tuple& terminals) {
  std::vector<std::uint32_t> answers;
  for (const Diagram terminal : terminals) {
    if (ReturnTable::is_return(terminal)) answers.push_back(layer_.returns.value(terminal));
  }
  const std::uint32_t so_far = strictest(answers);
  const bool is_decided = answers.size() == terminals.size() || so_far == kill_process.ret();
  if (is_decided) return layer_.returns.terminal_of(so_far);
  const auto next = terminal(suspension_base + static_cast<std::uint32_t>(open_.size()));
  const auto [entry, is_new] = open_index_.try_emplace(terminals, next);
  if (is_new) open_.push_back(terminals);
  return entry->second;
}

Diagram StackSide::product(MeaningStore& store, const Tuple& parts, Products& known) {
  if (std::all_of(parts.begin(), parts.end(), is_terminal)) return joined(parts);
  if (const auto found = known.find(parts); found != known.end()) return found->second;
  store.charge(1);
  std::uint32_t top = terminal_flag;
  for (const Diagram part : parts) top = std::min(top, store.level(part));
  const auto half = [&](bool value) {
    Tuple cut;
    for (const Diagram part : parts) cut.push_back(store.cofactor(part, top, value));
    return product(store, cut, known);
  };
  const Diagram low = half(false);
  const Diagram high = half(true);
  return known[parts] = store.node(top, low, high);
}

Diagram StackSide::layer1() {
  Tuple roots;
  for (const auto& side : sides_) roots.push_back(side->layer1());
  Products known;
  return product(layer_.store, roots, known);
}

Diagram StackSide::layer2(Diagram terminal, Question& question) {
  if (ReturnTable::is_return(terminal)) return question.results.of_terminal(terminal);
  const Tuple& states = open_[terminal_value(terminal) - suspension_base];
  Tuple parts;
  for (std::size_t i = 0; i < sides_.size(); ++i) {
    parts.push_back(sides_[i]->layer2(states[i], question));
  }
  Products known;
  return product(question.store, parts, known);
}

std::uint32_t StackSide::at(const SeccompData& data) const {
  std::vector<std::uint32_t> answers;
  for (const auto& side : sides_) answers.push_back(side->at(data));
  return strictest(answers);
}

}  // namespace callgate::meaning
