// What check says about the calls that a rule names.
#pragma once

#include "callgate/policy/resolve.h"
#include "policy/findings.h"

namespace callgate::policy {

/// Unknown names, calls that none of these ABIs has, calls newer than the policy's level, empty
/// ranges, multiplexed forms that a group leaves out. `arches`: those that the rule reaches.
void check_selectors(const Policy& policy, const Rule& rule, std::span<const Arch> arches,
                     Selection& selection, Findings& findings);

}  // namespace callgate::policy
