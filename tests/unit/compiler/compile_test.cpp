#include "callgate/compiler/compile.h"

#include <gtest/gtest.h>

#include "callgate/abi/syscalls.h"
#include "callgate/bpf/emulate.h"
#include "callgate/policy/evaluate.h"

namespace callgate::test {
namespace {

Policy small_policy() {
  Policy policy;
  policy.abi = Release{6, 12, 0};
  policy.arches = {Arch::x86_64, Arch::i386};
  policy.otherwise = deny(1);
  policy.rules.push_back({.action = allow,
                          .calls = {Selector::named("read"), Selector::named("write"),
                                    Selector::named("getpid"), Selector::named("exit_group")}});
  callgate::Test test{.operand = {.name = "option"}, .values = {{Value::of(15), {}}}};
  policy.rules.push_back(
      {.action = allow, .calls = {Selector::named("prctl")}, .condition = Condition::of(test)});
  return policy;
}

TEST(Compile, AllowedCallsStayInTheKernelsCache) {
  const Policy policy = small_policy();
  const auto made = compile(policy);
  ASSERT_TRUE(made) << made.error().text();
  for (const Arch arch : policy.arches) {
    for (const char* name : {"read", "write", "getpid", "exit_group"}) {
      const std::uint32_t number = find_syscall(arch, std::string_view(name))->number;
      EXPECT_TRUE(cache_status(made->program, arch_info(arch).audit, number).cached) << name;
    }
    const std::uint32_t prctl = find_syscall(arch, std::string_view("prctl"))->number;
    EXPECT_FALSE(cache_status(made->program, arch_info(arch).audit, prctl).cached);
  }
}

TEST(Compile, SameInputSameBytes) {
  const auto one = compile(small_policy());
  const auto other = compile(small_policy());
  ASSERT_TRUE(one);
  ASSERT_TRUE(other);
  EXPECT_EQ(one->program.bytes(), other->program.bytes());
  EXPECT_LT(one->program.size(), 42u);
}

TEST(Compile, OptionsOverrideThePolicysAbis) {
  const auto made = compile(small_policy(), {.arches = {Arch::aarch64}});
  ASSERT_TRUE(made) << made.error().text();
  EXPECT_EQ(made->arches, std::vector<Arch>{Arch::aarch64});
}

TEST(Compile, NoAbiIsAnError) {
  Policy policy = small_policy();
  policy.arches.clear();
  const auto made = compile(policy);
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().text().find("architecture"), std::string::npos);
}

TEST(Compile, MistakesOfThePolicyAreItsErrors) {
  Policy policy = small_policy();
  policy.rules.push_back({.action = allow, .calls = {Selector::named("raed")}});
  EXPECT_FALSE(compile(policy));
  EXPECT_FALSE(print_stage(policy, {}, Stage::dag));
  policy = small_policy();
  policy.rules[1].condition.test.operand.name = "optoin";
  EXPECT_FALSE(compile(policy));
}

TEST(Compile, ABudgetTooSmallForAnyProofGivesNoProgram) {
  Policy policy = small_policy();
  policy.arches = {Arch::x86_64};
  const auto made = compile(policy, {.budget = {.nodes_per_call = 3, .nodes_in_all = 5}});
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().text().find("budget"), std::string::npos) << made.error().text();
}

TEST(Compile, AnUndecidedCallIsLaidOutAgainAsAChain) {
  Policy policy = small_policy();
  policy.arches = {Arch::x86_64};
  policy.rules.pop_back();
  const auto bit = [](unsigned argument, unsigned number, Relation relation) {
    callgate::Test test{
        .operand = {.kind = Operand::Kind::low, .index = static_cast<std::uint8_t>(argument % 6)},
        .mask = Value::of(std::uint64_t{1} << number % 32),
        .relation = relation,
        .values = {{Value::of(0), {}}}};
    return Condition::of(test);
  };
  for (unsigned i = 0; i < 8; ++i) {
    policy.rules.push_back({.action = i % 2 == 0 ? allow : deny(13),
                            .calls = {Selector::named("ioctl")},
                            .condition = {.kind = Condition::Kind::all,
                                          .children = {bit(i, 5 * i, Relation::ne),
                                                       bit(i * i + 1, 7 * i, Relation::eq),
                                                       bit(3 * i + 2, 11 * i, Relation::ne)}}});
  }
  const auto whole = compile(policy);
  ASSERT_TRUE(whole);
  EXPECT_TRUE(whole->chains.empty());
  const auto blocks = compile(policy, {.budget = {.nodes_per_call = 500}});
  ASSERT_TRUE(blocks) << blocks.error().text();
  ASSERT_EQ(blocks->chains.size(), 1u);
  EXPECT_EQ(blocks->chains[0].rules.size(), 8u);
}

TEST(Compile, WithoutRulesItStillTellsAbisAndNumbersApart) {
  Policy policy;
  policy.abi = Release{6, 12, 0};
  policy.otherwise = deny(1);
  for (const Arch arch : all_arches) {
    const std::vector<Arch> arches{arch};
    const auto made = compile(policy, {.arches = arches});
    ASSERT_TRUE(made) << made.error().text();
    for (const std::uint32_t number : {0u, 1u, 5000u, x32_bit, x32_bit + 1, skipped_call}) {
      for (const Arch other : all_arches) {
        const SeccompData call{.nr = number, .arch = arch_info(other).audit};
        EXPECT_EQ(emulate(made->program, call), returned(policy, arches, call));
      }
    }
  }
}

TEST(PrintStage, ShowsEachStage) {
  const Policy policy = small_policy();
  EXPECT_TRUE(print_stage(policy, {}, Stage::dag)->starts_with("n0: arch == 0xc000003e ? "));
  EXPECT_NE(print_stage(policy, {}, Stage::program)->find("ret allow"), std::string::npos);
  EXPECT_TRUE(print_stage(policy, {}, Stage::proof)->starts_with("proved: "));
}

}  // namespace
}  // namespace callgate::test
