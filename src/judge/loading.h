// The policy for the time between execve and the entry point.
#pragma once

#include "callgate/base/result.h"
#include "callgate/policy/policy.h"

namespace callgate::judging {

/// `policy`, and behind its rules what a loader needs: files are opened for reading, libraries are
/// mapped. What it refuses with an errno is left to the tracer instead (TRACE): without one that
/// asks for these stops a call gets ENOSYS. So the tracer alone can put a filter on top, by
/// seccomp(2).
[[nodiscard]] Result<Policy> loading_policy(const Policy& policy);

/// Whether a policy lets files be opened for reading.
[[nodiscard]] bool lets_open(const Policy& policy);

/// `policy`, and before its rules: threads may be sent signals, with which abort and raise work.
/// Only for a program that has a PID namespace of its own, so that it reaches none but itself.
[[nodiscard]] Result<Policy> signalling_policy(const Policy& policy);

}  // namespace callgate::judging
