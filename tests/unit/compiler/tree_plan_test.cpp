// Search trees: what the plan chooses, and how far it is from the best there is.
#include "compiler/tree_plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "random_policy.h"

namespace callgate::test {
namespace {

/// Leaves of alternating singles and ranges, as a table writes them.
std::vector<PlanLeaf> leaves_of(const std::vector<std::uint64_t>& weights, bool singles = false) {
  std::vector<PlanLeaf> leaves;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    leaves.push_back({.to = static_cast<NodeId>(i), .weight = weights[i], .is_single = singles});
  }
  return leaves;
}

/// Weight times comparisons and the number of comparisons, of the tree that the plan's steps make.
struct Shape {
  std::uint64_t path = 0;
  std::size_t tests = 0;
  std::vector<std::size_t> depth;
};

void walk(TreePlan& plan, const LeafRow& row, std::span<const PlanLeaf> leaves, std::size_t depth,
          Shape& shape) {
  const PlanStep step = plan.step(row);
  if (step.kind == PlanStep::Kind::decided) {
    for (unsigned i = row.first; i < unsigned{row.first} + row.size; ++i) {
      const bool is_picked = std::find(row.picked.begin(), row.picked.end(), i) != row.picked.end();
      if (is_picked) continue;
      EXPECT_EQ(leaves[i].to, leaves[step.at].to);
      shape.depth[i] = depth;
      shape.path += leaves[i].weight * depth;
    }
    return;
  }
  ++shape.tests;
  if (step.kind == PlanStep::Kind::equal) {
    EXPECT_TRUE(leaves[step.at].is_single);
    shape.depth[step.at] = depth + 1;
    shape.path += leaves[step.at].weight * (depth + 1);
    walk(plan, TreePlan::without(row, step.at), leaves, depth + 1, shape);
    return;
  }
  walk(plan, TreePlan::below(row, step.at), leaves, depth + 1, shape);
  walk(plan, TreePlan::from(row, step.at), leaves, depth + 1, shape);
}

Shape shape_of(std::span<const PlanLeaf> leaves, std::uint64_t per_test) {
  TreePlan plan(leaves, per_test);
  Shape shape{.depth = std::vector<std::size_t>(leaves.size(), 0)};
  walk(plan, plan.all(), leaves, 0, shape);
  EXPECT_EQ(plan.cost(plan.all()), shape.path + per_test * shape.tests);
  return shape;
}

/// The least cost over every tree of JGE and JEQ, without any bound on the search.
class EveryTree {
 public:
  EveryTree(std::span<const PlanLeaf> leaves, std::uint64_t per_test)
      : leaves_(leaves), per_test_(per_test) {}

  std::uint64_t cost(std::uint32_t present) {
    if (const auto known = memo_.find(present); known != memo_.end()) return known->second;
    std::uint64_t weight = 0;
    std::vector<std::size_t> all;
    for (std::size_t i = 0; i < leaves_.size(); ++i) {
      if ((present >> i & 1) == 0) continue;
      all.push_back(i);
      weight += leaves_[i].weight;
    }
    const bool is_decided = std::all_of(all.begin(), all.end(), [&](std::size_t i) {
      return leaves_[i].to == leaves_[all.front()].to;
    });
    std::uint64_t best = is_decided ? 0 : ~std::uint64_t{0};
    for (std::size_t k = 0; !is_decided && k < all.size(); ++k) {
      const std::uint32_t one = 1u << all[k];
      const std::uint32_t below = present & (one - 1);
      if (k > 0) best = std::min(best, weight + per_test_ + cost(below) + cost(present & ~below));
      if (leaves_[all[k]].is_single) {
        best = std::min(best, weight + per_test_ + cost(present & ~one));
      }
    }
    return memo_[present] = best;
  }

