// Random policies through the whole compiler: the policy read rule by rule, the graph, the program
// in the emulator and the proof all agree, whichever way calls are laid out.
#include <gtest/gtest.h>

#include <cstdio>

#include "callgate/policy/evaluate.h"
#include "compiler/passes/passes.h"
#include "compiler/pipeline.h"
#include "dag_walk.h"
#include "random_policy.h"
#include "scale.h"

namespace callgate::test {
namespace {

constexpr std::size_t calls_each = 48;

std::string show(const RandomPolicy& sample, const SeccompData& call) {
  std::string text = print(build(sample.policy, sample.arches, {})->dag);
  text += "nr " + std::to_string(call.nr) + " arch " + std::to_string(call.arch) + " args";
  for (const std::uint64_t arg : call.args) text += " " + std::to_string(arg);
  return text;
}

/// Each call's verdict by evaluate, by the graph and by the program.
void expect_agreement(const RandomPolicy& sample, const Built& built,
                      const std::vector<SeccompData>& calls) {
  for (const SeccompData& call : calls) {
    const std::uint32_t wanted = returned(sample.policy, sample.arches, call);
    ASSERT_EQ(decide(built.dag, call), wanted) << show(sample, call);
    ASSERT_EQ(emulate(*built.program, call), wanted) << show(sample, call);
  }
}

TEST(RandomPolicies, EvaluateEmulateAndProofAgree) {
  const std::size_t count = scaled(2'000, 100'000);
  Random random(0x5eed);
  std::size_t instructions = 0;
  std::size_t chains = 0;
  for (std::size_t i = 0; i < count; ++i) {
    SCOPED_TRACE("policy " + std::to_string(i));
    const RandomPolicy sample = random_policy(random);
    const auto calls = interesting_calls(sample.policy, sample.arches, random, calls_each);
    const auto compiled = compile(sample.policy, {.arches = sample.arches});
    ASSERT_TRUE(compiled) << compiled.error().text();
    instructions += compiled->program.size();
    chains += compiled->chains.size();
    LowerOptions options;
    if (i % 4 != 0) options.style = i % 4 == 1 ? CallStyle::chain : CallStyle::small;
    const auto built = build(sample.policy, sample.arches, options);
    ASSERT_TRUE(built) << built.error().text();
    expect_agreement(sample, *built, calls);
    for (const SeccompData& call : calls) {
      ASSERT_EQ(emulate(compiled->program, call), returned(sample.policy, sample.arches, call));
    }
    if (testing::Test::HasFailure()) return;
    if (count > 10'000 && i % 10'000 == 0) std::printf("%zu policies\n", i);
  }
  std::printf("%zu policies, %zu instructions, %zu chains\n", count, instructions, chains);
}

TEST(RandomPolicies, ChainsAreProvedByTheirHints) {
  const std::size_t count = scaled(300, 3'000);
  Random random(0xc4a1);
  // No room for a call's diagram: only the blocks can be proved.
  const ProofBudget tiny{.nodes_per_call = 600};
  std::size_t equal_answers = 0;
  std::size_t hinted = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const RandomPolicy sample = random_policy(random, {.max_rules = 24, .max_calls = 2});
    LowerOptions options;
    options.style = CallStyle::chain;
    const auto built = build(sample.policy, sample.arches, options);
    ASSERT_TRUE(built) << built.error().text();
    const auto in_full = prove(sample.policy, sample.arches, *built->program, built->chains);
    ASSERT_TRUE(std::holds_alternative<Equal>(in_full)) << print(built->dag);
    const Answer plain = prove(sample.policy, sample.arches, *built->program, {}, tiny);
    const Answer answer = prove(sample.policy, sample.arches, *built->program, built->chains, tiny);
    ASSERT_FALSE(std::holds_alternative<Differs>(answer)) << print(built->dag);
    equal_answers += std::holds_alternative<Equal>(answer) ? 1 : 0;
    const bool by_hint =
        std::holds_alternative<Equal>(answer) && std::holds_alternative<Undecided>(plain);
    hinted += by_hint ? 1 : 0;
  }
  std::printf("%zu policies, %zu equal, %zu of them only by their blocks\n", count, equal_answers,
              hinted);
  EXPECT_GT(hinted, count / 50);
}

TEST(RandomPolicies, EachPassKeepsTheMeaning) {
  const std::size_t count = scaled(500, 10'000);
  Random random(0xface);
  using Pass = DecisionDag (*)(const DecisionDag&);
  constexpr Pass all[] = {passes::canonicalise, passes::skip_implied, passes::drop_redundant};
  for (std::size_t i = 0; i < count; ++i) {
    const RandomPolicy sample = random_policy(random);
    const auto calls = interesting_calls(sample.policy, sample.arches, random, calls_each);
    LowerOptions options;
    if (i % 3 == 0) options.style = CallStyle::chain;
    const auto lowered = lower(sample.policy, sample.arches, options);
    ASSERT_TRUE(lowered);
    for (const Pass pass : all) {
      const DecisionDag after = pass(lowered->dag);
      EXPECT_LE(after.nodes.size(), lowered->dag.nodes.size());
      EXPECT_EQ(after.chains.size(), lowered->dag.chains.size());
      for (const SeccompData& call : calls) {
        ASSERT_EQ(decide(after, call), decide(lowered->dag, call))
            << print(lowered->dag) << print(after);
      }
    }
  }
}

}  // namespace
}  // namespace callgate::test
