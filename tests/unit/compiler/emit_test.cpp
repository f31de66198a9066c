#include "compiler/emit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "callgate/bpf/assembly.h"
#include "dag_walk.h"
#include "random_policy.h"

namespace callgate::test {
namespace {

constexpr MaskedWord word(std::uint8_t index, std::uint32_t mask = no_mask) {
  return {index, mask};
}

std::string text(const DecisionDag& dag) {
  return disassemble(emit(dag).code, dag.target, {.comments = false});
}

TEST(Emit, ReloadsOnlyWhatANoLongerHolds) {
  DagBuilder b;
  const NodeId yes = b.returns(0x7fff0000);
  const NodeId no = b.returns(0x80000000);
  const NodeId plain = b.test(word(4), Compare::ge, 5, yes, no);
  const NodeId again = b.test(word(4), Compare::eq, 3, yes, plain);
  EXPECT_EQ(text(b.finish(again, {}, {})),
            "  ld args[0].lo\n"
            "  jeq 3, L4, next\n"
            "  jge 5, L4, next\n"
            "  ret kill_process\n"
            "L4:\n"
            "  ret allow\n");
  // AND spoils A for the plain word, not for the same mask.
  const NodeId same_mask = b.test(word(4, 0xf0), Compare::eq, 0x10, yes, plain);
  const NodeId root = b.test(word(4, 0xf0), Compare::eq, 0x20, yes, same_mask);
  EXPECT_EQ(text(b.finish(root, {}, {})),
            "  ld args[0].lo\n"
            "  and 0xf0\n"
            "  jeq 0x20, L7, next\n"
            "  jeq 0x10, L7, next\n"
            "  ld args[0].lo\n"
            "  jge 5, L7, next\n"
            "  ret kill_process\n"
            "L7:\n"
            "  ret allow\n");
}

TEST(Emit, AReturnAlone) {
  DagBuilder b;
  EXPECT_EQ(text(b.finish(b.returns(0x50001), {}, {})), "  ret errno(EPERM)\n");
}

TEST(Emit, BlocksBeginWithALoadAndAPlaceOfTheirOwn) {
  DagBuilder b;
  const NodeId action = b.returns(0x50001);
  const NodeId last = b.entry(action);  // decides as the rule does: still a place of its own
  const NodeId second = b.entry(b.test(word(4), Compare::eq, 2, action, last));
  const NodeId empty = b.entry(second);
  const NodeId first = b.entry(b.test(word(4), Compare::eq, 1, action, empty));
  const DecisionDag dag =
      b.finish(first, {{.rules = {0, 1, 2}, .entries = {first, empty, second, last}}}, {});
  const Emission emission = emit(dag);
  std::vector<std::size_t> starts;
  for (const NodeId entry : dag.chains.at(0).entries) starts.push_back(emission.starts[entry]);
  EXPECT_TRUE(std::is_sorted(starts.begin(), starts.end()));
  EXPECT_EQ(std::set<std::size_t>(starts.begin(), starts.end()).size(), 4u);
  EXPECT_EQ(emission.code[starts[0]].code, 0x20);
  EXPECT_EQ(emission.code[starts[1]].code, 0x05);
  EXPECT_EQ(emission.code[starts[2]].code, 0x20);
  EXPECT_EQ(emission.code[starts[3]].code, 0x06);
}

/// A random graph of `size` tests, each leading to two later ones.
DecisionDag random_dag(Random& random, std::size_t size, ByteOrder order) {
  DagBuilder b;
  std::vector<NodeId> nodes;
  for (std::uint32_t ret = 0; ret < 6; ++ret) nodes.push_back(b.returns(0x50000 + ret));
  for (std::size_t i = 0; i < size; ++i) {
    const std::uint32_t masks[] = {no_mask, no_mask, 0xff, 0xf0};
    const MaskedWord subject{static_cast<std::uint8_t>(pick(random, 3) * 2), one_of(random, masks)};
    constexpr Compare compares[] = {Compare::eq, Compare::gt, Compare::ge, Compare::set};
    // Mostly near nodes, some far: both kinds of jumps.
    const auto choose = [&] {
      const std::size_t back =
          chance(random, 80) ? 1 + pick(random, 6) : 1 + pick(random, nodes.size());
      return nodes[nodes.size() - std::min(back, nodes.size())];
    };
    const NodeId node = b.test(subject, one_of(random, compares),
                               static_cast<std::uint32_t>(pick(random, 64)), choose(), choose());
    nodes.push_back(chance(random, 4) ? b.entry(node) : node);
  }
  return b.finish(nodes.back(), {}, {.byte_order = order});
}

TEST(Emit, DoesWhatTheGraphSaysAtAnySizeAndByteOrder) {
  Random random(9);
  std::size_t trampolines = 0;
  for (int round = 0; round < 300; ++round) {
    const ByteOrder order = chance(random, 50) ? ByteOrder::little : ByteOrder::big;
    const DecisionDag dag = random_dag(random, 5 + pick(random, 1200), order);
    const Emission emission = emit(dag);
    if (emission.code.size() > max_instructions) continue;
    for (const Instruction& step : emission.code) trampolines += step.code == 0x05 ? 1 : 0;
    const auto program = Program::verify(emission.code, dag.target);
    ASSERT_TRUE(program) << program.error().text();
    for (int call = 0; call < 100; ++call) {
      SeccompData data{.nr = static_cast<std::uint32_t>(pick(random, 80)), .arch = 0};
      data.instruction_pointer = (pick(random, 80) << 32) | pick(random, 80);
      data.args[0] = (pick(random, 80) << 32) | pick(random, 80);
      ASSERT_EQ(emulate(*program, data), decide(dag, data)) << print(dag);
    }
  }
  EXPECT_GT(trampolines, 100u);
}

}  // namespace
}  // namespace callgate::test
