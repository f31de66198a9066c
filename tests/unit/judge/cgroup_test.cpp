// Control groups against trees of plain files: which folders are found, made and written in either
// version. What the kernel makes of it is tests/integration/judge_test.py's.
#include "judge/cgroup.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace callgate::judging {
namespace {

namespace fs = std::filesystem;

class Tree : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = fs::temp_directory_path() / "callgate-cgroup-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
  }
  void TearDown() override { fs::remove_all(root_); }

  /// A file of a group, as the kernel would have made it.
  void file(const std::string& name, const std::string& text = {}) const {
    fs::create_directories((root_ / name).parent_path());
    std::ofstream(root_ / name) << text;
  }
  [[nodiscard]] std::string text(const std::string& name) const {
    std::ifstream in(root_ / name);
    std::ostringstream all;
    all << in.rdbuf();
    return all.str();
  }
  [[nodiscard]] std::string folder(const std::string& name) const { return root_ / name; }
  fs::path root_;
};

TEST(Hierarchies, VersionTwoIsFoundBelowItsMount) {
  const auto found =
      find_hierarchies("0::/user.slice/app\n",
                       "29 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n");
  EXPECT_EQ(found.unified, "/sys/fs/cgroup/user.slice/app");
  EXPECT_EQ(found.memory, "");
}

TEST(Hierarchies, VersionOneIsFoundByController) {
  const auto found =
      find_hierarchies("5:cpu,cpuacct:/a\n4:memory:/b/c\n3:pids:/\n1:name=systemd:/x\n0::/\n",
                       "30 23 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
                       "31 23 0:28 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
                       "32 23 0:29 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"
                       "33 23 0:30 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
                       "34 23 0:31 / /proc rw - proc proc rw\n");
  EXPECT_EQ(found.memory, "/sys/fs/cgroup/memory/b/c");
  EXPECT_EQ(found.cpuacct, "/sys/fs/cgroup/cpu,cpuacct/a");
  EXPECT_EQ(found.pids, "/sys/fs/cgroup/pids");
  EXPECT_EQ(found.unified, "/sys/fs/cgroup/unified");
}

TEST(Hierarchies, AMountOfAPartShowsTheRestOfThePath) {
  const auto found = find_hierarchies(
      "4:memory:/docker/1234/sub\n",
      "30 23 0:27 /docker/1234 /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
  EXPECT_EQ(found.memory, "/sys/fs/cgroup/memory/sub");
}

TEST(Hierarchies, NonsenseGivesNothing) {
  const auto found = find_hierarchies("::::\nx\n4:memory\n", "a b c\n - \n1 2 3 - cgroup\n");
  EXPECT_EQ(found.memory + found.pids + found.unified + found.cpuacct, "");
}

TEST_F(Tree, VersionTwoIsLimitedSwapIncluded) {
  fs::create_directories(root_ / "own");
  const ControlGroup group({folder("own"), {}, {}, {}}, "run", {1000, 5}, [&](const auto&) {
    for (const char* name : {"memory.max", "memory.swap.max", "memory.oom.group", "pids.max"}) {
      file(std::string("own/run/") + name);
    }
    file("own/run/cgroup.procs");
    file("own/run/cpu.stat", "usage_usec 1500\nuser_usec 1000\n");
    file("own/run/memory.peak", "900\n");
    file("own/run/memory.events", "low 0\noom 2\noom_kill 1\noom_group_kill 7\n");
    file("own/run/pids.events", "max 3\n");
    return 0;
  });
  EXPECT_EQ(group.memory_by(), "cgroup v2");
  EXPECT_EQ(group.processes_by(), "cgroup v2");
  EXPECT_EQ(text("own/run/memory.max"), "1000");
  EXPECT_EQ(text("own/run/memory.swap.max"), "0");
  EXPECT_EQ(text("own/run/memory.oom.group"), "1");
  EXPECT_EQ(text("own/run/pids.max"), "5");
  ASSERT_TRUE(group.add(4711));
  EXPECT_EQ(text("own/run/cgroup.procs"), "4711");
  const GroupUsage usage = group.usage();
  EXPECT_EQ(usage.cpu_ns, 1500000U);
  EXPECT_EQ(usage.peak_memory, 900U);
  EXPECT_EQ(usage.oom_kills, 1U);
  EXPECT_EQ(usage.refused_tasks, 3U);
}

TEST_F(Tree, VersionOneIsLimitedInEachHierarchy) {
  const Hierarchies hierarchies{{}, folder("memory"), folder("pids"), folder("cpuacct")};
  const ControlGroup group(hierarchies, "run", {1000, 5}, [&](const std::string& made) {
    if (made == folder("memory/run")) {
      file("memory/run/memory.limit_in_bytes");
      file("memory/run/memory.memsw.limit_in_bytes");
      file("memory/run/memory.max_usage_in_bytes", "800\n");
      file("memory/run/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n");
    } else if (made == folder("pids/run")) {
      file("pids/run/pids.max");
      file("pids/run/pids.events", "max 0\n");
    } else {
      file("cpuacct/run/cpuacct.usage", "123456\n");
    }
    return 0;
  });
  EXPECT_EQ(group.memory_by(), "cgroup v1");
  EXPECT_EQ(group.processes_by(), "cgroup v1");
  EXPECT_EQ(group.time_by(), "cgroup v1");
  EXPECT_EQ(text("memory/run/memory.limit_in_bytes"), "1000");
  EXPECT_EQ(text("memory/run/memory.memsw.limit_in_bytes"), "1000");
  EXPECT_EQ(text("pids/run/pids.max"), "5");
  const GroupUsage usage = group.usage();
  EXPECT_EQ(usage.cpu_ns, 123456U);
  EXPECT_EQ(usage.peak_memory, 800U);
  EXPECT_EQ(usage.oom_kills, 2U);
  EXPECT_EQ(usage.refused_tasks, 0U);
}

TEST_F(Tree, SwapThatCannotBeLimitedIsSaid) {
  const ControlGroup group({{}, folder("memory"), {}, {}}, "run", {1000, 5}, [&](const auto&) {
    file("memory/run/memory.limit_in_bytes");
    return 0;
  });
  EXPECT_EQ(group.memory_by(), "cgroup v1");
  EXPECT_EQ(group.memory_missing(), "swap is not limited");
  EXPECT_EQ(group.processes_by(), "");
}

TEST_F(Tree, VersionTwoWithoutDelegationLimitsNothingAndSaysWhy) {
  fs::create_directories(root_ / "own");
  const ControlGroup group({folder("own"), {}, {}, {}}, "run", {1000, 5});
  EXPECT_EQ(group.memory_by(), "");
  EXPECT_EQ(group.processes_by(), "");
  EXPECT_NE(group.memory_missing().find("no hierarchy"), std::string::npos)
      << group.memory_missing();
}

TEST_F(Tree, AFolderThatCannotBeMadeIsAReason) {
  const ControlGroup group({{}, folder("nowhere/at/all"), folder("nowhere/at/all"), {}}, "run",
                           {1000, 5});
  EXPECT_EQ(group.memory_by(), "");
  EXPECT_NE(group.memory_missing().find("No such file"), std::string::npos);
  EXPECT_NE(group.processes_missing().find("No such file"), std::string::npos);
}

}  // namespace
}  // namespace callgate::judging
