// confine() against the running kernel; each case in a child, since a filter is for good.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <functional>
#include <thread>

#include "callgate/callgate.hpp"
#include "callgate/runtime/probe.h"

namespace callgate {
namespace {

/// How a child ended and what it wrote on standard error.
struct Ended {
  int status = 0;
  std::string text;
  [[nodiscard]] bool exited_with(int code) const {
    return WIFEXITED(status) && WEXITSTATUS(status) == code;
  }
  [[nodiscard]] bool died_of(int signal) const {
    return WIFSIGNALED(status) && WTERMSIG(status) == signal;
  }
};

/// Runs `work` in a child; its result is the exit code.
Ended in_child(const std::function<int()>& work) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(ends[1], STDERR_FILENO);
    ::close(ends[0]);
    ::close(ends[1]);
    ::_exit(work());
  }
  ::close(ends[1]);
  Ended ended;
  char buffer[4096];
  for (ssize_t got = 0; (got = ::read(ends[0], buffer, sizeof buffer)) > 0;)
    ended.text.append(buffer, static_cast<std::size_t>(got));
  ::close(ends[0]);
  ::waitpid(child, &ended.status, 0);
  return ended;
}

/// A failed check is the child's exit code: its line, modulo what an exit code holds.
#define CHECK_OR_LINE(condition) \
  if (!(condition)) return __LINE__ % 120 + 1
#define EXPECT_DONE(ended) \
  EXPECT_TRUE((ended).exited_with(0)) << "status " << (ended).status << "\n" << (ended).text

Policy open_policy() { return {.abi = linux_6_12, .otherwise = allow}; }
Policy no_mkdir(Action action) { return open_policy().on({"mkdirat"}, action); }

/// The errno of a mkdir that fails even where it is let through (the folder is there).
int mkdir_errno() { return ::syscall(SYS_mkdirat, AT_FDCWD, "/", 0700) < 0 ? errno : 0; }
int socket_errno() {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0) return errno;
  ::close(fd);
  return 0;
}

/// A thread that asks for `work` again each time it is told to.
class Worker {
 public:
  explicit Worker(std::function<int()> work)
      : thread_([this, work = std::move(work)] {
          for (;;) {
            asked_.wait(0);
            answer_ = work();
            asked_ = 0;
            asked_.notify_one();
          }
        }) {
    thread_.detach();
  }
  int ask() {
    asked_ = 1;
    asked_.notify_one();
    asked_.wait(1);
    return answer_;
  }

 private:
  std::atomic<int> asked_{0};
  std::atomic<int> answer_{0};
  std::thread thread_;
};

class Confine : public testing::Test {
 protected:
  void SetUp() override {
    if (probe_kernel().install != 0) GTEST_SKIP() << "no filter can be installed here";
  }
};

TEST_F(Confine, EveryThreadOfTheProcess) {
  EXPECT_DONE(in_child([] {
    auto* worker = new Worker(mkdir_errno);
    CHECK_OR_LINE(worker->ask() == EEXIST);
    confine(no_mkdir(deny(EXDEV))).or_die();
    CHECK_OR_LINE(mkdir_errno() == EXDEV);
    CHECK_OR_LINE(worker->ask() == EXDEV);
    auto* later = new Worker(mkdir_errno);
    CHECK_OR_LINE(later->ask() == EXDEV);
    return 0;
  }));
}

TEST_F(Confine, OneThreadWhereThatIsAskedFor) {
  EXPECT_DONE(in_child([] {
    auto* worker = new Worker(mkdir_errno);
    confine(no_mkdir(deny(EXDEV)), {.all_threads = false}).or_die();
    CHECK_OR_LINE(mkdir_errno() == EXDEV);
    CHECK_OR_LINE(worker->ask() == EEXIST);
    return 0;
  }));
}

TEST_F(Confine, AThreadThatCannotFollowIsNamedAndNobodyIsConfined) {
  EXPECT_DONE(in_child([] {
    auto* worker = new Worker([] {
      if (!confine(no_mkdir(deny(EXDEV)), {.all_threads = false}).ok()) return 0;
      return static_cast<int>(::syscall(SYS_gettid));
    });
    const int thread = worker->ask();
    CHECK_OR_LINE(thread > 0);
    const Confined confined = confine(no_mkdir(deny(EACCES)));
    CHECK_OR_LINE(!confined.ok());
    CHECK_OR_LINE(confined.error().message().find(std::to_string(thread)) != std::string::npos);
    CHECK_OR_LINE(mkdir_errno() == EEXIST);
    return 0;
  }));
}

