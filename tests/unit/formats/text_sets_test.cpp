// Named sets, and files that include others.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "callgate/formats/text.h"
#include "unit/formats/folder.h"

namespace callgate {
namespace {

namespace fs = std::filesystem;

constexpr const char* head = "abi 6.12\narches x86_64\notherwise errno(EPERM)\n";

std::string mistakes(const ParsedPolicy& parsed) { return render(parsed.diagnostics); }

Policy parsed(const std::string& text) {
  const auto policy = parse_policy(head + text, "test");
  EXPECT_TRUE(policy) << text << policy.error().text();
  return policy ? policy->policy : Policy{};
}

std::string fault(const std::string& text) {
  const auto policy = parse_policy(head + text, "test");
  EXPECT_FALSE(policy) << text;
  return policy ? "" : policy.error().text();
}

TEST(TextSets, ASetStandsForItsCalls) {
  EXPECT_EQ(
      parsed("set fast = read, write, @stat, 451..455\nset more = @fast, close\nallow @more\n"),
      parsed("allow read, write, @stat, 451..455, close\n"));
  EXPECT_EQ(parsed("set two = {AF_UNIX, AF_INET}\nallow socket if domain in two\n"),
            parsed("allow socket if domain in {AF_UNIX, AF_INET}\n"));
  EXPECT_EQ(parsed("set two = {AF_UNIX, 5..7}\nset all = {two, AF_INET6}\n"
                   "allow socket if domain not in all or domain in {AF_INET, two}\n"),
            parsed("allow socket if domain not in {AF_UNIX, 5..7, AF_INET6} or domain in {AF_INET, "
                   "AF_UNIX, 5..7}\n"));
}

TEST(TextSets, TheyGoOnOverLinesAndMayBeNamedLikeCalls) {
  EXPECT_EQ(parsed("set close = close,\n  write\nallow @close\n"), parsed("allow close, write\n"));
  EXPECT_EQ(parsed("set v = {\n  AF_UNIX,\n  AF_INET,\n}\nallow socket if domain in v\n"),
            parsed("allow socket if domain in {AF_UNIX, AF_INET}\n"));
}

TEST(TextSets, Mistakes) {
  const std::pair<const char*, const char*> rows[] = {
      {"set mmap = read\n", "test:4:5: error: the set would hide the group `@mmap`"},
      {"set AF_UNIX = {AF_INET}\n", "would hide the constant `AF_UNIX`"},
      {"set null = {1}\n", "is a word of conditions"},
      {"set a = read\nset a = write\n",
       "test:5:5: error: the set `a` is defined already, in line 4"},
      {"set a = @b\n", "test:4:9: error: there is no group `@b`"},
      {"set fast = read\nallow @fats\n", "did you mean `@fast`?"},
      {"set v = {1, 2}\nallow @v\n", "`v` is a set of values"},
      {"set v = read\nallow socket if domain in v\n", "`v` is a set of calls"},
      {"set v = {1}\nallow socket if domain in w\n", "no set of values is named `w`"},
      {"set v = {O_RDONLY}\nallow socket if domain in v\n", "which is in the set `v`"},
      {"set v = {NO_SUCH}\n", "test:4:10: error: no constant is named `NO_SUCH`"},
      {"set a read\n", "expected `=`, not `read`"},
      {"set = read\n", "expected a name for the set"},
      {"set a =\nallow read\n", "expected a call"},
      {"set a = {1\n", "expected"},
      {"on x86_64 {\nset a = read\n}\n", "a set is for the whole policy"},
      {"set a = read\nset b = @a if domain == 1\n", "unexpected `if`"},
  };
  for (const auto& [text, message] : rows)
    EXPECT_NE(fault(text).find(message), std::string::npos) << text << fault(text);
}

TEST(TextSets, UnusedOnesAreNoted) {
  EXPECT_NE(mistakes(read_policy("set a = read\nset v = {1}\n", "test")).find("`v` is not used"),
            std::string::npos);
  EXPECT_EQ(mistakes(read_policy("set a = read\nset b = @a\nallow @b\n", "test")), "");
}

TEST(TextSets, DoublingIsStopped) {
  std::string text = "set a0 = read, write\n";
  for (int i = 1; i < 60; ++i) {
    const std::string before = "a" + std::to_string(i - 1);
    text += "set a" + std::to_string(i) + " = @" + before + ", @" + before + "\n";
  }
  EXPECT_NE(fault(text).find("more than 1000000"), std::string::npos);
  std::string values = "set a0 = {1, 2}\n";
  for (int i = 1; i < 60; ++i) {
    const std::string before = "a" + std::to_string(i - 1);
    values += "set a" + std::to_string(i) + " = {" + before + ", " + before + "}\n";
  }
  EXPECT_NE(fault(values).find("more than 1000000"), std::string::npos);
  std::string promised;
  for (int i = 0; i < 50'000; ++i) promised += "on x86_64 { promise stdio }\n";
  parsed(promised);
}

/// Files in a folder of their own.
class TextIncludes : public testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& text) {
    return files_.write(name, text);
  }
  [[nodiscard]] ParsedPolicy read(const std::string& name, const std::string& text,
                                  const std::string& root = {}) {
    const std::string path = write(name, text);
    return read_policy(text, path, IncludeRoot{root});
  }
  std::string fault(const std::string& text) { return mistakes(read("app.policy", text)); }

