#include "callgate/formats/call.h"

#include <gtest/gtest.h>

namespace callgate {
namespace {

CallExpression must_parse(std::string_view text, Arch arch = Arch::x86_64) {
  auto call = parse_call(text, arch);
  EXPECT_TRUE(call) << text << (call ? "" : call.error().text());
  return call ? *call : CallExpression{};
}

TEST(ParseCall, ArgumentsByPositionAndName) {
  const auto call = must_parse("openat(AT_FDCWD, \"x, y)\", O_RDWR|O_CREAT, 0644)");
  EXPECT_EQ(call.data.nr, 257u);
  EXPECT_EQ(call.data.arch, 0xc000003eu);
  EXPECT_EQ(call.data.args[0], 0xffffff9cu) << "cut to the 32 bits that the kernel keeps";
  EXPECT_NE(call.data.args[1], 0u);
  EXPECT_EQ(call.data.args[2], 0102u);
  EXPECT_EQ(call.data.args[3], 0644u);
  EXPECT_EQ(must_parse("openat(flags=1)").data.args[2], 1u);
  EXPECT_EQ(must_parse("openat(args[2]=0x100000001, 5)").data.args[2], 0x100000001u);
  EXPECT_EQ(must_parse("openat(args[2]=0x100000001, 5)").data.args[0], 5u);
}

TEST(ParseCall, NamesNumbersAndArchitectures) {
  EXPECT_EQ(must_parse("getpid").data.nr, 39u);
  EXPECT_EQ(must_parse("getpid()").data.nr, 39u);
  EXPECT_EQ(must_parse("39").call->name, "getpid");
  EXPECT_EQ(must_parse("0x3fffffff(1, 2, 3, 4, 5, 6)").data.args[5], 6u);
  EXPECT_EQ(must_parse("i386:getpid").data.nr, 20u);
  EXPECT_EQ(must_parse("getpid", Arch::i386).arch, Arch::i386);
}

TEST(ParseCall, SixtyFourBitValuesGoIntoTwoWordsOf32BitAbis) {
  const auto call = must_parse("i386:pread64(3, NULL, 5, 0x1122334455)");
  EXPECT_EQ(call.data.args[3], 0x22334455u);
  EXPECT_EQ(call.data.args[4], 0x11u);
}

TEST(ParseCall, CloneHasItsOwnOrderOnEachAbi) {
  EXPECT_EQ(must_parse("clone(flags=CLONE_NEWUSER)").data.args[0], 0x10000000u);
}

TEST(ParseCall, ErrorsCarryTheirColumn) {
  struct Bad {
    const char* text;
    std::uint32_t column;
  };
  const Bad cases[] = {{"", 1},
                       {"opnat()", 1},
                       {"foo:read", 1},
                       {"openat(AT_FDCDW)", 8},
                       {"openat(1, 2", 12},
                       {"openat(1) x", 11},
                       {"openat(,)", 8},
                       {"openat(flag=1)", 8},
                       {"getpid(1)", 8},
                       {"openat(args[6]=1)", 8},
                       {"openat(1, \"x)", 12},
                       {"0x1ffffffff", 1},
                       {"openat(0x1ffffffffffffffff)", 8}};
  for (const Bad& bad : cases) {
    const auto call = parse_call(bad.text, Arch::x86_64);
    ASSERT_FALSE(call) << bad.text;
    EXPECT_EQ(call.error().diagnostics.front().place.column, bad.column) << bad.text << "\n"
                                                                         << call.error().text();
  }
}

}  // namespace
}  // namespace callgate
