// The numbers of all ABIs that share an audit architecture lie in one tree; x32's begin where
// x86-64's end, and -1 stands alone at the top.
#include "compiler/lower.h"

#include <algorithm>
#include <map>

#include "callgate/abi/constants.h"
#include "compiler/weights.h"
#include "compiler/word_tree.h"

namespace callgate {
namespace {

constexpr MaskedWord number_word{.word = 0};
constexpr MaskedWord arch_word{.word = 1};

bool is_raw(const Condition& condition) {
  if (condition.kind == Condition::Kind::test) {
    return condition.test.operand.kind != Operand::Kind::parameter;
  }
  return std::all_of(condition.children.begin(), condition.children.end(), is_raw);
}

/// Copies a call's graph into a builder.
NodeId import(const DecisionDag& dag, DagBuilder& builder, std::vector<Chain>& chains) {
  std::vector<NodeId> now(dag.nodes.size());
  for (std::size_t id = dag.nodes.size(); id-- > 0;) {
    Node node = dag.nodes[id];
    if (node.kind != Node::Kind::returns) node.yes = now[node.yes];
    if (node.kind == Node::Kind::test) node.no = now[node.no];
    switch (node.kind) {
      case Node::Kind::returns: now[id] = builder.returns(node.k); break;
      case Node::Kind::entry: now[id] = builder.entry(node.yes); break;
      case Node::Kind::test: now[id] = builder.test(node); break;
    }
  }
  for (Chain chain : dag.chains) {
    renumber(chain, now);
    chains.push_back(std::move(chain));
  }
  return now[0];
}

/// Numbers of one ABI that a node decides.
struct NumberEntry {
  Arch arch = Arch::x86_64;
  NumberRange numbers;
  NodeId to = 0;
};

class Lowering {
 public:
  Lowering(const Policy& policy, std::span<const Arch> arches, const LowerOptions& options)
      : policy_(policy), arches_(arches), options_(options), weights_(arches, options.frequencies) {
    for (const Rule& rule : policy.rules) is_raw_.push_back(is_raw(rule.condition));
  }

  Result<Lowered> run() {
    std::vector<std::uint32_t> audits;
    for (const Arch arch : arches_) {
      const std::uint32_t audit = arch_info(arch).audit;
      if (std::find(audits.begin(), audits.end(), audit) == audits.end()) audits.push_back(audit);
    }
    NodeId root = unlisted();
    for (auto audit = audits.rbegin(); audit != audits.rend(); ++audit) {
      CALLGATE_TRY(const NodeId block, audit_block(*audit));
      root = builder_.test(arch_word, Compare::eq, *audit, block, root);
    }
    const Target target = arch_info(arches_.front()).target;
    return Lowered{builder_.finish(root, std::move(chains_), target), std::move(costs_)};
  }

 private:
  /// For calls of ABIs that are not listed: an errno under the first ABI's number.
  [[nodiscard]] NodeId unlisted() {
    return builder_.returns(action_on(arches_.front(), policy_.unlisted).ret());
  }

  [[nodiscard]] bool is_listed(Arch arch) const {
    return std::find(arches_.begin(), arches_.end(), arch) != arches_.end();
  }

  /// The tree over all numbers under one audit architecture.
  Result<NodeId> audit_block(std::uint32_t audit) {
    std::vector<NumberEntry> row;
    const Arch low = *classify(audit, 0);
    const Arch high = *classify(audit, x32_bit);
    CALLGATE_CHECK(add_numbers(low, {0, high == low ? skipped_call - 1 : x32_bit - 1}, row));
    if (high != low) CALLGATE_CHECK(add_numbers(high, {x32_bit, skipped_call - 1}, row));
    CALLGATE_TRY(const NodeId skipped, skipped_node(low));
    row.push_back({low, {skipped_call, skipped_call}, skipped});
    return number_tree(row);
  }

  Result<void> add_numbers(Arch arch, const NumberRange& all, std::vector<NumberEntry>& row) {
    if (!is_listed(arch)) {
      row.push_back({arch, all, unlisted()});
      return {};
    }
    CALLGATE_TRY(const std::vector<NumberPiece> numbers, number_pieces(policy_, arch));
    for (const NumberPiece& piece : numbers) {
      CALLGATE_TRY(const NodeId node, piece_node(arch, piece));
      row.push_back({arch, piece.numbers, node});
    }
    return {};
  }

