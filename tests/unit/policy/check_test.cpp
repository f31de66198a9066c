#include <gtest/gtest.h>

#include "callgate/policy/policy.h"

namespace callgate {
namespace {

constexpr Arch both[] = {Arch::x86_64, Arch::i386};

Policy sound() {
  Policy policy;
  policy.abi = Release{6, 12, 0};
  policy.otherwise = deny(1);
  return policy;
}

Condition test_of(Operand operand, Relation relation, std::vector<Interval> values,
                  std::optional<Value> mask = {}) {
  return Condition::of({.operand = std::move(operand),
                        .mask = std::move(mask),
                        .relation = relation,
                        .values = std::move(values)});
}
Condition is(const char* parameter, Value value) {
  return test_of({.name = parameter}, Relation::eq, {{std::move(value), {}}});
}
Condition is(const char* parameter, std::uint64_t number) {
  return is(parameter, Value::of(number));
}

/// "severity: message" of each finding.
std::vector<std::string> findings(const Policy& policy, std::span<const Arch> arches = both) {
  std::vector<std::string> out;
  for (const Diagnostic& each : check(policy, arches)) {
    static constexpr const char* names[] = {"note: ", "warning: ", "error: "};
    out.push_back(names[static_cast<std::size_t>(each.severity)] + each.message);
  }
  return out;
}

/// The findings about one rule.
std::vector<std::string> about(Rule rule, std::span<const Arch> arches = both) {
  Policy policy = sound();
  policy.rules = {std::move(rule)};
  return findings(policy, arches);
}
std::vector<std::string> about(const char* call, Condition condition) {
  return about(
      {.action = allow, .calls = {Selector::named(call)}, .condition = std::move(condition)});
}

using Lines = std::vector<std::string>;

TEST(Check, FindsNothingInASoundPolicy) {
  EXPECT_EQ(about("chmod", is("mode", 0xffff)), Lines{});
  EXPECT_EQ(about("read", {}), Lines{});
}

TEST(Check, HeaderFindings) {
  Policy policy = sound();
  policy.abi.reset();
  policy.otherwise = allow;
  policy.unlisted = deny(5000);
  EXPECT_EQ(findings(policy, {}),
            (Lines{"error: the policy is for no ABI",
                   "warning: no `abi` line: calls count as known up to Linux " +
                       to_string(newest_release()) + ", and a newer callgate would know more",
                   "error: `unlisted`: errno 5000 is above 4095, the kernel's largest",
                   "note: `unknown` has no effect: under `otherwise allow` calls that Linux " +
                       to_string(newest_release()) + " does not have get that as well"}));
  policy = sound();
  policy.abi = Release{99, 0, 0};
  EXPECT_EQ(findings(policy), (Lines{"error: abi 99.0 is newer than the tables, which end at " +
                                     to_string(newest_release())}));
}

TEST(Check, Actions) {
  const auto with = [](Action action) {
    return about({.action = action, .calls = {Selector::named("read")}});
  };
  EXPECT_EQ(with(deny(4095)), Lines{});
  EXPECT_EQ(with(deny(4096)),
            (Lines{"error: rule 1: errno 4096 is above 4095, the kernel's largest"}));
  EXPECT_EQ(with(deny(0)), (Lines{"warning: rule 1: errno(0) makes the call seem to succeed "
                                  "without being made"}));
  EXPECT_EQ(with({ActionKind::allow, 1}).size(), 1u);
  EXPECT_EQ(with(trap(9)), Lines{});
}

TEST(Check, Names) {
  EXPECT_EQ(about("raed", {}), (Lines{"error: rule 1: no system call is named `raed`"}));
  EXPECT_EQ(about({.action = allow, .calls = {Selector::group("mmmap")}}),
            (Lines{"error: rule 1: there is no group `@mmmap`"}));
  EXPECT_EQ(about({.action = allow, .calls = {}}),
            (Lines{"error: rule 1: the rule names no call"}));
  EXPECT_EQ(about("chmod", is("flags", 1)),
            (Lines{"error: rule 1: no call of the rule has a parameter `flags`"}));
  EXPECT_EQ(
      about("open", is("flags", Value{.names = {"O_CRAET"}})),
      (Lines{"error: rule 1: no constant `O_CRAET` among open flags (open on x86_64, i386)"}));
}

TEST(Check, ConstantsOfCallsThatNoAbiAtHandHas) {
  Policy policy = sound();
  policy.rules = {{.action = allow,
                   .calls = {Selector::named("open")},
                   .condition = is("flags", Value{.names = {"O_CRAET"}})}};
  const std::array<Arch, 1> arches{Arch::aarch64};
  const std::vector<Diagnostic> all = check(policy, arches);
  const auto is_about_it = [](const Diagnostic& each) {
    return each.severity == Severity::error && each.message.find("O_CRAET") != std::string::npos;
  };
  EXPECT_TRUE(std::any_of(all.begin(), all.end(), is_about_it));
}

TEST(Check, SuggestsTheLikelyName) {
  Policy policy = sound();
  policy.rules = {{.action = allow, .calls = {Selector::named("opneat")}},
                  {.action = allow,
                   .calls = {Selector::named("open")},
                   .condition = is("flags", Value{.names = {"O_CRAET"}})}};
  const std::vector<Diagnostic> all = check(policy, both);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].hint, "did you mean `openat`?");
  EXPECT_EQ(all[1].hint, "did you mean `O_CREAT`?");
}

