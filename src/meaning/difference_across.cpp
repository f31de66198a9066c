// Two ABIs at once: the cases of each call of the right one are carried over to the left one's
// call of the same name, where both are compared as two functions of the left one's words.
#include <algorithm>

#include "callgate/abi/constants.h"
#include "callgate/meaning/difference.h"
#include "meaning/change_of.h"
#include "meaning/reading.h"

namespace callgate {
namespace {

using namespace meaning;  // NOLINT(google-build-using-namespace)

/// The cases of one call as layers: a function of the call's arguments alone.
class CaseLayers final : public Layers {
 public:
  CaseLayers(const std::vector<Case>& cases, Arch arch, const Syscall& call, FirstLayer& layer)
      : layer_(layer) {
    for (const Case& one : cases) items_.push_back({table_.add(one.when, arch, &call), one.ret, 0});
  }
  [[nodiscard]] Diagram layer1() override {
    if (items_.size() == 1) return layer_.returns.terminal_of(items_.front().ret);
    return terminal(list_base);
  }
  [[nodiscard]] Diagram layer2(Diagram terminal, Question& question) override {
    if (ReturnTable::is_return(terminal)) return question.results.of_terminal(terminal);
    const DecisionList list{
        .items = {items_.begin(), items_.end() - 1}, .rest = {}, .rest_ret = items_.back().ret};
    return list_diagram(list, 0, table_, question);
  }
  [[nodiscard]] const std::vector<WordSet>& related() const override { return related_; }

 private:
  FirstLayer& layer_;
  ConditionTable table_;
  std::vector<ListItem> items_;
  std::vector<WordSet> related_;
};

const Parameter* parameter_in(const Syscall& call, std::uint8_t word) {
  for (const Parameter& parameter : call.parameters)
    if (parameter.placement == Placement::word && parameter.low == word) return &parameter;
  return nullptr;
}

bool is_argument_word(Operand::Kind kind) {
  return kind == Operand::Kind::word || kind == Operand::Kind::low || kind == Operand::Kind::high;
}

/// A condition on one ABI's call in the words of another's.
class Carrier {
 public:
  Carrier(const Syscall& from, Arch to_arch, const Syscall& to)
      : from_(from), to_arch_(to_arch), to_(to) {}

  /// False where a test has no counterpart.
  [[nodiscard]] bool carry(Condition& condition) const {
    if (condition.kind == Condition::Kind::test) return carry(condition.test);
    return std::all_of(condition.children.begin(), condition.children.end(),
                       [&](Condition& child) { return carry(child); });
  }

 private:
  [[nodiscard]] bool carry(Test& test) const {
    if (is_argument_word(test.operand.kind)) {
      const Parameter* named = parameter_in(from_, test.operand.index);
      const Parameter* there = named == nullptr ? nullptr : find_parameter(to_, named->name);
      if (there == nullptr || there->placement != Placement::word) return false;
      test.operand.index = there->low;
    }
    const auto operand = resolve_operand(test.operand, to_arch_, &to_);
    if (!operand || !operand->testable) return false;
    if (test.mask && !resolve_value(*test.mask, to_arch_, *operand)) return false;
    return std::all_of(test.values.begin(), test.values.end(), [&](const Interval& interval) {
      return resolve_value(interval.first, to_arch_, *operand) &&
             (!interval.last || resolve_value(*interval.last, to_arch_, *operand));
    });
  }

  const Syscall& from_;
  Arch to_arch_;
  const Syscall& to_;
};

/// A return value under the left ABI's number of the error.
std::uint32_t carried_return(std::uint32_t ret, Arch from, Arch to) {
  const std::optional<Action> action = action_of(ret);
  if (!action || action->kind != ActionKind::errno_) return ret;
  const std::optional<std::uint16_t> generic = generic_errno(from, action->data);
  return generic ? deny(errno_on(to, *generic)).ret() : ret;
}

class AcrossComparison {
 public:
  AcrossComparison(const Survey& left, Arch left_arch, const Survey& right, Arch right_arch,
                   const DifferenceOptions& options)
      : left_(left),
        left_arch_(left_arch),
        right_(right),
        right_arch_(right_arch),
        options_(options) {}

  [[nodiscard]] CrossDifference run() {
    result_.difference.arches = {left_arch_};
    for (const Syscall& call : syscalls(left_arch_)) {
      const Syscall* other = find_syscall(right_arch_, call.name);
      if (other == nullptr)
        result_.only_left.emplace_back(call.name);
      else
        compare(call, *other);
    }
    for (const Syscall& call : syscalls(right_arch_))
      if (find_syscall(left_arch_, call.name) == nullptr)
        result_.only_right.emplace_back(call.name);
    for (auto* names : {&result_.only_left, &result_.only_right, &result_.untestable})
      std::sort(names->begin(), names->end());
    return std::move(result_);
  }

 private:
  void compare(const Syscall& call, const Syscall& other) {
    const CallDecision* left = left_.find(left_arch_, call.number);
    const CallDecision* right = right_.find(right_arch_, other.number);
    if (left == nullptr || right == nullptr) return;
    if (left->undecided || right->undecided) return undecided(call);
    std::vector<Case> carried = right->cases;
    const Carrier carrier(other, left_arch_, call);
    for (Case& one : carried) {
      one.ret = carried_return(one.ret, right_arch_, left_arch_);
      if (carrier.carry(one.when)) continue;
      result_.untestable.emplace_back(call.name);
      return;
    }
    compare(call, left->cases, carried);
  }

  void compare(const Syscall& call, const std::vector<Case>& left, const std::vector<Case>& right) {
    FirstLayer layer(first_layer_limit(options_.budget));
    CaseLayers left_layers(left, left_arch_, call, layer);
    CaseLayers right_layers(right, left_arch_, call, layer);
    PairLayers pairs(left_layers, right_layers, options_.compared, layer);
    const CallMap map{{.arch = left_arch_,
                       .audit = arch_info(left_arch_).audit,
                       .numbers = {call.number, call.number},
                       .call = &call,
                       .terminal = pairs.layer1()}};
    const auto decisions = Decider(layer, pairs, options_.budget).decide(map, saying_changes());
    if (!decisions.front().why_undecided.empty()) return undecided(call);
    for (Change& change : changes_of(map.front(), decisions.front(), pairs))
      result_.difference.changes.push_back(std::move(change));
  }

  void undecided(const Syscall& call) {
    result_.difference.undecided.push_back(std::string(arch_info(left_arch_).name) + " " +
                                           std::string(call.name));
  }

  const Survey& left_;
  Arch left_arch_;
  const Survey& right_;
  Arch right_arch_;
  const DifferenceOptions& options_;
  CrossDifference result_;
};

}  // namespace

Result<CrossDifference> difference_across(const Subject& left, Arch left_arch, const Subject& right,
                                          Arch right_arch, const DifferenceOptions& options) {
  // Numbers and not names: a constant's number differs between the ABIs.
  const SurveyManner manner{.with_strangers = false, .names_constants = false};
  CALLGATE_TRY(const Survey left_survey,
               take_survey(left, {.arches = {left_arch}, .budget = options.budget}, manner));
  CALLGATE_TRY(const Survey right_survey,
               take_survey(right, {.arches = {right_arch}, .budget = options.budget}, manner));
  return AcrossComparison(left_survey, left_arch, right_survey, right_arch, options).run();
}

}  // namespace callgate
