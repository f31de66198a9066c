// install() against the running kernel; each case in a child, since a filter is for good.
#include <gtest/gtest.h>
#include <linux/prctl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <functional>
#include <new>
#include <thread>

#include "callgate/bpf/assembly.h"
#include "callgate/runtime/install.h"
#include "callgate/runtime/probe.h"

namespace {
std::atomic<int> allocations{0};
}  // namespace

void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
// Out of line: inlined into a delete expression, g++ -O1 takes free for the wrong end of `new`.
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace callgate {
namespace {

Program assembled(std::string_view text, Target target = {}) {
  return *verify(*assemble(text, "test", target));
}

/// Allows everything but getppid, which fails with `errno_name`.
Program deny_getppid(const std::string& errno_name) {
  return assembled("ld nr\njeq x86_64:getppid, next, yes\nret errno(" + errno_name +
                   ")\nyes: ret allow");
}

/// The errno that getppid fails with, 0 if it does not.
int getppid_errno() { return ::syscall(SYS_getppid) < 0 ? errno : 0; }

/// Runs `check` in a child; 0 is success, any other value names the line that failed.
int in_child(const std::function<int()>& check) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(check());
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + status;
}

#define CHECK_OR_LINE(condition) \
  if (!(condition)) return __LINE__ % 250 + 1

class Install : public testing::Test {
 protected:
  void SetUp() override {
#if !defined(__x86_64__)
    GTEST_SKIP() << "the filters are written for x86-64";
#endif
    if (probe_kernel().install != 0) GTEST_SKIP() << "no filter can be installed here";
  }
};

TEST_F(Install, TakesEffectWithoutAllocating) {
  const Program program = deny_getppid("EXDEV");
  EXPECT_EQ(in_child([&] {
              const int before = allocations;
              const InstallStatus status = install(program, {});
              const int after = allocations;
              CHECK_OR_LINE(status.ok() && !status.by_prctl && !status.listener.valid());
              CHECK_OR_LINE(before == after);
              CHECK_OR_LINE(getppid_errno() == EXDEV);
              CHECK_OR_LINE(::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
              return 0;
            }),
            0);
}

TEST_F(Install, BetweenForkAndExec) {
  const Program program = deny_getppid("EXDEV");
  const pid_t child = ::vfork();
  if (child == 0) {
    if (!install(program, {}).ok()) ::_exit(9);
    ::execl("/bin/sh", "sh", "-c", "grep -q '^Seccomp:.2' /proc/self/status", nullptr);
    ::_exit(8);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST_F(Install, EveryFlag) {
  const Program program = deny_getppid("EXDEV");
  EXPECT_EQ(in_child([&] {
              CHECK_OR_LINE(install(program, {.log = true, .spec_allow = true}).ok());
              return 0;
            }),
            0);
  EXPECT_EQ(in_child([&] {
              InstallStatus status = install(program, {.listener = true, .wait_killable = true});
              if (status.errno_value == EINVAL) return 0;  // before 5.19
              CHECK_OR_LINE(status.ok() && status.listener.valid());
              CHECK_OR_LINE(install(program, {.listener = true}).errno_value == EBUSY);
              return 0;
            }),
            0);
  EXPECT_EQ(in_child([&] {
              const InstallStatus status = install(program, {.wait_killable = true});
              CHECK_OR_LINE(status.step == InstallStep::filter && status.errno_value == EINVAL);
              CHECK_OR_LINE(getppid_errno() == 0);
              return 0;
            }),
            0);
}

/// A second thread that waits, and says then whether getppid is refused to it.
class Waiter {
 public:
  explicit Waiter(std::function<void()> first)
      : thread_([this, first = std::move(first)] {
          first();
          id_ = static_cast<int>(::syscall(SYS_gettid));
          while (!go_) std::this_thread::yield();
          errno_ = getppid_errno();
        }) {}
  int id() {
    while (id_ == 0) std::this_thread::yield();
    return id_;
  }
  int finish() {
    go_ = true;
    thread_.join();
    return errno_;
  }

 private:
  std::atomic<int> id_{0};
  std::atomic<bool> go_{false};
  std::atomic<int> errno_{0};
  std::thread thread_;  // last: it uses the others
};

TEST_F(Install, OnlyThisThreadUnlessAllAreAskedFor) {
  const Program program = deny_getppid("EXDEV");
  for (const bool all : {false, true}) {
    EXPECT_EQ(in_child([&] {
                Waiter waiter([] {});
                waiter.id();
                CHECK_OR_LINE(install(program, {.all_threads = all}).ok());
                CHECK_OR_LINE(waiter.finish() == (all ? EXDEV : 0));
                CHECK_OR_LINE(getppid_errno() == EXDEV);
                return 0;
              }),
              0);
  }
}

TEST_F(Install, TheThreadThatCannotFollowIsNamed) {
  const Program program = deny_getppid("EXDEV");
  EXPECT_EQ(in_child([&] {
              Waiter waiter([] { (void)install(deny_getppid("ENOTTY"), {}); });
              const int id = waiter.id();
              const InstallStatus status = install(program, {.all_threads = true});
              CHECK_OR_LINE(status.step == InstallStep::thread && status.thread == id);
              CHECK_OR_LINE(getppid_errno() == 0);
              CHECK_OR_LINE(waiter.finish() == ENOTTY);
              return 0;
            }),
            0);
  EXPECT_EQ(in_child([&] {
              Waiter waiter([] { (void)install(deny_getppid("ENOTTY"), {}); });
              waiter.id();
              const InstallStatus status =
                  install(program, {.all_threads = true, .listener = true});
              if (status.errno_value == EINVAL)
                return waiter.finish() == ENOTTY ? 0 : 1;  // before 5.7
              CHECK_OR_LINE(status.step == InstallStep::thread && status.thread == 0);
              CHECK_OR_LINE(waiter.finish() == ENOTTY);
              return 0;
            }),
            0);
}

TEST_F(Install, PrctlOnlyWhereSeccompIsMissingAndNoFlagIsAskedFor) {
  const Program program = deny_getppid("EXDEV");
  const auto hide_seccomp = [](const char* errno_name) {
    return install(assembled(std::string("ld nr\njeq x86_64:seccomp, next, yes\nret errno(") +
                             errno_name + ")\nyes: ret allow"),
                   {})
        .ok();
  };
  EXPECT_EQ(in_child([&] {
              CHECK_OR_LINE(hide_seccomp("ENOSYS"));
              const InstallStatus flagged = install(program, {.log = true});
              CHECK_OR_LINE(flagged.step == InstallStep::filter && flagged.errno_value == ENOSYS);
              CHECK_OR_LINE(getppid_errno() == 0);
              const InstallStatus plain = install(program, {});
              CHECK_OR_LINE(plain.ok() && plain.by_prctl);
              CHECK_OR_LINE(getppid_errno() == EXDEV);
              return 0;
            }),
            0);
  EXPECT_EQ(in_child([&] {
              CHECK_OR_LINE(hide_seccomp("EPERM"));
              const InstallStatus status = install(program, {});
              CHECK_OR_LINE(status.errno_value == EPERM && !status.by_prctl);
              return 0;
            }),
            0);
}

TEST_F(Install, AProgramForAnotherMachineIsRefused) {
  const Target big{ByteOrder::big, ShiftRule::low5};
  EXPECT_EQ(in_child([&] {
              const InstallStatus status = install(assembled("ret allow", big), {});
              CHECK_OR_LINE(status.step == InstallStep::filter && status.errno_value == ENOEXEC);
              CHECK_OR_LINE(::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0);
              return 0;
            }),
            0);
}

TEST_F(Install, WithoutNoNewPrivsAndPrivilegeItIsEacces) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to give it up";
  const Program program = deny_getppid("EXDEV");
  EXPECT_EQ(in_child([&] {
              CHECK_OR_LINE(::setresuid(65534, 65534, 65534) == 0);
              const InstallStatus status = install(program, {.no_new_privs = false});
              CHECK_OR_LINE(status.step == InstallStep::filter && status.errno_value == EACCES);
              return 0;
            }),
            0);
}

TEST_F(Install, MessagesSayWhatAndWhatToDo) {
  InstallStatus status;
  status.step = InstallStep::thread;
  status.errno_value = ESRCH;
  status.thread = 77;
  EXPECT_EQ(to_result(std::move(status)).error().message(),
            "thread 77 could not be put under the filter");
  InstallStatus busy;
  busy.step = InstallStep::filter;
  busy.errno_value = EBUSY;
  EXPECT_FALSE(to_result(std::move(busy)).error().diagnostics.front().hint.empty());
  EXPECT_TRUE(to_result(InstallStatus{}));
}

TEST(Probe, AnswersAsTheReleaseSays) {
  const KernelProbe probe = probe_kernel();
  if (probe.mode != 0) GTEST_SKIP() << "this process is filtered";
  const Release release = parse_release(probe.release).value_or(Release{});
  // Distributions carry features back, so an older release may know more, never less.
  for (const auto* features : {&probe.flags, &probe.notify, &probe.actions}) {
    for (const ProbedFeature& feature : *features) {
      const bool can_ask = features != &probe.actions || release >= Release{4, 14};
      const bool must_know = can_ask && release >= *parse_release(feature.since);
      EXPECT_TRUE(feature.known || !must_know) << feature.name;
    }
  }
  EXPECT_TRUE(probe.has_call);
  EXPECT_EQ(::prctl(PR_GET_SECCOMP, 0, 0, 0, 0), 0) << "asking changed this process";
}

}  // namespace
}  // namespace callgate
