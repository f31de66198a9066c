// Call stacks of stopped threads.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "callgate/supervise/denial.h"

namespace callgate::supervise {

struct StackTrace {
  std::vector<StackFrame> frames;
  std::string note;  ///< why it ends early, or is not there; empty if all is well
};

/// The call stack of a thread that is in a ptrace stop of ours.
[[nodiscard]] StackTrace take_stack(pid_t process, pid_t thread);

}  // namespace callgate::supervise
