// Tracers and core dumps, which histories leave out: each row is run on the running kernel and
// asked of the model.
#include <gtest/gtest.h>
#if defined(__x86_64__)
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "kernel_running.h"

namespace callgate {
namespace {

constexpr std::uint32_t audit_x86_64 = 0xc000003e;
constexpr long suspend_seccomp = 1 << 21;  // PTRACE_O_SUSPEND_SECCOMP
constexpr auto get_filter_request = static_cast<__ptrace_request>(0x420c);

/// `ret` for getpid(2), `other` for getppid(2), everything else is allowed.
Program filter(std::uint32_t ret, std::uint32_t other = 0x7fff0000) {
  return *Program::verify({{0x20, 0, 0, 0},
                           {0x15, 0, 1, SYS_getpid},
                           {0x06, 0, 0, ret},
                           {0x15, 0, 1, SYS_getppid},
                           {0x06, 0, 0, other},
                           {0x06, 0, 0, 0x7fff0000}});
}

SeccompData data_of(std::uint32_t nr) { return {.nr = nr, .arch = audit_x86_64}; }

bool install(const Program& program) {
  struct {
    std::uint16_t length;
    const Instruction* code;
  } fprog{static_cast<std::uint16_t>(program.size()), program.instructions().data()};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         syscall(SYS_seccomp, uapi::set_mode_filter, 0, &fprog) == 0;
}

long raw_call(long nr) {
  long result = nr;
  asm volatile("syscall" : "+a"(result) : : "rcx", "r11", "memory");
  return result;
}

/// A traced child that installs a filter and calls getpid(2); the tracer sits in the test.
struct Traced {
  explicit Traced(const Program& program, long options) {
    value = static_cast<long*>(
        mmap(nullptr, sizeof(long), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    pid = fork();
    if (pid == 0) {
      ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
      raise(SIGSTOP);
      if (!install(program)) _exit(90);
      *value = raw_call(SYS_getpid);
      _exit(0);
    }
    waitpid(pid, &status, 0);
    has_options = ptrace(PTRACE_SETOPTIONS, pid, nullptr, options | PTRACE_O_EXITKILL) == 0;
  }
  ~Traced() {
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    munmap(value, sizeof(long));
  }
  Traced(const Traced&) = delete;
  Traced& operator=(const Traced&) = delete;

  void go_on() {
    ptrace(PTRACE_CONT, pid, nullptr, nullptr);
    waitpid(pid, &status, 0);
  }
  [[nodiscard]] bool at_seccomp_stop() const {
    return WIFSTOPPED(status) && status >> 8 == (SIGTRAP | PTRACE_EVENT_SECCOMP << 8);
  }

  pid_t pid = 0;
  int status = 0;
  bool has_options = false;
  long* value = nullptr;
};

struct Model {
  explicit Model(const Program& program, std::optional<TracerState> tracer) {
    model.prctl(thread, uapi::pr_set_no_new_privs, 1);
    model.seccomp(thread, uapi::set_mode_filter, 0, UserFilter::of(program));
    model.set_tracer(thread, tracer);
  }
  TaskModel model{test::running_kernel()};
  ThreadId thread = model.start();
};

/// What the model says a child's getpid came to, against what came of it.
void compare(const KernelVerdict& verdict, const Traced& child, const std::string& what) {
  switch (verdict.result) {
    case CallResult::runs:
      ASSERT_TRUE(WIFEXITED(child.status)) << what;
      EXPECT_GT(*child.value, 0) << what;
      break;
    case CallResult::returns:
      ASSERT_TRUE(WIFEXITED(child.status)) << what;
      EXPECT_EQ(*child.value, verdict.value) << what;
      break;
    case CallResult::process_dies:
      if (WIFSTOPPED(child.status)) {
        EXPECT_EQ(WSTOPSIG(child.status), verdict.signal) << what;
      } else {
        ASSERT_TRUE(WIFSIGNALED(child.status)) << what;
        EXPECT_EQ(WTERMSIG(child.status), verdict.signal) << what;
      }
      break;
    default: FAIL() << what << ": " << to_string(verdict);
  }
}

TEST(KernelTracers, WithoutSeccompEventsTraceIsEnosys) {
  const Program program = filter(0x7ff00007);
  Traced child(program, 0);
  child.go_on();
  Model model(program, TracerState{});
  const KernelVerdict verdict = model.model.enter(model.thread, data_of(SYS_getpid));
  EXPECT_EQ(verdict.reason, CallReason::no_tracer);
  compare(verdict, child, "no seccomp events");
}

TEST(KernelTracers, WhatATracerMakesOfACallIsFilteredAgain) {
  struct Row {
    const char* name;
    std::uint32_t other;  ///< the filter's answer for getppid
    std::int64_t nr;      ///< what the tracer makes of getpid
    std::int64_t value;
  };
  const Row rows[] = {
      {"left as it is", 0x7fff0000, SYS_getpid, 0},
      {"skipped", 0x7fff0000, -1, 1234},
      {"skipped by another negative number", 0x7fff0000, -2147483647, -7},
      {"changed to an allowed call", 0x7fff0000, SYS_getppid, 0},
      {"changed to a denied call", 0x00050021, SYS_getppid, 0},
      {"changed to another traced call", 0x7ff00001, SYS_getppid, 0},
      {"changed to a killed call", 0x80000000, SYS_getppid, 0},
      {"changed to a thread-killed call", 0x00000000, SYS_getppid, 0},
  };
  for (const Row& row : rows) {
    const Program program = filter(0x7ff0002a, row.other);
    Traced child(program, PTRACE_O_TRACESECCOMP);
    child.go_on();
    ASSERT_TRUE(child.at_seccomp_stop()) << row.name;
    unsigned long message = 0;
    ptrace(PTRACE_GETEVENTMSG, child.pid, nullptr, &message);

    Model model(program, TracerState{.seccomp_events = true});
    const KernelVerdict stop = model.model.enter(model.thread, data_of(SYS_getpid));
    ASSERT_EQ(stop.result, CallResult::traced) << row.name;
    EXPECT_EQ(message, *stop.ret & 0xffff) << row.name;

    user_regs_struct registers{};
    ptrace(PTRACE_GETREGS, child.pid, nullptr, &registers);
    registers.orig_rax = static_cast<unsigned long long>(row.nr);
    if (row.nr < 0) registers.rax = static_cast<unsigned long long>(row.value);
    ptrace(PTRACE_SETREGS, child.pid, nullptr, &registers);
    child.go_on();
    const KernelVerdict verdict =
        model.model.resume(model.thread, data_of(static_cast<std::uint32_t>(row.nr)), row.value);
    compare(verdict, child, row.name);
  }
}

TEST(KernelTracers, SuspendedSeccompLetsEverythingRun) {
  if (geteuid() != 0) GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  for (const std::uint32_t ret : {0x00050021u, 0x80000000u, 0x7ff00000u}) {
    const Program program = filter(ret);
    Traced child(program, suspend_seccomp);
    if (!child.has_options) GTEST_SKIP() << "no PTRACE_O_SUSPEND_SECCOMP";
    child.go_on();
    Model model(program, TracerState{.suspends = true});
    const KernelVerdict verdict = model.model.enter(model.thread, data_of(SYS_getpid));
    EXPECT_EQ(verdict.reason, CallReason::suspended);
    compare(verdict, child, "suspended");
  }
}

TEST(KernelTracers, FiltersAreReadOldestFirst) {
  if (geteuid() != 0) GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  const Program program = filter(0x7ff00000);
  Traced child(program, PTRACE_O_TRACESECCOMP);
  const auto read = [&](std::size_t index) -> std::int64_t {
    const long length = ptrace(get_filter_request, child.pid, index, nullptr);
    return length < 0 ? -errno : length;
  };
  TaskModel model(test::running_kernel());
  const ThreadId tracer = model.start({.admin = true});
  const ThreadId target = model.start();
  if (read(0) == -EIO) GTEST_SKIP() << "no CONFIG_CHECKPOINT_RESTORE";
  EXPECT_EQ(read(0), model.get_filter(tracer, target, 0).value);
  child.go_on();
  ASSERT_TRUE(child.at_seccomp_stop());
  model.prctl(target, uapi::pr_set_no_new_privs, 1);
  model.seccomp(target, uapi::set_mode_filter, 0, UserFilter::of(program));
  for (const std::size_t index : {0u, 1u, 7u})
    EXPECT_EQ(read(index), model.get_filter(tracer, target, index).value) << index;
}

TEST(KernelTracers, CoreDumpsAreAttemptedWhereTheModelSaysSo) {
  std::ifstream pattern("/proc/sys/kernel/core_pattern");
  std::string text;
  std::getline(pattern, text);
  if (text != "core") GTEST_SKIP() << "core dumps do not go to the working directory";
  const auto folder = std::filesystem::temp_directory_path() / "callgate-cores";
  std::filesystem::create_directories(folder);
  struct Row {
    std::uint32_t ret;
    bool strict;
    bool second_thread;
  };
  const Row rows[] = {{0x80000000, false, false}, {0x80000000, false, true},
                      {0x00000000, false, false}, {0x00010000, false, true},
                      {0x00030000, false, true},  {0, true, false}};
  for (const Row& row : rows) {
    const Program program = filter(row.ret);
    const pid_t pid = fork();
    if (pid == 0) {
      const rlimit all{RLIM_INFINITY, RLIM_INFINITY};
      if (chdir(folder.c_str()) != 0 || setrlimit(RLIMIT_CORE, &all) != 0) _exit(91);
      if (row.second_thread) std::thread([] { pause(); }).detach();
      if (row.strict ? prctl(PR_SET_SECCOMP, 1) != 0 : !install(program)) _exit(92);
      raw_call(SYS_getpid);
      raw_call(SYS_exit);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    TaskModel model(test::running_kernel());
    const ThreadId thread = model.start();
    if (row.second_thread) model.clone(thread, CloneKind::thread);
    model.prctl(thread, uapi::pr_set_no_new_privs, 1);
    if (row.strict) {
      model.prctl(thread, uapi::pr_set_seccomp, 1);
    } else {
      model.prctl(thread, uapi::pr_set_seccomp, 2, UserFilter::of(program));
    }
    const KernelVerdict verdict = model.enter(thread, data_of(SYS_getpid));
    EXPECT_EQ(verdict.result, CallResult::process_dies) << row.ret;
    ASSERT_TRUE(WIFSIGNALED(status)) << row.ret << " status " << status;
    EXPECT_EQ(WTERMSIG(status), verdict.signal) << row.ret;
    EXPECT_EQ(WCOREDUMP(status) != 0, verdict.core) << row.ret;
  }
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace callgate

#else
TEST(KernelTracers, NeedX86) { GTEST_SKIP() << "makes system calls of x86-64 and i386"; }
#endif
