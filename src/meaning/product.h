// Several sides at once: what each of them decides, joined into one answer.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "meaning/sides.h"

namespace callgate::meaning {

/// The product of the parts' layers: where all have answered, what `join` makes of their answers;
/// where some still have to look at arguments, a terminal for what each of them has come to.
/// Weakness: the product of layer 1 can have as many nodes as those of the parts multiplied.
class Product {
 public:
  /// Answers by part, none where it is still open. None: not known before the rest is.
  using Answers = std::vector<std::optional<std::uint32_t>>;
  using Join = std::function<std::optional<Diagram>(const Answers&)>;
  using Tuple = std::vector<Diagram>;  ///< one for each part

  /// The parts and the layer must outlive it.
  Product(std::vector<Layers*> parts, FirstLayer& layer, Join join);
  [[nodiscard]] Diagram layer1();
  [[nodiscard]] Diagram layer2(Diagram terminal, Question& question);
  [[nodiscard]] const std::vector<WordSet>& related() const noexcept { return related_; }
  /// What an open terminal of layer 1 stands for.
  [[nodiscard]] const Tuple& open(Diagram terminal) const noexcept {
    return open_[terminal_value(terminal) - suspension_base];
  }

 private:
  using Known = std::map<Tuple, Diagram>;
  [[nodiscard]] Diagram product(MeaningStore& store, const Tuple& parts, Known& known);
  [[nodiscard]] Diagram joined(const Tuple& terminals);

  FirstLayer& layer_;
  std::vector<Layers*> parts_;
  Join join_;
  std::vector<Tuple> open_;  ///< what suspension_base + i stands for
  Known open_index_;
  std::vector<WordSet> related_;
};

}  // namespace callgate::meaning