TEST(Check, CallsThatNoListedAbiHas) {
  constexpr Arch one[] = {Arch::x86_64};
  EXPECT_EQ(about({.action = allow, .calls = {Selector::named("mmap2")}}, one),
            (Lines{"warning: rule 1: mmap2 exists on none of x86_64: the rule matches nothing"}));
  EXPECT_EQ(
      about({.action = allow, .calls = {Selector::named("read"), Selector::named("mmap2")}}, one),
      (Lines{"note: rule 1: mmap2 exists on none of x86_64"}));
  EXPECT_EQ(about({.action = allow, .calls = {Selector::numbers(0x40000000, 0x40000005)}}, one),
            (Lines{"warning: rule 1: number 1073741824 exists on none of x86_64: the rule matches "
                   "nothing"}));
  EXPECT_EQ(about({.action = allow, .calls = {Selector::named("read")}, .arches = {Arch::arm}}),
            (Lines{"note: rule 1: no rule of this section counts: arm is not among the ABIs of the "
                   "policy (x86_64, i386)"}));
}

TEST(Check, CallsNewerThanTheLevel) {
  Policy policy = sound();
  policy.abi = Release{5, 10, 0};
  policy.rules = {{.action = allow, .calls = {Selector::named("process_mrelease")}}};
  EXPECT_EQ(findings(policy),
            (Lines{"note: rule 1: process_mrelease came with Linux 5.15, after this policy's level "
                   "5.10; the rule holds for it all the same"}));
}

TEST(Check, ValuesAtTheKernelsWidth) {
  EXPECT_EQ(
      about("chmod", is("mode", 0x10000)),
      (Lines{"error: rule 1: `mode` has 16 bits in the kernel; 0x10000 cannot match (chmod on "
             "x86_64, i386)"}));
  EXPECT_EQ(about("chmod", test_of({.name = "mode"}, Relation::eq, {{Value::of(0), {}}},
                                   Value::of(0x18000))),
            (Lines{"error: rule 1: `mode` has 16 bits in the kernel; 0x18000 is too wide a mask "
                   "(chmod on x86_64, i386)"}));
  EXPECT_EQ(
      about("setuid", is("uid", 0x10000)),
      (Lines{"error: rule 1: `uid` has 16 bits in the kernel; 0x10000 cannot match (setuid on "
             "i386)"}));
  EXPECT_EQ(about("read", test_of({.kind = Operand::Kind::low}, Relation::eq,
                                  {{Value::of(std::uint64_t{1} << 32), {}}})),
            (Lines{"error: rule 1: half a word has 32 bits; 0x100000000 cannot match"}));
}

