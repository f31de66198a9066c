// One call: from the rules that speak of it to a graph.
#pragma once

#include "compiler/dag.h"
#include "compiler/numbers.h"

namespace callgate {

/// How a call's rules are laid out.
enum class CallStyle : std::uint8_t {
  quick,  ///< an ordered diagram; the rules in sequence only where that is much shorter
  small,  ///< an ordered diagram or the rules in sequence, whichever is shorter
  chain,  ///< the rules in sequence, each a block that can be proved alone
};

/// A call's own graph: its root decides the call. At most one chain.
struct CallGraph {
  DecisionDag dag;
  std::size_t instructions = 0;  ///< that it takes by itself
};

/// Lowers one piece of an ABI's numbers. `arch` and the piece's first number say which call it is.
/// Errors are those of names and values, which `check` has excluded.
[[nodiscard]] Result<CallGraph> lower_call(const Policy& policy, Arch arch,
                                           const NumberPiece& piece, CallStyle style);

}  // namespace callgate
