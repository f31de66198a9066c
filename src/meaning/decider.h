// Layer 2 read out: for each piece of a call map, which answers it has and under which conditions.
#pragma once

#include <functional>
#include <string>

#include "callgate/meaning/proof.h"
#include "meaning/call_map.h"
#include "meaning/say.h"

namespace callgate::meaning {

/// One answer of a piece.
struct Answered {
  Diagram answer = no;  ///< a terminal below stop_base
  Condition when;
  Assignment example;  ///< arguments that get it; arch and nr are not set
};

/// What a piece decides. Without a reason `answers` holds them all.
struct Decision {
  std::vector<Answered> answers;
  std::string why_undecided;
};

/// How the answers of a piece are to be said.
struct SayingOptions {
  /// Each condition is exact by itself; else they are read in order and the last is `always`.
  bool is_exact = false;
  /// True for an answer of a piece that says nothing of note: it is left out (exact), or comes
  /// last.
  std::function<bool(const Piece&, Diagram)> is_background = [](const Piece&, Diagram) {
    return false;
  };
  /// Of several answers that are as long to be said, those with the highest rank come first.
  std::function<std::int64_t(Diagram)> rank = [](Diagram) { return 0; };
  bool names_constants = true;
};

/// Every piece's decision, in the order of the pieces. The terminals of layer 1 are asked for one
/// after the other, each in a store of its own.
class Decider {
 public:
  Decider(FirstLayer& layer, Layers& layers, const ProofBudget& budget)
      : layer_(layer), layers_(layers), budget_(budget) {}
  [[nodiscard]] std::vector<Decision> decide(const CallMap& map, const SayingOptions& options);

 private:
  void decide(const CallMap& map, std::span<const std::size_t> pieces, const SayingOptions& options,
              std::vector<Decision>& out);
  [[nodiscard]] static Decision decide(const Piece& piece, Diagram diagram, Question& question,
                                       const SayingOptions& options);

  FirstLayer& layer_;
  Layers& layers_;
  ProofBudget budget_;
  std::size_t spent_ = 0;  ///< nodes
  std::size_t said_ = 0;   ///< values in conditions
};

}  // namespace callgate::meaning
