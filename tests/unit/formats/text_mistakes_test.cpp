// Every mistake of a text, at its place, with the likely remedy.
#include <gtest/gtest.h>

#include "callgate/base/file.h"
#include "callgate/formats/text.h"

namespace callgate {
namespace {

/// "line:column message | hint" for each mistake.
std::vector<std::string> mistakes(std::string_view text) {
  const auto parsed = parse_policy(text, "t");
  std::vector<std::string> out;
  if (parsed) return out;
  for (const Diagnostic& each : parsed.error().diagnostics) {
    std::string line = each.message;
    if (each.place.line > 0)
      line = std::to_string(each.place.line) + ":" + std::to_string(each.place.column) + " " + line;
    if (!each.hint.empty()) line += " | " + each.hint;
    out.push_back(line);
  }
  return out;
}

struct Mistake {
  const char* text;
  std::vector<std::string> expected;
};

class Mistakes : public testing::TestWithParam<Mistake> {};

TEST_P(Mistakes, AreReportedWithPlaceAndRemedy) {
  EXPECT_EQ(mistakes(GetParam().text), GetParam().expected) << GetParam().text;
}

const Mistake table[] = {
    // Names.
    {"allow raed", {"1:7 no system call is named `raed` | did you mean `read`?"}},
    {"allow mmap, opne", {"1:13 no system call is named `opne` | did you mean `open`?"}},
    {"allow @mmmap", {"1:7 there is no group `@mmmap` | did you mean `@mmap`?"}},
    {"allow @getpid",
     {"1:7 there is no group `@getpid` | the call is written getpid, without the @"}},
    {"allow open if flag == 1", {"1:15 open has no parameter `flag` | did you mean `flags`?"}},
    {"allow read if zzz == 1", {"1:15 read has no parameter `zzz` | there is fd, buf, count"}},
    {"allow open if flags == O_CRAET",
     {"1:24 no constant `O_CRAET` among open flags | did you mean `O_CREAT`?"}},
    {"allow open if flags == AF_INET", {"1:24 no constant `AF_INET` among open flags"}},
    {"allow read if args[0] == AF_INTE",
     {"1:15 this tests a raw word, with the bits that the kernel drops | the parameter's name, "
      "`fd`, tests what the kernel keeps",
      "1:26 no constant is named `AF_INTE` | did you mean `AF_INET`?"}},
    {"arches x86_46", {"1:8 no ABI is named `x86_46` | did you mean `x86_64`?"}},
    {"arches sparc",
     {"1:8 no ABI is named `sparc` | known are x86_64, i386, x32, aarch64, arm, loongarch64, m68k, "
      "mips, mips64, mips64n32, mipsel, mipsel64, mipsel64n32, parisc, parisc64, ppc, ppc64, "
      "ppc64le, s390, s390x, riscv64, sheb, sh"}},
    {"otherwise errno(EPREM)", {"1:17 no errno is named `EPREM` | did you mean `EPERM`?"}},
    {"otherwise deny", {"1:11 no action is named `deny` | did you mean `errno(EPERM)`?"}},
    {"alow read", {"1:1 no statement begins with `alow` | did you mean `allow`?"}},
    {"kill read", {"1:1 no statement begins with `kill` | did you mean `kill_process`?"}},
    {"42",
     {"1:1 no statement begins with `42` | a rule begins with an action, such as allow or "
      "errno(EPERM)"}},
    // Statements.
    {"abi 6.12\nabi 6.13", {"2:1 `abi` is said a second time | keep one of them"}},
    {"on untestable deny\non untestable deny",
     {"2:1 `on untestable` is said a second time | keep one of them"}},
    {"abi six", {"1:5 expected a Linux release such as 6.12, not `six`"}},
    {"abi 6", {"1:5 `6` is no Linux release | write it as 6.12"}},
    {"abi 6.70000", {"1:5 `6.70000` is no Linux release | write it as 6.12"}},
    {"abi 6.1.2.3", {"1:5 `6.1.2.3` is no Linux release | write it as 6.12"}},
    {"policy", {"1:1 expected a name, not the end of the text"}},
    {"policy \"a\\q\"", {"1:8 a backslash stands before \", \\ or xNN only"}},
    {"allow read write", {"1:12 unexpected `write` | a statement ends with its line"}},
    {"allow read; allow write",
     {"1:11 `;` is not of this language | a statement ends with its line"}},
    {"allow", {"1:1 expected a call, a @group, a number or *, not the end of the text"}},
    {"allow read,", {"1:11 expected a call, a @group, a number or *, not the end of the text"}},
    {"errno read", {"1:7 expected `(`, as in errno(EPERM), not `read`"}},
    {"otherwise errno(4096)",
     {"1:11 errno 4096 is above 4095, the kernel's largest | give an errno name such as "
      "errno(EPERM)"}},
    {"errno(65536) read", {"1:7 an action carries 16 bits | the largest number is 65535"}},
    {"trap(SIGSYS) read", {"1:6 expected a number, not `SIGSYS`"}},
    {"allow 4294967296", {"1:7 a call number has 32 bits"}},
    {"allow -1", {"1:7 expected a call, a @group, a number or *, not `-`"}},
    {"on i386 {\nallow read", {"1:1 the section is not closed | a `}` closes it"}},
    {"allow read\n}", {"2:1 a `}` without a section"}},
    {"on i386 {\nabi 6.12\n}",
     {"2:1 `abi` is said of the whole policy | move it out of the section"}},
    {"on i386 {\non arm {\n}\n}",
     {"2:1 a section inside a section | close the one before with `}`"}},
    {"on untestable maybe", {"1:15 expected `deny`, `allow` or `error`, not `maybe`"}},
    // Conditions.
    {"allow open if",
     {"1:12 expected a parameter, args[0] to args[5] or ip, not the end of the text"}},
    {"allow open if flags",
     {"1:15 expected a comparison (==, !=, <, <=, >, >=, in, not in, "
      "subset), not the end of the text"}},
    {"allow open if flags = 1", {"1:21 `=` is not of this language | write `==`"}},
    {"allow open if flags == 1 && mode == 1", {"1:26 `&&` is not of this language | write `and`"}},
    {"allow open if flags == 1 || mode == 1", {"1:26 `||` is not of this language | write `or`"}},
    {"allow open if !(flags == 1)", {"1:15 `!` is not of this language | write `not`"}},
    {"allow open if flags & O_CREAT|O_EXCL == 0",
     {"1:30 a mask of several names needs parentheses | write & (A|B)"}},
    {"allow open if flags == ~O_CREAT|O_EXCL",
     {"1:32 `~` and parentheses stand around the whole value | write ~(A|B) or A|B"}},
    {"allow open if flags == 1..5", {"1:25 a range stands in a set only | write in {1..5}"}},
    {"allow open if flags in 1", {"1:24 expected `{` or a set of values, not `1`"}},
    {"allow open if flags not 1", {"1:25 expected `in`, not `1`"}},
    {"allow open if flags in {1 2}", {"1:27 expected `,` or `}`, not `2`"}},
    {"allow open if args[6] == 1",
     {"1:20 there is no argument word args[6] | a call has args[0] to args[5]"}},
    {"allow open if args[0].mid == 1", {"1:23 expected `lo` or `hi`, not `mid`"}},
    {"allow open if (flags == 1", {"1:25 expected `and`, `or` or `)`, not the end of the text"}},
    {"allow open if flags == -O_CREAT", {"1:25 expected a number, not `O_CREAT`"}},
    // Words and bytes.
    {"allow open if flags == 18446744073709551616", {"1:24 a number that needs more than 64 bits"}},
    {"allow open if flags == 0x1ffffffffffffffff", {"1:24 a number that needs more than 64 bits"}},
    {"allow open if flags == 08",
     {"1:24 `08` is no number | a leading 0 makes a number octal, as in C"}},
    {"allow open if flags == 12ab", {"1:24 `12ab` is no number"}},
    {"allow open if flags == 0x", {"1:24 `0x` is no number"}},
    {"policy \"x", {"1:8 a quoted name that does not end on its line | close it with \""}},
    {"allow re\xc3\xa9"
     "d",
     {"1:7 no system call is named `re`",
      "1:9 a character that stands only in comments and quoted names"}},
    {"# \xff\xfe\nallow read # \xc0\x80",
     {"1:3 bytes that are not UTF-8 | a policy is UTF-8 text",
      "2:14 bytes that are not UTF-8 | a policy is UTF-8 text"}},
    {"allow read\rallow write",
     {"1:11 a carriage return that does not end a line | a policy is UTF-8 text"}},
    {"# \x1b[31m", {"1:3 a control character | a policy is UTF-8 text"}},
    // One mistake does not hide the next.
    {"alow read\nallow raed\nallow open if (flags == 1\nallow open if flgs == 1\nabi x",
     {"1:1 no statement begins with `alow` | did you mean `allow`?",
      "2:7 no system call is named `raed` | did you mean `read`?",
      "4:1 expected `and`, `or` or `)`, not `allow`",
      "4:15 open has no parameter `flgs` | did you mean `flags`?",
      "5:5 expected a Linux release such as 6.12, not `x`"}},
};

INSTANTIATE_TEST_SUITE_P(Table, Mistakes, testing::ValuesIn(table));

TEST(MistakesOfSize, NulBytes) {
  EXPECT_EQ(mistakes(std::string_view("allow read\0\0\n# \0", 16)),
            (std::vector<std::string>{"1:11 a NUL byte | a policy is UTF-8 text",
                                      "2:3 a NUL byte | a policy is UTF-8 text"}));
}

TEST(MistakesOfSize, TheLineIsQuoted) {
  const auto parsed = parse_policy("abi 6.12\nallow raed, write\r\n", "worker.policy");
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().text(),
            "worker.policy:2:7: error: no system call is named `raed`\n"
            "  allow raed, write\n"
            "        ^~~~\n"
            "  hint: did you mean `read`?\n");
}

TEST(MistakesOfSize, DeepNestingIsBounded) {
  for (const std::string open : {"(", "not ", "all(", "any(true, ", "not (not all("}) {
    std::string text = "allow open if ";
    for (int i = 0; i < 20'000; ++i) text += open;
    const std::vector<std::string> found = mistakes(text);
    ASSERT_EQ(found.size(), 1u) << open;
    EXPECT_NE(found[0].find("nested deeper than 100 levels"), std::string::npos) << found[0];
  }
  const std::string deep =
      "allow open if " + std::string(99, '(') + "flags == 1" + std::string(99, ')');
  EXPECT_TRUE(mistakes(deep).empty());
}

TEST(MistakesOfSize, LongTextsAreRefusedOrReadQuickly) {
  EXPECT_EQ(mistakes(std::string(max_input_bytes + 1, ' ')),
            std::vector<std::string>{"a policy has at most 16 MiB"});
  EXPECT_TRUE(mistakes(std::string(max_input_bytes, '\n')).empty());
  EXPECT_TRUE(mistakes("#" + std::string(max_input_bytes - 1, 'x')).empty());
  std::string words = "allow read";
  while (words.size() < max_input_bytes - 10) words += ",read";
  ASSERT_FALSE(mistakes(words).empty());
  EXPECT_NE(mistakes(words)[0].find("more than 500000 words"), std::string::npos);
  EXPECT_EQ(mistakes("allow " + std::string(200, 'a')),
            std::vector<std::string>{"1:7 a name of more than 128 bytes"});
}

TEST(MistakesOfSize, AThousandAreListed) {
  std::string text;
  for (int i = 0; i < 1500; ++i) text += "allow raed\n";
  const std::vector<std::string> found = mistakes(text);
  ASSERT_EQ(found.size(), 1001u);
  EXPECT_EQ(found.back(), "there are more mistakes; only the first 1000 are listed");
}

}  // namespace
}  // namespace callgate
