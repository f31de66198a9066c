// The tree over n ranges has n - 1 tests by JGE alone. A single value between two ranges of one
// decision costs one JEQ instead of two JGE; such values are picked out at the leaves, at most
// `longest_run` in a row, so that the depth stays logarithmic.
//
// Weakness: not optimal in depth or size (two-way-comparison search trees would be); the middle is
// by count of ranges, not by how often they are asked for.
#include "compiler/word_tree.h"

#include <algorithm>
#include <bit>

namespace callgate {
namespace {

constexpr std::size_t longest_run = 3;

class TreeBuilder {
 public:
  TreeBuilder(DagBuilder& builder, MaskedWord subject) : builder_(builder), subject_(subject) {}

  NodeId build(std::span<const Piece> pieces) {
    if (pieces.size() == 1) return pieces.front().to;
    if (const std::size_t singles = picked_singles(pieces); singles > 0) {
      return pick(pieces, singles);
    }
    const std::size_t middle = split_point(pieces);
    const NodeId low = build(pieces.first(middle));
    const NodeId high = build(pieces.subspan(middle));
    return at_least(pieces[middle].start, high, low);
  }

 private:
  [[nodiscard]] bool is_single(std::span<const Piece> pieces, std::size_t at) const {
    if (at + 1 == pieces.size()) return false;
    const std::uint32_t start = pieces[at].start;
    return start != subject_.mask && next_within(start + 1, subject_.mask) == pieces[at + 1].start;
  }
  /// A single value whose neighbours on both sides lead to the same node.
  [[nodiscard]] bool is_island(std::span<const Piece> pieces, std::size_t at) const {
    return at > 0 && at + 1 < pieces.size() && pieces[at - 1].to == pieces[at + 1].to &&
           is_single(pieces, at);
  }
  /// How many islands to pick out now: all of them, if the whole then takes few tests; else none.
  [[nodiscard]] std::size_t picked_singles(std::span<const Piece> pieces) const {
    if (pieces.size() > 2 * longest_run + 1) return 0;
    std::size_t islands = 0;
    for (std::size_t i = 1; i + 1 < pieces.size(); ++i) {
      if (is_island(pieces, i)) {
        ++islands;
        ++i;
      }
    }
    return pieces.size() - 1 - islands <= longest_run ? islands : 0;
  }
  NodeId pick(std::span<const Piece> pieces, std::size_t islands) {
    std::vector<Piece> rest;
    std::vector<Piece> picked;
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      if (picked.size() < islands && is_island(pieces, i)) {
        picked.push_back(pieces[i]);
        ++i;  // the background goes on
      } else {
        rest.push_back(pieces[i]);
      }
    }
    NodeId node = build(rest);
    for (std::size_t i = picked.size(); i-- > 0;) {
      node = builder_.test(subject_, Compare::eq, picked[i].start, picked[i].to, node);
    }
    return node;
  }
  /// The middle, or a boundary beside it that cuts no island off its background.
  [[nodiscard]] std::size_t split_point(std::span<const Piece> pieces) const {
    const std::size_t middle = pieces.size() / 2;
    for (const std::size_t at : {middle, middle + 1, middle - 1}) {
      const bool inside = at > 0 && at < pieces.size();
      if (inside && !is_island(pieces, at) && !is_island(pieces, at - 1)) return at;
    }
    return middle;
  }
  /// (value >= bound), in the cheapest form.
  NodeId at_least(std::uint32_t bound, NodeId yes, NodeId no) {
    const std::uint32_t mask = subject_.mask;
    if (bound == next_within(1, mask)) {
      const MaskedWord plain{.word = subject_.word};
      if (mask == no_mask) return builder_.test(plain, Compare::eq, 0, no, yes);
      return builder_.test(plain, Compare::set, mask, yes, no);
    }
    if (bound == mask) return builder_.test(subject_, Compare::eq, mask, yes, no);
    return builder_.test(subject_, Compare::ge, bound, yes, no);
  }

  DagBuilder& builder_;
  MaskedWord subject_;
};

}  // namespace

std::uint32_t next_within(std::uint32_t value, std::uint32_t mask) noexcept {
  const std::uint32_t offending = value & ~mask;
  if (offending == 0) return value;
  const std::uint32_t up_to_highest = ~std::uint32_t{0} >> std::countl_zero(offending);
  return ((value | ~mask | up_to_highest) + 1) & mask;
}

NodeId build_tree(DagBuilder& builder, MaskedWord subject, std::span<const Piece> pieces) {
  return TreeBuilder(builder, subject).build(pieces);
}

}  // namespace callgate
