// From a policy to a graph.
#pragma once

#include <set>

#include "callgate/compiler/frequencies.h"
#include "compiler/call.h"

namespace callgate {

/// A call of one ABI.
using CallKey = std::pair<Arch, std::uint32_t>;

struct LowerOptions {
  CallStyle style = CallStyle::quick;
  std::set<CallKey> chain_calls;             ///< these calls as chains, whatever the style
  const Frequencies* frequencies = nullptr;  ///< none: the built-in ones
};

/// What one call's decision takes.
struct CallCost {
  Arch arch = Arch::x86_64;
  NumberRange numbers;
  std::size_t instructions = 0;
};

/// A graph and what went into it.
struct Lowered {
  DecisionDag dag;
  std::vector<CallCost> costs;  ///< of calls with conditions, in order of ABI and number
};

/// Lowers a policy for these ABIs (at least one): the audit architecture first, then a balanced
/// tree over the ranges of numbers that are decided alike, then each call's own tests. Errors: ABIs
/// of different targets; those of names and values, which `check` has excluded.
[[nodiscard]] Result<Lowered> lower(const Policy& policy, std::span<const Arch> arches,
                                    const LowerOptions& options = {});

}  // namespace callgate
