#include "compiler/passes/passes.h"

namespace callgate::passes {
namespace {

/// The same test with `yes` and `no` exchanged.
Node inverted(Node node, Compare compare, std::uint32_t k) {
  node.compare = compare;
  node.k = k;
  std::swap(node.yes, node.no);
  node.likely = callgate::inverted(node.likely);
  return node;
}

Node canonical(Node node) {
  const std::uint32_t mask = node.subject.mask;
  if (node.compare == Compare::gt && node.k < mask) {
    node.compare = Compare::ge;
    ++node.k;
  }
  if (node.compare == Compare::set) {
    node.k &= mask;
    node.subject.mask = no_mask;
    if (node.k == no_mask) return inverted(node, Compare::eq, 0);
    return node;
  }
  const std::uint32_t lowest_bit = mask & (~mask + 1);
  if (node.compare == Compare::ge && node.k <= lowest_bit) node = inverted(node, Compare::eq, 0);
  if (node.compare == Compare::ge && node.k == mask) node.compare = Compare::eq;
  if (node.compare != Compare::eq || mask == no_mask) return node;
  // (x & mask) == 0 is "no bit of mask is set", and for one bit == mask is "it is set".
  const bool is_one_bit = lowest_bit == mask;
  if (node.k == 0)
    node = inverted(node, Compare::set, mask);
  else if (is_one_bit)
    node.compare = Compare::set;
  if (node.compare == Compare::set) node.subject.mask = no_mask;
  return node;
}

}  // namespace

DecisionDag canonicalise(const DecisionDag& dag) {
  return rebuild(dag, [](DagBuilder& builder, const Node& node) {
    if (node.kind == Node::Kind::returns) return builder.returns(node.k);
    if (node.kind == Node::Kind::entry) return builder.entry(node.yes);
    return builder.test(canonical(node));
  });
}

}  // namespace callgate::passes