 private:
  std::span<const PlanLeaf> leaves_;
  std::uint64_t per_test_;
  std::map<std::uint32_t, std::uint64_t> memo_;
};

TEST(TreePlan, EqualWeightsGiveTheBalancedTree) {
  for (std::size_t n = 1; n <= TreePlan::most_leaves; n += n < 40 ? 1 : 70) {
    const Shape shape = shape_of(leaves_of(std::vector<std::uint64_t>(n, 4)), 1);
    const auto longest = static_cast<std::size_t>(std::ceil(std::log2(static_cast<double>(n))));
    EXPECT_EQ(shape.tests, n - 1);
    EXPECT_LE(*std::max_element(shape.depth.begin(), shape.depth.end()), longest + 1) << n;
  }
}

TEST(TreePlan, AHeavyValueComesFirst) {
  std::vector<PlanLeaf> leaves = leaves_of(std::vector<std::uint64_t>(33, 1));
  leaves[16].is_single = true;
  leaves[16].weight = 100;
  EXPECT_EQ(shape_of(leaves, 0).depth[16], 1u);
  // Two of them: one test and two.
  leaves[9].is_single = true;
  leaves[9].weight = 90;
  const Shape both = shape_of(leaves, 0);
  EXPECT_EQ(both.depth[16] + both.depth[9], 3u);
  // A heavy range takes two tests wherever it lies.
  leaves[16].is_single = leaves[9].is_single = false;
  leaves[9].weight = 1;
  EXPECT_EQ(shape_of(leaves, 0).depth[16], 2u);
}

TEST(TreePlan, ValuesInABackgroundCostOneTestEach) {
  struct Row {
    std::vector<NodeId> to;
    std::size_t tests;
  };
  const Row rows[] = {
      {{0, 1, 0}, 1},    {{0, 1, 0, 1, 0}, 2}, {{0, 1, 0, 2, 0, 3, 0}, 3},
      {{0, 1, 0, 2}, 2}, {{1, 0, 1, 2, 1}, 2},
  };
  for (const Row& row : rows) {
    std::vector<PlanLeaf> leaves;
    for (std::size_t i = 0; i < row.to.size(); ++i)
      leaves.push_back({.to = row.to[i], .weight = 1, .is_single = i % 2 == 1});
    EXPECT_EQ(shape_of(leaves, 8).tests, row.tests) << &row - rows;
  }
}

TEST(TreePlan, IsNearTheBestThereIs) {
  Random random(0x7ee);
  std::uint64_t planned = 0;
  std::uint64_t possible = 0;
  for (int round = 0; round < 400; ++round) {
    std::vector<PlanLeaf> leaves;
    for (std::size_t n = 2 + pick(random, 10); leaves.size() < n;) {
      NodeId to = static_cast<NodeId>(pick(random, 4));
      if (!leaves.empty() && leaves.back().to == to) to += 4;
      const std::uint64_t weight = pick(random, 4) == 0 ? 200 : 1 + pick(random, 20);
      leaves.push_back({.to = to, .weight = weight, .is_single = pick(random, 2) == 0});
    }
    const std::uint64_t per_test = pick(random, 2) == 0 ? 0 : 20;
    const Shape shape = shape_of(leaves, per_test);
    const std::uint64_t cost = shape.path + per_test * shape.tests;
    const std::uint64_t best = EveryTree(leaves, per_test).cost((1u << leaves.size()) - 1);
    ASSERT_GE(cost, best);
    planned += cost;
    possible += best;
  }
  EXPECT_LE(static_cast<double>(planned), 1.08 * static_cast<double>(possible));
}

TEST(TreePlan, LiesWithinTwoOfTheEntropy) {
  Random random(0xe27);
  for (int round = 0; round < 50; ++round) {
    std::vector<std::uint64_t> weights(2 + pick(random, 120));
    double total = 0;
    for (std::uint64_t& weight : weights) {
      weight = 1 + pick(random, 1 + 9 * pick(random, 30));
      total += static_cast<double>(weight);
    }
    double entropy = 0;
    for (const std::uint64_t weight : weights) {
      const double part = static_cast<double>(weight) / total;
      entropy -= part * std::log2(part);
    }
    const Shape shape = shape_of(leaves_of(weights), 0);
    EXPECT_LT(static_cast<double>(shape.path) / total, entropy + 2);
    EXPECT_GE(static_cast<double>(shape.path) / total, entropy - 1e-9);
  }
}

}  // namespace
}  // namespace callgate::test
