#include "callgate/compiler/frequencies.h"

#include <gtest/gtest.h>

#include "callgate/abi/syscalls.h"
#include "callgate/bpf/emulate.h"
#include "callgate/compiler/compile.h"
#include "callgate/policy/evaluate.h"
#include "compiler/weights.h"

namespace callgate::test {
namespace {

TEST(Frequencies, ReadsNamesNumbersAndAbis) {
  const auto read = parse_frequencies(
      "# recorded\n\n futex\t81000 # waits\r\nx86_64:openat 0x10\ni386:5 40\nfutex 1", "f");
  ASSERT_TRUE(read) << read.error().text();
  const std::vector<Frequencies::Count> expected = {
      {.call = "futex", .count = 81000},
      {.arch = Arch::x86_64, .call = "openat", .count = 16},
      {.arch = Arch::i386, .call = "5", .count = 40},
      {.call = "futex", .count = 1}};
  EXPECT_EQ(read->counts, expected);
  EXPECT_TRUE(parse_frequencies("", "f")->counts.empty());
}

TEST(Frequencies, SaysEveryMistakeWithItsPlace) {
  const auto read = parse_frequencies(
      "futex\nopenat many\nopenatt 3\nsparc:read 1\n257 1\nx86_64:_llseek 1\nread -1\n"
      "read 18446744073709551616\n",
      "counts");
  ASSERT_FALSE(read);
  const std::string text = read.error().text();
  for (const char* part :
       {"counts:1:1: error: a call without a count", "counts:2:8: error: this is not a count",
        "counts:3:1: error: no ABI has a call of this name", "did you mean `openat`?",
        "counts:4:1: error: no ABI has this name", "counts:5:1: error: a number is a call on one",
        "counts:6:8: error: x86_64 has no call of this name", "counts:7:6: error",
        "counts:8:6: error"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  }
}

TEST(Weights, WhatRunsCountsMoreThanWhatIsCached) {
  const std::vector<Arch> arches{Arch::x86_64, Arch::x32};
  const Weights weights(arches, nullptr);
  const auto of = [&](Arch arch, const char* name, Ending ending) {
    const std::uint32_t number = find_syscall(arch, std::string_view(name))->number;
    return weights.of(arch, {number, number}, ending, 300);
  };
  EXPECT_GT(of(Arch::x86_64, "futex", Ending::checked), of(Arch::x86_64, "acct", Ending::checked));
  EXPECT_GT(of(Arch::x86_64, "acct", Ending::checked), of(Arch::x86_64, "acct", Ending::denied));
  EXPECT_GT(of(Arch::x86_64, "acct", Ending::denied), of(Arch::x86_64, "acct", Ending::allowed));
  EXPECT_GT(of(Arch::x86_64, "acct", Ending::allowed), of(Arch::x86_64, "acct", Ending::killed));
  EXPECT_GT(of(Arch::x86_64, "futex", Ending::checked), of(Arch::x32, "futex", Ending::checked));
  // x32 has no cache, and is not emulated at load.
  EXPECT_GT(of(Arch::x32, "futex", Ending::allowed), of(Arch::x32, "acct", Ending::allowed));
  EXPECT_EQ(weights.of(Arch::x86_64, {300, 309}, Ending::killed, 300), 10u);
  // A few allowed calls weigh as much as many.
  EXPECT_GT(weights.of(Arch::x86_64, {300, 309}, Ending::allowed, 10),
            10 * weights.of(Arch::x86_64, {300, 309}, Ending::allowed, 300));
}

TEST(Weights, DeclaredCountsReplaceTheBuiltInOnes) {
  const auto counts = parse_frequencies("acct 1000000\nx86_64:202 1\nipc 5\n", "f");
  ASSERT_TRUE(counts) << counts.error().text();
  const std::vector<Arch> arches{Arch::x86_64};
  const Weights weights(arches, &*counts);
  const auto of = [&](std::uint32_t number, Ending ending) {
    return weights.of(Arch::x86_64, {number, number}, ending, 300);
  };
  EXPECT_GT(of(163, Ending::checked), 1000 * of(202, Ending::checked));
  EXPECT_GT(of(163, Ending::denied), 1000 * of(202, Ending::denied));
  EXPECT_LT(of(163, Ending::allowed), 10 * of(0, Ending::allowed));
  // Without a sum there is nothing to divide by.
  const Frequencies none{.counts = {{.call = "futex", .count = 0}}};
  EXPECT_EQ(Weights(arches, &none).of(Arch::x86_64, {202, 202}, Ending::allowed, 300),
            of(0, Ending::allowed));
}

TEST(Weights, EndingsOfNodes) {
  struct Row {
    Node node;
    Ending ending;
  };
  constexpr auto returns = [](std::uint32_t ret) {
    return Node{.kind = Node::Kind::returns, .k = ret};
  };
  const Row rows[] = {
      {returns(0x7fff0000), Ending::allowed},        {returns(0x7fff0001), Ending::checked},
      {returns(0x7ffc0000), Ending::checked},        {returns(0x00050001), Ending::denied},
      {returns(0x80000000), Ending::killed},         {returns(0), Ending::killed},
      {returns(0x00030000), Ending::denied},         {returns(0x7ff00000), Ending::checked},
      {{.kind = Node::Kind::test}, Ending::checked},
  };
  for (const Row& row : rows) EXPECT_EQ(ending_of(row.node), row.ending) << row.node.k;
}

/// Ten calls, each allowed for one value of its first argument.
Policy checked_calls() {
  Policy policy{.abi = Release{6, 12}, .arches = {Arch::x86_64}};
  policy.otherwise = deny(1);
  callgate::Test test{.operand = {.kind = Operand::Kind::word, .index = 0},
                      .values = {{Value::of(3), {}}}};
  policy.rules.push_back(
      {.action = allow,
       .calls = {Selector::named("dup"), Selector::named("acct"), Selector::named("futex"),
                 Selector::named("ioctl"), Selector::named("personality"), Selector::named("tkill"),
                 Selector::named("bpf"), Selector::named("statx"), Selector::named("flock"),
                 Selector::named("getrandom")},
       .condition = Condition::of(test)});
  return policy;
}

TEST(Frequencies, AHotCallIsTestedEarlyAndNothingElseChanges) {
  const Policy policy = checked_calls();
  const auto path = [](const Compilation& made, const char* name) {
    const std::uint32_t number = find_syscall(Arch::x86_64, std::string_view(name))->number;
    return trace(made.program, {.nr = number, .arch = arch_info(Arch::x86_64).audit}).path.size();
  };
  const auto built_in = compile(policy);
  ASSERT_TRUE(built_in);
  for (const char* hot : {"acct", "statx", "flock"}) {
    CompileOptions options;
    options.frequencies =
        Frequencies{.counts = {{.call = hot, .count = 1000}, {.call = "futex", .count = 1}}};
    const auto declared = compile(policy, options);
    ASSERT_TRUE(declared) << declared.error().text();
    // ld arch, jeq, ld nr, one comparison, ld args[0], one comparison, ret.
    EXPECT_EQ(path(*declared, hot), 7u) << hot;
    EXPECT_LT(path(*declared, hot), path(*built_in, hot)) << hot;
    for (std::uint32_t number = 0; number < 500; ++number) {
      for (const std::uint64_t value : {0ull, 3ull, 0x100000003ull}) {
        const SeccompData call{
            .nr = number, .arch = arch_info(Arch::x86_64).audit, .args = {value}};
        ASSERT_EQ(emulate(declared->program, call), emulate(built_in->program, call));
      }
    }
  }
}

}  // namespace
}  // namespace callgate::test
