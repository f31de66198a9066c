// Dynamic programming over rows of leaves (two-way-comparison search trees: Anderson, Kannan,
// Karloff, Ladner, "Thresholds and optimal binary comparison search trees", 2002): JGE splits a
// row, JEQ picks a single value out of it, after which its neighbours may be one range. The exact
// search is cubic in the leaves and exponential in what may be picked out, so it is bounded: a
// split is tried only at the two boundaries around the point where both sides weigh the same, at
// most three values are missing from a row, and only heavy ones, or ones in a common background of
// a short row, are picked out.
//
// Weakness: not optimal. On the number trees of Docker's profiles wider bounds gain less than 1 %
// of the cost and take several times as long.
#include "compiler/tree_plan.h"

#include <algorithm>
#include <bit>
#include <limits>

namespace callgate {
namespace {

/// A row with at most so many boundaries may have any value in a common background picked out.
constexpr unsigned short_row = 6;
/// In a longer one a value must weigh at least this part of the whole.
constexpr std::uint64_t heavy_part = 4;
constexpr std::uint64_t unknown_cost = std::numeric_limits<std::uint64_t>::max();

std::uint64_t key_of(const LeafRow& row) {
  std::uint64_t key = std::uint64_t{row.size} << 8 | row.first;
  for (const std::uint8_t at : row.picked) key = key << 8 | at;
  return key;
}

std::size_t place_of(std::uint64_t key, std::size_t slots) {
  const std::uint64_t mixed = key * 0x9e3779b97f4a7c15;
  return static_cast<std::size_t>(mixed >> 32) & (slots - 1);
}

/// The same row over [first, end) of its leaves.
LeafRow part(const LeafRow& row, unsigned first, unsigned end) {
  LeafRow result{.first = static_cast<std::uint8_t>(first),
                 .size = static_cast<std::uint8_t>(end - first)};
  auto next = result.picked.begin();
  for (const std::uint8_t at : row.picked)
    if (at != LeafRow::none && at >= first && at < end) *next++ = at;
  return result;
}

}  // namespace

LeafRow TreePlan::below(const LeafRow& row, std::uint8_t at) { return part(row, row.first, at); }

LeafRow TreePlan::from(const LeafRow& row, std::uint8_t at) {
  return part(row, at, unsigned{row.first} + row.size);
}

LeafRow TreePlan::without(const LeafRow& row, std::uint8_t at) {
  LeafRow result = row;
  result.picked.back() = at;
  std::sort(result.picked.begin(), result.picked.end());
  return result;
}

TreePlan::TreePlan(std::span<const PlanLeaf> leaves, std::uint64_t per_test)
    : leaves_(leaves), per_test_(per_test), slots_(std::bit_ceil(leaves.size() * 16)) {}

TreePlan::Slot& TreePlan::slot(std::uint64_t key) {
  for (std::size_t at = place_of(key, slots_.size());; at = (at + 1) & (slots_.size() - 1)) {
    if (slots_[at].key == key || slots_[at].key == 0) return slots_[at];
  }
}

void TreePlan::grow() {
  std::vector<Slot> old(slots_.size() * 4);
  old.swap(slots_);
  for (const Slot& each : old)
    if (each.key != 0) slot(each.key) = each;
}

TreePlan::Best TreePlan::best(LeafRow row) {
  if (row.size == 1) return {0, {PlanStep::Kind::decided, row.first}};
  const std::uint64_t key = key_of(row);
  if (const Slot& known = slot(key); known.key == key) return known.best;
  const Best found = search(row);
  if (2 * ++used_ > slots_.size()) grow();
  slot(key) = {key, found};
  return found;
}

void TreePlan::find_present(const LeafRow& row, Present& present) const {
  const unsigned end = unsigned{row.first} + row.size;
  const auto* picked = row.picked.begin();
  for (unsigned i = row.first; i < end; ++i) {
    if (picked != row.picked.end() && *picked == i) {
      ++picked;
      continue;
    }
    const unsigned count = present.leaf_count++;
    present.leaves[count] = static_cast<std::uint8_t>(i);
    present.weight += leaves_[i].weight;
    if (count > 0 && leaves_[present.leaves[count - 1]].to != leaves_[i].to) {
      present.cuts[present.cut_count++] = static_cast<std::uint8_t>(count);
    }
  }
}

std::uint64_t TreePlan::weight(const LeafRow& row) const {
  Present present;
  find_present(row, present);
  return present.weight;
}

TreePlan::Best TreePlan::search(const LeafRow& row) {
  Present present;
  find_present(row, present);
  if (present.cut_count == 0) return {0, {PlanStep::Kind::decided, present.leaves[0]}};
  Best found{.cost = unknown_cost, .step = {}};
  try_cuts(row, present, found);
  try_picks(row, present, found);
  return found;
}

void TreePlan::try_cuts(const LeafRow& row, const Present& present, Best& found) {
  // The first cut below which lies half of the weight, or the last.
  std::uint64_t below_it = 0;
  unsigned leaf = 0;
  unsigned middle = 0;
  for (; middle + 1 < present.cut_count; ++middle) {
    for (; leaf < present.cuts[middle]; ++leaf) below_it += leaves_[present.leaves[leaf]].weight;
    if (2 * below_it >= present.weight) break;
  }
  const unsigned first = middle > 0 ? middle - 1 : 0;
  for (unsigned i = first; i <= middle; ++i) {
    const std::uint8_t at = present.leaves[present.cuts[i]];
    const std::uint64_t cost =
        present.weight + per_test_ + best(below(row, at)).cost + best(from(row, at)).cost;
    if (cost < found.cost) found = {cost, {PlanStep::Kind::at_least, at}};
  }
}

void TreePlan::try_pick(const LeafRow& row, std::uint64_t weight, std::uint8_t at, Best& found) {
  const std::uint64_t cost = weight + per_test_ + best(without(row, at)).cost;
  if (cost < found.cost) found = {cost, {PlanStep::Kind::equal, at}};
}

void TreePlan::try_picks(const LeafRow& row, const Present& present, Best& found) {
  if (row.picked.back() != LeafRow::none) return;
  const auto leaf = [&](unsigned i) -> const PlanLeaf& { return leaves_[present.leaves[i]]; };
  const bool is_short = present.cut_count <= short_row;
  std::uint64_t most = present.weight / heavy_part;
  unsigned heaviest = present.leaf_count;
  for (unsigned i = 0; i < present.leaf_count; ++i) {
    if (!leaf(i).is_single) continue;
    const bool is_island = i > 0 && i + 1 < present.leaf_count &&
                           leaf(i - 1).to == leaf(i + 1).to && leaf(i - 1).to != leaf(i).to;
    if (is_short && is_island) {
      try_pick(row, present.weight, present.leaves[i], found);
    } else if (leaf(i).weight > most) {
      most = leaf(i).weight;
      heaviest = i;
    }
  }
  if (heaviest < present.leaf_count) {
    try_pick(row, present.weight, present.leaves[heaviest], found);
  }
}

}  // namespace callgate
