// A test is redundant if, knowing that it came out one way, the other way's tests would lead to the
// same node: (x == 5 ? A : (x >= 5 ? A : B)) is (x >= 5 ? A : B).
//
// Weakness: a walk stops at the first test that the outcome does not fix.
#include "compiler/passes/facts.h"
#include "compiler/passes/passes.h"

namespace callgate::passes {
namespace {

constexpr int longest_walk = 64;

/// Whether the walk from `from` under these facts comes by `to`.
bool comes_by(const DagBuilder& builder, NodeId from, NodeId to, const Facts& facts) {
  for (int step = 0; step < longest_walk && from != to; ++step) {
    const Node& node = builder[from];
    if (node.kind != Node::Kind::test) return false;
    const auto outcome = facts.outcome(node);
    if (!outcome) return false;
    from = *outcome ? node.yes : node.no;
  }
  return from == to;
}

}  // namespace

DecisionDag drop_redundant(const DecisionDag& dag) {
  return rebuild(dag, [](DagBuilder& builder, const Node& node) {
    if (node.kind == Node::Kind::returns) return builder.returns(node.k);
    if (node.kind == Node::Kind::entry) return builder.entry(node.yes);
    Facts if_true;
    if_true.learn(node, true);
    if (comes_by(builder, node.no, node.yes, if_true)) return node.no;
    Facts if_false;
    if_false.learn(node, false);
    if (comes_by(builder, node.yes, node.no, if_false)) return node.yes;
    return builder.test(node);
  });
}

}  // namespace callgate::passes
