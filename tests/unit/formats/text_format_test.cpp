// The one layout.
#include <gtest/gtest.h>

#include "callgate/formats/text.h"

namespace callgate {
namespace {

std::string formatted(const std::string& text) {
  const auto done = format_policy(text, "test");
  EXPECT_TRUE(done) << text << done.error().text();
  return done ? *done : std::string();
}

TEST(TextFormat, BlanksBetweenWords) {
  const std::pair<const char*, const char*> rows[] = {
      {"allow   read ,write,@ mmap\n", "allow read, write, @mmap\n"},
      {"errno ( EPERM )  ptrace", "errno(EPERM) ptrace\n"},
      {"allow socket if domain  in{AF_UNIX,AF_INET , 5 .. 7}\n",
       "allow socket if domain in {AF_UNIX, AF_INET, 5..7}\n"},
      {"allow clone if( flags&( A |B ) )==0\n", "allow clone if (flags & (A|B)) == 0\n"},
      {"allow chmod if mode&~ 0777==0\n", "allow chmod if mode & ~0777 == 0\n"},
      {"allow f if args [ 0 ] . lo!=- 5 and ip . hi<1\n",
       "allow f if args[0].lo != -5 and ip.hi < 1\n"},
      {"allow f if not(a==1)or all ( b==1 )\n", "allow f if not (a == 1) or all(b == 1)\n"},
      {"set a={ 1 ,2 }\nset b  =  read,@systemd/basic-io\n",
       "set a = {1, 2}\nset b = read, @systemd/basic-io\n"},
      {"include   \"a  b\"\n", "include \"a  b\"\n"},
      {"policy  docker-default\nabi   6.12\n", "policy docker-default\nabi 6.12\n"},
      {"on untestable   deny\n", "on untestable deny\n"},
      {"\xef\xbb\xbf"
       "allow read\r\n\tallow write\r\n",
       "allow read\nallow write\n"},
      {"", ""},
      {" \n\n", ""},
  };
  for (const auto& [text, expected] : rows) EXPECT_EQ(formatted(text), expected) << text;
}

TEST(TextFormat, LevelsAndLines) {
  EXPECT_EQ(formatted("on i386,x32{\nallow read\n      # why\nallow write,\n"
                      "close\n}\n"
                      "on  arm { allow read }\n"
                      "set v = {\n1,\n2\n}\n"
                      "allow kill\nif sig == 9\n     or sig == 8\n\n\n\n# end"),
            "on i386, x32 {\n  allow read\n  # why\n  allow write,\n    close\n}\n"
            "on arm { allow read }\n"
            "set v = {\n  1,\n  2\n}\n"
            "allow kill\n  if sig == 9\n  or sig == 8\n\n# end\n");
}

TEST(TextFormat, CommentsStay) {
  EXPECT_EQ(
      formatted("#!first\n\n\n  # of allow\nallow read # one\nallow close, # two\n"
                "  write\n# of close\n\nallow getpid     # three\nlog *\n"),
      "#!first\n\n# of allow\nallow read    # one\nallow close,  # two\n  write\n# of close\n\n"
      "allow getpid  # three\nlog *\n");
  EXPECT_EQ(formatted("allow read,  # a # b\n  # inside\n  write # \"c\n"),
            "allow read,  # a # b\n  # inside\n  write  # \"c\n");
  EXPECT_EQ(formatted("policy \"a # b\" # c\n"), "policy \"a # b\"  # c\n");
}

TEST(TextFormat, WhatIsNoPolicyIsRefused) {
  for (const char* text : {"allow read; write\n", "policy \"open\n", "allow \x01\n", "a && b\n",
                           "allow caf\xc3\xa9\n", "allow read if x = 1\n"}) {
    const auto done = format_policy(text, "test");
    ASSERT_FALSE(done) << text;
    EXPECT_NE(done.error().text().find("test:1:"), std::string::npos) << done.error().text();
  }
}

TEST(TextFormat, WhatCheckWouldRefuseIsLaidOut) {
  EXPECT_EQ(formatted("allow  raed\n}\non vax\n( ( (\n"), "allow raed\n}\non vax\n(((\n");
}

}  // namespace
}  // namespace callgate