TEST_F(Confine, PromisesNarrowAndNeverWiden) {
  EXPECT_DONE(in_child([] {
    confine("stdio inet").or_die();
    CHECK_OR_LINE(socket_errno() == 0);
    confine("stdio").or_die();
    CHECK_OR_LINE(socket_errno() == EPERM);
    confine("stdio inet dns").or_die();
    CHECK_OR_LINE(socket_errno() == EPERM);
    confine("stdio", {.otherwise = kill_process}).or_die();
    return 0;
  }));
}

TEST_F(Confine, OtherwiseCanBeAnother) {
  EXPECT_TRUE(in_child([] {
                confine("stdio", {.otherwise = kill_process}).or_die();
                return socket_errno() == 0 ? 1 : 2;
              }).died_of(SIGSYS));
}

TEST_F(Confine, FailuresAreSaid) {
  const Ended foreign = in_child([] {
    Policy policy = open_policy();
    policy.arches = {native_arch() == Arch::aarch64 ? Arch::x86_64 : Arch::aarch64};
    confine(policy).or_die();
    return 0;
  });
  EXPECT_TRUE(foreign.exited_with(125)) << foreign.status;
  EXPECT_NE(foreign.text.find("could not be confined"), std::string::npos);
  EXPECT_NE(foreign.text.find("not for this process's architecture"), std::string::npos);
  EXPECT_FALSE(confine(PromiseList::named("stdio inett")).ok());
  EXPECT_FALSE(confine(open_policy().on(call_named("raed"), allow)).ok());
  EXPECT_EQ(mkdir_errno(), EEXIST);
}

/// The debug mode is there for two machines.
class Debug : public Confine {
 protected:
  void SetUp() override {
    Confine::SetUp();
    if (native_arch() != Arch::x86_64 && native_arch() != Arch::aarch64)
      GTEST_SKIP() << "no debug mode for " << arch_info(native_arch()).name;
  }
};

constexpr ConfineOptions debug{.debug = true};

[[gnu::noinline]] int inner() {
  const int error = mkdir_errno();
  asm volatile("" ::: "memory");
  return error;
}

TEST_F(Debug, AnErrnoIsReportedAndGiven) {
  const unsigned line = __LINE__ + 2;
  const Ended ended = in_child([] {
    const Policy policy = open_policy().on("mkdirat", deny(EXDEV));
    confine(policy, debug).or_die();
    errno = 77;
    CHECK_OR_LINE(inner() == EXDEV);
    CHECK_OR_LINE(::getpid() > 0);
    return 0;
  });
  EXPECT_DONE(ended);
  EXPECT_NE(ended.text.find("callgate: denied mkdirat("), std::string::npos) << ended.text;
  EXPECT_NE(ended.text.find("=-100, pathname=0x"), std::string::npos) << ended.text;
  EXPECT_NE(ended.text.find("mode=0x1c0) = EXDEV\n"), std::string::npos) << ended.text;
  EXPECT_NE(ended.text.find(std::string("rule     ") + __FILE__ + ":" + std::to_string(line)),
            std::string::npos)
      << ended.text;
}

/// Offsets of the report's frames within this program.
std::vector<std::uintptr_t> own_frames(const std::string& text) {
  char self[4096];
  const ssize_t size = ::readlink("/proc/self/exe", self, sizeof self);
  const std::string name(self, size < 0 ? 0 : static_cast<std::size_t>(size));
  std::vector<std::uintptr_t> offsets;
  for (std::size_t at = text.find(name + "+0x"); at != std::string::npos;
       at = text.find(name + "+0x", at + 1))
    offsets.push_back(std::stoul(text.substr(at + name.size() + 1), nullptr, 16));
  return offsets;
}

/// Where in its file a code address of this process comes from.
std::uintptr_t file_offset(std::uintptr_t address) {
  const std::unique_ptr<FILE, int (*)(FILE*)> maps(std::fopen("/proc/self/maps", "re"),
                                                   &std::fclose);
  char text[4600];
  while (std::fgets(text, sizeof text, maps.get()) != nullptr) {
    unsigned long first = 0;
    unsigned long end = 0;
    unsigned long from = 0;
    std::sscanf(text, "%lx-%lx %*s %lx", &first, &end, &from);
    if (address >= first && address < end) return address - first + from;
  }
  return 0;
}

