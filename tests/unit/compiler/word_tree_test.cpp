#include "compiler/word_tree.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "compiler/intervals.h"
#include "compiler/passes/passes.h"
#include "dag_walk.h"
#include "random_policy.h"

namespace callgate::test {
namespace {

TEST(NextWithin, IsTheNextAttainableValue) {
  struct Row {
    std::uint32_t value, mask, next;
  };
  constexpr Row rows[] = {
      {0, 0xff, 0},
      {5, 0xff, 5},
      {1, 0xf0, 0x10},
      {0x11, 0xf0, 0x20},
      {0x6, 0xd, 0x8},
      {0xf1, 0xf0, 0},
      {0x100, 0xff, 0},
      {1, 0x80000000, 0x80000000},
      {0x80000001, 0x80000000, 0},
      {7, no_mask, 7},
      {1, 0, 0},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(next_within(row.value, row.mask), row.next) << row.value << " & " << row.mask;
  }
  for (std::uint32_t mask = 0; mask < 64; ++mask) {
    for (std::uint32_t value = 0; value < 64; ++value) {
      std::uint32_t expected = value;
      while (expected < 64 && (expected & ~mask) != 0) ++expected;
      EXPECT_EQ(next_within(value, mask), expected == 64 ? 0 : expected);
    }
  }
}

/// Tests on the longest way, and tests in all.
struct Shape {
  std::size_t depth = 0;
  std::size_t tests = 0;
};

Shape shape_of(const DecisionDag& dag) {
  std::vector<std::size_t> depth(dag.nodes.size(), 0);
  Shape shape;
  for (std::size_t id = dag.nodes.size(); id-- > 0;) {
    const Node& node = dag.nodes[id];
    if (node.kind != Node::Kind::test) continue;
    depth[id] = 1 + std::max(depth[node.yes], depth[node.no]);
    ++shape.tests;
  }
  shape.depth = depth[0];
  return shape;
}

DecisionDag tree_of(MaskedWord subject,
                    const std::vector<std::pair<std::uint32_t, unsigned>>& steps) {
  DagBuilder builder;
  std::vector<Piece> pieces;
  for (const auto& [start, ret] : steps) pieces.push_back({start, builder.returns(ret)});
  const NodeId root = build_tree(builder, subject, pieces);
  return builder.finish(root, {}, {});
}

TEST(BuildTree, SmallCases) {
  // One value in a background is one test; two ranges are one test; n ranges are n - 1.
  EXPECT_EQ(shape_of(tree_of({}, {{0, 1}, {7, 2}, {8, 1}})).tests, 1u);
  EXPECT_EQ(shape_of(tree_of({}, {{0, 1}, {7, 2}})).tests, 1u);
  EXPECT_EQ(shape_of(tree_of({}, {{0, 1}, {7, 2}, {9, 1}})).tests, 2u);
  EXPECT_EQ(shape_of(tree_of({}, {{0, 1}, {3, 2}, {4, 1}, {9, 3}, {10, 1}})).tests, 2u);
  EXPECT_EQ(shape_of(tree_of({}, {{0, 1}, {10, 2}, {20, 3}, {30, 4}})).depth, 2u);
  // (x & 6) has the values 0, 2, 4, 6: zero or not is a bit test without a mask.
  const DecisionDag bits = tree_of({.word = 4, .mask = 6}, {{0, 1}, {2, 2}});
  ASSERT_EQ(shape_of(bits).tests, 1u);
  EXPECT_EQ(bits.nodes[0].compare, Compare::set);
  EXPECT_EQ(bits.nodes[0].subject.mask, no_mask);
}

TEST(BuildTree, TheLikelierWayIsLaidBehindItsTest) {
  const auto laid = [](const std::vector<std::uint64_t>& weights) {
    DagBuilder builder;
    std::vector<Piece> pieces;
    // Each range leads to a test of its own, which can be laid anywhere.
    for (std::uint32_t i = 0; i < weights.size(); ++i) {
      const NodeId own =
          builder.test({.word = 4}, Compare::ge, i + 2, builder.returns(1), builder.returns(2));
      pieces.push_back({i * 10, own});
    }
    const NodeId root = build_tree(builder, {}, pieces, {.pieces = weights, .per_test = 1});
    return builder.finish(root, {}, {});
  };
  const DecisionDag low = laid({9, 1});
  EXPECT_EQ(low.nodes[0].no, 1u) << print(low);
  const DecisionDag high = laid({1, 9});
  EXPECT_EQ(high.nodes[0].yes, 1u) << print(high);
  // What is likely is no part of a node, and survives the passes.
  EXPECT_EQ(passes::optimise(low).nodes[0].no, 1u);
  DagBuilder builder;
  const NodeId one = builder.returns(1);
  const NodeId other = builder.returns(2);
  EXPECT_EQ(builder.test({}, Compare::ge, 3, one, other, Likely::no),
            builder.test({}, Compare::ge, 3, one, other, Likely::yes));
}

TEST(BuildTree, DepthIsLogarithmic) {
  std::vector<std::pair<std::uint32_t, unsigned>> ranges;
  for (unsigned i = 0; i < 1024; ++i) ranges.emplace_back(i * 10, i % 7);
  const Shape shape = shape_of(tree_of({}, ranges));
  EXPECT_LE(shape.depth, 11u);
  EXPECT_LE(shape.tests, 1023u);
}

TEST(BuildTree, EveryValueGetsItsPiece) {
  Random random(1);
  for (int round = 0; round < 2000; ++round) {
    const std::uint32_t masks[] = {no_mask, 0xff, 0xf0, 0x5a, 0x80, 0x3f};
    const MaskedWord subject{.word = 4, .mask = one_of(random, masks)};
    std::set<std::uint32_t> starts{0};
    for (std::size_t i = pick(random, 12); i > 0; --i) {
      starts.insert(next_within(static_cast<std::uint32_t>(pick(random, 256)), subject.mask));
    }
    std::vector<std::pair<std::uint32_t, unsigned>> steps;
    for (const std::uint32_t start : starts) {
      unsigned ret = static_cast<unsigned>(pick(random, 3));
      if (!steps.empty() && steps.back().second == ret) ret += 3;
      steps.emplace_back(start, ret);
    }
    const DecisionDag dag = tree_of(subject, steps);
    for (std::uint32_t value = 0; value < 300; ++value) {
      unsigned expected = 0;
      for (const auto& [start, ret] : steps) {
        if ((value & subject.mask) >= start) expected = ret;
      }
      SeccompData data;
      data.args[0] = value;
      ASSERT_EQ(decide(dag, data), expected) << print(dag) << value;
    }
  }
}

TEST(ValueSets, MergeAndComplement) {
  const ValueSet set = merged({{5, 9}, {1, 1}, {2, 3}, {8, 12}, {~0ull, ~0ull}});
  EXPECT_EQ(set, (ValueSet{{1, 3}, {5, 12}, {~0ull, ~0ull}}));
  EXPECT_EQ(complement(set, ~0ull), (ValueSet{{0, 0}, {4, 4}, {13, ~0ull - 1}}));
  EXPECT_EQ(complement({}, 7), (ValueSet{{0, 7}}));
  EXPECT_EQ(complement({{0, 7}}, 7), ValueSet{});
  EXPECT_EQ(complement(complement(set, ~0ull), ~0ull), set);
}

}  // namespace
}  // namespace callgate::test
