// Deciding by ranges of one word: a tree of comparisons that is cheap for what is asked often.
#pragma once

#include <span>

#include "compiler/dag.h"

namespace callgate {

/// The values from `start` up to the next piece's start lead to `to`.
struct Piece {
  std::uint32_t start = 0;
  NodeId to = 0;
  bool operator==(const Piece&) const = default;
};

/// The smallest value >= `value` whose bits all lie in `mask`, or 0 if there is none (0 is only
/// asked for by 0 itself).
[[nodiscard]] std::uint32_t next_within(std::uint32_t value, std::uint32_t mask) noexcept;

/// What a tree is built for.
struct TreeWeights {
  std::span<const std::uint64_t> pieces{};  ///< one for each piece; none: built-in ones
  std::uint64_t per_test = 2;               ///< what a comparison more costs
};

/// Builds the tests that lead every value of (word & mask) to its piece's node. Pieces ascend, the
/// first starts at 0, neighbours differ, every start lies within the mask. Without weights the
/// values of the most frequent node count half: a set's members are asked for more often than what
/// lies around them.
[[nodiscard]] NodeId build_tree(DagBuilder& builder, MaskedWord subject,
                                std::span<const Piece> pieces, const TreeWeights& weights = {});

}  // namespace callgate
