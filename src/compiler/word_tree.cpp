// The tree over n ranges has n - 1 tests by JGE alone; a single value in a common background costs
// one JEQ instead of two JGE. TreePlan weighs both. A row too long for it is halved by weight until
// it is short enough, so that the time stays n log n.
#include "compiler/word_tree.h"

#include <algorithm>
#include <bit>
#include <map>

#include "compiler/tree_plan.h"

namespace callgate {
namespace {

/// Rows up to this length are planned as a whole; parts of a longer one up to the other.
constexpr std::size_t longest_whole = TreePlan::most_leaves;
constexpr std::size_t longest_part = 32;

class TreeBuilder {
 public:
  TreeBuilder(DagBuilder& builder, MaskedWord subject, std::span<const Piece> pieces,
              std::uint64_t per_test)
      : builder_(builder), subject_(subject), pieces_(pieces), per_test_(per_test) {}

  NodeId build(std::span<const PlanLeaf> leaves, std::size_t offset, std::size_t longest) {
    if (leaves.size() <= longest) {
      TreePlan plan(leaves, per_test_);
      return follow(plan, plan.all(), leaves, offset);
    }
    const std::size_t middle = balanced_split(leaves);
    const NodeId low = build(leaves.first(middle), offset, longest_part);
    const NodeId high = build(leaves.subspan(middle), offset + middle, longest_part);
    return at_least(pieces_[offset + middle].start, high, low, Likely::unknown);
  }

 private:
  NodeId follow(TreePlan& plan, const LeafRow& row, std::span<const PlanLeaf> leaves,
                std::size_t offset) {
    const PlanStep step = plan.step(row);
    if (step.kind == PlanStep::Kind::decided) return leaves[step.at].to;
    const std::uint32_t start = pieces_[offset + step.at].start;
    if (step.kind == PlanStep::Kind::equal) {
      const LeafRow others = TreePlan::without(row, step.at);
      const NodeId rest = follow(plan, others, leaves, offset);
      return builder_.test(subject_, Compare::eq, start, leaves[step.at].to, rest,
                           likelier(leaves[step.at].weight, plan.weight(others)));
    }
    const LeafRow below = TreePlan::below(row, step.at);
    const LeafRow above = TreePlan::from(row, step.at);
    const NodeId low = follow(plan, below, leaves, offset);
    const NodeId high = follow(plan, above, leaves, offset);
    return at_least(start, high, low, likelier(plan.weight(above), plan.weight(below)));
  }

  [[nodiscard]] static Likely likelier(std::uint64_t yes, std::uint64_t no) {
    return yes < no ? Likely::no : Likely::yes;
  }

  /// Where both sides weigh about the same.
  [[nodiscard]] static std::size_t balanced_split(std::span<const PlanLeaf> leaves) {
    std::uint64_t total = 0;
    for (const PlanLeaf& leaf : leaves) total += leaf.weight;
    std::uint64_t below = 0;
    std::size_t middle = 0;
    while (2 * below < total) below += leaves[middle++].weight;
    return std::clamp<std::size_t>(middle, leaves.size() / 8, leaves.size() - leaves.size() / 8);
  }

  /// (value >= bound), in the cheapest form.
  NodeId at_least(std::uint32_t bound, NodeId yes, NodeId no, Likely likely) {
    const std::uint32_t mask = subject_.mask;
    if (bound == next_within(1, mask)) {
      const MaskedWord plain{.word = subject_.word};
      if (mask == no_mask) return builder_.test(plain, Compare::eq, 0, no, yes, inverted(likely));
      return builder_.test(plain, Compare::set, mask, yes, no, likely);
    }
    if (bound == mask) return builder_.test(subject_, Compare::eq, mask, yes, no, likely);
    return builder_.test(subject_, Compare::ge, bound, yes, no, likely);
  }

  DagBuilder& builder_;
  MaskedWord subject_;
  std::span<const Piece> pieces_;
  std::uint64_t per_test_;
};

bool is_single(std::span<const Piece> pieces, std::size_t at, std::uint32_t mask) {
  const std::uint32_t start = pieces[at].start;
  if (at + 1 == pieces.size()) return start == mask;
  return start != mask && next_within(start + 1, mask) == pieces[at + 1].start;
}

/// The node that most pieces lead to; of several the one that comes first.
NodeId background_of(std::span<const Piece> pieces) {
  std::map<NodeId, std::size_t> count;
  for (const Piece& piece : pieces) ++count[piece.to];
  return std::max_element(pieces.begin(), pieces.end(),
                          [&](const Piece& a, const Piece& b) { return count[a.to] < count[b.to]; })
      ->to;
}

}  // namespace

std::uint32_t next_within(std::uint32_t value, std::uint32_t mask) noexcept {
  const std::uint32_t offending = value & ~mask;
  if (offending == 0) return value;
  const std::uint32_t up_to_highest = ~std::uint32_t{0} >> std::countl_zero(offending);
  return ((value | ~mask | up_to_highest) + 1) & mask;
}

NodeId build_tree(DagBuilder& builder, MaskedWord subject, std::span<const Piece> pieces,
                  const TreeWeights& weights) {
  if (pieces.size() == 1) return pieces.front().to;
  const bool is_weighed = !weights.pieces.empty();
  const NodeId background = is_weighed ? 0 : background_of(pieces);
  std::vector<PlanLeaf> leaves;
  leaves.reserve(pieces.size());
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const std::uint64_t built_in = pieces[i].to == background ? 1 : 2;
    leaves.push_back({.to = pieces[i].to,
                      .weight = is_weighed ? weights.pieces[i] : built_in,
                      .is_single = is_single(pieces, i, subject.mask)});
  }
  return TreeBuilder(builder, subject, pieces, weights.per_test).build(leaves, 0, longest_whole);
}

}  // namespace callgate