TEST(Check, RangesInTheOrderOfTheOperand) {
  const auto range = [](const char* call, const char* name, Value first, Value last) {
    return about(call,
                 test_of({.name = name}, Relation::in, {{std::move(first), std::move(last)}}));
  };
  const Value minus_five{.number = 0 - std::uint64_t{5}, .negative = true};
  EXPECT_EQ(range("kill", "pid", minus_five, Value::of(5)), Lines{});
  EXPECT_EQ(range("close", "fd", minus_five, Value::of(5)).size(), 1u);
  EXPECT_EQ(range("chmod", "mode", Value::of(5), Value::of(2)),
            (Lines{"error: rule 1: the range is empty: its first value is above its last (chmod on "
                   "x86_64, i386)"}));
  EXPECT_EQ(about({.action = allow, .calls = {Selector::numbers(9, 3)}}),
            (Lines{"error: rule 1: the range 9..3 is empty: its first number is above its last"}));
}

TEST(Check, WhatCanNeverBeEqualOrIsNegative) {
  EXPECT_EQ(
      about("open", test_of({.name = "flags"}, Relation::eq, {{Value::of(2), {}}}, Value::of(1))),
      (Lines{"warning: rule 1: the value has bits outside the mask, so it is never equal (open "
             "on x86_64, i386)"}));
  EXPECT_EQ(about("kill", test_of({.name = "pid"}, Relation::lt, {{Value::of(0x80000000), {}}})),
            (Lines{"warning: rule 1: `pid` is signed: as one of its values, 2147483648 is "
                   "-2147483648 (kill on x86_64, i386)"}));
}

TEST(Check, PointersAreNullOrNot) {
  EXPECT_EQ(about("execve", is("pathname", 0)), Lines{});
  const Lines refused{"error: rule 1: `pathname` is a pointer (execve on x86_64, i386)"};
  EXPECT_EQ(about("execve", is("pathname", 5)), refused);
  EXPECT_EQ(about("execve", test_of({.name = "pathname"}, Relation::gt, {{Value::of(0), {}}})),
            refused);
  EXPECT_EQ(about("execve",
                  test_of({.name = "pathname"}, Relation::eq, {{Value::of(0), {}}}, Value::of(7))),
            refused);
  EXPECT_EQ(about("execve", test_of({.name = "pathname"}, Relation::in, {{Value::of(0), {}}})),
            refused);
}

TEST(Check, UntestableParametersNameAbiAndRemedy) {
  Rule rule{.action = allow, .calls = {Selector::group("mmap")}, .condition = is("prot", 1)};
  Policy policy = sound();
  policy.rules = {rule};
  const std::vector<Diagnostic> all = check(policy, both);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].message,
            "rule 1: `prot` is in memory, where no filter can see it (mmap on i386)");
  EXPECT_NE(all[0].hint.find("on untestable deny"), std::string::npos);
  EXPECT_NE(all[0].hint.find("section"), std::string::npos);
  rule.on_untestable = OnUntestable::deny;
  EXPECT_EQ(about(rule), Lines{});
  rule.on_untestable.reset();
  rule.arches = {Arch::x86_64};
  EXPECT_EQ(about(rule), Lines{});
  policy.on_untestable = OnUntestable::allow_;
  EXPECT_EQ(findings(policy), Lines{});
  policy.rules[0].on_untestable = OnUntestable::error;
  EXPECT_EQ(findings(policy).size(), 1u);
}

TEST(Check, AFormWithoutTheParameterIsUntestableInAGroupOnly) {
  Rule rule{.action = deny(1),
            .calls = {Selector::group("open")},
            .condition = is("dirfd", 3),
            .on_untestable = OnUntestable::deny};
  EXPECT_EQ(about(rule), Lines{});
  rule.calls = {Selector::named("open"), Selector::named("openat")};
  EXPECT_EQ(about(rule), (Lines{"error: rule 1: `dirfd` is no parameter (open on x86_64, i386)"}));
  rule.calls = {Selector::group("open")};
  rule.condition = is("nonsense", 3);
  EXPECT_EQ(about(rule), (Lines{"error: rule 1: no call of the rule has a parameter `nonsense`"}));
}

