// Which comparison comes first when a word is told into ranges: the plan that build_tree follows.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "compiler/dag.h"

namespace callgate {

/// A range of values that leads to one node, and how much each instruction before it costs.
struct PlanLeaf {
  NodeId to = 0;
  std::uint64_t weight = 0;
  bool is_single = false;  ///< one value, so that JEQ can pick it out
};

/// Some leaves in a row without those that were picked out by JEQ.
struct LeafRow {
  static constexpr std::uint8_t none = 0xff;
  std::uint8_t first = 0;
  std::uint8_t size = 0;
  std::array<std::uint8_t, 3> picked{none, none, none};  ///< ascending, `none` last
  bool operator==(const LeafRow&) const = default;
};

/// The first comparison of a row.
struct PlanStep {
  enum class Kind : std::uint8_t {
    decided,   ///< all leaves lead to the node of leaf `at`
    at_least,  ///< values from leaf `at` on, or those below
    equal,     ///< leaf `at`, or the rest
  };
  Kind kind = Kind::decided;
  std::uint8_t at = 0;
};

/// Finds a cheap tree over a row of leaves: weight times comparisons, summed over the leaves, and
/// `per_test` for each comparison.
class TreePlan {
 public:
  static constexpr std::size_t most_leaves = 250;

  /// Leaves ascend, neighbours lead to different nodes, 1 to most_leaves of them.
  TreePlan(std::span<const PlanLeaf> leaves, std::uint64_t per_test);

  [[nodiscard]] LeafRow all() const {
    return {.first = 0, .size = static_cast<std::uint8_t>(leaves_.size())};
  }
  [[nodiscard]] PlanStep step(LeafRow row) { return best(row).step; }
  [[nodiscard]] std::uint64_t cost(LeafRow row) { return best(row).cost; }
  /// Of all its leaves.
  [[nodiscard]] std::uint64_t weight(const LeafRow& row) const;
  [[nodiscard]] static LeafRow below(const LeafRow& row, std::uint8_t at);
  [[nodiscard]] static LeafRow from(const LeafRow& row, std::uint8_t at);
  [[nodiscard]] static LeafRow without(const LeafRow& row, std::uint8_t at);

 private:
  struct Best {
    std::uint64_t cost = 0;
    PlanStep step;
  };
  struct Slot {
    std::uint64_t key = 0;  ///< 0: empty
    Best best;
  };
  /// What is left of a row once neighbours that lead to one node are one range.
  struct Present {
    std::array<std::uint8_t, 256> leaves;  ///< those not picked out
    std::array<std::uint8_t, 256> cuts;    ///< indices into `leaves` where a new node begins
    unsigned leaf_count = 0;
    unsigned cut_count = 0;
    std::uint64_t weight = 0;
  };

  Best best(LeafRow row);
  Best search(const LeafRow& row);
  void try_cuts(const LeafRow& row, const Present& present, Best& found);
  void try_picks(const LeafRow& row, const Present& present, Best& found);
  void try_pick(const LeafRow& row, std::uint64_t weight, std::uint8_t at, Best& found);
  void find_present(const LeafRow& row, Present& present) const;
  Slot& slot(std::uint64_t key);
  void grow();

  std::span<const PlanLeaf> leaves_;
  std::uint64_t per_test_;
  std::vector<Slot> slots_;
  std::size_t used_ = 0;
};

}  // namespace callgate
