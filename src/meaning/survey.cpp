#include "callgate/meaning/survey.h"

#include <algorithm>
#include <map>

#include "callgate/abi/action.h"
#include "meaning/combined_side.h"
#include "meaning/reading.h"

namespace callgate {
namespace {

using namespace meaning;  // NOLINT(google-build-using-namespace)

bool is_denial(std::uint32_t ret) {
  const std::optional<Action> action = action_of(ret);
  return !action || denies(action->kind);
}

/// What an ABI's calls get that nothing is said of: what numbers without a call get if that lets
/// them through, else what most calls are refused with.
std::map<Arch, std::uint32_t> rests(const CallMap& map, const ReturnTable& returns) {
  std::map<Arch, std::uint32_t> result;
  std::map<Arch, std::uint32_t> widest;
  std::map<Arch, std::map<std::uint32_t, std::size_t>> refusals;
  for (const Piece& piece : map) {
    if (!piece.arch || !ReturnTable::is_return(piece.terminal)) continue;
    const std::uint32_t ret = returns.value(piece.terminal);
    if (piece.call != nullptr) {
      if (is_denial(ret)) ++refusals[*piece.arch][ret];
      continue;
    }
    const std::uint32_t width = piece.numbers.last - piece.numbers.first;
    if (result.contains(*piece.arch) && widest[*piece.arch] >= width) continue;
    widest[*piece.arch] = width;
    result[*piece.arch] = ret;
  }
  for (const auto& [arch, counts] : refusals) {
    if (result.contains(arch) && !is_denial(result[arch])) continue;
    const auto most =
        std::max_element(counts.begin(), counts.end(),
                         [](const auto& a, const auto& b) { return a.second < b.second; });
    result[arch] = most->first;
  }
  return result;
}

bool same_cases(const CallDecision& a, const CallDecision& b) {
  return a.undecided == b.undecided && std::equal(a.cases.begin(), a.cases.end(), b.cases.begin(),
                                                  b.cases.end(), [](const Case& x, const Case& y) {
                                                    return x.ret == y.ret && x.when == y.when;
                                                  });
}

/// Adds a decision; numbers without a call that are decided as those before them join these.
void append(std::vector<CallDecision>& calls, CallDecision decision) {
  if (!calls.empty() && decision.call == nullptr) {
    CallDecision& last = calls.back();
    const bool joins = last.call == nullptr && last.arch == decision.arch &&
                       last.numbers.last + 1 == decision.numbers.first && !decision.undecided &&
                       last.numbers.last != skipped_call && same_cases(last, decision);
    if (joins) {
      last.numbers.last = decision.numbers.last;
      return;
    }
  }
  calls.push_back(std::move(decision));
}

CallDecision decision_of(const Piece& piece, const Decision& decision, const ReturnTable& returns) {
  CallDecision result{.arch = piece.arch, .numbers = piece.numbers, .call = piece.call};
  result.undecided = !decision.why_undecided.empty();
  result.why_undecided = decision.why_undecided;
  for (const Answered& one : decision.answers)
    result.cases.push_back({returns.value(one.answer), one.when, call_of(piece, one.example)});
  return result;
}

/// Numbers of a twin ABI, which shares an audit number, that every stranger's calls are decided as.
void drop_like_strangers(std::vector<CallDecision>& calls) {
  if (calls.empty() || calls.back().arch || calls.back().numbers != NumberRange{0, skipped_call})
    return;
  const CallDecision& all = calls.back();
  if (!all.constant()) return;
  const std::size_t last = calls.size() - 1;
  std::size_t index = 0;
  std::erase_if(calls, [&](const CallDecision& one) {
    return index++ != last && !one.arch && one.constant() == all.constant();
  });
}

}  // namespace

const CallDecision* Survey::find(Arch arch, std::uint32_t number) const noexcept {
  for (const CallDecision& call : calls)
    if (call.arch == arch && call.numbers.first <= number && number <= call.numbers.last)
      return &call;
  return nullptr;
}

Result<Survey> meaning::take_survey(const Subject& subject, const SurveyOptions& options,
                                    const SurveyManner& manner) {
  FirstLayer layer(first_layer_limit(options.budget));
  ConditionTable conditions;
  const Subject* const subjects[] = {&subject};
  try {
    const auto side = make_side(subject, conditions, layer);
    const Diagram root = side->layer1();
    Survey survey;
    CALLGATE_TRY(survey.arches, named_arches(subjects, options.arches, layer, std::span(&root, 1)));
    CALLGATE_TRY(const CallMap map, call_map(layer, root, survey.arches, manner.with_strangers));
    const auto rest = rests(map, layer.returns);
    SayingOptions saying{.names_constants = manner.names_constants};
    saying.is_background = [&](const Piece& piece, Diagram answer) {
      const auto found = piece.arch ? rest.find(*piece.arch) : rest.end();
      return found != rest.end() && found->second == layer.returns.value(answer);
    };
    saying.rank = [&](Diagram answer) { return precedence(layer.returns.value(answer)); };
    const std::vector<Decision> decisions =
        Decider(layer, *side, options.budget).decide(map, saying);
    for (std::size_t i = 0; i < map.size(); ++i)
      append(survey.calls, decision_of(map[i], decisions[i], layer.returns));
    drop_like_strangers(survey.calls);
    return survey;
  } catch (const DiagramOverflow&) {
    return first_layer_overflow();
  }
}

Result<Survey> survey_of(const Subject& subject, const SurveyOptions& options) {
  return take_survey(subject, options, {.with_strangers = options.arches.empty()});
}

}  // namespace callgate
