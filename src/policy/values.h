// What check shares with resolve beyond its public functions.
#pragma once

#include "callgate/policy/resolve.h"

namespace callgate::policy {

/// True if the rule's section includes the ABI.
[[nodiscard]] bool in_section(const Rule& rule, Arch arch) noexcept;

/// The calls of a group that an ABI has.
[[nodiscard]] std::vector<const Syscall*> group_forms(std::string_view name, Arch arch);

/// As resolve_value; `fault` ends the message about a number past the width ("cannot match").
[[nodiscard]] Result<std::uint64_t> resolve_value_as(const Value& value, Arch arch,
                                                     const ResolvedOperand& operand,
                                                     std::string_view fault);

}  // namespace callgate::policy
