// The figures of the filters that were built for one policy, as lines of words separated by tabs.
#pragma once

#include <string>
#include <vector>

#include "callgate/bpf/program.h"
#include "callgate/policy/policy.h"

namespace callgate::bench {

/// Whose filter.
struct PeerProgram {
  std::string peer;
  Program program;
};

/// "PEER size N", "PEER steps N", "PEER native-steps N", "PEER cached N", "PEER
/// executed OUTCOME MEAN WORST", "PEER before-argument FEWEST MOST", "PEER meaning
/// equal|abi|differs WITNESS". Meaning is told against the first program: `abi` if it is equal for
/// x86-64's own numbers only.
[[nodiscard]] std::string static_figures(const Policy& policy,
                                         const std::vector<PeerProgram>& programs);

/// "PEER load NS...", "PEER cached RATIO...", "PEER checked RATIO...", "PEER denied RATIO...", each
/// a value a round: ratios to the same call without a filter, of a denied call to getppid. The
/// programs take turns, and take turns at being the first. Without `with_calls` loads only.
[[nodiscard]] std::string kernel_figures(const Policy& policy,
                                         const std::vector<PeerProgram>& programs, unsigned rounds,
                                         bool with_calls);

}  // namespace callgate::bench
