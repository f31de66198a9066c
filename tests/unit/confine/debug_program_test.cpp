// The debug mode's program: which TRAP stands for what, and what it cannot live under.
#include "confine/debug_program.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "callgate/abi/syscalls.h"
#include "callgate/bpf/emulate.h"
#include "callgate/policy/builder.h"

namespace callgate::confine_detail {
namespace {

Policy base() {
  Policy policy{.name = "worker", .abi = linux_6_12, .arches = {native_arch()}, .otherwise = allow};
  return policy;
}

std::uint32_t result(const Program& program, std::uint32_t number) {
  return emulate(program, {.nr = number, .arch = arch_info(native_arch()).audit});
}
std::uint32_t result(const Program& program, std::string_view call) {
  return result(program, find_syscall(native_arch(), call)->number);
}

TEST(DebugProgram, EachDenyingPartHasItsRow) {
  Policy policy = base();
  policy.otherwise = deny(EACCES);
  policy.unknown = deny(ENOSYS);
  policy.on({"write", "rt_sigreturn"}, allow).on("mkdirat", deny(EPERM));
  const unsigned line = __LINE__ - 1;
  policy.rules.push_back({.action = deny(EPERM), .calls = {Selector::named("unlinkat")}});
  policy.on("getppid", trap(9)).on("getpid", log_);
  const auto built = debug_program(policy, 100, 2);
  ASSERT_TRUE(built) << built.error().text();
  ASSERT_EQ(built->rows.size(), 5u);
  EXPECT_EQ(built->rows[0].action, deny(EPERM));
  EXPECT_EQ(built->rows[0].rule, std::string(__FILE__) + ":" + std::to_string(line));
  EXPECT_EQ(built->rows[1].rule, "rule 3");
  EXPECT_EQ(built->rows[2].action, trap(9));
  EXPECT_EQ(built->rows[3].rule, "otherwise");
  EXPECT_EQ(built->rows[4].rule, "unknown number");
  EXPECT_EQ(result(built->program, "mkdirat"), trap(100).ret());
  EXPECT_EQ(result(built->program, "unlinkat"), trap(101).ret());
  EXPECT_EQ(result(built->program, "getppid"), trap(102).ret());
  EXPECT_EQ(result(built->program, "getuid"), trap(103).ret());
  EXPECT_EQ(result(built->program, 5000), trap(104).ret());
  EXPECT_EQ(result(built->program, "getpid"), log_.ret());
  EXPECT_EQ(result(built->program, "write"), allow.ret());
}

TEST(DebugProgram, ReservedCallsKill) {
  const auto built = debug_program(base(), 0, 2);
  ASSERT_TRUE(built);
  EXPECT_EQ(result(built->program, runtime::kill_process_number), kill_process.ret());
  EXPECT_EQ(result(built->program, runtime::kill_thread_number), kill_thread.ret());
  EXPECT_EQ(find_syscall(native_arch(), runtime::kill_process_number), nullptr);
  EXPECT_EQ(result(built->program, "getppid"), allow.ret());
}

TEST(DebugProgram, NothingIsLetThroughForTheHandler) {
  struct Row {
    Policy policy;
    const char* message;
  };
  const Row rows[] = {
      {base().on("write", deny(EPERM)), "the policy refuses write(2) to descriptor 2"},
      {base().on("write", arg("fd") != 5, deny(EPERM)), "the policy refuses write(2)"},
      {base().on("rt_sigreturn", deny(EPERM)), "the policy refuses rt_sigreturn(2)"},
  };
  for (const Row& row : rows) {
    const auto built = debug_program(row.policy, 0, 2);
    ASSERT_FALSE(built) << row.message;
    EXPECT_NE(built.error().message().find(row.message), std::string::npos) << built.error().text();
  }
  EXPECT_TRUE(debug_program(base().on("write", arg("fd") != 5, deny(EPERM)), 0, 5));
}

TEST(DebugProgram, RowsHaveSixteenBits) {
  EXPECT_TRUE(debug_program(base(), 0xffff - 1, 2));
  EXPECT_FALSE(debug_program(base(), 0xffff, 2));
  Policy trapping = base();
  trapping.unlisted = trap(1);
  EXPECT_FALSE(debug_program(trapping, 0, 2));
}

}  // namespace
}  // namespace callgate::confine_detail
