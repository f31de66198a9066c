// A call printed as an expression is the same call when it is read again.
#include <gtest/gtest.h>

#include <random>

#include "callgate/formats/call.h"

namespace callgate {
namespace {

void expect_same(const SeccompData& data) {
  for (const Arch other : {Arch::aarch64, Arch::s390x}) {
    const std::string text = call_text(data);
    const auto again = parse_call(text, other);
    ASSERT_TRUE(again) << text << again.error().text();
    EXPECT_EQ(again->data, data) << text;
  }
  if (const auto arch = classify(data.arch, data.nr)) {
    const auto bare = parse_call(bare_call_text(data), *arch);
    ASSERT_TRUE(bare) << bare_call_text(data);
    EXPECT_EQ(bare->data, data) << bare_call_text(data);
  }
}

SeccompData call_of(Arch arch, std::uint32_t number, std::array<std::uint64_t, 6> args = {}) {
  return {.nr = number, .arch = arch_info(arch).audit, .instruction_pointer = 0, .args = args};
}

TEST(CallText, NamesParametersAndValues) {
  const SeccompData open = call_of(Arch::x86_64, 257, {0xffffff9c, 0x1000, 0x40});
  EXPECT_EQ(call_text(open), "x86_64:openat(AT_FDCWD, 0x1000, O_RDONLY|O_CREAT)");
  EXPECT_EQ(bare_call_text(open), "openat(AT_FDCWD, 0x1000, O_RDONLY|O_CREAT)");
  EXPECT_EQ(bare_call_text(call_of(Arch::x86_64, 257, {0, 0, 0x40})),
            "openat(0, NULL, O_RDONLY|O_CREAT)");
  EXPECT_EQ(call_text(call_of(Arch::x32, 0x40000101)), "x32:openat()");
  EXPECT_EQ(call_text(call_of(Arch::x86_64, 900, {1})), "x86_64:900(args[0]=0x1)");
  EXPECT_EQ(call_text(call_of(Arch::x86_64, 0xffffffff)), "x86_64:0xffffffff()");
}

TEST(CallText, WordsThatNoParameterGivesStandRaw) {
  // The high half of an int, and a word past the parameters.
  expect_same(call_of(Arch::x86_64, 257, {0xffffffffffffff9c, 0, 0x7f00000040}));
  expect_same(call_of(Arch::x86_64, 39, {0, 0, 0, 0, 0, 5}));
  SeccompData with_ip = call_of(Arch::x86_64, 39);
  with_ip.instruction_pointer = 0x7fff00001234;
  EXPECT_EQ(bare_call_text(with_ip), "getpid(ip=0x7fff00001234)");
  expect_same(with_ip);
  EXPECT_EQ(call_text({.nr = 5, .arch = 0x12345678}), "0x12345678:5()");
}

TEST(CallText, EveryCallOfEveryAbiReadsBack) {
  std::mt19937_64 random(6);
  const std::array<std::uint64_t, 8> corners = {0,          1,          0x40,  0xffffff9c,
                                                0xffffffff, 0x80000000, ~0ull, 0x100000000};
  for (const Arch arch : all_arches) {
    for (const Syscall& call : syscalls(arch)) {
      SeccompData data = call_of(arch, call.number);
      expect_same(data);
      for (std::uint64_t& word : data.args) word = corners[random() % corners.size()];
      expect_same(data);
      for (std::uint64_t& word : data.args) word = random();
      data.instruction_pointer = random();
      expect_same(data);
    }
  }
  for (int i = 0; i < 1000; ++i)
    expect_same({.nr = static_cast<std::uint32_t>(random()),
                 .arch = static_cast<std::uint32_t>(random()),
                 .instruction_pointer = random(),
                 .args = {random(), random()}});
}

}  // namespace
}  // namespace callgate
