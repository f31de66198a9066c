#include "meaning/product.h"

#include <algorithm>

#include "meaning/comparison.h"

namespace callgate::meaning {

Product::Product(std::vector<Layers*> parts, FirstLayer& layer, Join join)
    : layer_(layer), parts_(std::move(parts)), join_(std::move(join)) {
  for (const Layers* part : parts_) related_ = merged_groups(related_, part->related());
}

Diagram Product::joined(const Tuple& terminals) {
  Answers answers;
  for (const Diagram terminal : terminals) {
    const bool is_known = ReturnTable::is_return(terminal);
    answers.push_back(is_known ? std::optional(layer_.returns.value(terminal)) : std::nullopt);
  }
  if (const std::optional<Diagram> answer = join_(answers)) return *answer;
  const auto next = terminal(suspension_base + static_cast<std::uint32_t>(open_.size()));
  const auto [entry, is_new] = open_index_.try_emplace(terminals, next);
  if (is_new) open_.push_back(terminals);
  return entry->second;
}

Diagram Product::product(MeaningStore& store, const Tuple& parts, Known& known) {
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

Diagram Product::layer1() {
  Tuple roots;
  for (Layers* part : parts_) roots.push_back(part->layer1());
  Known known;
  return product(layer_.store, roots, known);
}

Diagram Product::layer2(Diagram terminal, Question& question) {
  const Tuple& states = open(terminal);
  Tuple parts;
  for (std::size_t i = 0; i < parts_.size(); ++i)
    parts.push_back(parts_[i]->layer2(states[i], question));
  Known known;
  return product(question.store, parts, known);
}

}  // namespace callgate::meaning
