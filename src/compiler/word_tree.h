// Deciding by ranges of one word: a balanced tree of comparisons.
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

/// Builds the tests that lead every value of (word & mask) to its piece's node. Pieces ascend, the
/// first starts at 0, neighbours differ, every start lies within the mask. Single values in a
/// common background are picked out by JEQ where that saves a test; the rest is halved by JGE.
[[nodiscard]] NodeId build_tree(DagBuilder& builder, MaskedWord subject,
                                std::span<const Piece> pieces);

}  // namespace callgate
