// From a policy to raw BPF, by callgate and by libseccomp, as often as is asked for, timed. Peers
// that are written in other languages have programs of their own under bench/peers, which take the
// same arguments and print the same lines:
//
//   PROGRAM CORPUS OUT ROUNDS NAME...     reads CORPUS/NAME.flat, writes OUT/NAME.bpf
//   NAME <TAB> ok <TAB> HEAP <TAB> NANOSECONDS ...         one number a round
//   NAME <TAB> cannot <TAB> REASON
//
// NANOSECONDS are of the process's processor time, since a machine does other things as well. HEAP
// is how many bytes the first build has allocated at most at one time, 0 where nobody counted.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "callgate/bpf/program.h"
#include "callgate/policy/policy.h"

namespace callgate::bench {

/// Builds a program; what is read and parsed before is not timed.
using Builder = std::function<Result<Program>()>;

struct Build {
  Program program;
  std::size_t heap = 0;             ///< bytes that the first build has at most at one time
  std::vector<double> nanoseconds;  ///< processor time, one a round
};
[[nodiscard]] Result<Build> time_builds(const Builder& build, unsigned rounds);

/// Who builds it here: "callgate" with the proof, "callgate-unproved" up to it, "libseccomp1" and
/// "libseccomp2" at these optimisation levels. Error: no such peer, or one that is not here.
[[nodiscard]] Result<Builder> make_builder(const std::string& peer, const Policy& policy);

}  // namespace callgate::bench
