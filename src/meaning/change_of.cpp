#include "meaning/change_of.h"

#include <algorithm>

#include "callgate/abi/action.h"
#include "meaning/reading.h"

namespace callgate::meaning {

SayingOptions saying_changes() {
  SayingOptions saying{.is_exact = true};
  saying.is_background = [](const Piece&, Diagram answer) { return answer == PairLayers::alike(); };
  return saying;
}

std::vector<Change> changes_of(const Piece& piece, const Decision& decision,
                               const PairLayers& pairs) {
  std::vector<Change> changes;
  for (const Answered& one : decision.answers) {
    if (one.answer == PairLayers::alike()) continue;
    const auto& [from, to] = pairs.pair(one.answer);
    changes.push_back({.arch = piece.arch,
                       .numbers = piece.numbers,
                       .call = piece.call,
                       .when = one.when,
                       .from = from,
                       .to = to,
                       .witness = call_of(piece, one.example)});
  }
  std::stable_sort(changes.begin(), changes.end(), [](const Change& a, const Change& b) {
    return std::pair(precedence(a.from), precedence(a.to)) <
           std::pair(precedence(b.from), precedence(b.to));
  });
  return changes;
}

}  // namespace callgate::meaning
