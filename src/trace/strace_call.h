// From the words of a call to its numbers.
#pragma once

#include "callgate/abi/syscalls.h"
#include "callgate/bpf/outcomes.h"
#include "trace/strace_line.h"

namespace callgate::tracing {

/// Sets what the arguments of a line say of a call's words. What is shown in a way that does not
/// give the bits stays unknown.
void set_arguments(PartialCall& call, Arch arch, const Syscall& syscall, const CallLine& line);

}  // namespace callgate::tracing
