#include "callgate/kernel/release.h"

#include <gtest/gtest.h>

#include "callgate/kernel/constants.h"

namespace callgate {
namespace {

TEST(KernelRelease, TheTableIsInOrderAndComplete) {
  ASSERT_EQ(kernel_changes().size(), kernel_feature_count);
  for (std::size_t i = 0; i < kernel_changes().size(); ++i) {
    const KernelChange& change = kernel_changes()[i];
    EXPECT_EQ(static_cast<std::size_t>(change.feature), i);
    EXPECT_FALSE(change.name.empty());
    EXPECT_FALSE(change.what.empty());
    EXPECT_FALSE(change.source.empty()) << change.name;
    if (i > 0) {
      EXPECT_GE(change.since, kernel_changes()[i - 1].since) << change.name;
    }
  }
}

TEST(KernelRelease, EachChangeBeginsWithItsRelease) {
  for (const KernelChange& change : kernel_changes()) {
    const Release before = change.since.minor > 0
                               ? Release{change.since.major, std::uint16_t(change.since.minor - 1)}
                               : Release{std::uint16_t(change.since.major - 1), 99};
    EXPECT_TRUE(KernelRelease(change.since).has(change.feature)) << change.name;
    EXPECT_FALSE(KernelRelease(before).has(change.feature)) << change.name;
    if (change.until != Release{}) {
      EXPECT_FALSE(KernelRelease(change.until).has(change.feature)) << change.name;
    }
  }
}

TEST(KernelRelease, FlagsByRelease) {
  struct Row {
    Release release;
    std::uint32_t flags;
  };
  const Row rows[] = {{{3, 16}, 0},  {{3, 17}, 1},  {{4, 13}, 1},  {{4, 14}, 3},
                      {{4, 17}, 7},  {{5, 0}, 15},  {{5, 6}, 15},  {{5, 7}, 31},
                      {{5, 18}, 31}, {{5, 19}, 63}, {{6, 18}, 63}, {{2, 6, 39}, 0}};
  for (const Row& row : rows)
    EXPECT_EQ(KernelRelease(row.release).known_flags(), row.flags) << to_string(row.release);
}

TEST(KernelRelease, ConfigurationAndBackports) {
  EXPECT_FALSE(KernelRelease({6, 12}, {.seccomp = false}).has(KernelFeature::seccomp_call));
  EXPECT_TRUE(KernelRelease({6, 12}, {.seccomp = false}).has(KernelFeature::no_new_privs));
  EXPECT_FALSE(KernelRelease({6, 12}, {.seccomp_filter = false}).has(KernelFeature::filters));
  EXPECT_TRUE(KernelRelease({6, 12}, {.seccomp_filter = false}).has(KernelFeature::prctl_strict));
  EXPECT_FALSE(KernelRelease({6, 12}, {.checkpoint_restore = false}).has(KernelFeature::suspend));
  EXPECT_FALSE(KernelRelease({6, 18}, {.native = Arch::aarch64}).has(KernelFeature::uprobe_exempt));
  EXPECT_FALSE(KernelRelease({6, 12}).has(KernelFeature::uretprobe_exempt));
  EXPECT_TRUE(KernelRelease({6, 12}, {.backported = {KernelFeature::uretprobe_exempt}})
                  .has(KernelFeature::uretprobe_exempt));
}

TEST(KernelRelease, EvidenceNamesWhatRan) {
  EXPECT_EQ(KernelRelease({6, 18, 44}).evidence(), Evidence::ran);
  EXPECT_EQ(KernelRelease({6, 18}, {.native = Arch::aarch64}).evidence(), Evidence::from_source);
  for (const Release release : {Release{2, 6, 12}, Release{4, 4}, Release{6, 12}, Release{6, 19}})
    EXPECT_EQ(KernelRelease(release).evidence(), Evidence::from_source) << to_string(release);
}

}  // namespace
}  // namespace callgate
