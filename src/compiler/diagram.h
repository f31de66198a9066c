// Ordered decision diagrams over ranges of masked words: what one call's rules decide, with every
// variable asked at most once on a path.
//
// A variable is a masked word, and a node sends each range of its values to another node. Equal
// nodes are one node. Different masks of one word are different variables, as if they were
// independent: correct, not minimal.
//
// Weakness: many rules over many variables can make exponentially many nodes. All work is counted
// against a budget, past which every operation gives `no_match` and `exhausted()` is true.
#pragma once

#include <cstddef>
#include <span>
#include <unordered_map>

#include "compiler/word_test.h"
#include "compiler/word_tree.h"

namespace callgate {

using DiagramId = std::uint32_t;

class Diagrams {
 public:
  explicit Diagrams(std::size_t budget) : budget_(budget) {}

  static constexpr DiagramId no_match = 0;
  static constexpr DiagramId match = 1;
  [[nodiscard]] DiagramId terminal(std::uint32_t ret);
  [[nodiscard]] bool exhausted() const noexcept { return work_ > budget_; }

  /// Puts the halves of a test's value in the order of variables, if they are not there yet.
  void declare(const WordTest& test);
  /// `match` where the test holds, else `no_match`.
  [[nodiscard]] DiagramId of(const WordTest& test);
  /// `base` with its terminal `from` replaced by the diagram `by`.
  [[nodiscard]] DiagramId replace(DiagramId base, DiagramId from, DiagramId by);
  [[nodiscard]] DiagramId negation(DiagramId base);
  /// `replace(...)` over a whole list, pairwise, so that n small diagrams take n log n work.
  [[nodiscard]] DiagramId join(std::span<const DiagramId> parts, DiagramId from);

  /// The tests of a diagram; `match` and `no_match` lead to the given nodes.
  [[nodiscard]] NodeId lower(DiagramId root, DagBuilder& builder, NodeId on_match,
                             NodeId on_no_match) const;

 private:
  struct DiagramNode {
    std::uint32_t variable = 0;  ///< position in the order; terminals have the last
    std::uint32_t ret = 0;       ///< of a terminal
    std::vector<Piece> pieces;   ///< Piece::to is a DiagramId
    bool operator==(const DiagramNode&) const = default;
  };
  struct Hash {
    std::size_t operator()(const DiagramNode& node) const noexcept;
  };
  using Memo = std::unordered_map<std::uint64_t, DiagramId>;  ///< looked up only
  static constexpr std::uint32_t terminal_variable = 0xffffffff;

  std::uint32_t variable(MaskedWord subject);
  DiagramId intern(DiagramNode node);
  DiagramId make(std::uint32_t variable, std::vector<Piece> pieces);
  DiagramId in_range(MaskedWord subject, std::uint32_t first, std::uint32_t last, DiagramId inside);
  DiagramId rectangle(const WordTest& test, std::uint64_t first, std::uint64_t last);
  DiagramId replace(DiagramId base, DiagramId from, DiagramId by, Memo& memo);
  DiagramId negation(DiagramId base, Memo& memo);
  NodeId lower(DiagramId id, DagBuilder& builder, std::vector<NodeId>& done) const;

  std::size_t budget_;
  std::size_t work_ = 0;
  std::vector<MaskedWord> variables_;
  std::vector<DiagramNode> nodes_{{terminal_variable, 0, {}}, {terminal_variable, 1, {}}};
  std::unordered_map<DiagramNode, DiagramId, Hash> ids_;  ///< looked up only
};

}  // namespace callgate
