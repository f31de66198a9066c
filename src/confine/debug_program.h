// The program of the debug mode: the policy's own, but each denial is a TRAP that says which rule
// it was.
#pragma once

#include "callgate/policy/policy.h"
#include "runtime/debug.h"

namespace callgate::confine_detail {

struct DebugProgram {
  Program program;
  std::vector<runtime::DebugRow> rows;  ///< of its TRAPs, from the one with data `first` on
};

/// Errors: those of compile(); a policy that the handler could not live under (it needs write(2) to
/// `fd` and rt_sigreturn(2)); more denying rules than a TRAP's data can tell apart.
[[nodiscard]] Result<DebugProgram> debug_program(const Policy& policy, std::size_t first, int fd);

}  // namespace callgate::confine_detail
