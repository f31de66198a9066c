#include "findings/facts.h"

#include <gtest/gtest.h>

#include "callgate/formats/text.h"
#include "callgate/policy/evaluate.h"
#include "findings/marked.h"

namespace callgate::findings {
namespace {

Policy read(std::string_view text) {
  auto parsed = parse_policy(text, "test.policy");
  EXPECT_TRUE(parsed) << (parsed ? "" : parsed.error().text());
  return parsed ? parsed->policy : Policy{};
}

Checked checked(const Policy& policy) {
  return {
      .subject = PolicySubject{policy, policy.arches}, .policy = &policy, .arches = policy.arches};
}

SeccompData call(Arch arch, std::string_view name, std::array<std::uint64_t, 6> args = {}) {
  return {.nr = find_syscall(arch, name)->number, .arch = arch_info(arch).audit, .args = args};
}

/// Each rule of the marked policy decides what it decides in the policy itself, also where that
/// depends on the action: socketcall in a group, and conditions that cannot be tested.
TEST(Marked, RulesDecideTheSameCalls) {
  const Policy policy = read(
      "abi 6.12\narches x86_64, i386\notherwise errno(EPERM)\n"
      "allow @socket if domain == AF_UNIX on untestable deny\n"
      "errno(EACCES) @connect\n"
      "allow @bind\n"
      "allow @mmap if prot & PROT_EXEC == 0 on untestable allow\n"
      "log @mmap\n"
      "trap(7) 500..510\n"
      "allow * if args[0] == 77\n");
  const auto marked = marked_policy(policy, policy.arches);
  ASSERT_TRUE(marked);
  std::size_t by_rule = 0;
  for (const Arch arch : policy.arches)
    for (std::uint32_t number = 0; number < 600; ++number)
      for (const std::uint64_t value : {0u, 1u, 2u, 3u, 7u, 77u}) {
        const SeccompData data{.nr = number,
                               .arch = arch_info(arch).audit,
                               .args = {value, value, value, value, value, value}};
        const Verdict verdict = evaluate(policy, policy.arches, data);
        const Mark mark = mark_of(policy, arch, returned(*marked, policy.arches, data));
        EXPECT_EQ(mark.rule, verdict.rule) << arch_info(arch).name << " " << number << " " << value;
        EXPECT_EQ(mark.ret, normalise(returned(policy, policy.arches, data)));
        by_rule += verdict.rule ? 1 : 0;
      }
  EXPECT_GT(by_rule, 500u);
}

TEST(Facts, IntentIsARuleThatNamesTheCallOrACondition) {
  const Policy policy = read(
      "abi 6.12\narches x86_64\notherwise errno(EPERM)\n"
      "errno(EACCES) open\nerrno(ENOSYS) clone3\nallow socket if domain == AF_UNIX\n"
      "errno(EACCES) 83..84\n");
  const Checked all = checked(policy);
  const auto facts = Facts::of(all);
  ASSERT_TRUE(facts);
  const auto meant = [&](const char* name) {
    return facts->meant_refusal(*facts->find(Arch::x86_64, name)) != nullptr;
  };
  EXPECT_TRUE(meant("open"));
  EXPECT_FALSE(meant("clone3")) << "ENOSYS sends programs to clone";
  EXPECT_TRUE(meant("socket"));
  EXPECT_FALSE(meant("mkdir")) << "a range of numbers names no call";
  EXPECT_FALSE(meant("openat")) << "nobody speaks of it";
}

TEST(Facts, CasesAnswerAsThePolicyDoes) {
  const Policy policy = read(
      "abi 6.12\narches x86_64, i386\notherwise errno(EPERM)\n"
      "allow socket if domain in {AF_UNIX, AF_INET}\nallow socket if args[0] > 40\n");
  const Checked all = checked(policy);
  const auto facts = Facts::of(all);
  ASSERT_TRUE(facts);
  for (const Arch arch : policy.arches)
    for (const std::uint64_t domain : {0ull, 1ull, 2ull, 38ull, 40ull, 41ull, 0x100000001ull}) {
      const SeccompData data = call(arch, "socket", {domain});
      EXPECT_EQ(facts->at(*facts->find(arch, "socket"), data),
                normalise(returned(policy, policy.arches, data)));
    }
}

TEST(Facts, RulesThatNothingReaches) {
  const Policy policy = read(
      "abi 6.12\narches x86_64\notherwise errno(EPERM)\n"
      "allow fadvise64 if advice <= 4\nlog fadvise64 if advice == 3\nlog fadvise64 if advice == "
      "5\n");
  const Checked all = checked(policy);
  const auto facts = Facts::of(all);
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->reached_rules(), (std::set<std::size_t>{0, 2}));
}

}  // namespace
}  // namespace callgate::findings
