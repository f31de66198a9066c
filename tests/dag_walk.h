// What a DecisionDag decides for one call, read node by node.
#pragma once

#include "callgate/bpf/emulate.h"
#include "compiler/dag.h"

namespace callgate::test {

inline std::uint32_t decide(const DecisionDag& dag, const SeccompData& data) {
  NodeId id = 0;
  for (;;) {
    const Node& node = dag.nodes[id];
    if (node.kind == Node::Kind::returns) return node.k;
    if (node.kind == Node::Kind::entry) {
      id = node.yes;
      continue;
    }
    const std::uint32_t word = word_at(data, node.subject.word, dag.target.byte_order);
    id = holds(node.compare, word & node.subject.mask, node.k) ? node.yes : node.no;
  }
}

}  // namespace callgate::test