  test::Folder files_;
  const fs::path& folder_ = files_.path;
};

TEST_F(TextIncludes, AFileStandsAtItsPlace) {
  write("common/base.policy", "include \"sets.policy\"\nallow @fast\n");
  write("common/sets.policy", "set fast = read, write\nset unused = close\n");
  const ParsedPolicy found =
      read("app.policy",
           std::string(head) +
               "kill_process ptrace\ninclude \"common/base.policy\"\nallow @fast if true\n");
  EXPECT_EQ(mistakes(found), "");
  EXPECT_EQ(found.policy,
            parsed("kill_process ptrace\nallow read, write\nallow read, write if true\n"));
  ASSERT_EQ(found.texts.size(), 3u);
  EXPECT_EQ(found.texts[2].file, (folder_ / "common/sets.policy").string());
  EXPECT_EQ(found.policy.rules[1].place.file, (folder_ / "common/base.policy").string());
}

TEST_F(TextIncludes, InASectionItIsOfTheSection) {
  write("rules.policy", "allow read\npromise flock\n");
  const ParsedPolicy found =
      read("app.policy", "on i386, x32 {\n  include \"rules.policy\"\n}\nallow close\n");
  EXPECT_EQ(mistakes(found), "");
  for (std::size_t i = 0; i + 1 < found.policy.rules.size(); ++i)
    EXPECT_EQ(found.policy.rules[i].arches, (std::vector{Arch::i386, Arch::x32}));
  EXPECT_TRUE(found.policy.rules.back().arches.empty());
}

TEST_F(TextIncludes, SetsThatComeTwiceAreTheSame) {
  write("sets.policy", "set fast = read\n");
  write("a.policy", "include \"sets.policy\"\nallow @fast\n");
  write("b.policy", "include \"sets.policy\"\nerrno(EPERM) @fast\n");
  EXPECT_EQ(fault("include \"a.policy\"\ninclude \"b.policy\"\n"), "");
}

TEST_F(TextIncludes, MistakesAreShownWhereTheyStand) {
  const std::string inner = write("inner.policy", "allow read\n  allow raed\n");
  const std::string outer = write("outer.policy", "\ninclude \"inner.policy\"\n");
  const std::string text = fault("# top\ninclude \"outer.policy\"\nallow wriet\n");
  EXPECT_EQ(text, (folder_ / "app.policy").string() +
                      ":3:7: error: no system call is named `wriet`\n"
                      "  allow wriet\n        ^~~~~\n  hint: did you mean `write`?\n" +
                      inner +
                      ":2:9: error: no system call is named `raed`\n"
                      "    allow raed\n          ^~~~\n  hint: did you mean `read`?\n" +
                      outer +
                      ":2:1: note: included from here\n  include \"inner.policy\"\n  ^~~~~~~\n" +
                      (folder_ / "app.policy").string() +
                      ":2:1: note: included from here\n  include \"outer.policy\"\n  ^~~~~~~\n");
}

TEST_F(TextIncludes, NoneLeadsOutOfTheRoot) {
  const std::string secret = write("secret.policy", "allow read\n");
  write("in/link.policy", "");
  fs::remove(folder_ / "in/link.policy");
  fs::create_symlink(secret, folder_ / "in/link.policy");
  fs::create_directory_symlink(folder_, folder_ / "in/up");
  write("in/deep/back.policy", "include \"../fine.policy\"\n");
  write("in/fine.policy", "allow read\n");
  const auto found = [&](const std::string& name) {
    return mistakes(read("in/app.policy", "include \"" + name + "\"\n"));
  };
  for (const char* name : {"../secret.policy", "link.policy", "up/secret.policy", "../none.policy",
                           "deep/../../secret.policy"})
    EXPECT_NE(found(name).find("leads out of"), std::string::npos) << found(name);
  EXPECT_NE(found(secret).find("is no relative path"), std::string::npos) << found(secret);
  EXPECT_EQ(found("deep/back.policy"), "");
  EXPECT_EQ(found("up/in/fine.policy"), "") << "a link that leads back inside";
  EXPECT_EQ(mistakes(read("in/app.policy", "include \"../secret.policy\"\n", folder_.string())), "")
      << "a root of the caller's";
  EXPECT_NE(
      mistakes(read("in/app.policy", "include \"fine.policy\"\n", (folder_ / "in/deep").string()))
          .find("leads out of"),
      std::string::npos);
}

TEST_F(TextIncludes, CyclesAndDepthEnd) {
  write("a.policy", "include \"b.policy\"\n");
  write("b.policy", "include \"a.policy\"\n");
  const std::string text = fault("include \"a.policy\"\n");
  EXPECT_NE(text.find("the file includes itself: " + (folder_ / "a.policy").string() + " -> " +
                      (folder_ / "b.policy").string() + " -> " + (folder_ / "a.policy").string()),
            std::string::npos)
      << text;
  EXPECT_NE(fault("include \"app.policy\"\n").find("includes itself"), std::string::npos);
  for (int i = 0; i < 20; ++i)
    write("d" + std::to_string(i) + ".policy",
          "include \"d" + std::to_string(i + 1) + ".policy\"\n");
  EXPECT_NE(fault("include \"d0.policy\"\n").find("nest deeper than 16"), std::string::npos);
  for (int i = 0; i < 14; ++i) {
    const std::string next = "include \"d" + std::to_string(i + 1) + ".policy\"\n";
    write("d" + std::to_string(i) + ".policy", next + next);
  }
  write("d14.policy", "allow read\n");
  EXPECT_NE(fault("include \"d0.policy\"\n").find("more than 1000 files"), std::string::npos);
}

TEST_F(TextIncludes, WhatIsNoTextFile) {
  fs::create_directory(folder_ / "folder");
  ASSERT_EQ(::mkfifo((folder_ / "fifo").c_str(), 0600), 0);
  write("nul.policy", std::string("allow\0read\n", 11));
  write("huge.policy", std::string(std::size_t{17} << 20, '#'));
  for (const auto& [name, message] :
       {std::pair{"folder", "cannot be included"}, std::pair{"fifo", "cannot be included"},
        std::pair{"none", "cannot be included"}, std::pair{"huge.policy", "cannot be included"},
        std::pair{"nul.policy", "a NUL byte"}, std::pair{"", "is no relative path"},
        std::pair{"\\x00", "NUL"}, std::pair{"\\q", "a backslash stands before"}}) {
    const std::string text = fault(std::string("include \"") + name + "\"\n");
    EXPECT_NE(text.find(message), std::string::npos) << name << ": " << text;
  }
  EXPECT_NE(fault("include base\n").find("expected a file in quotes"), std::string::npos);
}

TEST_F(TextIncludes, OnlyFilesInclude) {
  const auto refused = parse_policy("include \"a.policy\"\n", "text");
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().text().find("this text includes nothing"), std::string::npos);
  write("a.policy", "allow read\n");
  EXPECT_FALSE(parse_policy("include \"a.policy\"\n", "-", IncludeRoot{}));
  const auto from_input =
      parse_policy("include \"a.policy\"\n", "-", IncludeRoot{folder_.string()});
  ASSERT_TRUE(from_input) << from_input.error().text();
  EXPECT_EQ(from_input->policy.rules.size(), 1u);
}

TEST_F(TextIncludes, HeadersAreOfTheFileThatIncludes) {
  write("head.policy", "abi 6.1\n");
  EXPECT_NE(fault("include \"head.policy\"\n").find("say it in the file that includes this one"),
            std::string::npos);
  write("section.policy", "on i386 { allow read }\n");
  EXPECT_EQ(fault("include \"section.policy\"\n"), "");
  EXPECT_NE(fault("on x86_64 { include \"section.policy\" }\n").find("a section inside a section"),
            std::string::npos);
  write("open.policy", "on i386 {\n");
  EXPECT_NE(fault("include \"open.policy\"\n").find("the section is not closed"),
            std::string::npos);
  write("close.policy", "}\n");
  EXPECT_NE(fault("on i386 {\ninclude \"close.policy\"\n}\n").find("a `}` without a section"),
            std::string::npos);
}

}  // namespace
}  // namespace callgate
