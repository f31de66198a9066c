// When a rule on a group reaches a call that carries others (socketcall, ipc).
#pragma once

#include "callgate/abi/syscalls.h"
#include "callgate/policy/policy.h"

namespace callgate::policy {

/// True if the rule's section includes the ABI.
[[nodiscard]] bool in_section(const Rule& rule, Arch arch) noexcept;

/// True if every call that a multiplexer carries is first matched, on that ABI, by a rule without a
/// condition that permits it.
[[nodiscard]] bool carries_only_permitted(const Policy& policy, Arch arch,
                                          const Syscall& multiplexer);

/// True if a rule on a group selects that form of it.
[[nodiscard]] bool selects_form(const Policy& policy, const Rule& rule, Arch arch,
                                const Syscall& form);

}  // namespace callgate::policy
