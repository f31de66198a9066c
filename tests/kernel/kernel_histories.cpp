// Random histories of seccomp, on the running kernel and in the model, compared step by step.
#include <gtest/gtest.h>
#include <sys/utsname.h>

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

Release running_release() {
  utsname name{};
  uname(&name);
  return parse_release(name.release).value_or(newest_release());
}

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
  const KernelRelease release(running_release());
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
  for (const auto& [name, count] : tally)
    std::fprintf(stderr, "  %8zu %s\n", count, name.c_str());
}

}  // namespace
}  // namespace callgate::test
