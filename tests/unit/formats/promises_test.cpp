#include "callgate/formats/promises.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "callgate/abi/groups.h"
#include "callgate/base/file.h"
#include "callgate/formats/text.h"
#include "callgate/policy/evaluate.h"
#include "callgate/policy/resolve.h"

namespace callgate {
namespace {

Policy parsed(const std::string& text) {
  const auto policy = parse_policy("abi 6.12\notherwise errno(EPERM)\n" + text, "test");
  EXPECT_TRUE(policy) << text << policy.error().text();
  return policy ? policy->policy : Policy{};
}

std::string findings(const Policy& policy, std::span<const Arch> arches) {
  return render(check(policy, arches));
}

std::string joined(const std::vector<std::string_view>& names) {
  std::string text;
  for (const std::string_view name : names) text += (text.empty() ? "" : ", ") + std::string(name);
  return text;
}

std::vector<std::string_view> all_names() {
  std::vector<std::string_view> names;
  for (const Promise& each : promises()) names.push_back(each.name);
  return names;
}

TEST(Promises, EachHoldsOnEveryAbiWithoutAFinding) {
  for (const Promise& each : promises()) {
    const Policy policy = parsed("promise " + std::string(each.name) + "\n");
    EXPECT_FALSE(policy.rules.empty()) << each.name;
    EXPECT_EQ(findings(policy, all_arches), "") << each.name;
    for (const Arch arch : all_arches)
      EXPECT_EQ(findings(policy, std::array{arch}), "") << each.name << arch_info(arch).name;
  }
}

/// True if some rule permits the call, under whatever condition.
bool may_pass(const Policy& policy, Arch arch, const Syscall& call) {
  return std::ranges::any_of(policy.rules, [&](const Rule& rule) {
    return permits(rule.action.kind) &&
           std::ranges::any_of(selected_numbers(policy, rule, arch), [&](const NumberRange& range) {
             return range.first <= call.number && call.number <= range.last;
           });
  });
}

bool is_missing(const Policy& policy, Arch arch, const Syscall& call) {
  constexpr std::uint16_t enosys = 38;
  const SeccompData data{
      .nr = call.number, .arch = arch_info(arch).audit, .args = {1, 2, 3, 4, 5, 6}};
  return evaluate(policy, std::array{arch}, data).action == deny(enosys);
}

/// Forms of an operation that are refused on an ABI, where another form of it passes.
std::string refused_twins(const Policy& policy, const Group& group, Arch arch) {
  bool passes = false;
  std::string refused;
  for (const std::string_view name : group.calls) {
    const Syscall* call = find_syscall(arch, name);
    if (call == nullptr || !call->multiplexes.empty()) continue;
    if (may_pass(policy, arch, *call))
      passes = true;
    else if (!is_missing(policy, arch, *call))
      refused += " " + std::string(name);
  }
  return passes ? refused : "";
}

// A C library may take any form of an operation from one release to the next: where a promise lets
// one through, the others pass as well, or are not there (ENOSYS), so that the library goes on to
// the next.
TEST(Promises, EachFormOfAnOperationPassesOrIsNotThere) {
  // Of these a promise means a part: threads of @fork, a thread's own signals of @kill, an open
  // descriptor of @stat, reading of @setrlimit, no passing of descriptors by @send and @recv.
  // @stdio is many operations.
  constexpr std::array<std::string_view, 7> in_part = {"fork", "kill",      "recv", "send",
                                                       "stat", "setrlimit", "stdio"};
  constexpr std::array arches = {Arch::x86_64, Arch::i386, Arch::x32,   Arch::aarch64,
                                 Arch::arm,    Arch::mips, Arch::s390x, Arch::riscv64};
  for (const Promise& each : promises()) {
    const Policy policy = parsed("promise stdio, " + std::string(each.name) + "\n");
    for (const Group& group : groups()) {
      const bool is_in_part = std::ranges::find(in_part, group.name) != in_part.end();
      if (group.kind != GroupKind::operation || is_in_part) continue;
      for (const Arch arch : arches)
        EXPECT_EQ(refused_twins(policy, group, arch), "")
            << each.name << ", @" << group.name << " on " << arch_info(arch).name;
    }
  }
}

TEST(Promises, TheTextOfEachHasNoMistake) {
  for (const Promise& each : promises()) {
    const auto policy = parse_policy(each.text, std::string(each.name));
    ASSERT_TRUE(policy) << policy.error().text();
    EXPECT_TRUE(policy->diagnostics.empty()) << render(policy->diagnostics);
    EXPECT_FALSE(each.summary.empty());
    EXPECT_NE(each.source.find("OpenBSD"), std::string_view::npos) << each.name;
  }
}

TEST(Promises, MadeBitByBitTheyAreTheSameAsAtOnce) {
  const auto names = all_names();
  std::string bits;
  std::string backwards;
  for (const std::string_view name : names) bits += "promise " + std::string(name) + "\n";
  for (const std::string_view name : names)
    backwards.insert(0, "promise " + std::string(name) + "\n");
  const Policy at_once = parsed("promise " + joined(names) + "\n");
  EXPECT_EQ(findings(at_once, all_arches), "");
  for (const std::string& text : {bits, backwards})
    EXPECT_EQ(findings(parsed(text), all_arches), "");
}

TEST(Promises, SomeRulesAskForSeveral) {
  const auto opens = [](const std::string& names, std::uint64_t flags) {
    const Policy policy = parsed("arches x86_64\npromise " + names + "\n");
    const SeccompData data{.nr = 2, .arch = arch_info(Arch::x86_64).audit, .args = {1, flags}};
    return evaluate(policy, policy.arches, data).action == Action{ActionKind::allow};
  };
  constexpr std::uint64_t write = 1;
  constexpr std::uint64_t both = 2;
  constexpr std::uint64_t create = 0100;
  EXPECT_TRUE(opens("rpath", 0));
  EXPECT_FALSE(opens("rpath", write));
  EXPECT_FALSE(opens("rpath", both));
  EXPECT_FALSE(opens("rpath", create));
  EXPECT_FALSE(opens("rpath", 01000)) << "O_TRUNC";
  EXPECT_FALSE(opens("wpath", 0));
  EXPECT_TRUE(opens("wpath", write));
  EXPECT_FALSE(opens("wpath", both));
  EXPECT_FALSE(opens("wpath", write | create));
  EXPECT_TRUE(opens("rpath, wpath", both));
  EXPECT_FALSE(opens("rpath, wpath", both | create));
  EXPECT_TRUE(opens("wpath, cpath", write | create));
  EXPECT_FALSE(opens("wpath, cpath", both | create));
  EXPECT_TRUE(opens("rpath, cpath", create));
  EXPECT_TRUE(opens("cpath\npromise wpath\npromise rpath", both | create)) << "bit by bit";
}

TEST(Promises, APolicyOfPromises) {
  const auto policy = promised_policy("stdio inet,dns");
  ASSERT_TRUE(policy) << policy.error().text();
  EXPECT_EQ(policy->otherwise, (Action{ActionKind::errno_, 1}));
  EXPECT_EQ(policy->unknown, (Action{ActionKind::errno_, 38}));
  EXPECT_EQ(policy->abi, newest_release());
  EXPECT_EQ(policy->arches, std::vector{native_arch()});
  EXPECT_EQ(findings(*policy, policy->arches), "");
  const Arch arch = native_arch();
  const std::uint32_t newer = syscalls(arch).back().number + 1;
  const SeccompData data{.nr = newer, .arch = arch_info(arch).audit};
  EXPECT_EQ(evaluate(*policy, policy->arches, data).action, deny(38)) << "what is newer";
}

TEST(Promises, ThePageHasEach) {
  const auto page = read_file(std::string(CALLGATE_SOURCE_DIR) + "/docs/promises.md");
  ASSERT_TRUE(page);
  for (const Promise& each : promises()) {
    const std::string row =
        "\n| `" + std::string(each.name) + "` | " + std::string(each.summary) + " | ";
    EXPECT_NE(page->find(row), std::string::npos) << row;
  }
}

TEST(Promises, WhatIsNoPromise) {
  for (const auto& [text, message] :
       {std::pair{"stdoi", "did you mean `stdio`?"}, std::pair{"stdio tape", "means nothing here"},
        std::pair{" ,", "nothing is promised"},
        std::pair{"fallback", "no promise is named `fallback`"}}) {
    const auto policy = promised_policy(text);
    ASSERT_FALSE(policy) << text;
    EXPECT_NE(policy.error().text().find(message), std::string::npos) << policy.error().text();
  }
}

}  // namespace
}  // namespace callgate
