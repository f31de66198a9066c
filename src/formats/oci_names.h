// Which calls a runtime's libseccomp knows by name.
#pragma once

#include "callgate/abi/syscalls.h"

namespace callgate::oci {

/// The call of that name on that ABI, or null if a libseccomp whose tables reach `level` has none.
[[nodiscard]] const Syscall* libseccomp_call(Arch arch, std::string_view name,
                                             Release level) noexcept;

}  // namespace callgate::oci
