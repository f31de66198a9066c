// The builder makes what the parser of the policy language makes, and its places are its lines.
#include "callgate/policy/builder.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "callgate/abi/constants.h"
#include "callgate/abi/groups.h"
#include "callgate/policy/evaluate.h"

namespace callgate {
namespace {

constexpr std::array arches = {Arch::x86_64};

/// The verdict for a call of x86-64.
Action verdict(const Policy& policy, std::string_view call, std::array<std::uint64_t, 6> args) {
  const SeccompData data{.nr = find_syscall(Arch::x86_64, call)->number,
                         .arch = arch_info(Arch::x86_64).audit,
                         .args = args};
  return evaluate(policy, arches, data).action;
}

Policy worker() { return {.name = "worker", .abi = linux_6_12, .otherwise = deny(EPERM)}; }

TEST(Builder, RulesInTheOrderOfTheCalls) {
  Policy policy = worker();
  policy.on("getpid", deny(EACCES)).on({"getpid", "@write"}, allow).on(any_call(), deny(ENOENT));
  EXPECT_FALSE(has_errors(check(policy, arches)));
  EXPECT_EQ(verdict(policy, "getpid", {}), deny(EACCES));
  EXPECT_EQ(verdict(policy, "writev", {}), allow);
  EXPECT_EQ(verdict(policy, "read", {}), deny(ENOENT));
  ASSERT_EQ(policy.rules.size(), 3u);
  EXPECT_EQ(policy.rules[1].calls,
            (std::vector{Selector::named("getpid"), Selector::group("write")}));
}

TEST(Builder, ComparisonsHoldWhereTheyShould) {
  struct Row {
    const char* what;
    Condition condition;
    std::uint64_t holds;
    std::uint64_t fails;
  };
  const Row rows[] = {
      {"==", arg("prio") == 3, 3, 4},
      {"!=", arg("prio") != 3, 4, 3},
      {"<", arg("prio") < -1, 0xfffffffe, 0xffffffff},
      {"<=", arg("prio") <= 0, 0x80000000, 1},
      {">", arg("prio") > -5, 0, 0xfffffff0},
      {">=", arg("prio") >= 7, 7, 6},
      {"in", arg("prio").in({1, range(5, 7)}), 6, 8},
      {"not in", arg("prio").not_in({1, 2}), 3, 2},
      {"subset", arg("prio").subset_of(6), 4, 1},
      {"mask", (arg("prio") & 12) == 8, 0xb, 0xc},
      {"complement", (arg("prio") & ~Value::of(0xff)) == 0, 0xfe, 0x100},
      {"and", arg("prio") > 1 && arg("prio") < 4 && word(2) != 2, 3, 2},
      {"or", arg("prio") == 1 || arg("prio") == 2 || arg("prio") == 9, 9, 3},
      {"not", !(arg("prio") == 1), 2, 1},
      {"low", low_word(2) == 5, 0x700000005, 4},
      {"high", high_word(2) == 7, 0x700000005, 5},
      {"word", word(2) == 0x700000005, 0x700000005, 5},
      {"ip", instruction_pointer() == 0 && word(2) == 1, 1, 2},
      {"run time", arg_named("prio") == constant_named("AF_INET"), 2, 3},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.what);
    Policy policy = worker();
    policy.on("setpriority", row.condition, allow);
    EXPECT_EQ(verdict(policy, "setpriority", {0, 0, row.holds}), allow);
    EXPECT_EQ(verdict(policy, "setpriority", {0, 0, row.fails}), deny(EPERM));
  }
}

TEST(Builder, NamedValuesAreEachAbisOwn) {
  Policy policy = worker();
  policy.on("openat", arg("flags") == (constant("O_DIRECTORY") | constant("O_CLOEXEC")), allow);
  for (const Arch arch : {Arch::x86_64, Arch::aarch64}) {
    const std::array one = {arch};
    const auto directory = find_constant(arch, "O_DIRECTORY");
    const SeccompData data{.nr = find_syscall(arch, "openat")->number,
                           .arch = arch_info(arch).audit,
                           .args = {0, 0, *directory | 0x80000}};
    EXPECT_EQ(evaluate(policy, one, data).action, allow) << arch_info(arch).name;
  }
}

TEST(Builder, PointersAreNullOrNot) {
  Policy policy = worker();
  policy.on("execve", arg("pathname") != nullptr, allow);
  EXPECT_FALSE(has_errors(check(policy, arches)));
  EXPECT_EQ(verdict(policy, "execve", {1}), allow);
  EXPECT_EQ(verdict(policy, "execve", {0}), deny(EPERM));
}

TEST(Builder, PlacesAreLinesOfThisFile) {
  Policy policy = worker();
  const unsigned line = __LINE__ + 1;
  policy.on("chmod", arg("mode") == 0x10000, allow);
  EXPECT_EQ(policy.rules[0].place.file, __FILE__);
  EXPECT_EQ(policy.rules[0].place.line, line);
  const std::vector<Diagnostic> findings = check(policy, arches);
  ASSERT_TRUE(has_errors(findings));
  EXPECT_EQ(findings[0].place.line, line) << render(findings);
}

TEST(Builder, ANameAtRunTimeIsFoundByCheck) {
  Policy policy = worker();
  policy.on(call_named("raed"), allow)
      .on(call_named("@mmpa"), allow)
      .on(call_named("@mmap"), allow);
  const std::vector<Diagnostic> findings = check(policy, arches);
  EXPECT_EQ(std::count_if(findings.begin(), findings.end(),
                          [](const Diagnostic& d) { return d.severity == Severity::error; }),
            2);
}

/// Names that literals are looked up in, and the tables that check() goes by.
TEST(Names, AreThoseOfTheTables) {
  EXPECT_TRUE(std::ranges::equal(names::call_names, syscall_names(), {},
                                 [](const char* name) { return std::string_view(name); }));
  ASSERT_EQ(std::size(names::group_names), groups().size());
  for (const char* name : names::group_names) EXPECT_NE(find_group(name), nullptr) << name;
  for (const char* name : names::constant_names) {
    const bool is_known = std::ranges::any_of(all_arches, [&](Arch arch) {
      const auto all = constant_names(arch, nullptr);
      return std::ranges::find(all, name) != all.end();
    });
    EXPECT_TRUE(is_known) << name;
  }
  for (const Arch arch : all_arches) {
    for (const Syscall& call : syscalls(arch)) {
      for (const Parameter& parameter : call.parameters)
        EXPECT_TRUE(names::holds(names::parameter_names, parameter.name)) << parameter.name;
    }
  }
}

}  // namespace
}  // namespace callgate
