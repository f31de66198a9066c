// docs/kernel-model.md holds the table of src/kernel/release.cpp, row by row.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "callgate/kernel/release.h"

namespace callgate {
namespace {

std::string row_of(const KernelChange& change) {
  std::string releases = to_string(change.since);
  if (change.until != Release{}) releases += " until " + to_string(change.until);
  return "| " + releases + " | " + std::string(change.name) + " | " + std::string(change.what) +
         " | " + std::string(change.source) + " |";
}

TEST(Document, HasEveryChange) {
  std::ifstream file(CALLGATE_SOURCE_DIR "/docs/kernel-model.md");
  ASSERT_TRUE(file) << "docs/kernel-model.md is missing";
  std::stringstream text;
  text << file.rdbuf();
  for (const KernelChange& change : kernel_changes())
    EXPECT_NE(text.str().find(row_of(change) + "\n"), std::string::npos) << "add this row:\n"
                                                                         << row_of(change);
}

TEST(Document, NamesTheReleasesThatRan) {
  std::ifstream file(CALLGATE_SOURCE_DIR "/docs/kernel-model.md");
  std::stringstream text;
  text << file.rdbuf();
  for (const Release release : releases_that_ran())
    EXPECT_NE(text.str().find("ran here: " + to_string(release)), std::string::npos);
}

}  // namespace
}  // namespace callgate