TEST_F(Debug, TheStackNamesModuleAndOffset) {
  for (const bool in_thread : {false, true}) {
    const Ended ended = in_child([in_thread] {
      confine(no_mkdir(deny(EXDEV)), debug).or_die();
      if (!in_thread) return inner() == EXDEV ? 0 : 1;
      return (new Worker(inner))->ask() == EXDEV ? 0 : 1;
    });
    EXPECT_DONE(ended);
    const std::uintptr_t offset = file_offset(reinterpret_cast<std::uintptr_t>(&inner));
    const auto frames = own_frames(ended.text);
    EXPECT_TRUE(std::ranges::any_of(
        frames, [&](std::uintptr_t frame) { return frame > offset && frame < offset + 64; }))
        << std::hex << offset << "\n"
        << ended.text;
  }
}

TEST_F(Debug, KillsEndAsTheyWouldWithoutIt) {
  const Ended process = in_child([] {
    confine(no_mkdir(kill_process), debug).or_die();
    return mkdir_errno();
  });
  EXPECT_TRUE(process.died_of(SIGSYS)) << process.status;
  EXPECT_NE(process.text.find("= kill_process"), std::string::npos) << process.text;
  const Ended thread = in_child([] {
    auto* worker = new Worker([] { return mkdir_errno(); });
    confine(no_mkdir(kill_thread), debug).or_die();
    std::thread waits([&] { (void)worker->ask(); });
    waits.detach();
    ::usleep(200'000);
    return 0;
  });
  EXPECT_DONE(thread);
  EXPECT_NE(thread.text.find("= kill_thread"), std::string::npos) << thread.text;
}

volatile sig_atomic_t seen_data = -1;
void note_data(int, siginfo_t* info, void*) { seen_data = info->si_errno; }

int set_handler(void (*handler)(int, siginfo_t*, void*), int flags) {
  struct sigaction action {};
  action.sa_sigaction = handler;
  action.sa_flags = SA_SIGINFO | flags;
  return ::sigaction(SIGSYS, &action, nullptr);
}

TEST_F(Debug, ATrapReachesTheProgramsOwnHandler) {
  const Ended handled = in_child([] {
    CHECK_OR_LINE(set_handler(note_data, 0) == 0);
    confine(no_mkdir(trap(42)), debug).or_die();
    (void)mkdir_errno();
    CHECK_OR_LINE(seen_data == 42);
    return 0;
  });
  EXPECT_DONE(handled);
  EXPECT_NE(handled.text.find("= trap(42)"), std::string::npos) << handled.text;
  EXPECT_TRUE(in_child([] {
                confine(no_mkdir(trap(42)), debug).or_die();
                return mkdir_errno();
              }).died_of(SIGSYS));
  EXPECT_TRUE(in_child([] {
                ::signal(SIGSYS, SIG_IGN);
                confine(no_mkdir(trap(42)), debug).or_die();
                return mkdir_errno();
              }).died_of(SIGSYS));
}

/// A folder that must not come to be.
std::string forbidden() {
  const std::string path = testing::TempDir() + "callgate-debug-" + std::to_string(::getpid());
  ::rmdir(path.c_str());
  return path;
}

TEST_F(Debug, WhatTheProgramDoesToTheSignalLetsNothingThrough) {
  const std::string path = forbidden();
  const auto make = [&] {
    return static_cast<int>(::syscall(SYS_mkdirat, AT_FDCWD, path.c_str(), 0700));
  };
  // Blocked.
  EXPECT_TRUE(in_child([&] {
                confine(no_mkdir(deny(EXDEV)), debug).or_die();
                sigset_t set;
                ::sigemptyset(&set);
                ::sigaddset(&set, SIGSYS);
                ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
                return make();
              }).died_of(SIGSYS));
  // Ignored, default.
  for (const auto disposition : {SIG_IGN, SIG_DFL}) {
    EXPECT_TRUE(in_child([&] {
                  confine(no_mkdir(deny(EXDEV)), debug).or_die();
                  ::signal(SIGSYS, disposition);
                  return make();
                }).died_of(SIGSYS));
  }
  // Another handler.
  EXPECT_DONE(in_child([&] {
    confine(no_mkdir(deny(EXDEV)), debug).or_die();
    CHECK_OR_LINE(set_handler(note_data, 0) == 0);
    (void)make();
    return 0;
  }));
  // After exec the handler is gone.
  EXPECT_TRUE(in_child([&] {
                confine(no_mkdir(deny(EXDEV)).on("mkdir", deny(EXDEV)), debug).or_die();
                ::execl("/bin/mkdir", "mkdir", path.c_str(), nullptr);
                return 1;
              }).died_of(SIGSYS));
  struct stat found {};
  EXPECT_NE(::stat(path.c_str(), &found), 0) << path;
}

TEST_F(Debug, TheSignalFromElsewhereEndsAnUnfilteredThreadToo) {
  EXPECT_TRUE(in_child([] {
                auto* worker = new Worker([] { return ::raise(SIGSYS); });
                confine(no_mkdir(deny(EXDEV)), {.all_threads = false, .debug = true}).or_die();
                return worker->ask() + 1;
              }).died_of(SIGSYS));
}

TEST_F(Debug, BlockedBeforehandIsAnError) {
  EXPECT_DONE(in_child([] {
    sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, SIGSYS);
    ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
    const Confined confined = confine(no_mkdir(deny(EXDEV)), debug);
    CHECK_OR_LINE(!confined.ok());
    CHECK_OR_LINE(mkdir_errno() == EEXIST);
    return 0;
  }));
}

