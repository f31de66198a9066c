// Each pass alone, on graphs that show what it is for.
#include "compiler/passes/passes.h"

#include <gtest/gtest.h>

#include "compiler/passes/facts.h"

namespace callgate::test {
namespace {

constexpr MaskedWord arg0{.word = 4};
constexpr MaskedWord arg1{.word = 6};
constexpr MaskedWord masked(std::uint32_t mask) { return {.word = 4, .mask = mask}; }

/// A graph of tests between the returns 1, 2 and 3.
struct Graph {
  DagBuilder builder;
  NodeId r1 = builder.returns(1);
  NodeId r2 = builder.returns(2);
  NodeId r3 = builder.returns(3);

  DecisionDag from(NodeId root) { return builder.finish(root, {}, {}); }
  DecisionDag one(MaskedWord subject, Compare compare, std::uint32_t k, bool swapped = false) {
    return from(builder.test(subject, compare, k, swapped ? r2 : r1, swapped ? r1 : r2));
  }
};

TEST(DagBuilder, MakesEachNodeOnceAndNoTestWithoutChoice) {
  Graph g;
  EXPECT_EQ(g.builder.returns(1), g.r1);
  EXPECT_EQ(g.builder.test(arg0, Compare::eq, 5, g.r1, g.r1), g.r1);
  EXPECT_EQ(g.builder.test(masked(0xf0), Compare::eq, 0x11, g.r1, g.r2), g.r2);
  EXPECT_EQ(g.builder.test(arg0, Compare::ge, 0, g.r1, g.r2), g.r1);
  EXPECT_EQ(g.builder.test(arg0, Compare::gt, no_mask, g.r1, g.r2), g.r2);
  EXPECT_EQ(g.builder.test(arg0, Compare::set, 0, g.r1, g.r2), g.r2);
  const NodeId test = g.builder.test(arg0, Compare::eq, 5, g.r1, g.r2);
  EXPECT_EQ(g.builder.test(arg0, Compare::eq, 5, g.r1, g.r2), test);
}

TEST(DagBuilder, FinishNumbersFromTheRoot) {
  Graph g;
  const NodeId inner = g.builder.test(arg1, Compare::ge, 7, g.r3, g.r2);
  const DecisionDag dag = g.from(g.builder.test(arg0, Compare::eq, 5, g.r1, inner));
  EXPECT_EQ(print(dag),
            "n0: args[0].lo == 0x5 ? n1 : n2\n"
            "n1: return kill_thread(1)\n"
            "n2: args[1].lo >= 0x7 ? n3 : n4\n"
            "n3: return kill_thread(3)\n"
            "n4: return kill_thread(2)\n");
  DecisionDag big = dag;
  big.target.byte_order = ByteOrder::big;
  EXPECT_NE(print(big).find("args[0].hi == 0x5"), std::string::npos);
}

TEST(Canonicalise, OneFormForEqualTests) {
  struct Row {
    MaskedWord subject;
    Compare compare;
    std::uint32_t k;
    MaskedWord as_subject;
    Compare as_compare;
    std::uint32_t as_k;
    bool inverted;
  };
  constexpr Row rows[] = {
      {arg0, Compare::gt, 4, arg0, Compare::ge, 5, false},
      {arg0, Compare::gt, 0, arg0, Compare::eq, 0, true},
      {arg0, Compare::ge, 1, arg0, Compare::eq, 0, true},
      {arg0, Compare::ge, no_mask, arg0, Compare::eq, no_mask, false},
      {arg0, Compare::set, no_mask, arg0, Compare::eq, 0, true},
      {masked(6), Compare::eq, 0, arg0, Compare::set, 6, true},
      {masked(6), Compare::ge, 1, arg0, Compare::set, 6, false},
      {masked(8), Compare::eq, 8, arg0, Compare::set, 8, false},
      {masked(6), Compare::set, 12, arg0, Compare::set, 4, false},
      {masked(6), Compare::eq, 4, masked(6), Compare::eq, 4, false},
      {masked(6), Compare::ge, 6, masked(6), Compare::eq, 6, false},
  };
  for (const Row& row : rows) {
    Graph g;
    const DecisionDag before = g.one(row.subject, row.compare, row.k);
    const DecisionDag after = g.one(row.as_subject, row.as_compare, row.as_k, row.inverted);
    EXPECT_EQ(passes::canonicalise(before), after) << print(before) << print(after);
  }
}

TEST(SkipImplied, LeadsEdgesPastDecidedTests) {
  Graph g;
  // Under x == 5, x >= 3 holds; under x >= 8, x == 5 does not.
  const NodeId at_least3 = g.builder.test(arg0, Compare::ge, 3, g.r2, g.r3);
  const DecisionDag dag = g.from(g.builder.test(arg0, Compare::eq, 5, at_least3, g.r1));
  EXPECT_EQ(passes::skip_implied(dag), g.from(g.builder.test(arg0, Compare::eq, 5, g.r2, g.r1)));
  const NodeId equal5 = g.builder.test(arg0, Compare::eq, 5, g.r2, g.r3);
  const DecisionDag other = g.from(g.builder.test(arg0, Compare::ge, 8, equal5, g.r1));
  EXPECT_EQ(passes::skip_implied(other), g.from(g.builder.test(arg0, Compare::ge, 8, g.r3, g.r1)));
}

TEST(SkipImplied, KeepsWhatOnlySomeWaysImply) {
  Graph g;
  // Both ways of arg1 lead to the same test of arg0, of which one knows more.
  const NodeId shared = g.builder.test(arg0, Compare::eq, 5, g.r1, g.r2);
  const NodeId knows = g.builder.test(arg0, Compare::ge, 3, shared, g.r3);
  const DecisionDag dag = g.from(g.builder.test(arg1, Compare::eq, 0, knows, shared));
  EXPECT_EQ(passes::skip_implied(dag), dag);
}

TEST(SkipImplied, LearnsNothingAcrossAnEntry) {
  Graph g;
  const NodeId block = g.builder.entry(g.builder.test(arg0, Compare::eq, 5, g.r1, g.r2));
  const DecisionDag dag = g.from(g.builder.test(arg0, Compare::eq, 5, block, g.r3));
  EXPECT_EQ(passes::skip_implied(dag), dag);
  EXPECT_EQ(passes::optimise(dag), dag);
}

TEST(DropRedundant, DropsATestThatTheOtherWayRepeats) {
  Graph g;
  const NodeId at_least5 = g.builder.test(arg0, Compare::ge, 5, g.r1, g.r2);
  const DecisionDag dag = g.from(g.builder.test(arg0, Compare::eq, 7, g.r1, at_least5));
  EXPECT_EQ(passes::drop_redundant(dag), g.from(at_least5));
  const DecisionDag kept = g.from(g.builder.test(arg0, Compare::eq, 4, g.r1, at_least5));
  EXPECT_EQ(passes::drop_redundant(kept), kept);
}

TEST(Facts, DecideTests) {
  const auto node = [](MaskedWord subject, Compare compare, std::uint32_t k) {
    return Node{.kind = Node::Kind::test, .compare = compare, .subject = subject, .k = k};
  };
  struct Row {
    Node known;
    bool came_true;
    Node asked;
    std::optional<bool> outcome;
  };
  const Row rows[] = {
      {node(arg0, Compare::ge, 8), true, node(arg0, Compare::gt, 7), true},
      {node(arg0, Compare::ge, 8), false, node(arg0, Compare::set, 8), false},
      {node(arg0, Compare::ge, 8), false, node(masked(0xf8), Compare::eq, 0), true},
      {node(arg0, Compare::set, 8), true, node(arg0, Compare::ge, 8), true},
      {node(arg0, Compare::set, 12), true, node(arg0, Compare::ge, 8), std::nullopt},
      {node(arg0, Compare::set, 12), false, node(masked(14), Compare::eq, 4), false},
      {node(masked(0xf0), Compare::eq, 0x20), true, node(arg0, Compare::eq, 0x31), false},
      {node(masked(0xf0), Compare::eq, 0x20), true, node(arg0, Compare::eq, 0x21), std::nullopt},
      {node(masked(0xf0), Compare::eq, 0x20), false, node(arg0, Compare::eq, 0x21), std::nullopt},
      {node(arg0, Compare::eq, 0), false, node(arg0, Compare::ge, 1), true},
      {node(arg0, Compare::eq, 5), true, node(arg1, Compare::eq, 5), std::nullopt},
      {node(arg0, Compare::gt, 6), false, node(arg0, Compare::ge, 7), false},
  };
  for (const Row& row : rows) {
    passes::Facts facts;
    facts.learn(row.known, row.came_true);
    EXPECT_EQ(facts.outcome(row.asked), row.outcome) << &row - rows;
  }
}

}  // namespace
}  // namespace callgate::test
