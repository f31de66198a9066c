#include "callgate/meaning/difference.h"

#include <algorithm>

#include "callgate/abi/action.h"
#include "meaning/combined_side.h"
#include "meaning/pair_layers.h"
#include "meaning/reading.h"

namespace callgate {
namespace {

using namespace meaning;  // NOLINT(google-build-using-namespace)

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

/// Numbers without a call that change as those before them join these.
void add(std::vector<Change>& all, Change change) {
  for (auto last = all.rbegin(); last != all.rend() && change.call == nullptr; ++last) {
    if (last->arch != change.arch || last->call != nullptr) break;
    if (last->numbers.last + 1 != change.numbers.first || last->numbers.last == skipped_call)
      continue;
    if (last->from == change.from && last->to == change.to && last->when == change.when) {
      last->numbers.last = change.numbers.last;
      return;
    }
  }
  all.push_back(std::move(change));
}

}  // namespace

bool is_looser(const Change& change) noexcept {
  return precedence(change.to) > precedence(change.from);
}

Result<Difference> difference(const Subject& left, const Subject& right,
                              const DifferenceOptions& options) {
  FirstLayer layer(first_layer_limit(options.budget));
  ConditionTable conditions;
  const Subject* const subjects[] = {&left, &right};
  CALLGATE_TRY([[maybe_unused]] const auto target, target_of(subjects));
  try {
    const auto left_side = make_side(left, conditions, layer);
    const auto right_side = make_side(right, conditions, layer);
    PairLayers pairs(*left_side, *right_side, options.compared, layer);
    const Diagram root = pairs.layer1();
    Difference result;
    CALLGATE_TRY(result.arches, named_arches(subjects, options.arches, layer, root));
    CALLGATE_TRY(const CallMap map, call_map(layer, root, result.arches, options.arches.empty()));
    SayingOptions saying{.is_exact = true};
    saying.is_background = [](const Piece&, Diagram answer) {
      return answer == PairLayers::alike();
    };
    const std::vector<Decision> decisions =
        Decider(layer, pairs, options.budget).decide(map, saying);
    for (std::size_t i = 0; i < map.size(); ++i) {
      if (!decisions[i].why_undecided.empty()) result.undecided.push_back(name_of(map[i]));
      for (Change& change : changes_of(map[i], decisions[i], pairs))
        add(result.changes, std::move(change));
    }
    return result;
  } catch (const DiagramOverflow&) {
    return first_layer_overflow();
  }
}

}  // namespace callgate
