#include "callgate/policy/resolve.h"

#include <gtest/gtest.h>

namespace callgate {
namespace {

using Ranges = std::vector<NumberRange>;

Rule rule_on(std::vector<Selector> calls, Action action = allow) {
  return {.action = action, .calls = std::move(calls)};
}

Ranges numbers(const Rule& rule, Arch arch) {
  Policy policy;
  policy.rules = {rule};
  return selected_numbers(policy, policy.rules[0], arch);
}

TEST(SelectedNumbers, NamesAreThatCallOnEachAbi) {
  const Rule rule = rule_on({Selector::named("read"), Selector::named("mmap2")});
  EXPECT_EQ(numbers(rule, Arch::x86_64), (Ranges{{0, 0}}));
  EXPECT_EQ(numbers(rule, Arch::i386), (Ranges{{3, 3}, {192, 192}}));
  EXPECT_EQ(numbers(rule, Arch::x32), (Ranges{{0x40000000, 0x40000000}}));
}

TEST(SelectedNumbers, AreAscendingDisjointAndNotAdjacent) {
  const Rule rule =
      rule_on({Selector::numbers(20, 30), Selector::numbers(5, 9), Selector::numbers(10, 12),
               Selector::numbers(25, 40), Selector::numbers(14, 14)});
  EXPECT_EQ(numbers(rule, Arch::aarch64), (Ranges{{5, 12}, {14, 14}, {20, 40}}));
}

TEST(SelectedNumbers, RawRangesAreClippedToTheAbi) {
  const Rule rule = rule_on({Selector::numbers(0x3ffffffe, 0xffffffff)});
  EXPECT_EQ(numbers(rule, Arch::x86_64),
            (Ranges{{0x3ffffffe, 0x3fffffff}, {0xffffffff, 0xffffffff}}));
  EXPECT_EQ(numbers(rule, Arch::x32), (Ranges{{0x40000000, 0xfffffffe}}));
  EXPECT_EQ(numbers(rule, Arch::i386), (Ranges{{0x3ffffffe, 0xffffffff}}));
}

TEST(SelectedNumbers, EverythingIsEveryNumberButMinusOne) {
  const Rule rule = rule_on({Selector::any()});
  EXPECT_EQ(numbers(rule, Arch::x86_64), (Ranges{{0, 0x3fffffff}}));
  EXPECT_EQ(numbers(rule, Arch::x32), (Ranges{{0x40000000, 0xfffffffe}}));
  EXPECT_EQ(numbers(rule, Arch::arm), (Ranges{{0, 0xfffffffe}}));
}

TEST(SelectedNumbers, SectionsExcludeTheOtherAbis) {
  Rule rule = rule_on({Selector::named("read")});
  rule.arches = {Arch::i386, Arch::arm};
  EXPECT_EQ(numbers(rule, Arch::x86_64), Ranges{});
  EXPECT_EQ(numbers(rule, Arch::i386), (Ranges{{3, 3}}));
}

/// A policy that lets through whatever an i386 ipc can carry.
Policy ipc_policy() {
  Policy policy;
  policy.rules.push_back(rule_on(
      {Selector::named("semget"), Selector::named("semctl"), Selector::named("semtimedop_time64"),
       Selector::named("msgsnd"), Selector::named("msgrcv"), Selector::named("msgget"),
       Selector::named("msgctl"), Selector::named("shmat"), Selector::named("shmdt"),
       Selector::named("shmget"), Selector::named("shmctl")}));
  policy.rules.push_back(rule_on({Selector::group("msgget")}, log_));
  return policy;
}

constexpr NumberRange ipc{117, 117};

bool reaches_ipc(const Policy& policy) {
  const Ranges all = selected_numbers(policy, policy.rules.back(), Arch::i386);
  return std::find(all.begin(), all.end(), ipc) != all.end();
}

TEST(Multiplexed, IsReachedOnlyWhereAllThatItCarriesIsPermitted) {
  EXPECT_TRUE(reaches_ipc(ipc_policy()));
  for (std::size_t i = 0; i < 11; ++i) {
    Policy policy = ipc_policy();
    const auto& calls = policy.rules[0].calls;
    const std::string left_out = calls[i].name;
    policy.rules[0].calls.erase(policy.rules[0].calls.begin() + static_cast<std::ptrdiff_t>(i));
    // msgget is plainly permitted by the group's rule itself.
    EXPECT_EQ(reaches_ipc(policy), left_out == "msgget") << left_out;
  }
}

TEST(Multiplexed, ConditionsAndDenialsBeforeKeepItOut) {
  Policy conditional = ipc_policy();
  conditional.rules[0].condition = {.kind = Condition::Kind::all};
  EXPECT_FALSE(reaches_ipc(conditional));
  Policy denied = ipc_policy();
  denied.rules.insert(denied.rules.begin(), rule_on({Selector::named("shmat")}, deny(1)));
  EXPECT_FALSE(reaches_ipc(denied));
  Policy elsewhere = denied;
  elsewhere.rules[0].arches = {Arch::x86_64};
  EXPECT_TRUE(reaches_ipc(elsewhere));
  Policy delegated = ipc_policy();
  delegated.rules[0].action = trace_(1);
  EXPECT_FALSE(reaches_ipc(delegated));
}

TEST(Multiplexed, IsAlwaysReachedByADenyingRule) {
  Policy policy;
  policy.rules.push_back(rule_on({Selector::group("msgget")}, deny(1)));
  EXPECT_TRUE(reaches_ipc(policy));
  policy.rules[0].action = notify;
  EXPECT_FALSE(reaches_ipc(policy));
}

ResolvedOperand parameter(std::string name, Arch arch, std::string_view call) {
  const auto resolved = resolve_operand({.name = std::move(name)}, arch, find_syscall(arch, call));
  EXPECT_TRUE(resolved) << call;
  return resolved.value_or(ResolvedOperand{});
}

TEST(ResolveOperand, TakesWidthAndSignFromTheAbi) {
  EXPECT_EQ(parameter("mode", Arch::x86_64, "chmod").bits, 16u);
  EXPECT_EQ(parameter("uid", Arch::i386, "setuid").bits, 16u);
  EXPECT_EQ(parameter("uid", Arch::x86_64, "setuid").bits, 32u);
  EXPECT_TRUE(parameter("dirfd", Arch::x86_64, "openat").is_signed);
  EXPECT_EQ(parameter("buf", Arch::x32, "read").bits, 64u);
  EXPECT_EQ(parameter("buf", Arch::arm, "read").bits, 32u);
}

TEST(ResolveOperand, PairsAreTwoWords) {
  const ResolvedOperand i386 = parameter("length", Arch::i386, "ftruncate64");
  EXPECT_TRUE(i386.is_pair && i386.is_signed);
  EXPECT_EQ(i386.kind, Operand::Kind::parameter);
  EXPECT_EQ(i386.low, 1);
  EXPECT_EQ(i386.high, 2);
  EXPECT_EQ(i386.bits, 64u);
  EXPECT_EQ(parameter("length", Arch::arm, "ftruncate64").low, 2);
}

TEST(ResolveOperand, MemoryIsNotTestable) {
  EXPECT_FALSE(parameter("flags", Arch::x86_64, "clone3").testable);
  EXPECT_FALSE(parameter("prot", Arch::i386, "mmap").testable);
  EXPECT_TRUE(parameter("size", Arch::x86_64, "clone3").testable);
}

TEST(ResolveOperand, RejectsWhatIsNotThere) {
  const Syscall* read = find_syscall(Arch::x86_64, "read");
  EXPECT_FALSE(resolve_operand({.name = "flags"}, Arch::x86_64, read));
  EXPECT_FALSE(resolve_operand({.name = "fd"}, Arch::x86_64, nullptr));
  EXPECT_FALSE(resolve_operand({.kind = Operand::Kind::word, .index = 6}, Arch::x86_64, read));
}

std::optional<std::uint64_t> value(const Value& value, unsigned bits) {
  const auto resolved = resolve_value(value, Arch::x86_64, {.bits = bits});
  return resolved ? std::optional(*resolved) : std::nullopt;
}
Value negative(std::uint64_t magnitude) { return {.number = 0 - magnitude, .negative = true}; }

TEST(ResolveValue, KnowsTheWidth) {
  EXPECT_EQ(value(Value::of(0xffff), 16), 0xffffu);
  EXPECT_EQ(value(Value::of(0x10000), 16), std::nullopt);
  EXPECT_EQ(value(negative(1), 16), 0xffffu);
  EXPECT_EQ(value(negative(0x8000), 16), 0x8000u);
  EXPECT_EQ(value(negative(0x8001), 16), std::nullopt);
  EXPECT_EQ(value(negative(0x80000000), 32), 0x80000000u);
  EXPECT_EQ(value(negative(0x80000001), 32), std::nullopt);
  EXPECT_EQ(value(Value::of(~std::uint64_t{0}), 64), ~std::uint64_t{0});
  EXPECT_EQ(value(negative(std::uint64_t{1} << 63), 64), std::uint64_t{1} << 63);
  EXPECT_EQ(value(negative((std::uint64_t{1} << 63) + 1), 64), std::nullopt);
  EXPECT_EQ(value({.number = 0, .negative = true}, 32), 0u);
}

TEST(ResolveValue, ComplementsAtTheWidth) {
  EXPECT_EQ(value({.number = 0777, .complement = true}, 16), 0xfe00u);
  EXPECT_EQ(value({.number = 0, .complement = true}, 64), ~std::uint64_t{0});
}

TEST(ResolveValue, ConstantsAreThoseOfTheParameterAndTheAbi) {
  const auto on = [](Arch arch, std::string_view call, std::string name, const char* constant) {
    return resolve_value({.names = {constant}}, arch, parameter(std::move(name), arch, call));
  };
  EXPECT_EQ(on(Arch::x86_64, "open", "flags", "O_DIRECTORY").value(), 0200000u);
  EXPECT_EQ(on(Arch::arm, "open", "flags", "O_DIRECTORY").value(), 040000u);
  EXPECT_EQ(on(Arch::x86_64, "openat", "dirfd", "AT_FDCWD").value(), 0xffffff9cu);
  const auto wrong = on(Arch::x86_64, "open", "flags", "O_CREATE");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().diagnostics[0].hint, "did you mean `O_CREAT`?");
  EXPECT_FALSE(on(Arch::x86_64, "open", "flags", "AF_INET"));
  EXPECT_EQ(value({.names = {"AT_FDCWD"}}, 64), 0xffffffffffffff9c);
  EXPECT_EQ(value({.names = {"O_WRONLY", "O_CREAT"}, .number = 4}, 32), 0105u);
}

TEST(IsUntestable, IfAnyTestIs) {
  const Syscall* call = find_syscall(Arch::x86_64, "clone3");
  const auto test = [](const char* name) { return Condition::of({.operand = {.name = name}}); };
  EXPECT_FALSE(is_untestable({}, Arch::x86_64, call));
  EXPECT_FALSE(is_untestable(test("size"), Arch::x86_64, call));
  EXPECT_TRUE(is_untestable(test("flags"), Arch::x86_64, call));
  Condition both{.kind = Condition::Kind::any, .children = {test("size"), test("flags")}};
  EXPECT_TRUE(is_untestable(both, Arch::x86_64, call));
  EXPECT_TRUE(is_untestable(test("no_such"), Arch::x86_64, call));
}

// mips and mipsel have one table; what is judged for one says nothing of the other's sections.
TEST(Selection, JudgesMultiplexersForEachAbi) {
  Policy policy;
  policy.rules = {{.action = allow, .calls = {Selector::any()}, .arches = {Arch::mips}},
                  {.action = allow, .calls = {Selector::group("socket")}}};
  Selection selection(policy);
  for (const Arch arch : {Arch::mips, Arch::mipsel})
    EXPECT_EQ(selection.numbers(policy.rules[1], arch),
              selected_numbers(policy, policy.rules[1], arch));
  EXPECT_NE(selection.numbers(policy.rules[1], Arch::mips),
            selection.numbers(policy.rules[1], Arch::mipsel));
}

}  // namespace
}  // namespace callgate
