// A policy, printed, is read as an equal policy.
#include <gtest/gtest.h>

#include "callgate/formats/text.h"
#include "random_policy.h"
#include "scale.h"

namespace callgate {
namespace {

using test::chance;
using test::one_of;
using test::pick;
using test::Random;

/// Any value that the API can hold, sense or not.
Value any_value(Random& random) {
  static const std::vector<std::string_view> names = constant_names(Arch::x86_64, nullptr);
  Value value{.number = test::random_number(random, 64)};
  for (std::size_t i = pick(random, 4); i > 0; --i) value.names.emplace_back(one_of(random, names));
  value.negative = chance(random, 25);
  value.complement = chance(random, 25);
  return value;
}

Test any_test(Random& random) {
  Test test{.operand = {.kind = static_cast<Operand::Kind>(1 + pick(random, 6))}};
  const bool is_argument = test.operand.kind <= Operand::Kind::high;
  if (is_argument) test.operand.index = static_cast<std::uint8_t>(pick(random, 6));
  if (chance(random, 40)) test.mask = any_value(random);
  test.relation = static_cast<Relation>(pick(random, 9));
  const bool is_set = test.relation == Relation::in || test.relation == Relation::not_in;
  for (std::size_t i = is_set ? pick(random, 9) : 1; i > 0; --i) {
    test.values.push_back({any_value(random), {}});
    if (is_set && chance(random, 40)) test.values.back().last = any_value(random);
  }
  return test;
}

/// Any tree, with parts of one child and of none.
Condition any_condition(Random& random, unsigned depth) {
  Condition out{.kind = static_cast<Condition::Kind>(pick(random, 5))};
  if (depth == 0 && out.kind >= Condition::Kind::all) out.kind = Condition::Kind::test;
  if (out.kind == Condition::Kind::test) out.test = any_test(random);
  const bool is_list = out.kind == Condition::Kind::all || out.kind == Condition::Kind::any;
  const std::size_t count = is_list ? pick(random, 4) : 1;
  if (is_list || out.kind == Condition::Kind::negation)
    for (std::size_t i = 0; i < count; ++i)
      out.children.push_back(any_condition(random, depth - 1));
  return out;
}

Action any_action(Random& random) {
  static constexpr ActionKind kinds[] = {
      ActionKind::kill_process, ActionKind::kill_thread, ActionKind::trap, ActionKind::errno_,
      ActionKind::user_notif,   ActionKind::trace,       ActionKind::log,  ActionKind::allow};
  const bool has_data = chance(random, 40);
  return {one_of(random, kinds), static_cast<std::uint16_t>(has_data ? random() : 0)};
}

/// An errno above the kernel's largest is an error of the text where a policy's defaults hold it.
Action any_default(Random& random) {
  Action action = any_action(random);
  if (action.kind == ActionKind::errno_) action.data %= 4096;
  return action;
}

std::vector<Arch> any_arches(Random& random) {
  std::vector<Arch> arches;
  for (std::size_t i = pick(random, 4); i > 0; --i) arches.push_back(one_of(random, all_arches));
  return arches;
}

Selector any_selector(Random& random) {
  const auto number = [&] { return static_cast<std::uint32_t>(test::random_number(random, 32)); };
  switch (pick(random, 4)) {
    case 0: return Selector::named(std::string(one_of(random, syscall_names())));
    case 1: return Selector::group(std::string(one_of(random, groups()).name));
    case 2: return Selector::numbers(number(), number());
    default: return Selector::any();
  }
}

Policy any_policy(Random& random) {
  Policy policy{.otherwise = any_default(random)};
  for (std::size_t i = pick(random, 12); i > 0; --i) policy.name += static_cast<char>(random());
  if (chance(random, 50))
    policy.abi = Release{static_cast<std::uint16_t>(pick(random, newest_release().major)),
                         static_cast<std::uint16_t>(pick(random, 30)),
                         static_cast<std::uint16_t>(chance(random, 30) ? random() : 0)};
  policy.arches = any_arches(random);
  if (chance(random, 50)) policy.unknown = any_default(random);
  if (chance(random, 50)) policy.unlisted = any_default(random);
  policy.on_untestable = static_cast<OnUntestable>(pick(random, 3));
  for (std::size_t i = pick(random, 8); i > 0; --i) {
    Rule rule{.action = any_action(random)};
    for (std::size_t j = 1 + pick(random, 30); j > 0; --j)
      rule.calls.push_back(any_selector(random));
    if (chance(random, 60)) rule.condition = any_condition(random, 4);
    if (chance(random, 40)) rule.arches = any_arches(random);
    if (chance(random, 30)) rule.on_untestable = static_cast<OnUntestable>(pick(random, 3));
    policy.rules.push_back(std::move(rule));
  }
  return policy;
}

void expect_round_trip(const Policy& policy, std::size_t seed) {
  const std::string text = print_policy(policy);
  const auto again = parse_policy(text, "printed");
  ASSERT_TRUE(again) << "seed " << seed << "\n" << again.error().text() << text;
  ASSERT_TRUE(again->policy == policy) << "seed " << seed << "\n"
                                       << text << "\nagain:\n"
                                       << print_policy(again->policy);
}

/// Blanks and comments wherever they change nothing.
std::string with_blanks(Random& random, const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n' && chance(random, 20)) out += " # a \"b\" {";
    if (c == '\n' && chance(random, 20)) out += "\n \n# c\n\n\t";
    if (c == ' ' && chance(random, 30)) out += chance(random, 50) ? "\t " : "   ";
    out += c;
  }
  return out;
}

TEST(TextProperty, LaidOutAPolicyIsTheSame) {
  const std::size_t count = test::scaled(2'000, 100'000);
  for (std::size_t seed = 0; seed < count && !HasFatalFailure(); ++seed) {
    Random random(seed);
    const std::string sets = "set s0 = read, @mmap, 5..7\nset v0 = {1, AF_UNIX,\n 3}\n";
    const std::string text = with_blanks(
        random, sets + print_policy(any_policy(random)) + "allow @s0 if args[0] in {v0, 9}\n");
    const auto once = format_policy(text, "scattered");
    ASSERT_TRUE(once) << "seed " << seed << once.error().text() << text;
    const auto twice = format_policy(*once, "formatted");
    ASSERT_TRUE(twice) << "seed " << seed << *once;
    EXPECT_EQ(*once, *twice) << "seed " << seed << text;
    const auto before = parse_policy(text, "scattered");
    const auto after = parse_policy(*once, "formatted");
    ASSERT_TRUE(before) << "seed " << seed << before.error().text();
    ASSERT_TRUE(after) << "seed " << seed << after.error().text() << *once;
    ASSERT_TRUE(before->policy == after->policy) << "seed " << seed << text << *once;
  }
}

TEST(TextProperty, PoliciesWithoutErrorsReadBackEqual) {
  const std::size_t count = test::scaled(5'000, 200'000);
  std::size_t conditions = 0;
  for (std::size_t seed = 0; seed < count && !HasFatalFailure(); ++seed) {
    Random random(seed);
    const test::RandomPolicy sample = test::random_policy(random);
    for (const Rule& rule : sample.policy.rules)
      if (rule.condition.kind != Condition::Kind::always) ++conditions;
    expect_round_trip(sample.policy, seed);
  }
  EXPECT_GT(conditions, count);
}

TEST(TextProperty, WhateverTheApiCanHoldReadsBackEqual) {
  const std::size_t count = test::scaled(10'000, 400'000);
  for (std::size_t seed = 0; seed < count && !HasFatalFailure(); ++seed) {
    Random random(seed);
    expect_round_trip(any_policy(random), seed);
  }
}

}  // namespace
}  // namespace callgate
