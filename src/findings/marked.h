// A policy in which each rule has a return value of its own.
#pragma once

#include <optional>

#include "callgate/policy/policy.h"

namespace callgate::findings {

/// What a return value of the marked policy stands for.
struct Mark {
  std::optional<std::size_t> rule;  ///< none: no rule of the policy
  std::uint32_t ret = 0;            ///< what the policy itself returns on `arch`, normalised
};

/// `policy` for `arches`, each rule's action replaced by a trap or trace that tells the rule. It
/// selects the same calls under the same conditions: what depends on an action (multiplexed forms
/// of groups, `on untestable`) is written out first. None if there are more rules than marks.
[[nodiscard]] std::optional<Policy> marked_policy(const Policy& policy,
                                                  std::span<const Arch> arches);
/// What a return value of marked_policy stands for; `arch` is the ABI of the call, or the first of
/// the policy's where it has none.
[[nodiscard]] Mark mark_of(const Policy& policy, Arch arch, std::uint32_t ret);

}  // namespace callgate::findings
