// The rules of promises, as they are put into a policy.
#pragma once

#include <optional>
#include <set>

#include "callgate/formats/promises.h"
#include "policy/names.h"

namespace callgate::formats {

/// What is wrong with a promise's name, if anything is.
[[nodiscard]] std::optional<policy::NameFault> promise_fault(std::string_view name);

/// Appends the rules of all these promises (their names must be known) for one section (empty:
/// every ABI). What rules of promises before them have decided already is left out, so promises may
/// be made bit by bit and in any order.
void add_promises(const std::set<std::string_view>& promised, const std::vector<Arch>& section,
                  const Place& place, std::vector<Rule>& rules);

}  // namespace callgate::formats
