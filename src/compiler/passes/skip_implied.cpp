// One walk from the root: the facts of a node are what all edges into it have in common, an edge's
// facts are those of its origin and of the outcome that takes it. An edge is led on while the test
// it reaches is decided by its facts. Linear in nodes and the length of what is skipped.
//
// Weakness: nothing is copied, so a test that is implied only on some of the ways into a node that
// they share with others is skipped by those edges alone that end there.
#include <vector>

#include "compiler/passes/facts.h"
#include "compiler/passes/passes.h"

namespace callgate::passes {
namespace {

/// The first node at or after `id` that these facts do not decide.
NodeId led_on(const DecisionDag& dag, NodeId id, const Facts& facts) {
  while (dag.nodes[id].kind == Node::Kind::test) {
    const auto outcome = facts.outcome(dag.nodes[id]);
    if (!outcome) break;
    id = *outcome ? dag.nodes[id].yes : dag.nodes[id].no;
  }
  return id;
}

/// The facts of every node, so far as its edges have been seen.
class Arrivals {
 public:
  explicit Arrivals(std::size_t nodes) : facts_(nodes), reached_(nodes, false) {}
  void arrive(NodeId id, const Facts& facts) {
    if (!reached_[id])
      facts_[id] = facts;
    else
      facts_[id].meet(facts);
    reached_[id] = true;
  }
  [[nodiscard]] bool reached(NodeId id) const { return reached_[id]; }
  [[nodiscard]] const Facts& at(NodeId id) const { return facts_[id]; }

 private:
  std::vector<Facts> facts_;
  std::vector<bool> reached_;
};

}  // namespace

DecisionDag skip_implied(const DecisionDag& dag) {
  DecisionDag led = dag;
  Arrivals arrivals(dag.nodes.size());
  arrivals.arrive(0, Facts{});
  for (NodeId id = 0; id < dag.nodes.size(); ++id) {
    Node& node = led.nodes[id];
    if (!arrivals.reached(id) || node.kind == Node::Kind::returns) continue;
    if (node.kind == Node::Kind::entry) {
      arrivals.arrive(node.yes, Facts{});
      continue;
    }
    for (const bool outcome : {true, false}) {
      NodeId& way = outcome ? node.yes : node.no;
      Facts facts = arrivals.at(id);
      facts.learn(node, outcome);
      way = led_on(dag, way, facts);
      arrivals.arrive(way, facts);
    }
  }
  return canonicalise(led);
}

}  // namespace callgate::passes
