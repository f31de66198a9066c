#include "callgate/base/diagnostic.h"

#include <gtest/gtest.h>

namespace callgate {
namespace {

TEST(Render, ShowsPlaceCaretAndHint) {
  const Diagnostic diagnostic{.message = "unknown call `opn`",
                              .place = {.file = "a.policy", .line = 3, .column = 7, .length = 3},
                              .hint = "did you mean `open`?",
                              .source_line = "allow opn"};
  EXPECT_EQ(render(diagnostic),
            "a.policy:3:7: error: unknown call `opn`\n"
            "  allow opn\n"
            "        ^~~\n"
            "  hint: did you mean `open`?\n");
}

TEST(Render, EscapesWhatATerminalWouldObey) {
  const Diagnostic diagnostic{.message = "bad \x1b[31m byte \xff and \xc2\x9b"};
  EXPECT_EQ(render(diagnostic), "error: bad \\x1b[31m byte \\xff and \\xc2\\x9b\n");
  const Diagnostic reversed{.message = "r\u202eead\u2066 is \u00e9t\u00e9 \ufeff"};
  EXPECT_EQ(render(reversed),
            "error: r\\xe2\\x80\\xaeead\\xe2\\x81\\xa6 is \u00e9t\u00e9 \\xef\\xbb\\xbf\n");
}

TEST(Render, KeepsTheCaretInViewOfALongLine) {
  const Diagnostic diagnostic{.message = "m",
                              .place = {.file = "f", .line = 1, .column = 5001},
                              .source_line = std::string(5000, 'a') + "X" + std::string(5000, 'b')};
  const std::string text = render(diagnostic);
  EXPECT_LT(text.size(), 400u);
  EXPECT_NE(text.find('X'), std::string::npos);
}

TEST(Nearest, FindsTheLikelyWord) {
  constexpr std::string_view names[] = {"open", "openat", "close"};
  EXPECT_EQ(nearest("opnat", names), "openat");
  EXPECT_EQ(nearest("colse", names), "close");
  EXPECT_EQ(nearest("xyzzy", names), "");
  EXPECT_EQ(nearest("", names), "");
}

}  // namespace
}  // namespace callgate
