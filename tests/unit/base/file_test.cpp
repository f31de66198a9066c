#include "callgate/base/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "callgate/base/unique_fd.h"

namespace callgate {
namespace {

namespace fs = std::filesystem;

class Files : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "callgate-file-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { fs::remove_all(folder_); }
  [[nodiscard]] std::string path(const char* name) const { return (folder_ / name).string(); }

  fs::path folder_;
};

TEST_F(Files, RoundTrip) {
  ASSERT_TRUE(replace_file(path("a"), "one\0two"));
  const auto back = read_file(path("a"));
  ASSERT_TRUE(back);
  EXPECT_EQ(*back, "one");
}

TEST_F(Files, ReplacingKeepsTheModeAndLeavesNothingBehind) {
  ASSERT_TRUE(replace_file(path("a"), "old"));
  ASSERT_EQ(::chmod(path("a").c_str(), 0640), 0);
  ASSERT_TRUE(replace_file(path("a"), "new"));
  struct stat status {};
  ASSERT_EQ(::stat(path("a").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0640u);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 1);
}

TEST_F(Files, LinksAreFollowed) {
  ASSERT_TRUE(replace_file(path("target"), "old"));
  fs::create_symlink("target", path("link"));
  fs::create_symlink(path("link"), path("again"));
  ASSERT_TRUE(replace_file(path("again"), "new"));
  EXPECT_EQ(read_file(path("target")).value(), "new");
  EXPECT_TRUE(fs::is_symlink(path("link")));
  EXPECT_TRUE(fs::is_symlink(path("again")));
  fs::create_symlink("loop", path("loop"));
  EXPECT_FALSE(replace_file(path("loop"), "new"));
}

TEST_F(Files, AnOpenFileByItsNameIsWrittenAtItsOwnPlace) {
  const UniqueFd fd(::open(path("a").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  ASSERT_EQ(::write(fd.get(), "head ", 5), 5);
  ASSERT_TRUE(replace_file("/proc/self/fd/" + std::to_string(fd.get()), "content"));
  ASSERT_EQ(::write(fd.get(), " tail", 5), 5);
  EXPECT_EQ(read_file(path("a")).value(), "head content tail");
}

TEST_F(Files, AFullDiskIsAnErrorAndLeavesTheOldFile) {
  EXPECT_FALSE(replace_file("/dev/full", "content"));
}

TEST_F(Files, RefusesWhatIsNoFile) {
  EXPECT_NE(read_file(folder_.string()).error().message().find("directory"), std::string::npos);
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
  EXPECT_NE(read_file(path("fifo")).error().message().find("not a regular file"),
            std::string::npos);
  EXPECT_FALSE(read_file(path("missing")));
  EXPECT_FALSE(read_file(std::string("a\0b", 3)));
}

TEST_F(Files, StopsAtTheLimit) {
  ASSERT_TRUE(replace_file(path("a"), std::string(100, 'x')));
  EXPECT_TRUE(read_file(path("a"), 100));
  EXPECT_NE(read_file(path("a"), 99).error().message().find("larger than 99"), std::string::npos);
  // A sparse file of 1 GB is refused by its size, not read.
  const std::string huge = path("huge");
  std::ofstream(huge).put('x');
  fs::resize_file(huge, 1u << 30);
  EXPECT_FALSE(read_file(huge));
}

}  // namespace
}  // namespace callgate
