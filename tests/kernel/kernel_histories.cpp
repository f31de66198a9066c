// Random histories of seccomp, on the running kernel and in the model, compared step by step.
#include <gtest/gtest.h>
#if defined(__x86_64__)

#include <cstdio>

#include "kernel_replay.h"
#include "scale.h"

namespace callgate::test {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool sanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif
#else
constexpr bool sanitized = false;
#endif

/// Shortens a failing history by leaving steps out as long as it still fails.
History shrink(History history, const std::function<bool(const History&)>& fails) {
  for (std::size_t size = history.steps.size() / 2; size > 0; size /= 2) {
    for (std::size_t at = 0; at + size <= history.steps.size();) {
      History shorter = history;
      shorter.steps.erase(shorter.steps.begin() + static_cast<std::ptrdiff_t>(at),
                          shorter.steps.begin() + static_cast<std::ptrdiff_t>(at + size));
      if (fails(shorter)) {
        history = std::move(shorter);
      } else {
        at += size;
      }
    }
  }
  return history;
}

std::string to_text(const History& history) {
  std::string text = history.drops_admin ? "  without CAP_SYS_ADMIN\n" : "  with CAP_SYS_ADMIN\n";
  for (const Step& step : history.steps) text += "  " + test::to_text(step) + "\n";
  return text;
}

/// Every kind of step and every answer that histories are to show.
constexpr std::array required = {"end by exit",
                                 "end by signal 31",
                                 "end by signal 4",
                                 "end by signal 9",
                                 "final state",
                                 "interrupt does not end the wait",
                                 "interrupt ends the wait",
                                 "notify_id_valid -2",
                                 "notify_id_valid 0",
                                 "notify_send -2",
                                 "notify_send -22",
                                 "notify_send 0",
                                 "prctl -12",
                                 "prctl -13",
                                 "prctl -14",
                                 "prctl -22",
                                 "prctl 0",
                                 "reason exempt from filters",
                                 "reason filter",
                                 "reason interrupted",
                                 "reason no seccomp",
                                 "reason no supervisor",
                                 "reason no tracer",
                                 "reason strict mode",
                                 "reason supervisor",
                                 "reason unknown action",
                                 "recorded",
                                 "result process_dies",
                                 "result returns",
                                 "result runs",
                                 "result signal",
                                 "result thread_dies",
                                 "result waits",
                                 "seccomp -12",
                                 "seccomp -13",
                                 "seccomp -14",
                                 "seccomp -16",
                                 "seccomp -22",
                                 "seccomp -24",
                                 "seccomp -3",
                                 "seccomp -95",
                                 "seccomp 0",
                                 "seccomp listener",
                                 "seccomp thread id",
                                 "step block_sigsys",
                                 "step clone_thread",
                                 "step close_listener",
                                 "step drop_admin",
                                 "step execve",
                                 "step exit",
                                 "step exit_group",
                                 "step fill_descriptors",
                                 "step fork",
                                 "step notify_id_valid",
                                 "step notify_recv",
                                 "step notify_send",
                                 "step prctl",
                                 "step probe",
                                 "step seccomp",
                                 "step sigsys"};

/// The running kernel but for one change.
KernelRelease without(KernelFeature missing, const KernelRelease& running) {
  KernelConfig config;
  for (const KernelChange& change : kernel_changes()) {
    if (change.feature != missing && running.has(change.feature))
      config.backported.push_back(change.feature);
  }
  return KernelRelease({2, 6, 11}, config);
}

struct Histories : testing::Test {
  void SetUp() override {
    if (sanitized) GTEST_SKIP() << "threads by clone(2) and fixed addresses: not under sanitizers";
    if (geteuid() != 0) GTEST_SKIP() << "needs root to begin with CAP_SYS_ADMIN";
    const rlimit none{0, 0};
    setrlimit(RLIMIT_CORE, &none);
    stage.emplace();
  }
  std::optional<Stage> stage;
  AuditLog audit;
  Tally tally;
};

TEST_F(Histories, AgreeWithTheKernel) {
  const KernelRelease release = running_kernel();
  const std::size_t total = scaled(1000, 20000);
  std::size_t steps = 0;
  for (std::uint64_t seed = 0; seed < total; ++seed) {
    const History history = Generator(seed).history();
    steps += history.steps.size();
    const auto replay = [&](const History& one) {
      Tally scratch;
      return Replay(*stage, audit, release, scratch).run(one);
    };
    const auto mismatch = Replay(*stage, audit, release, tally).run(history);
    if (mismatch) {
      const History shortest =
          shrink(history, [&](const History& one) { return replay(one).has_value(); });
      FAIL() << "seed " << seed << ": " << *mismatch << "\nshortest:\n"
             << to_text(shortest) << replay(shortest).value_or("(it does not fail again)");
    }
    if ((seed + 1) % 2000 == 0)
      std::fprintf(stderr, "%zu of %zu histories\n", static_cast<std::size_t>(seed + 1), total);
  }
  std::fprintf(stderr, "%zu histories, %zu steps%s\n", total, steps,
               audit.available() ? "" : "; audit records were not compared (no multicast group)");
  for (const auto& [name, count] : tally) std::fprintf(stderr, "  %8zu %s\n", count, name.c_str());
  for (const char* name : required) {
    if (!audit.available() && name == std::string_view("recorded")) continue;
    EXPECT_GE(tally[name], scaled(1, 100)) << name;
  }
}

/// A model that lacks one change must be told apart from the kernel: each change is seen, and the
/// comparison sees it.
TEST_F(Histories, TellOtherReleasesApart) {
  using enum KernelFeature;
  constexpr std::array features = {no_new_privs,
                                   filters,
                                   seccomp_call,
                                   tsync,
                                   errno_capped,
                                   null_code_invalid,
                                   ret_kill_process,
                                   ret_log,
                                   log_flag,
                                   action_avail,
                                   spec_allow,
                                   ret_user_notif,
                                   listener_not_with_tsync,
                                   notif_continue,
                                   tsync_esrch,
                                   unknown_kills_process,
                                   wait_killable_recv,
                                   last_thread_status,
                                   tsync_skips_exited,
                                   uretprobe_exempt,
                                   uprobe_exempt};
  const KernelRelease running = running_kernel();
  for (const KernelFeature missing : features) {
    if (!running.has(missing)) continue;
    const KernelRelease release = without(missing, running);
    ASSERT_FALSE(release.has(missing));
    std::optional<std::string> mismatch;
    std::uint64_t seed = 0;
    for (; seed < 3000 && !mismatch; ++seed) {
      Tally scratch;
      mismatch = Replay(*stage, audit, release, scratch, 300).run(Generator(seed).history());
    }
    const std::string name(change_of(missing).name);
    EXPECT_TRUE(mismatch) << "nothing in 3000 histories depends on " << name;
    if (mismatch)
      std::fprintf(stderr, "  without %s: history %zu\n", name.c_str(),
                   static_cast<std::size_t>(seed));
  }
}

}  // namespace
}  // namespace callgate::test

#else
TEST(Histories, NeedX86) { GTEST_SKIP() << "makes system calls of x86-64 and i386"; }
#endif