  /// Neighbours that are decided alike are one piece.
  NodeId number_tree(std::span<const NumberEntry> row) {
    std::size_t allowed = 0;
    for (const NumberEntry& entry : row)
      if (ending_of(builder_[entry.to]) == Ending::allowed) ++allowed;
    std::vector<Piece> pieces;
    std::vector<std::uint64_t> weights;
    for (const NumberEntry& entry : row) {
      const Ending ending = ending_of(builder_[entry.to]);
      const std::uint64_t weight = weights_.of(entry.arch, entry.numbers, ending, allowed);
      if (!pieces.empty() && pieces.back().to == entry.to) {
        weights.back() += weight;
        continue;
      }
      pieces.push_back({entry.numbers.first, entry.to});
      weights.push_back(weight);
    }
    return build_tree(builder_, number_word, pieces,
                      {.pieces = weights, .per_test = Weights::per_test});
  }

  /// -1 is the ABI's whose numbers begin at 0; where only the one that shares its audit number is
  /// listed, -1 gets `otherwise`.
  Result<NodeId> skipped_node(Arch low) {
    if (is_listed(low)) return piece_node(low, skipped_piece(policy_, low));
    return builder_.returns(action_on(low, policy_.otherwise).ret());
  }

  Result<NodeId> piece_node(Arch arch, const NumberPiece& piece) {
    const bool is_raw_only = std::all_of(piece.rules.begin(), piece.rules.end(),
                                         [&](std::size_t rule) { return is_raw_[rule]; });
    const CallKey call{arch, piece.numbers.first};
    const bool is_chain = options_.chain_calls.contains(call);
    if (is_chain) return lower_piece(arch, piece, CallStyle::chain);
    if (!is_raw_only) return lower_piece(arch, piece, options_.style);
    const RawKey key{arch, piece.fallback.ret(), piece.rules};
    const auto known = raw_nodes_.find(key);
    if (known == raw_nodes_.end()) {
      const std::size_t chains = chains_.size();
      CALLGATE_TRY(const NodeId node, lower_piece(arch, piece, options_.style));
      const bool has_chain = chains_.size() > chains;
      raw_nodes_.emplace(key,
                         RawNode{node, has_chain ? std::optional(chains_.back()) : std::nullopt});
      return node;
    }
    if (known->second.chain) {
      chains_.push_back(*known->second.chain);
      chains_.back().number = piece.numbers.first;
    }
    return known->second.node;
  }

  Result<NodeId> lower_piece(Arch arch, const NumberPiece& piece, CallStyle style) {
    CALLGATE_TRY(const CallGraph graph, lower_call(policy_, arch, piece, style));
    if (graph.dag.nodes.size() > 1) costs_.push_back({arch, piece.numbers, graph.instructions});
    return import(graph.dag, builder_, chains_);
  }

  /// Rules that test raw words alone decide every number of an ABI alike.
  struct RawNode {
    NodeId node;
    std::optional<Chain> chain;
  };
  using RawKey = std::tuple<Arch, std::uint32_t, std::vector<std::size_t>>;

  const Policy& policy_;
  std::span<const Arch> arches_;
  const LowerOptions& options_;
  Weights weights_;
  std::vector<bool> is_raw_;
  std::map<RawKey, RawNode> raw_nodes_;
  DagBuilder builder_;
  std::vector<Chain> chains_;
  std::vector<CallCost> costs_;
};

}  // namespace

Result<Lowered> lower(const Policy& policy, std::span<const Arch> arches,
                      const LowerOptions& options) {
  if (arches.empty()) return fail("no architecture to compile for");
  const ArchInfo& first = arch_info(arches.front());
  for (const Arch arch : arches) {
    const ArchInfo& info = arch_info(arch);
    if (info.target == first.target) continue;
    const bool is_order = info.target.byte_order != first.target.byte_order;
    return fail(std::string(info.name) + " and " + std::string(first.name) +
                    (is_order ? " have different byte orders" : " are different machines") +
                    ": one program cannot serve both",
                is_order ? "compile once for each byte order" : "compile once for each machine");
  }
  return Lowering(policy, arches, options).run();
}

}  // namespace callgate
