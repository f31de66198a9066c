// The supervised program is the policy's own with other terminals: every call, same path.
#include <gtest/gtest.h>

#include <random>

#include "callgate/abi/action.h"
#include "callgate/abi/syscalls.h"
#include "callgate/bpf/emulate.h"
#include "callgate/supervise/run.h"
#include "scale.h"

namespace callgate {
namespace {

constexpr std::uint32_t every_return[] = {0x80000000, 0x00000000, 0x00030007, 0x00050001,
                                          0x0005ffff, 0x00050000, 0x7fc00000, 0x7ff00003,
                                          0x7ffc0000, 0x7fff0000, 0x12340000, 0xffff0000};

/// A program that returns one of the values above for each call number.
Program one_return_each() {
  std::vector<Instruction> code{{0x20, 0, 0, 0}};
  std::uint32_t number = 0;
  for (const std::uint32_t ret : every_return) {
    code.push_back({0x15, 0, 1, number++});
    code.push_back({0x06, 0, 0, ret});
  }
  code.push_back({0x06, 0, 0, 0x7fff0000});
  return *Program::verify(code);
}

std::uint32_t returned(const Program& program, std::uint32_t number) {
  return emulate(program, {.nr = number});
}

TEST(SupervisedProgram, ErrnoNotifiesAndKillStays) {
  const Program original = one_return_each();
  const auto made = supervised_program(original, ReportLevel::full, false);
  ASSERT_TRUE(made);
  for (std::uint32_t number = 0; number <= std::size(every_return); ++number) {
    const std::uint32_t before = returned(original, number);
    const bool is_errno = (before & 0xffff0000) == 0x00050000;
    EXPECT_EQ(returned(*made, number), is_errno ? 0x7fc00000 : before) << number;
  }
}

TEST(SupervisedProgram, LogOnlyLeavesNothingThatDenies) {
  const Program original = one_return_each();
  const auto notifying = supervised_program(original, ReportLevel::full, true);
  const auto logging = supervised_program(original, ReportLevel::audit, true);
  ASSERT_TRUE(notifying && logging);
  for (std::uint32_t number = 0; number <= std::size(every_return); ++number) {
    const std::uint32_t before = returned(original, number);
    const auto action = action_of(before);
    const bool denied = !action || denies(action->kind);
    EXPECT_EQ(returned(*notifying, number), denied ? 0x7fc00000 : before) << number;
    EXPECT_EQ(returned(*logging, number), denied ? 0x7ffc0000 : before) << number;
  }
}

TEST(SupervisedProgram, AuditAndNoneChangeNothing) {
  const Program original = one_return_each();
  EXPECT_EQ(*supervised_program(original, ReportLevel::audit, false), original);
  EXPECT_EQ(*supervised_program(original, ReportLevel::none, false), original);
}

TEST(SupervisedProgram, ComputedReturnsAreRefusedOnlyWhereTheyMatter) {
  const Program computed = *Program::verify({{0x20, 0, 0, 0}, {0x16, 0, 0, 0}});
  EXPECT_FALSE(supervised_program(computed, ReportLevel::full, false));
  EXPECT_FALSE(supervised_program(computed, ReportLevel::audit, true));
  EXPECT_TRUE(supervised_program(computed, ReportLevel::none, false));
}

/// Random trees of tests on random words: the renamed program returns the renamed value, always.
TEST(SupervisedProgram, RenamesOnEveryPath) {
  std::mt19937 random(20240607);
  const std::size_t programs = test::scaled(500, 20'000);
  for (std::size_t round = 0; round < programs; ++round) {
    std::vector<Instruction> code;
    const std::size_t tests = 1 + random() % 20;
    for (std::size_t index = 0; index < tests; ++index) {
      code.push_back({0x20, 0, 0, static_cast<std::uint32_t>(random() % 16 * 4)});
      code.push_back({0x15, static_cast<std::uint8_t>(random() % 2),
                      static_cast<std::uint8_t>(random() % 2),
                      static_cast<std::uint32_t>(random() % 3)});
      code.push_back({0x06, 0, 0, every_return[random() % std::size(every_return)]});
    }
    code.push_back({0x06, 0, 0, every_return[random() % std::size(every_return)]});
    const Program original = *Program::verify(code);
    const Program made = *supervised_program(original, ReportLevel::full, false);
    for (int call = 0; call < 20; ++call) {
      const auto small = [&] { return static_cast<std::uint32_t>(random() % 3); };
      SeccompData data{small(), small(), small(), {}};
      for (auto& argument : data.args) argument = small();
      const std::uint32_t before = emulate(original, data);
      const bool is_errno = (before & 0xffff0000) == 0x00050000;
      ASSERT_EQ(emulate(made, data), is_errno ? 0x7fc00000 : before);
    }
  }
}

TEST(SupervisedProgram, NoListenerOfItsOwn) {
  const Program original = *Program::verify({{0x20, 0, 0, 16},
                                             {0x15, 0, 1, 1},
                                             {0x06, 0, 0, 0x7fff0000},
                                             {0x15, 0, 1, 2},
                                             {0x06, 0, 0, 0x7ffc0000},
                                             {0x15, 0, 1, 3},
                                             {0x06, 0, 0, 0x80000000},
                                             {0x06, 0, 0, 0x00050001}});
  const Program made = *supervised_program(original, ReportLevel::full, false);
  const std::uint32_t expected[] = {0x7fc00000, 0x00050010, 0x00050010, 0x80000000};
  for (const Arch arch : {Arch::x86_64, Arch::x32, Arch::i386}) {
    const std::uint32_t number = find_syscall(arch, "seccomp")->number;
    for (std::uint64_t operation = 0; operation < 4; ++operation) {
      SeccompData data{number, arch_info(arch).audit, 0, {operation, 0xffffffff00000008}};
      EXPECT_EQ(emulate(made, data), expected[operation]);
      data.args[1] = 0xfffffff7;  // every flag but that one
      const std::uint32_t before = emulate(original, data);
      EXPECT_EQ(emulate(made, data), operation == 0 ? 0x7fc00000 : before);
      data.args[1] = 8;
      ++data.nr;
      EXPECT_EQ(emulate(made, data), operation == 0 ? 0x7fc00000 : before);
    }
  }
}

TEST(CanKill, LooksAtRulesAndAtAbisThatAreNotListed) {
  Policy policy;
  policy.otherwise = allow;
  policy.unknown = allow;
  const Program program = one_return_each();
  const std::vector<Arch> all{Arch::x86_64, Arch::i386, Arch::x32, Arch::aarch64, Arch::arm};
  EXPECT_FALSE(can_kill({program, policy, all}));
  EXPECT_TRUE(can_kill({program, policy, {native_arch()}}));
  policy.unlisted = deny(1);
  EXPECT_FALSE(can_kill({program, policy, {native_arch()}}));
  policy.rules.push_back({.action = trap(), .calls = {Selector::named("read")}});
  EXPECT_TRUE(can_kill({program, policy, all}));
  EXPECT_TRUE(can_kill({program, std::nullopt, all}));
}

}  // namespace
}  // namespace callgate