void deny_again(int, siginfo_t*, void*) { (void)mkdir_errno(); }

TEST_F(Debug, ADenialWithinTheHandlerEndsTheProcess) {
  // In the program's own handler, even one that would not be blocked.
  for (const int flags : {0, SA_NODEFER}) {
    EXPECT_TRUE(in_child([flags] {
                  CHECK_OR_LINE(set_handler(deny_again, flags) == 0);
                  confine(no_mkdir(trap(1)), debug).or_die();
                  (void)mkdir_errno();
                  return 0;
                }).died_of(SIGSYS));
  }
  // In the report: short writes are let through, longer ones not.
  const Ended cut = in_child([] {
    Policy policy = no_mkdir(deny(EXDEV));
    policy.on("write", arg("count") > 8, deny(EPERM));
    confine(policy, debug).or_die();
    (void)mkdir_errno();
    return 0;
  });
  EXPECT_TRUE(cut.died_of(SIGSYS)) << cut.status;
  EXPECT_EQ(cut.text, "");
}

TEST_F(Debug, ASmallAlternateStackIsEnough) {
  const Ended ended = in_child([] {
    static char stack[16384];
    stack_t alternate{.ss_sp = stack, .ss_flags = 0, .ss_size = sizeof stack};
    CHECK_OR_LINE(::sigaltstack(&alternate, nullptr) == 0);
    confine(no_mkdir(deny(EXDEV)), debug).or_die();
    CHECK_OR_LINE(inner() == EXDEV);
    return 0;
  });
  EXPECT_DONE(ended);
  EXPECT_FALSE(own_frames(ended.text).empty()) << ended.text;
}

TEST_F(Debug, ThreadsAreDeniedAtTheSameTime) {
  const Ended ended = in_child([] {
    confine(no_mkdir(deny(EXDEV)), debug).or_die();
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] {
        for (int n = 0; n < 20; ++n) wrong += mkdir_errno() == EXDEV ? 0 : 1;
      });
    }
    for (std::thread& thread : threads) thread.join();
    return wrong.load();
  });
  EXPECT_DONE(ended);
}

TEST_F(Debug, TwoProgramsKeepTheirRulesApart) {
  const Ended ended = in_child([] {
    confine(no_mkdir(deny(EXDEV)), debug).or_die();
    confine(open_policy().on("getppid", deny(EBUSY)).on("getuid", deny(EDOM)), debug).or_die();
    CHECK_OR_LINE(::syscall(SYS_getuid) == -1 && errno == EDOM);
    CHECK_OR_LINE(mkdir_errno() == EXDEV);
    CHECK_OR_LINE(::syscall(SYS_getppid) == -1 && errno == EBUSY);
    return 0;
  });
  EXPECT_DONE(ended);
  EXPECT_NE(ended.text.find("denied getuid() = EDOM"), std::string::npos) << ended.text;
  EXPECT_NE(ended.text.find("= EXDEV"), std::string::npos) << ended.text;
  EXPECT_NE(ended.text.find("denied getppid() = EBUSY"), std::string::npos) << ended.text;
}

TEST_F(Debug, PromisesRunUnderIt) {
  const Ended ended = in_child([] {
    confine("stdio", debug).or_die();
    CHECK_OR_LINE(socket_errno() == EPERM);
    return 0;
  });
  EXPECT_DONE(ended);
  EXPECT_NE(
      ended.text.find("denied socket(domain=2, type=1, protocol=0) = EPERM\n  rule     otherwise"),
      std::string::npos)
      << ended.text;
}

}  // namespace
}  // namespace callgate
