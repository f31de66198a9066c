// Putting a program into force. No third-party library, no allocation, no exception: install() may
// run between fork and exec and in a signal handler.
#pragma once

#include "callgate/bpf/program.h"
#include "callgate/runtime/install_options.h"

namespace callgate {

/// Installs on the calling thread, or on all threads of the process. Where seccomp(2) is missing
/// and no flag is asked for, prctl(PR_SET_SECCOMP) is used. Nothing is weakened in silence: a flag
/// that the kernel does not know is an error. One way only: no filter can be taken off.
[[nodiscard]] InstallStatus install(const Program& program, const InstallOptions& options) noexcept;

/// The status as a Result with a message for people; allocates.
[[nodiscard]] Result<UniqueFd> to_result(InstallStatus status);

}  // namespace callgate
