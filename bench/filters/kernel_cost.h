// What a filter costs in the running kernel: loading it, and calls under it. Everything happens in
// a child that ends with the measurement.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "callgate/bpf/program.h"

namespace callgate::bench {

/// A call that does no harm when it is let through.
struct TimedCall {
  long number = 0;
  std::array<long, 6> args{};
};

/// The calls to time under a policy; none where the policy has none of that outcome.
struct TimedCalls {
  std::optional<TimedCall> cached;   ///< allowed without running the filter
  std::optional<TimedCall> checked;  ///< allowed for its arguments
  std::optional<TimedCall> denied;
};

/// Nanoseconds. `*_bare` are of the same call before the filter; of a denied call, of getppid.
struct CallTimes {
  std::optional<double> cached, cached_bare, checked, checked_bare, denied, denied_bare;
};

/// How long seccomp(2) takes, in nanoseconds; none if the kernel refuses the program.
[[nodiscard]] std::optional<double> time_load(const Program& program);

/// The calls of one child under the program. Returns other than ALLOW are made ERRNO(1) for this,
/// since nothing can be timed in a process that was killed; paths stay what they are.
[[nodiscard]] std::optional<CallTimes> time_calls(const Program& program, const TimedCalls& calls);

}  // namespace callgate::bench
