// What a program will do, as a graph of tests on 32-bit words of seccomp_data.
//
// A DecisionDag is a value: nodes by index, root first and every node before what it leads to
// (reverse postorder of a walk that takes the likelier way first), so that equal graphs are equal
// vectors and a pass is one loop. DagBuilder makes nodes and never makes the same node twice
// (hash-consing).
//
// Weakness: the numbering is canonical for a graph, not for a function; two graphs of one function
// may differ.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "callgate/abi/arch.h"

namespace callgate {

using NodeId = std::uint32_t;

/// How a test compares a word with its constant. `set`: some bit of k is set in the word.
enum class Compare : std::uint8_t { eq, gt, ge, set };

inline constexpr std::uint32_t no_mask = 0xffffffff;

/// What a test looks at: a word of seccomp_data by its memory index, cut by a mask.
struct MaskedWord {
  std::uint8_t word = 0;         ///< 0..15; byte offset 4 * word
  std::uint32_t mask = no_mask;  ///< and-ed to the word first
  bool operator==(const MaskedWord&) const = default;
};

/// Which way of a test more calls go; where that is not known, `yes` is laid behind the test.
enum class Likely : std::uint8_t { unknown, yes, no };
[[nodiscard]] constexpr Likely inverted(Likely likely) noexcept {
  if (likely == Likely::unknown) return likely;
  return likely == Likely::yes ? Likely::no : Likely::yes;
}

/// One node. Immutable once it is in a graph.
struct Node {
  enum class Kind : std::uint8_t {
    returns,  ///< the call gets `k`
    test,     ///< go to `yes` if (subject compare k), else to `no`
    entry,    ///< goes on to `yes`: where a block of a first-match chain begins. Nothing that was
              ///< learnt before it may be used after it, so that the block can be proved alone.
  };
  Kind kind = Kind::returns;
  Compare compare = Compare::eq;
  MaskedWord subject;
  std::uint32_t k = 0;
  NodeId yes = 0;
  NodeId no = 0;
  Likely likely = Likely::unknown;  ///< of a test: which way is to be laid behind it
  bool operator==(const Node&) const = default;
};

/// The blocks of one call that was lowered as a first-match chain (see ChainHint).
struct Chain {
  Arch arch = Arch::x86_64;
  std::uint32_t number = 0;
  std::vector<std::size_t> rules;          ///< policy rules in order
  std::vector<NodeId> entries;             ///< entry nodes, one more than rules
  std::vector<std::vector<NodeId>> steps;  ///< for each rule, entry nodes within its block
  bool operator==(const Chain&) const = default;
};

/// Gives every node of a chain its new number.
void renumber(Chain& chain, const std::vector<NodeId>& now);

/// A graph: nodes[0] is the root.
struct DecisionDag {
  std::vector<Node> nodes;
  std::vector<Chain> chains;
  Target target;
  bool operator==(const DecisionDag&) const = default;
};

/// Makes nodes, each once.
class DagBuilder {
 public:
  [[nodiscard]] NodeId returns(std::uint32_t ret);
  /// The test as it stands, unless both ways lead to the same node or its outcome is fixed. What
  /// is likely is no part of a node: of equal ones the first one's counts.
  [[nodiscard]] NodeId test(MaskedWord subject, Compare compare, std::uint32_t k, NodeId yes,
                            NodeId no, Likely likely = Likely::unknown);
  /// A node's test anew.
  [[nodiscard]] NodeId test(const Node& node) {
    return test(node.subject, node.compare, node.k, node.yes, node.no, node.likely);
  }
  [[nodiscard]] NodeId entry(NodeId block);
  [[nodiscard]] const std::vector<Node>& nodes() const noexcept { return nodes_; }
  [[nodiscard]] const Node& operator[](NodeId id) const { return nodes_[id]; }

  /// What can be reached from `root`, in canonical order. Chains with an entry that cannot be
  /// reached are left out.
  [[nodiscard]] DecisionDag finish(NodeId root, std::vector<Chain> chains, Target target) const;

 private:
  struct Hash {
    std::size_t operator()(const Node& node) const noexcept;
  };
  NodeId add(const Node& node);

  std::vector<Node> nodes_;
  std::unordered_map<Node, NodeId, Hash> ids_;  ///< looked up only, never iterated
};

/// The outcome of (value compare k).
[[nodiscard]] constexpr bool holds(Compare compare, std::uint32_t value, std::uint32_t k) noexcept {
  switch (compare) {
    case Compare::eq: return value == k;
    case Compare::gt: return value > k;
    case Compare::ge: return value >= k;
    case Compare::set: return (value & k) != 0;
  }
  return false;
}

/// Builds a graph anew from its leaves up: `make(builder, node)` gets a node whose `yes` and `no`
/// are already nodes of the builder.
template <class Make>
[[nodiscard]] DecisionDag rebuild(const DecisionDag& dag, Make make) {
  DagBuilder builder;
  std::vector<NodeId> now(dag.nodes.size());
  for (std::size_t id = dag.nodes.size(); id-- > 0;) {
    Node node = dag.nodes[id];
    if (node.kind != Node::Kind::returns) node.yes = now[node.yes];
    if (node.kind == Node::Kind::test) node.no = now[node.no];
    now[id] = make(builder, node);
  }
  std::vector<Chain> chains = dag.chains;
  for (Chain& chain : chains) renumber(chain, now);
  return builder.finish(now[0], std::move(chains), dag.target);
}

/// "nr", "arch", "ip.lo", "args[2].hi"
[[nodiscard]] std::string word_name(unsigned word, ByteOrder order);
/// One line a node.
[[nodiscard]] std::string print(const DecisionDag& dag);

}  // namespace callgate
