// Raw words by the names of the parameters that they hold.
#pragma once

#include <optional>

#include "callgate/policy/resolve.h"

namespace callgate::findings {

/// The rule's condition with each test on a raw word made on the integer parameter that it holds,
/// at the kernel's width. None if no test changes, or one cannot: the rule names numbers, its calls
/// have parameters of different names there, a value does not fit.
[[nodiscard]] std::optional<Condition> condition_by_names(const Rule& rule,
                                                          std::span<const Arch> arches,
                                                          Selection& selection);

}  // namespace callgate::findings
