#include "compiler/dag.h"

#include <algorithm>
#include <optional>

namespace callgate {
namespace {

constexpr NodeId unseen = 0xffffffff;

/// The outcome of a test that does not depend on the word.
std::optional<bool> fixed_outcome(MaskedWord subject, Compare compare, std::uint32_t k) {
  switch (compare) {
    case Compare::eq:
      if ((k & ~subject.mask) != 0) return false;
      if (subject.mask == 0) return true;
      return std::nullopt;
    case Compare::gt:
      if (k >= subject.mask) return false;
      return std::nullopt;
    case Compare::ge:
      if (k == 0) return true;
      if (k > subject.mask) return false;
      return std::nullopt;
    case Compare::set:
      if ((k & subject.mask) == 0) return false;
      return std::nullopt;
  }
  return std::nullopt;
}

/// Nodes reachable from a root, each before what it leads to. The less likely way is walked first,
/// so that the reversal puts the likelier one right behind its test.
std::vector<NodeId> reverse_postorder(const std::vector<Node>& nodes, NodeId root) {
  std::vector<NodeId> order;
  std::vector<std::uint8_t> steps(nodes.size(), 0);  // ways of a node that were taken
  std::vector<NodeId> path{root};
  while (!path.empty()) {
    const NodeId id = path.back();
    const Node& node = nodes[id];
    const bool yes_first = node.likely == Likely::no;
    const NodeId ways[] = {yes_first ? node.yes : node.no, yes_first ? node.no : node.yes};
    const unsigned first = node.kind == Node::Kind::test ? 0 : 1;
    const unsigned step = first + steps[id]++;
    if (node.kind == Node::Kind::returns || step >= 2) {
      order.push_back(id);
      path.pop_back();
    } else if (steps[ways[step]] == 0) {
      path.push_back(ways[step]);
    }
  }
  std::reverse(order.begin(), order.end());
  return order;
}

}  // namespace

std::size_t DagBuilder::Hash::operator()(const Node& node) const noexcept {
  std::uint64_t hash = static_cast<std::uint64_t>(node.kind) << 16 |
                       static_cast<std::uint64_t>(node.compare) << 8 | node.subject.word;
  for (const std::uint64_t part : {node.subject.mask, node.k, node.yes, node.no}) {
    hash = (hash ^ part) * 0x9e3779b97f4a7c15;
    hash ^= hash >> 32;
  }
  return static_cast<std::size_t>(hash);
}

NodeId DagBuilder::add(const Node& node) {
  Node key = node;
  key.likely = Likely::unknown;
  const auto [position, is_new] = ids_.try_emplace(key, static_cast<NodeId>(nodes_.size()));
  if (is_new) nodes_.push_back(node);
  return position->second;
}

void renumber(Chain& chain, const std::vector<NodeId>& now) {
  for (NodeId& entry : chain.entries) entry = now[entry];
  for (std::vector<NodeId>& steps : chain.steps)
    for (NodeId& step : steps) step = now[step];
}

NodeId DagBuilder::returns(std::uint32_t ret) {
  return add({.kind = Node::Kind::returns, .k = ret});
}

NodeId DagBuilder::entry(NodeId block) { return add({.kind = Node::Kind::entry, .yes = block}); }

NodeId DagBuilder::test(MaskedWord subject, Compare compare, std::uint32_t k, NodeId yes, NodeId no,
                        Likely likely) {
  if (yes == no) return yes;
  if (const auto outcome = fixed_outcome(subject, compare, k)) return *outcome ? yes : no;
  return add({.kind = Node::Kind::test,
              .compare = compare,
              .subject = subject,
              .k = k,
              .yes = yes,
              .no = no,
              .likely = likely});
}

DecisionDag DagBuilder::finish(NodeId root, std::vector<Chain> chains, Target target) const {
  const std::vector<NodeId> order = reverse_postorder(nodes_, root);
  std::vector<NodeId> place(nodes_.size(), unseen);
  for (std::size_t i = 0; i < order.size(); ++i) place[order[i]] = static_cast<NodeId>(i);
  DecisionDag dag{.target = target};
  dag.nodes.reserve(order.size());
  for (const NodeId id : order) {
    Node node = nodes_[id];
    if (node.kind != Node::Kind::returns) node.yes = place[node.yes];
    if (node.kind == Node::Kind::test) node.no = place[node.no];
    dag.nodes.push_back(node);
  }
  const auto is_reached = [](const std::vector<NodeId>& ids) {
    return std::find(ids.begin(), ids.end(), unseen) == ids.end();
  };
  for (Chain& chain : chains) {
    renumber(chain, place);
    for (std::vector<NodeId>& steps : chain.steps)
      if (!is_reached(steps)) steps.clear();
    if (is_reached(chain.entries)) dag.chains.push_back(std::move(chain));
  }
  return dag;
}

std::string word_name(unsigned word, ByteOrder order) {
  if (word < 2) return word == 0 ? "nr" : "arch";
  const bool is_low = (word % 2 == 0) == (order == ByteOrder::little);
  const std::string name = word < 4 ? "ip" : "args[" + std::to_string(word / 2 - 2) + "]";
  return name + (is_low ? ".lo" : ".hi");
}

}  // namespace callgate
