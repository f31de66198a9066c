// From a graph to instructions.
#pragma once

#include <vector>

#include "callgate/bpf/program.h"
#include "compiler/dag.h"

namespace callgate {

/// Instructions that do what a graph says, not yet verified.
struct Emission {
  std::vector<Instruction> code;
  /// For each entry node of the graph where its block begins (what A holds there does not matter);
  /// for other nodes it has no meaning.
  std::vector<std::size_t> starts;
};

/// Lays out a graph. Deterministic; takes time linear in the result. The result may be longer than
/// max_instructions.
[[nodiscard]] Emission emit(const DecisionDag& dag);

}  // namespace callgate
