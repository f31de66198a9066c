#include "callgate/kernel/explain.h"

#include <gtest/gtest.h>

#include "unit/kernel/fixtures.h"

namespace callgate::test {
namespace {

TEST(Explain, ReturnValuesByRelease) {
  struct Row {
    Release release;
    std::uint32_t ret;
    const char* change;  ///< null: as the newest
    const char* part;    ///< of the text
  };
  const Row rows[] = {
      {{4, 4}, 0x80000000, "SECCOMP_RET_KILL_PROCESS", "kills the thread"},
      {{4, 14}, 0x80000000, nullptr, "kills the process"},
      {{4, 13}, 0x80050001, "SECCOMP_RET_KILL_PROCESS", "-EPERM"},
      {{4, 13}, 0x7ffc0000, "SECCOMP_RET_LOG", "does not know the action"},
      {{4, 20}, 0x7fc00000, "SECCOMP_RET_USER_NOTIF", "kills the thread"},
      {{5, 9}, 0x00010000, "unknown actions kill the process", "kills the thread"},
      {{3, 19}, 0x00051000, "ERRNO capped at 4095", "4096"},
      {{4, 7}, 0x7ff00001, "filters run again after TRACE", "message 1"},
      {{4, 10}, 0x00000000, "KILL dumps core", "without a core dump"},
      {{3, 4}, 0x00050001, "SECCOMP_MODE_FILTER", "no filters"},
      {{3, 5}, 0x00050001, nullptr, "-EPERM"},
      {newest, 0x00050000, nullptr, "returns 0"},
  };
  for (const Row& row : rows) {
    const ReturnNote note = explain_return(KernelRelease(row.release), row.ret);
    EXPECT_EQ(note.as_newest, row.change == nullptr) << note.text;
    if (row.change != nullptr) {
      ASSERT_NE(note.change, nullptr) << note.text;
      EXPECT_EQ(note.change->name, row.change);
    }
    EXPECT_NE(note.text.find(row.part), std::string::npos) << note.text;
  }
}

TEST(Explain, MissingFlags) {
  const auto missing = missing_flags(
      KernelRelease({4, 4}), uapi::flag_tsync | uapi::flag_log | uapi::flag_new_listener | 64);
  ASSERT_EQ(missing.size(), 3u);
  EXPECT_EQ(missing[0].flag, uapi::flag_log);
  EXPECT_EQ(missing[1].flag, uapi::flag_new_listener);
  EXPECT_EQ(missing[2].change, nullptr);
  EXPECT_TRUE(missing_flags(KernelRelease(newest), 63).empty());
}

TEST(Explain, DifferencesOfAProgram) {
  const Program program = *Program::verify({{0x20, 0, 0, 0},
                                            {0x15, 0, 1, 39},
                                            {0x06, 0, 0, 0x80000000},
                                            {0x15, 0, 1, 40},
                                            {0x16, 0, 0, 0},
                                            {0x06, 0, 0, 0x7fff0000}});
  const ProgramNotes old = differences(program, KernelRelease({4, 4}));
  ASSERT_EQ(old.returns.size(), 1u);
  EXPECT_EQ(old.returns[0].ret, 0x80000000u);
  EXPECT_TRUE(old.computed);
  EXPECT_FALSE(old.no_filters);
  EXPECT_TRUE(differences(program, KernelRelease(newest)).returns.empty());
  EXPECT_TRUE(differences(program, KernelRelease({3, 4})).no_filters);
}

TEST(Explain, ACall) {
  const std::string text = explain_call(KernelRelease({4, 4}), always(0x80000000), call_of(39));
  EXPECT_EQ(
      text.find("  on Linux 4.4: kills the thread with SIGSYS, without a core dump; leaves an "
                "audit record\n  since 4.14 otherwise (SECCOMP_RET_KILL_PROCESS): "),
      0u)
      << text;
  EXPECT_EQ(explain_call(KernelRelease(newest), always(0x00050001), call_of(39)),
            "  on Linux 6.18: makes the call return -EPERM\n");
  EXPECT_EQ(explain_call(KernelRelease(newest), always(0), call_of(335)),
            "  on Linux 6.18: lets the call run, whatever a filter says\n");
  EXPECT_NE(explain_call(KernelRelease({3, 4}), always(0), call_of(39)).find("no filters"),
            std::string::npos);
}

TEST(Explain, Evidence) {
  EXPECT_EQ(evidence_text(KernelRelease(newest)), "Linux 6.18 ran under callgate's kernel tests\n");
  EXPECT_EQ(evidence_text(KernelRelease({4, 4})),
            "Linux 4.4 was read from source; it never ran under callgate's tests\n");
}

}  // namespace
}  // namespace callgate::test
