// Tables of cases: the language, its mistakes, and what it takes for a case to hold.
#include "callgate/formats/cases.h"

#include <gtest/gtest.h>

#include "callgate/base/file.h"
#include "callgate/bpf/assembly.h"

namespace callgate {
namespace {

std::vector<VerdictCase> parsed(std::string_view text) {
  auto cases = parse_cases(text, "t.cases", Arch::x86_64);
  EXPECT_TRUE(cases) << (cases ? "" : cases.error().text());
  return cases ? *std::move(cases) : std::vector<VerdictCase>();
}

/// "ABI call expected", a line each.
std::string listed(const std::vector<VerdictCase>& cases) {
  std::string text;
  for (const VerdictCase& one : cases) {
    text += std::string(arch_info(one.call.arch).name) + " " + one.call.text + " " +
            one.expected.text() + " " + std::to_string(one.place.line) + ":" +
            std::to_string(one.place.column) + "\n";
  }
  return text;
}

TEST(Cases, Language) {
  EXPECT_EQ(listed(parsed("# nothing\n"
                          "allowed: read, openat(AT_FDCWD, \"a, #b -> c\", O_RDWR),\n"
                          "         write   # goes on\n"
                          "socket(AF_INET) -> errno(EPERM) by line 7\n"
                          "i386:open(\"x\") -> denied\n"
                          "\r\n"
                          "on i386, x32 {\n"
                          "  trap(3): close\n"
                          "}\n"
                          "0x12345678:0 -> kill_process by unlisted\n"
                          "delegated: 7 , 8\n")),
            "x86_64 read allowed 2:10\n"
            "x86_64 openat(AT_FDCWD, \"a, #b -> c\", O_RDWR) allowed 2:16\n"
            "x86_64 write allowed 3:10\n"
            "x86_64 socket(AF_INET) errno(EPERM) by line 7 4:1\n"
            "i386 i386:open(\"x\") denied 5:1\n"
            "i386 close trap(3) 8:12\n"
            "x32 close trap(3) 8:12\n"
            "x86_64 0x12345678:0 kill_process by unlisted 10:1\n"
            "x86_64 7 delegated 11:12\n"
            "x86_64 8 delegated 11:16\n");
}

TEST(Cases, TheDocumentsExampleIsATable) {
  const std::string text = *read_file(CALLGATE_SOURCE_DIR "/docs/testing.md");
  const std::size_t begin = text.find("```cases\n") + 9;
  EXPECT_EQ(parsed(text.substr(begin, text.find("\n```", begin) - begin)).size(), 17u);
}

TEST(Cases, GroupsStandForTheFormsThatTheAbiHas) {
  EXPECT_EQ(listed(parsed("allow: @mmap")), "x86_64 mmap allow 1:8\n");
  EXPECT_EQ(listed(parsed("on i386 {\nallow: @mmap\n}")),
            "i386 mmap allow 2:8\ni386 mmap2 allow 2:8\n");
}

TEST(Cases, MistakesHavePlaces) {
  const std::pair<const char*, const char*> mistakes[] = {
      {"read", "t.cases:1:1: error: expected `CALL -> VERDICT`"},
      {"denied: raed", "t.cases:1:9: error: no call `raed`"},
      {"  read(1,2,3,4) -> allow", "t.cases:1:14: error: read has 3 parameters"},
      {"read -> deny", "t.cases:1:9: error: no action is named `deny`"},
      {"read -> errno(EPREM)", "t.cases:1:15: error: no errno is named `EPREM`"},
      {"read -> allow log", "expected one action"},
      {"read -> allow by me", "t.cases:1:18: error: what decides"},
      {"allow by line 3: read", "expected one action"},
      {"on vax {\n}", "t.cases:1:4: error: no architecture `vax`"},
      {"on i386\nallow: read", "expected `{`"},
      {"on i386 {\nallow: read", "t.cases:1:1: error: this section has no `}`"},
      {"}", "`}` without a section"},
      {"allow:", "expected a call"},
      {"allow: @nothing", "no group `@nothing`"},
  };
  for (const auto& [text, message] : mistakes) {
    const auto cases = parse_cases(text, "t.cases", Arch::x86_64);
    ASSERT_FALSE(cases) << text;
    EXPECT_NE(cases.error().text().find(message), std::string::npos) << text << "\n"
                                                                     << cases.error().text();
  }
}

TEST(Cases, AllMistakesAreTold) {
  const auto cases = parse_cases("raed -> allow\nwrite -> deny\n", "t", Arch::x86_64);
  ASSERT_FALSE(cases);
  EXPECT_EQ(cases.error().diagnostics.size(), 2u);
}

TEST(Cases, ATableHasABound) {
  std::string text = "on x86_64, i386, x32, aarch64, arm, mips, ppc, s390x, riscv64, sh, m68k {\n";
  for (int i = 0; i < 60; ++i) text += "allowed: @systemd/known\n";
  const auto cases = parse_cases(text + "}\n", "t", Arch::x86_64);
  ASSERT_FALSE(cases);
  EXPECT_NE(cases.error().text().find("more than 100000 cases"), std::string::npos);
}

struct Row {
  const char* line;
  const char* message;  ///< null: it holds
};

// read: errno(EPERM) for fd 3 at 32 bits; write: the same at 64 bits; getpid: log; else errno(38).
const char* const filter =
    "ld nr\njeq x86_64:read, r, next\njeq x86_64:write, w, next\njeq x86_64:getpid, l, n\n"
    "r: ld args[0].lo\njeq 3, d, a\n"
    "w: ld args[0].lo\njeq 3, next, a\nld args[0].hi\njeq 0, d, a\n"
    "a: ret allow\nd: ret errno(EPERM)\nl: ret log\nn: ret errno(ENOSYS)\n";

const Row rows[] = {
    {"read(3) -> errno(EPERM)", nullptr},
    {"read(3) -> denied", nullptr},
    {"read(4) -> allow", nullptr},
    {"read(4) -> denied", "read(4): expected denied, got allow"},
    {"read(3) -> errno(EACCES)", "expected errno(EACCES), got errno(EPERM)"},
    {"read -> allow", "read: expected allow, got errno(EPERM) or allow"},
    {"write(args[0]=3) -> errno(EPERM)", nullptr},
    {"write(3) -> errno(EPERM)",
     "it depends on what the case does not say: the high half of args[0] (fd)"},
    {"getpid -> allowed", nullptr},
    {"getpid -> allow", "expected allow, got log"},
    {"getpid -> delegated", "expected delegated, got log"},
    {"close -> errno(ENOSYS)", nullptr},
    {"close -> errno(ENOSYS) by otherwise", "expected errno(ENOSYS) by otherwise"},
};

TEST(Cases, HoldForEveryCallThatIsAsTheySay) {
  const Program program = *verify(*assemble(filter, "filter"));
  for (const Row& row : rows) {
    const auto cases = parsed(row.line);
    const auto failed = failed_cases(cases, program);
    ASSERT_EQ(failed.empty(), row.message == nullptr) << row.line;
    if (row.message == nullptr) continue;
    const std::string text = render(explain_failure(cases[0], failed[0]));
    EXPECT_NE(text.find(row.message), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace callgate
