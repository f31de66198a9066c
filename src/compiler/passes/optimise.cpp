#include "compiler/passes/passes.h"

namespace callgate::passes {
namespace {

constexpr int most_rounds = 4;

}  // namespace

DecisionDag optimise(DecisionDag dag) {
  dag = canonicalise(dag);
  for (int round = 0; round < most_rounds; ++round) {
    DecisionDag next = drop_redundant(skip_implied(dag));
    if (next == dag) break;
    dag = std::move(next);
  }
  return dag;
}

}  // namespace callgate::passes
