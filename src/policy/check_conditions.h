// What check says about the conditions of rules.
#pragma once

#include "callgate/policy/resolve.h"
#include "policy/findings.h"

namespace callgate::policy {

/// How deep conditions may nest.
inline constexpr unsigned max_condition_depth = 100;

/// Tests that cannot be made or cannot be met, for each call that the rule selects on each of these
/// ABIs (those that it reaches). What is wrong alike for several calls is said once.
void check_condition(const Policy& policy, const Rule& rule, std::span<const Arch> arches,
                     Selection& selection, Findings& findings);

}  // namespace callgate::policy
