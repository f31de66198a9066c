// One small policy on every ABI: golden numbers, the halves of a 64-bit value, errors by their
// numbers.
#include <gtest/gtest.h>

#include "callgate/bpf/emulate.h"
#include "callgate/compiler/compile.h"
#include "callgate/policy/evaluate.h"

namespace callgate {
namespace {

struct ArchRow {
  Arch arch;
  std::uint32_t read, pread64;
  int low, high;  ///< the words of pread64's offset; the same word where one holds it all
  std::uint16_t enosys;
};

constexpr std::uint32_t flag = x32_bit;
const ArchRow rows[] = {
    {Arch::x86_64, 0, 17, 3, 3, 38},
    {Arch::i386, 3, 180, 3, 4, 38},
    {Arch::x32, flag, flag + 17, 3, 3, 38},
    {Arch::aarch64, 63, 67, 3, 3, 38},
    {Arch::arm, 3, 180, 4, 5, 38},
    {Arch::loongarch64, 63, 67, 3, 3, 38},
    {Arch::m68k, 3, 180, 4, 3, 38},
    {Arch::mips, 4003, 4200, 5, 4, 89},
    {Arch::mips64, 5000, 5016, 3, 3, 89},
    {Arch::mips64n32, 6000, 6016, 3, 3, 89},
    {Arch::mipsel, 4003, 4200, 4, 5, 89},
    {Arch::mipsel64, 5000, 5016, 3, 3, 89},
    {Arch::mipsel64n32, 6000, 6016, 3, 3, 89},
    {Arch::parisc, 3, 108, 4, 3, 251},
    {Arch::parisc64, 3, 108, 3, 3, 251},
    {Arch::ppc, 3, 179, 5, 4, 38},
    {Arch::ppc64, 3, 179, 3, 3, 38},
    {Arch::ppc64le, 3, 179, 3, 3, 38},
    {Arch::s390, 3, 180, 4, 3, 38},
    {Arch::s390x, 3, 180, 3, 3, 38},
    {Arch::riscv64, 63, 67, 3, 3, 38},
    {Arch::sheb, 3, 180, 5, 4, 38},
    {Arch::sh, 3, 180, 4, 5, 38},
};

constexpr std::uint64_t offset = 0x100000002;

Policy sample_policy() {
  Policy policy;
  policy.abi = Release{6, 12, 0};
  policy.otherwise = deny(1);
  policy.rules.push_back({.action = allow, .calls = {Selector::named("read")}});
  const Test test{
      .operand = {.name = "offset"}, .relation = Relation::eq, .values = {{Value::of(offset), {}}}};
  policy.rules.push_back(
      {.action = allow, .calls = {Selector::named("pread64")}, .condition = Condition::of(test)});
  return policy;
}

SeccompData pread_of(const ArchRow& row, int low, int high) {
  SeccompData call{.nr = row.pread64, .arch = arch_info(row.arch).audit};
  const auto word = [&](int index) -> std::uint64_t& {
    return call.args[static_cast<std::size_t>(index)];
  };
  if (low == high) {
    word(low) = offset;
  } else {
    word(low) = static_cast<std::uint32_t>(offset);
    word(high) = offset >> 32;
  }
  return call;
}

TEST(EveryArch, GoldenVerdicts) {
  EXPECT_EQ(std::size(rows), all_arches.size());
  const Policy policy = sample_policy();
  for (const ArchRow& row : rows) {
    const ArchInfo& info = arch_info(row.arch);
    const std::vector<Arch> arches{row.arch};
    const auto made = compile(policy, {.arches = arches});
    ASSERT_TRUE(made) << info.name << made.error().text();
    const auto verdict = [&](const SeccompData& call) {
      const std::uint32_t result = emulate(made->program, call);
      EXPECT_EQ(result, returned(policy, arches, call)) << info.name << " nr " << call.nr;
      return result;
    };
    EXPECT_EQ(verdict({.nr = row.read, .arch = info.audit}), allow.ret()) << info.name;
    EXPECT_EQ(verdict({.nr = row.pread64, .arch = info.audit}), deny(1).ret()) << info.name;
    EXPECT_EQ(verdict(pread_of(row, row.low, row.high)), allow.ret()) << info.name;
    if (row.low != row.high) {
      EXPECT_EQ(verdict(pread_of(row, row.high, row.low)), deny(1).ret()) << info.name;
    }
    EXPECT_EQ(verdict({.nr = info.number_flag | 9999, .arch = info.audit}), deny(row.enosys).ret())
        << info.name;
    EXPECT_EQ(verdict({.nr = row.read, .arch = 0x12345678}), kill_process.ret()) << info.name;
  }
}

TEST(EveryArch, MachinesAreNotMixed) {
  const Policy policy = sample_policy();
  const auto orders = compile(policy, {.arches = {Arch::x86_64, Arch::s390x}});
  ASSERT_FALSE(orders);
  EXPECT_NE(orders.error().text().find("different byte orders"), std::string::npos);
  const auto shifts = compile(policy, {.arches = {Arch::aarch64, Arch::ppc64le}});
  ASSERT_FALSE(shifts);
  EXPECT_NE(shifts.error().text().find("different machines"), std::string::npos);
  EXPECT_TRUE(compile(policy, {.arches = {Arch::mips, Arch::mips64, Arch::mips64n32}}));
}

// -1 on x86-64's audit number belongs to x32 where that is listed alone.
TEST(EveryArch, ASkippedCallOfX32GetsItsOwnError) {
  const Policy policy{.abi = Release{6, 12}, .otherwise = deny(39)};
  const std::vector<Arch> arches{Arch::mipsel64n32, Arch::x32};
  const auto made = compile(policy, {.arches = arches});
  ASSERT_TRUE(made) << made.error().text();
  const SeccompData call{.nr = skipped_call, .arch = arch_info(Arch::x86_64).audit};
  EXPECT_EQ(emulate(made->program, call), deny(39).ret());
  EXPECT_EQ(returned(policy, arches, call), deny(39).ret());
}

}  // namespace
}  // namespace callgate
