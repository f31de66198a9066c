#include "findings/facts.h"

#include <algorithm>
#include <map>

#include "callgate/abi/constants.h"
#include "callgate/bpf/assembly.h"
#include "callgate/formats/call.h"
#include "callgate/policy/evaluate.h"
#include "findings/marked.h"

namespace callgate::findings {
namespace {

constexpr std::uint16_t enosys = 38;

Result<Survey> plain_survey(const Checked& checked) {
  return survey_of(checked.subject,
                   {.arches = checked.policy == nullptr ? checked.arches : std::vector<Arch>{},
                    .budget = checked.budget});
}

/// A raw number of a range names no call.
bool names(const Rule& rule, std::string_view call) {
  return std::any_of(rule.calls.begin(), rule.calls.end(), [&](const Selector& selector) {
    return selector.kind == Selector::Kind::name
               ? selector.name == call
               : selector.kind == Selector::Kind::group ||
                     (selector.kind == Selector::Kind::numbers && selector.first == selector.last);
  });
}

}  // namespace

bool permits_return(std::uint32_t ret) noexcept {
  const auto action = action_of(ret);
  return action && permits(action->kind);
}

bool denies_return(std::uint32_t ret) noexcept {
  const auto action = action_of(ret);
  return !action || denies(action->kind);
}

bool is_error(std::uint32_t ret, Arch arch, std::uint16_t generic) noexcept {
  return ret == deny(errno_on(arch, generic)).ret();
}

const DecidedCase* DecidedCall::permitted() const noexcept {
  const auto found = std::find_if(cases.begin(), cases.end(),
                                  [](const DecidedCase& one) { return permits_return(one.ret); });
  return found == cases.end() ? nullptr : &*found;
}

const DecidedCase* DecidedCall::refused() const noexcept {
  const auto found = std::find_if(cases.begin(), cases.end(),
                                  [](const DecidedCase& one) { return denies_return(one.ret); });
  return found == cases.end() ? nullptr : &*found;
}

Result<Facts> Facts::of(const Checked& checked) {
  Facts facts;
  facts.checked_ = &checked;
  std::optional<Policy> marked;
  if (checked.policy != nullptr) marked = marked_policy(*checked.policy, checked.arches);
  facts.knows_rules_ = marked.has_value();
  if (marked) {
    CALLGATE_TRY(const Survey survey, survey_of(PolicySubject{std::move(*marked), checked.arches},
                                                {.budget = checked.budget}));
    facts.take(survey);
  } else {
    CALLGATE_TRY(const Survey survey, plain_survey(checked));
    facts.take(survey);
  }
  facts.settle_defaults();
  return facts;
}

void Facts::take(const Survey& survey) {
  arches_ = survey.arches;
  for (const CallDecision& decision : survey.calls) {
    if (decision.undecided) {
      undecided_.push_back(
          (decision.arch ? std::string(arch_info(*decision.arch).name) + " " : std::string()) +
          (decision.call != nullptr ? std::string(decision.call->name)
                                    : std::to_string(decision.numbers.first)));
      continue;
    }
    DecidedCall call{.arch = decision.arch, .numbers = decision.numbers, .call = decision.call};
    const Arch arch = decision.arch.value_or(arches_.empty() ? native_arch() : arches_.front());
    for (const Case& one : decision.cases) {
      Mark mark{{}, one.ret};
      if (knows_rules_) mark = mark_of(*policy(), arch, one.ret);
      if (mark.rule) reached_.insert(*mark.rule);
      call.cases.push_back({mark.ret, one.when, one.witness, mark.rule});
    }
    calls_.push_back(std::move(call));
  }
}

/// Whether what nobody speaks of passes, and what most refused calls get.
void Facts::settle_defaults() {
  std::map<std::uint32_t, std::size_t> refusals;
  for (const DecidedCall& decision : calls_) {
    if (!decision.arch) continue;
    const bool is_widest = decision.call == nullptr &&
                           decision.numbers.last - decision.numbers.first > 0x10000 &&
                           decision.arch == arches_.front();
    if (is_widest && decision.permitted() != nullptr) is_denylist_ = true;
    if (decision.call != nullptr && is_refused(decision)) ++refusals[decision.cases.front().ret];
  }
  const auto most =
      std::max_element(refusals.begin(), refusals.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; });
  if (most != refusals.end()) common_refusal_ = most->first;
}

