// Surveys read by evaluate(): cases become the rules of a policy with a marker for each.
#pragma once

#include <gtest/gtest.h>

#include "callgate/meaning/survey.h"
#include "callgate/policy/evaluate.h"

namespace callgate::test {

/// Whether a condition of a survey or a difference holds for a call, by evaluate().
inline bool holds(const Condition& when, std::optional<Arch> arch, const Syscall* call,
                  SeccompData data) {
  const Arch named = arch.value_or(Arch::x86_64);
  Policy policy{.abi = newest_release(), .otherwise = kill_process};
  policy.unknown = kill_process;
  if (!arch) {  // raw words alone, which mean the same everywhere
    data.arch = arch_info(named).audit;
    data.nr = 0;
  }
  const Selector selector = call != nullptr ? Selector::named(std::string(call->name))
                                            : Selector::numbers(data.nr, data.nr);
  policy.rules = {{.action = allow, .calls = {selector}, .condition = when}};
  const Arch arches[] = {named};
  EXPECT_FALSE(has_errors(check(policy, arches))) << render(check(policy, arches));
  return evaluate(policy, arches, data).action == allow;
}

/// The first case that holds; null if none does.
inline const Case* first_case(const CallDecision& call, const SeccompData& data) {
  for (const Case& one : call.cases)
    if (holds(one.when, call.arch, call.call, data)) return &one;
  return nullptr;
}

/// The decision about a call; null if the survey has none or cannot tell which.
inline const CallDecision* decision_for(const Survey& survey, const SeccompData& data) {
  const std::optional<Arch> arch = classify(data.arch, data.nr);
  if (arch) {
    if (const CallDecision* found = survey.find(*arch, data.nr)) return found;
  }
  const CallDecision* result = nullptr;
  for (const CallDecision& call : survey.calls) {
    if (call.arch || data.nr < call.numbers.first || call.numbers.last < data.nr) continue;
    if (result != nullptr) return nullptr;  // several architectures decided differently
    result = &call;
  }
  return result;
}

inline std::string show(const SeccompData& data) {
  std::string text = "arch " + std::to_string(data.arch) + " nr " + std::to_string(data.nr) +
                     " ip " + std::to_string(data.instruction_pointer);
  for (const std::uint64_t arg : data.args) text += " " + std::to_string(arg);
  return text;
}

}  // namespace callgate::test
