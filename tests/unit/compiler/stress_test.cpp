// Policies whose decision diagrams explode, and policies that are merely large: they compile,
// proved, if they fit, and say what costs most if they do not.
#include <gtest/gtest.h>

#include <random>

#include "callgate/bpf/emulate.h"
#include "callgate/compiler/compile.h"
#include "callgate/policy/evaluate.h"
#include "random_policy.h"

namespace callgate::test {
namespace {

Condition on_low(std::uint8_t argument, Relation relation, std::vector<Interval> values,
                 std::optional<std::uint64_t> mask = {}) {
  Test test{.operand = {.kind = Operand::Kind::low, .index = argument},
            .relation = relation,
            .values = std::move(values)};
  if (mask) test.mask = Value::of(*mask);
  return Condition::of(std::move(test));
}

Interval single(std::uint64_t value) { return {Value::of(value), {}}; }
Interval range(std::uint64_t first, std::uint64_t last) {
  return {Value::of(first), Value::of(last)};
}
Condition all_of(std::vector<Condition> children) {
  return {.kind = Condition::Kind::all, .children = std::move(children)};
}

Policy empty_policy() {
  Policy policy;
  policy.abi = Release{6, 12, 0};
  policy.otherwise = deny(1);
  return policy;
}

void add_rule(Policy& policy, const char* call, Action action, Condition condition) {
  policy.rules.push_back(
      {.action = action, .calls = {Selector::named(call)}, .condition = std::move(condition)});
}

Action any_action(Random& random) {
  const Action actions[] = {allow, deny(13), log_};
  return one_of(random, actions);
}

/// Compiled for x86-64, with each verdict near a boundary as evaluate has it.
Result<Compilation> compiled(const Policy& policy, Random& random) {
  constexpr Arch arches[] = {Arch::x86_64};
  CALLGATE_TRY(Compilation made, compile(policy, {.arches = {Arch::x86_64}}));
  for (const SeccompData& call : interesting_calls(policy, arches, random, 2'000)) {
    EXPECT_EQ(emulate(made.program, call), returned(policy, arches, call));
  }
  return made;
}

TEST(Stress, FortyRulesOfThreeSingleBitTests) {
  Random random(40);
  Policy policy = empty_policy();
  for (int rule = 0; rule < 40; ++rule) {
    std::vector<Condition> tests;
    for (int i = 0; i < 3; ++i) {
      const std::uint64_t bit = std::uint64_t{1} << pick(random, 32);
      const Relation relation = chance(random, 50) ? Relation::eq : Relation::ne;
      tests.push_back(
          on_low(static_cast<std::uint8_t>(pick(random, 6)), relation, {single(0)}, bit));
    }
    add_rule(policy, "ioctl", any_action(random), all_of(std::move(tests)));
  }
  const auto made = compiled(policy, random);
  ASSERT_TRUE(made) << made.error().text();
  EXPECT_LT(made->program.size(), 300u);
}

Condition bit_is_set(Random& random) {
  return on_low(static_cast<std::uint8_t>(pick(random, 6)), Relation::ne, {single(0)},
                std::uint64_t{1} << pick(random, 32));
}

Condition list_of(Condition::Kind kind, std::vector<Condition> children) {
  return {.kind = kind, .children = std::move(children)};
}

/// Forty lists of three single-bit tests, as one condition without a small diagram.
Condition forty_lists(Random& random, Condition::Kind outer, Condition::Kind inner) {
  std::vector<Condition> lists;
  for (int i = 0; i < 40; ++i) {
    lists.push_back(list_of(inner, {bit_is_set(random), bit_is_set(random), bit_is_set(random)}));
  }
  return list_of(outer, std::move(lists));
}

/// Changes one instruction.
std::vector<Instruction> mutated(const Program& program, Random& random) {
  std::vector<Instruction> code(program.instructions().begin(), program.instructions().end());
  Instruction& victim = code[pick(random, code.size())];
  switch (pick(random, 4)) {
    case 0: victim.k ^= 1u << pick(random, 32); break;
    case 1: std::swap(victim.jt, victim.jf); break;
    case 2: victim.jt = static_cast<std::uint8_t>(victim.jt + 1); break;
    default: victim.jf = static_cast<std::uint8_t>(victim.jf + 1); break;
  }
  return code;
}

TEST(Stress, OneConditionWithoutASmallDiagramInEveryShape) {
  using Kind = Condition::Kind;
  constexpr Arch arches[] = {Arch::x86_64};
  std::size_t live = 0;
  for (int shape = 0; shape < 5; ++shape) {
    Random random(41 + static_cast<unsigned>(shape));
    Condition condition = shape % 2 == 0 ? forty_lists(random, Kind::any, Kind::all)
                                         : forty_lists(random, Kind::all, Kind::any);
    if (shape == 2 || shape == 3) condition = list_of(Kind::negation, {std::move(condition)});
    if (shape == 4) {
      condition = all_of({on_low(0, Relation::eq, {single(5)}), std::move(condition),
                          list_of(Kind::any, {}), list_of(Kind::all, {})});
      condition.children.erase(condition.children.begin() + 2);
    }
    Policy policy = empty_policy();
    add_rule(policy, "ioctl", allow, std::move(condition));
    add_rule(policy, "ioctl", deny(13), on_low(0, Relation::eq, {single(5)}));
    const auto made = compiled(policy, random);
    ASSERT_TRUE(made) << shape << made.error().text();
    EXPECT_LT(made->program.size(), 300u);
    // What the emulator tells apart from the policy is never called equal, by the same hints.
    const auto calls = interesting_calls(policy, arches, random, 500);
    for (int i = 0; i < 25; ++i) {
      const auto mutant = Program::verify(mutated(made->program, random), made->program.target());
      if (!mutant) continue;
      const bool differs = std::any_of(calls.begin(), calls.end(), [&](const SeccompData& call) {
        return emulate(*mutant, call) != emulate(made->program, call);
      });
      if (!differs) continue;
      ++live;
      EXPECT_FALSE(std::holds_alternative<Equal>(prove(policy, arches, *mutant, made->chains)));
    }
  }
  EXPECT_GT(live, 10u);
}

TEST(Stress, TwoHundredMasksOnOneArgument) {
  for (const bool is_mixed : {false, true}) {
    Random random(200);
    Policy policy = empty_policy();
    for (int rule = 0; rule < 200; ++rule) {
      const std::uint64_t mask = random() & 0xffffffff;
      const Condition test = on_low(1, Relation::eq, {single(random() & mask)}, mask);
      add_rule(policy, "ioctl", is_mixed ? any_action(random) : allow, test);
    }
    const auto made = compiled(policy, random);
    ASSERT_TRUE(made) << made.error().text();
    EXPECT_LT(made->program.size(), 700u);
  }
}

TEST(Stress, ThreeHundredRangesOverSixArguments) {
  Random random(300);
  Policy policy = empty_policy();
  for (int rule = 0; rule < 300; ++rule) {
    const std::uint64_t first = random() & 0x7fffffff;
    const std::uint64_t last = first + (random() & 0xfffff);
    const auto argument = static_cast<std::uint8_t>(pick(random, 6));
    add_rule(policy, "ioctl", any_action(random),
             on_low(argument, Relation::in, {range(first, last)}));
  }
  const auto made = compiled(policy, random);
  ASSERT_TRUE(made) << made.error().text();
  EXPECT_LT(made->program.size(), 1'000u);
}

/// Rules that each bound all six arguments.
Policy six_ranges(std::size_t rules, Random& random) {
  Policy policy = empty_policy();
  for (std::size_t rule = 0; rule < rules; ++rule) {
    std::vector<Condition> tests;
    for (std::uint8_t argument = 0; argument < 6; ++argument) {
      const std::uint64_t first = random() & 0x7fffffff;
      tests.push_back(
          on_low(argument, Relation::in, {range(first, first + (random() & 0x3fffffff))}));
    }
    add_rule(policy, "ioctl", any_action(random), all_of(std::move(tests)));
  }
  return policy;
}

TEST(Stress, TwoHundredRulesOfSixRanges) {
  Random random(6);
  const auto made = compiled(six_ranges(200, random), random);
  ASSERT_TRUE(made) << made.error().text();
}

TEST(Stress, WhatDoesNotFitNamesTheCallsThatCostMost) {
  Random random(7);
  Policy policy = six_ranges(300, random);
  add_rule(policy, "socket", allow, on_low(0, Relation::in, {single(1), single(5)}));
  const auto made = compile(policy, {.arches = {Arch::x86_64}});
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().text().find("the kernel loads at most 4096"), std::string::npos)
      << made.error().text();
  EXPECT_NE(made.error().text().find("x86_64 ioctl "), std::string::npos) << made.error().text();
}

TEST(Stress, FourThousandValuesOfOneArgumentStillFit) {
  Random random(4000);
  Policy policy = empty_policy();
  for (int rule = 0; rule < 4000; ++rule) {
    add_rule(policy, "ioctl", allow, on_low(1, Relation::eq, {single(random() & 0xffffffff)}));
  }
  const auto made = compiled(policy, random);
  ASSERT_TRUE(made) << made.error().text();
}

TEST(Stress, ManyValuesAreATree) {
  Random random(500);
  Policy policy = empty_policy();
  for (int rule = 0; rule < 500; ++rule) {
    add_rule(policy, "ioctl", allow, on_low(1, Relation::eq, {single(random() & 0xffffffff)}));
  }
  const auto made = compiled(policy, random);
  ASSERT_TRUE(made) << made.error().text();
  SeccompData call{.nr = 16, .arch = arch_info(Arch::x86_64).audit};
  call.args[1] = 12345;
  EXPECT_LT(trace(made->program, call).path.size(), 30u);
}

TEST(Stress, RulesOnEveryNumberAreRefusedWhereTheyCannotFit) {
  Policy policy = empty_policy();
  for (std::uint64_t rule = 0; rule < 10'000; ++rule) {
    policy.rules.push_back({.action = rule % 2 == 0 ? allow : deny(13),
                            .calls = {Selector::any()},
                            .condition = on_low(0, Relation::eq, {single(rule)})});
  }
  const auto made = compile(policy, {.arches = {Arch::x86_64}});
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().text().find("too many rules"), std::string::npos) << made.error().text();
}

TEST(Stress, FarJumpsInBothDirectionsOfATest) {
  // Two large calls side by side: the tree above them jumps past more than 255 instructions.
  Random random(255);
  Policy policy = empty_policy();
  for (const char* call : {"read", "write", "ioctl", "prctl"}) {
    for (std::uint64_t rule = 0; rule < 90; ++rule) {
      const auto argument = static_cast<std::uint8_t>(pick(random, 3));
      const Interval values = range(rule * 1000, rule * 1000 + (random() & 511));
      add_rule(policy, call, any_action(random), on_low(argument, Relation::in, {values}));
    }
  }
  const auto made = compiled(policy, random);
  ASSERT_TRUE(made) << made.error().text();
  const auto code = made->program.instructions();
  EXPECT_TRUE(std::any_of(code.begin(), code.end(),
                          [](const Instruction& step) { return step.code == 0x05; }));
}

}  // namespace
}  // namespace callgate::test