const DecidedCall* Facts::find(Arch arch, std::string_view name) const noexcept {
  const Syscall* call = find_syscall(arch, name);
  if (call == nullptr) return nullptr;
  const auto found = std::find_if(calls_.begin(), calls_.end(), [&](const DecidedCall& one) {
    return one.arch == arch && one.call == call;
  });
  return found == calls_.end() ? nullptr : &*found;
}

std::uint32_t Facts::at(const DecidedCall& decision, const SeccompData& data) const {
  if (decision.call == nullptr || !decision.arch) return at(data);
  Policy small{.otherwise = kill_process};
  std::vector<std::uint32_t> returns;
  for (const DecidedCase& one : decision.cases) {
    small.rules.push_back({.action = trap(static_cast<std::uint16_t>(returns.size())),
                           .calls = {Selector::named(std::string(decision.call->name))},
                           .condition = one.when});
    returns.push_back(one.ret);
  }
  const Arch arches[] = {*decision.arch};
  const Verdict verdict = evaluate(small, arches, data);
  return verdict.rule ? returns[*verdict.rule] : at(data);
}

std::span<const Program> Facts::programs() const noexcept {
  const auto* stack = std::get_if<StackSubject>(&checked_->subject.content());
  return stack == nullptr ? std::span<const Program>() : std::span(stack->programs);
}

bool Facts::is_refused(const DecidedCall& decision) noexcept {
  return std::all_of(decision.cases.begin(), decision.cases.end(),
                     [](const DecidedCase& one) { return denies_return(one.ret); });
}

bool Facts::is_meant(const DecidedCall& decision, const DecidedCase& refusal) const {
  if (!denies_return(refusal.ret) || !decision.arch || decision.call == nullptr) return false;
  if (decision.permitted() != nullptr) return true;
  if (is_error(refusal.ret, *decision.arch, enosys)) return false;
  if (knows_rules_)
    return refusal.rule && names(policy()->rules[*refusal.rule], decision.call->name);
  return is_denylist_ || refusal.ret != common_refusal_;
}

const DecidedCase* Facts::meant_refusal(const DecidedCall& decision) const {
  const auto found = std::find_if(decision.cases.begin(), decision.cases.end(),
                                  [&](const DecidedCase& one) { return is_meant(decision, one); });
  return found == decision.cases.end() ? nullptr : &*found;
}

Place Facts::place_of(const DecidedCase& decided) const {
  return decided.rule ? policy()->rules[*decided.rule].place : Place{};
}

std::string call_label(const DecidedCall& decision) {
  const std::string arch = decision.arch ? std::string(arch_info(*decision.arch).name) + " " : "";
  if (decision.call != nullptr) return arch + std::string(decision.call->name);
  return arch + std::to_string(decision.numbers.first);
}

FindingWitness witness_of(const Facts& facts, const SeccompData& call) {
  return {call, normalise(facts.at(call)), call_text(call)};
}

std::string return_label(const SeccompData& call, std::uint32_t ret) {
  const auto arch = classify(call.arch, call.nr);
  return arch ? return_text_on(*arch, ret) : return_text(ret);
}

std::string list_of(const std::vector<std::string>& names, std::size_t shown) {
  std::string text;
  const std::size_t count = std::min(shown, names.size());
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0) text += i + 1 == count && count == names.size() ? " and " : ", ";
    text += names[i];
  }
  if (names.size() > shown) text += " and " + std::to_string(names.size() - shown) + " more";
  return text;
}

}  // namespace callgate::findings
