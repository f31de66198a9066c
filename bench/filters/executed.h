// What can be told of a filter without a kernel: instructions that run for a call, and those that
// the kernel emulates when it loads the filter.
#pragma once

#include <array>
#include <span>

#include "callgate/abi/seccomp_data.h"
#include "callgate/bpf/program.h"
#include "callgate/policy/policy.h"
#include "filters/flat.h"

namespace callgate::bench {

/// How a call ends, by the policy's own reading of it.
enum class Outcome : std::uint8_t {
  allowed,          ///< whatever its arguments
  checked_allowed,  ///< for these arguments
  denied,           ///< whatever its arguments
  checked_denied,   ///< for these arguments
};
inline constexpr std::size_t outcome_count = 4;

/// One call to try.
struct Input {
  SeccompData data;
  Outcome outcome;
  double weight = 1;  ///< the inputs of one call and outcome weigh 1 together
};

/// Every call of the policy's ABIs: once where its arguments do not matter, else for each of its
/// comparisons' conjunctions arguments that match and arguments that fail it.
[[nodiscard]] std::vector<Input> make_inputs(const Policy& policy, const FlatPolicy& flat);

struct Executed {
  double mean = 0;  ///< instructions, the RET included; 0 where there is no such input
  std::size_t worst = 0;
};
struct ExecutedByOutcome {
  std::array<Executed, outcome_count> by_outcome;
  Executed all;
  std::size_t first_load_fewest = 0;  ///< instructions before the first load of an argument
  std::size_t first_load_most = 0;    ///< both 0 where no input loads one
};
[[nodiscard]] ExecutedByOutcome count_executed(const Program& program,
                                               std::span<const Input> inputs);

/// What an x86-64 kernel emulates at load: every number below the highest of x86-64 and of i386,
/// assigned or not, and how many calls it then allows without running the filter.
struct Emulated {
  std::size_t steps = 0;         ///< of both ABIs
  std::size_t native_steps = 0;  ///< of x86-64's numbers
  std::size_t cached = 0;        ///< of x86-64's numbers
};
[[nodiscard]] Emulated emulate_load(const Program& program);

}  // namespace callgate::bench