TEST(Check, ConstantsOfAnotherParameterAreWrongWhereTheTestCannotBeMadeToo) {
  Policy policy = sound();
  policy.on_untestable = OnUntestable::deny;
  policy.rules.push_back({.action = allow,
                          .calls = {Selector::named("clone3")},
                          .condition = is("flags", Value{.names = {"AF_INET"}})});
  EXPECT_TRUE(has_errors(check(policy, both)));
  policy.rules[0].condition = is("flags", Value{.names = {"CLONE_NEWUSER"}});
  EXPECT_FALSE(has_errors(check(policy, both)));
}

TEST(Check, RawNumbersTestRawWordsOnly) {
  const Condition named = is("fd", 1);
  const Condition raw = test_of({.kind = Operand::Kind::low}, Relation::eq, {{Value::of(1), {}}});
  for (const Selector& selector : {Selector::any(), Selector::numbers(0, 0)}) {
    EXPECT_EQ(about({.action = allow, .calls = {selector}, .condition = named}),
              (Lines{"error: rule 1: a rule on numbers or `*` can test raw words only, not the "
                     "parameter `fd`"}));
    EXPECT_EQ(about({.action = allow, .calls = {selector}, .condition = raw}), Lines{});
  }
}

TEST(Check, ShapesThatNoTextCanSpell) {
  EXPECT_EQ(about("read", test_of({.name = "fd"}, Relation::eq, {})),
            (Lines{"error: rule 1: the comparison needs exactly one value"}));
  EXPECT_EQ(about("read", test_of({.kind = Operand::Kind::word, .index = 6}, Relation::eq,
                                  {{Value::of(1), {}}})),
            (Lines{"error: rule 1: there is no argument word args[6]"}));
  EXPECT_EQ(about("read", {.kind = Condition::Kind::negation}),
            (Lines{"error: rule 1: `not` needs one condition"}));
  Condition deep;
  for (int i = 0; i < 120; ++i) {
    Condition outer{.kind = Condition::Kind::negation};
    outer.children.push_back(std::move(deep));
    deep = std::move(outer);
  }
  EXPECT_EQ(about("read", deep),
            (Lines{"error: rule 1: the condition is nested deeper than 100 levels"}));
}

TEST(Check, RulesThatDecideNothing) {
  Policy policy = sound();
  const Rule conditional{
      .action = allow, .calls = {Selector::named("read")}, .condition = is("fd", 1)};
  policy.rules = {conditional,
                  {.action = allow, .calls = {Selector::named("read"), Selector::named("write")}},
                  {.action = log_, .calls = {Selector::named("write")}},
                  conditional,
                  {.action = log_, .calls = {Selector::named("write"), Selector::named("close")}},
                  {.action = deny(1), .calls = {Selector::any()}},
                  {.action = allow, .calls = {Selector::numbers(100, 0xfffffffe)}},
                  {.action = allow, .calls = {Selector::numbers(0xffffffff, 0xffffffff)}}};
  EXPECT_EQ(
      findings(policy),
      (Lines{"warning: rule 3: the rule can never match: its calls are all decided before it, "
             "without a condition, first rule 2",
             "warning: rule 4: the same rule stands rule 1; this one decides nothing",
             "warning: rule 7: the rule can never match: its calls are all decided before it, "
             "without a condition, first rule 6"}));
}

TEST(Check, PointsAtTestsAndSelectors) {
  Policy policy = sound();
  Rule rule{.action = allow, .calls = {Selector::named("chmod")}, .condition = is("mode", 0x10000)};
  rule.place = {"f", 3, 1, 5};
  rule.calls.push_back(Selector::named("raed"));
  rule.calls[1].place = {"f", 3, 14, 4};
  rule.condition.test.place = {"f", 3, 22, 15};
  policy.rules = {rule};
  const std::vector<Diagnostic> all = check(policy, both);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].place, rule.calls[1].place);
  EXPECT_EQ(all[1].place, rule.condition.test.place);
}

}  // namespace
}  // namespace callgate
