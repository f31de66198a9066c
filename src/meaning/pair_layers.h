// Two sides at once: where they answer differently, the pair of their answers.
#pragma once

#include "callgate/meaning/difference.h"
#include "meaning/product.h"

namespace callgate::meaning {

/// Whether two return values count as the same.
[[nodiscard]] bool are_alike(Compared compared, std::uint32_t left, std::uint32_t right);

/// The function from a call to what two sides say of it. All pairs that count as alike are one
/// answer.
class PairLayers final : public Layers {
 public:
  /// The sides and the layer must outlive it.
  PairLayers(Layers& left, Layers& right, Compared compared, FirstLayer& layer);
  [[nodiscard]] Diagram layer1() override { return product_.layer1(); }
  [[nodiscard]] Diagram layer2(Diagram terminal, Question& question) override {
    return ReturnTable::is_return(terminal) ? terminal : product_.layer2(terminal, question);
  }
  [[nodiscard]] const std::vector<WordSet>& related() const override { return product_.related(); }

  using Pair = std::pair<std::uint32_t, std::uint32_t>;  ///< what left and right return
  /// The answer of all pairs that are alike.
  [[nodiscard]] static constexpr Diagram alike() noexcept { return no; }
  /// The pair of any other answer.
  [[nodiscard]] const Pair& pair(Diagram answer) const noexcept {
    return pairs_[terminal_value(answer)];
  }
  /// What the two sides have come to in an open terminal of layer 1.
  [[nodiscard]] std::pair<Diagram, Diagram> open(Diagram terminal) const noexcept {
    const Product::Tuple& tuple = product_.open(terminal);
    return {tuple[0], tuple[1]};
  }

 private:
  [[nodiscard]] std::optional<Diagram> join(const Product::Answers& answers);

  Compared compared_;
  std::vector<Pair> pairs_{{0, 0}};
  std::map<Pair, Diagram> index_;
  Product product_;
};

}  // namespace callgate::meaning
