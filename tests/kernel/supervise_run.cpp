// The library form of `callgate run`: a sink of one's own, hand-made programs, every closing point.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

#include "callgate/abi/syscalls.h"
#include "callgate/supervise/run.h"

namespace callgate {
namespace {

/// Writes "call action function-of-frame-0" to a pipe, one denial a line.
class PipeSink final : public DenialSink {
 public:
  explicit PipeSink(int fd) : fd_(fd) {}
  void denial(const Denial& denial) override {
    say(denial.call + " " + to_string(denial.action) + " " +
        (denial.stack.empty() ? denial.stack_note : denial.stack.front().function));
  }
  void message(const std::string& text) override { say("message " + text); }
  void counts(const std::vector<DenialCount>& counts) override {
    for (const DenialCount& count : counts) say("times " + std::to_string(count.times));
  }

 private:
  void say(const std::string& text) const {
    const std::string line = text + "\n";
    EXPECT_EQ(::write(fd_, line.data(), line.size()), static_cast<ssize_t>(line.size()));
  }
  int fd_;
};

/// Everything is allowed but one call of x86-64.
Program refusing(std::string_view call, Action action) {
  const std::uint32_t number = find_syscall(Arch::x86_64, call)->number;
  return *Program::verify({{0x20, 0, 0, 4},
                           {0x15, 0, 3, arch_info(Arch::x86_64).audit},
                           {0x20, 0, 0, 0},
                           {0x15, 0, 1, number},
                           {0x06, 0, 0, action.ret()},
                           {0x06, 0, 0, allow.ret()}});
}

struct Outcome {
  int status = 0;
  std::string reports;
};

Outcome run_in_child(const Program& program, ClosePoint at,
                     const std::vector<std::string>& command) {
  std::array<int, 2> pipe{};
  EXPECT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    RunOptions options;
    options.at = at;
    options.sink = std::make_unique<PipeSink>(pipe[1]);
    const RunFailure failure = run({program, std::nullopt, {}}, std::move(options), command);
    ::_exit(failure.exit_code);
  }
  ::close(pipe[1]);
  Outcome outcome;
  char byte = 0;
  while (::read(pipe[0], &byte, 1) == 1) outcome.reports += byte;
  ::close(pipe[0]);
  EXPECT_EQ(::waitpid(child, &outcome.status, 0), child);
  return outcome;
}

class LibraryForm : public testing::TestWithParam<ClosePoint> {
  void SetUp() override {
    if (native_arch() != Arch::x86_64) GTEST_SKIP() << "closing by injection is for x86-64";
  }
};

TEST_P(LibraryForm, ReportsAnErrnoAndTheProgramsOwnStatus) {
  const auto outcome = run_in_child(refusing("mkdir", deny(18)), GetParam(),
                                    {"sh", "-c", "mkdir /nowhere/x 2>/dev/null; exit 5"});
  EXPECT_EQ(WEXITSTATUS(outcome.status), 5);
  EXPECT_TRUE(outcome.reports.starts_with("mkdir errno(EXDEV) ")) << outcome.reports;
  EXPECT_TRUE(outcome.reports.ends_with("times 1\n")) << outcome.reports;
}

TEST_P(LibraryForm, ReportsAKillAndLeavesItsStatus) {
  const auto outcome =
      run_in_child(refusing("mkdir", kill_process), GetParam(), {"mkdir", "/nowhere/x"});
  EXPECT_TRUE(WIFSIGNALED(outcome.status));
  EXPECT_EQ(WTERMSIG(outcome.status), SIGSYS);
  EXPECT_TRUE(outcome.reports.starts_with("mkdir kill_process ")) << outcome.reports;
}

TEST_P(LibraryForm, SaysWhyNothingWasStarted) {
  const auto outcome = run_in_child(refusing("mkdir", deny(1)), GetParam(), {"/etc/passwd"});
  EXPECT_EQ(WEXITSTATUS(outcome.status), run_not_executable);
  EXPECT_EQ(outcome.reports, "");
}

INSTANTIATE_TEST_SUITE_P(Points, LibraryForm,
                         testing::Values(ClosePoint::entry, ClosePoint::loader, ClosePoint::exec));

TEST(RunOptions, FullReportsNeedASink) {
  const RunFailure failure = run({refusing("mkdir", deny(1)), std::nullopt, {}}, {}, {"true"});
  EXPECT_EQ(failure.exit_code, run_failed);
}

}  // namespace
}  // namespace callgate
