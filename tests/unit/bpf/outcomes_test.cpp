// What the tests of a filter say of one another is kept: no outcome too many where filters are as
// compilers write them.
#include "callgate/bpf/outcomes.h"

#include <gtest/gtest.h>

#include "callgate/bpf/assembly.h"

namespace callgate {
namespace {

struct Row {
  const char* name;
  const char* filter;
  Known known;
  std::uint64_t value;
  std::vector<std::uint32_t> returns;
};

const Row rows[] = {
    {"half that is not known does not matter",
     "ld args[0].lo\njeq 2, y, n\ny: ret 1\nn: ret 0",
     Known::low32,
     2,
     {1}},
    {"half that is not known matters",
     "ld args[0].hi\njeq 0, y, n\ny: ret 1\nn: ret 0",
     Known::low32,
     2,
     {0, 1}},
    {"the same test twice",
     "ld args[0].lo\njeq 2, y, n\ny: ld args[0].lo\njeq 2, a, b\nn: ret 0\na: ret 1\nb: ret 9",
     Known::nothing,
     0,
     {0, 1}},
    {"a range and a value outside of it",
     "ld args[0].lo\njge 10, y, n\ny: jeq 9, b, a\nn: ret 0\na: ret 1\nb: ret 9",
     Known::nothing,
     0,
     {0, 1}},
    {"a bit twice, by JSET and by AND",
     "ld args[0].lo\njset 0x40, y, n\n"
     "y: ld args[0].lo\nand 0x40\njeq 0x40, a, b\nn: ret 0\na: ret 1\nb: ret 9",
     Known::nothing,
     0,
     {0, 1}},
    {"a bit twice, by AND and by JSET",
     "ld args[0].lo\nand 0x40\njeq 0, n, y\n"
     "y: ld args[0].lo\njset 0x40, a, b\nn: ret 0\na: ret 1\nb: ret 9",
     Known::nothing,
     0,
     {0, 1}},
    {"16 known bits answer",
     "ld args[0].lo\nand 0xfff\njeq 0x1ed, y, n\ny: ret 1\nn: ret 0",
     Known::low16,
     0x1ed,
     {1}},
    {"16 known bits do not",
     "ld args[0].lo\njeq 0x1ed, y, n\ny: ret 1\nn: ret 0",
     Known::low16,
     0x1ed,
     {0, 1}},
    {"16 known bits exclude",
     "ld args[0].lo\njeq 0x1ed, y, n\ny: ret 1\nn: ret 0",
     Known::low16,
     0x1ee,
     {0}},
    {"a pointer is not null",
     "ld args[0].lo\njeq 0, h, n\nh: ld args[0].hi\njeq 0, y, n\ny: ret 1\nn: ret 0",
     Known::not_null,
     1,
     {0}},
    {"a pointer is not null, the high half first",
     "ld args[0].hi\njeq 0, h, n\nh: ld args[0].lo\njeq 0, y, n\ny: ret 1\nn: ret 0",
     Known::not_null,
     1,
     {0}},
    {"a pointer's half may be 0",
     "ld args[0].lo\njeq 0, y, n\ny: ret 1\nn: ret 0",
     Known::not_null,
     1,
     {0, 1}},
};

TEST(Outcomes, Table) {
  for (const Row& row : rows) {
    auto assembly = assemble(row.filter, row.name);
    ASSERT_TRUE(assembly) << row.name << assembly.error().text();
    const Program program = *verify(*std::move(assembly));
    PartialCall call{.data = {.arch = arch_info(Arch::x86_64).audit, .args = {row.value}}};
    call.args[0] = row.known;
    const Outcomes found = outcomes(program, call);
    EXPECT_FALSE(found.any) << row.name;
    EXPECT_EQ(found.returns, row.returns) << row.name;
    EXPECT_EQ(found.tested, row.returns.size() > 1 ? 1u : found.tested) << row.name;
  }
}

TEST(Outcomes, APointerOfA32BitAbiHasALowHalf) {
  const Program program =
      *verify(*assemble("ld args[0].lo\njeq 0, y, n\ny: ret 1\nn: ret 0", "narrow"));
  PartialCall call{.data = {.arch = arch_info(Arch::i386).audit, .args = {1}}};
  call.args[0] = Known::not_null;
  EXPECT_EQ(outcomes(program, call).returns, std::vector<std::uint32_t>{0});
}

TEST(Outcomes, AReturnOfWhatIsNotKnownIsAny) {
  const Program program = *verify(*assemble("ld args[1].hi\nret a", "computed"));
  PartialCall call;
  call.args[1] = Known::low32;
  const Outcomes found = outcomes(program, call);
  EXPECT_TRUE(found.any);
  EXPECT_EQ(found.tested, 2u);
}

TEST(Outcomes, AHostileFilterEndsInAny) {
  std::string text;
  for (int i = 0; i < 400; ++i) {
    text += "ld args[0].lo\nmul " + std::to_string(3 + 2 * i) + "\njset " +
            std::to_string(1 << (i % 30)) + ", t" + std::to_string(i) + ", next\nt" +
            std::to_string(i) + ": ld args[1].lo\n";
  }
  const Program program = *verify(*assemble(text + "ret 1\n", "hostile"));
  PartialCall call;
  call.args = {Known::nothing, Known::nothing};
  EXPECT_TRUE(outcomes(program, call).any);
}

}  // namespace
}  // namespace callgate
