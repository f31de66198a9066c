#include "callgate/meaning/difference.h"

#include <algorithm>
#include <map>

#include "meaning/change_of.h"
#include "meaning/combined_side.h"
#include "meaning/reading.h"
#include "meaning/side_comparison.h"

namespace callgate {
namespace {

using namespace meaning;  // NOLINT(google-build-using-namespace)

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

/// All words of a call as they are.
Condition exactly(const SeccompData& data) {
  Condition result{.kind = Condition::Kind::all};
  const auto add = [&](Operand operand, std::uint64_t value) {
    result.children.push_back(
        Condition::of({.operand = std::move(operand), .values = {{Value::of(value), {}}}}));
  };
  add({.kind = Operand::Kind::ip}, data.instruction_pointer);
  for (std::size_t i = 0; i < data.args.size(); ++i)
    add({.kind = Operand::Kind::word, .index = static_cast<std::uint8_t>(i)}, data.args[i]);
  return result;
}

/// Calls whose changes cannot be said: whether they change at all, with a witness.
class UnsaidChanges {
 public:
  UnsaidChanges(Side& left, Side& right, const PairLayers& pairs, const ConditionTable& conditions,
                FirstLayer& layer, const DifferenceOptions& options)
      : left_(left),
        right_(right),
        pairs_(pairs),
        compared_(options.compared),
        comparison_(left, right, Violation::differing, conditions, layer, options.budget) {}

  [[nodiscard]] std::vector<Change> changes(const Piece& piece, Difference& difference) {
    const auto& [left, right] = pairs_.open(piece.terminal);
    const auto [known, is_new] = answers_.try_emplace(piece.terminal);
    if (is_new) known->second = comparison_.run({left, right, assignment_of(call_of(piece, {}))});
    if (std::holds_alternative<Equal>(known->second)) return {};
    const std::string name = name_of(piece);
    if (difference.undecided.empty() || difference.undecided.back() != name)
      difference.undecided.push_back(name);
    const auto* differs = std::get_if<Differs>(&known->second);
    return differs != nullptr ? sample(piece, differs->witness) : std::vector<Change>{};
  }

 private:
  /// The change at one call, if it is one there.
  [[nodiscard]] std::vector<Change> sample(const Piece& piece, const SeccompData& data) const {
    const SeccompData witness = call_of(piece, assignment_of(data));
    const std::uint32_t from = left_.at(witness);
    const std::uint32_t to = right_.at(witness);
    if (are_alike(compared_, from, to)) return {};
    return {{.arch = piece.arch,
             .numbers = piece.numbers,
             .call = piece.call,
             .when = exactly(witness),
             .is_complete = false,
             .from = from,
             .to = to,
             .witness = witness}};
  }

  const Side& left_;
  const Side& right_;
  const PairLayers& pairs_;
  Compared compared_;
  SideComparison comparison_;
  std::map<Diagram, Answer> answers_;  ///< by terminal of layer 1
};

}  // namespace

bool is_looser(const Change& change) noexcept {
  return precedence(change.to) > precedence(change.from);
}

Result<Difference> difference(const Subject& left, const Subject& right,
                              const DifferenceOptions& options) {
  FirstLayer layer(first_layer_limit(options.budget));
  ConditionTable conditions;
  const Subject* const subjects[] = {&left, &right};
  try {
    const auto left_side = make_side(left, conditions, layer);
    const auto right_side = make_side(right, conditions, layer);
    const Diagram roots[] = {left_side->layer1(), right_side->layer1()};
    PairLayers pairs(*left_side, *right_side, options.compared, layer);
    const Diagram root = pairs.layer1();
    Difference result;
    CALLGATE_TRY(result.arches, named_arches(subjects, options.arches, layer, roots));
    CALLGATE_TRY(const CallMap map, call_map(layer, root, result.arches, options.arches.empty()));
    const std::vector<Decision> decisions =
        Decider(layer, pairs, options.budget).decide(map, saying_changes());
    UnsaidChanges unsaid(*left_side, *right_side, pairs, conditions, layer, options);
    for (std::size_t i = 0; i < map.size(); ++i) {
      const bool is_said = decisions[i].why_undecided.empty();
      for (Change& change :
           is_said ? changes_of(map[i], decisions[i], pairs) : unsaid.changes(map[i], result))
        add(result.changes, std::move(change));
    }
    return result;
  } catch (const DiagramOverflow&) {
    return first_layer_overflow();
  }
}

}  // namespace callgate
