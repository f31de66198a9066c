// Functions in strict mode on the running kernel: what they return, how they die.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstring>
#include <map>
#include <memory>
#include <stdexcept>
#include <thread>

#include "callgate/runtime/strict.h"

namespace callgate {
namespace {

constexpr std::array forms = {StrictForm::kernel, StrictForm::filter};

template <class Function>
StrictOutcome run(StrictForm form, Function function, StrictOptions options = {}) {
  options.form = form;
  auto outcome = run_strict({}, function, options);
  EXPECT_TRUE(outcome.has_value()) << outcome.error().text();
  return outcome ? *outcome : StrictOutcome{};
}

/// Runs `check` in a child process; its result there.
template <class Check>
bool in_child(Check check) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(check() ? 0 : 1);
  int status = 0;
  ::waitpid(child, &status, 0);
  return status == 0;
}

/// A filter that answers one call with EPERM; nr -1: none.
bool refuse(int nr) {
  sock_filter code[] = {{BPF_LD | BPF_W | BPF_ABS, 0, 0, 0},
                        {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, static_cast<std::uint32_t>(nr)},
                        {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | EPERM},
                        {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW}};
  sock_fprog filter{4, code};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) == 0;
}

TEST(Strict, ReturnsAValueAndMemory) {
  auto memory = SharedMemory::make(4096);
  ASSERT_TRUE(memory.has_value());
  for (const StrictForm form : forms) {
    int seen = 40;
    const auto outcome = run_strict(memory->bytes(),
                                    [&seen](std::span<std::byte> bytes) {
                                      std::memcpy(bytes.data(), "result", 7);
                                      return ++seen + 1;
                                    },
                                    {.form = form});
    ASSERT_TRUE(outcome.has_value()) << outcome.error().text();
    EXPECT_EQ(outcome->end, StrictEnd::returned);
    EXPECT_EQ(outcome->value, 42);
    EXPECT_EQ(seen, 40) << "the child's copy";
    EXPECT_STREQ(reinterpret_cast<const char*>(memory->bytes().data()), "result");
    EXPECT_EQ(to_string(*outcome), "returned 42");
    std::memset(memory->bytes().data(), 0, 7);
  }
}

TEST(Strict, ContainersAndExceptions) {
  for (const StrictForm form : forms) {
    const auto outcome = run(form,
                             [](std::span<std::byte>) {
                               std::map<std::string, std::vector<int>> table;
                               int thrown = 0;
                               for (int i = 0; i < 50000; ++i) {
                                 table["key " + std::to_string(i % 1000)].push_back(i);
                                 try {
                                   if (i % 100 == 0) throw std::runtime_error("once in a while");
                                 } catch (const std::exception&) {
                                   ++thrown;
                                 }
                               }
                               return static_cast<int>(table.size()) + thrown;
                             },
                             {.heap = std::size_t{64} << 20});
    EXPECT_EQ(to_string(outcome), "returned 1500");
  }
}

TEST(Strict, AnExceptionThatLeaves) {
  for (const StrictForm form : forms) {
    const auto outcome =
        run(form, [](std::span<std::byte>) -> int { throw std::out_of_range("no such row"); });
    EXPECT_EQ(to_string(outcome), "threw: no such row");
    EXPECT_EQ(outcome.end, StrictEnd::threw);
    const auto other = run(form, [](std::span<std::byte>) -> int { throw 5; });
    EXPECT_EQ(other.text, "an exception that is no std::exception");
  }
}

TEST(Strict, ExitOfItsOwn) {
  const auto leaves = [](std::span<std::byte>) { ::syscall(SYS_exit, 7); };
  const auto leaves_group = [](std::span<std::byte>) { ::_exit(8); };
  for (const StrictForm form : forms) EXPECT_EQ(to_string(run(form, leaves)), "exited with 7");
  EXPECT_EQ(to_string(run(StrictForm::filter, leaves_group)), "exited with 8");
  const auto killed = run(StrictForm::kernel, leaves_group);
  EXPECT_EQ(killed.end, StrictEnd::denied);
  ASSERT_TRUE(killed.call.has_value());
  EXPECT_EQ(killed.call->nr, static_cast<std::uint32_t>(SYS_exit_group));
  EXPECT_EQ(killed.call->args[0], 8U);
}

TEST(Strict, ADeathNamesItsCall) {
  struct Row {
    std::uint32_t nr;
    void (*function)(std::span<std::byte>);
  };
  const Row rows[] = {
      {SYS_getpid, [](std::span<std::byte>) { ::syscall(SYS_getpid); }},
      {SYS_openat, [](std::span<std::byte>) { ::open("/etc/passwd", O_RDONLY); }},
      {SYS_mmap,
       [](std::span<std::byte>) {
         ::mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
       }},
      {SYS_kill, [](std::span<std::byte>) { ::kill(1, 0); }},
      {SYS_prctl, [](std::span<std::byte>) { ::prctl(PR_GET_SECCOMP); }},
      {SYS_ptrace, [](std::span<std::byte>) { ::syscall(SYS_ptrace, 0, 0, 0, 0); }},
      {9999, [](std::span<std::byte>) { ::syscall(9999); }},
      // x32's number of read.
      {0x40000000, [](std::span<std::byte>) { ::syscall(0x40000000, 0, 0, 0); }},
  };
  for (const StrictForm form : forms) {
    for (const Row& row : rows) {
      const auto outcome = run(form, row.function);
      EXPECT_EQ(outcome.end, StrictEnd::denied) << row.nr;
      ASSERT_TRUE(outcome.call.has_value()) << row.nr;
      EXPECT_EQ(outcome.call->nr, row.nr);
      EXPECT_EQ(to_string(outcome), "killed for call " + std::to_string(row.nr));
    }
  }
}

TEST(Strict, PastTheHeap) {
  const auto takes = [](std::span<std::byte>) {
    const std::unique_ptr<char[]> block(new char[std::size_t{256} << 20]);
    return block[0] == 0 ? 1 : 2;
  };
  const auto outcome = run(StrictForm::kernel, takes);
  EXPECT_EQ(outcome.end, StrictEnd::denied);
  ASSERT_TRUE(outcome.call.has_value());
  EXPECT_EQ(outcome.call->nr, static_cast<std::uint32_t>(SYS_brk));
  EXPECT_EQ(run(StrictForm::kernel, takes, {.heap = std::size_t{257} << 20}).end,
            StrictEnd::returned);
}

#if defined(__x86_64__)
TEST(Strict, TheTimeStampCounter) {
  const auto reads = [](std::span<std::byte>) { return __builtin_ia32_rdtsc() != 0 ? 1 : 0; };
  const auto outcome = run(StrictForm::kernel, reads);
  EXPECT_EQ(outcome.end, StrictEnd::signalled);
  EXPECT_EQ(outcome.signal, SIGSEGV);
  EXPECT_TRUE(outcome.read_time_stamp);
  EXPECT_EQ(to_string(run(StrictForm::filter, reads)), "returned 1");
}
#endif

TEST(Strict, OtherSignals) {
  for (const StrictForm form : forms) {
    const auto outcome =
        run(form, [](std::span<std::byte>) { *static_cast<volatile int*>(nullptr) = 1; });
    EXPECT_EQ(to_string(outcome), "killed by signal 11");
    EXPECT_FALSE(outcome.read_time_stamp);
  }
}

TEST(Strict, TheCallersHandlersDoNotRun) {
  struct sigaction old {};
  struct sigaction mine {};
  mine.sa_handler = [](int) { ::syscall(SYS_exit, 99); };
  ::sigaction(SIGSEGV, &mine, &old);
  const auto outcome = run(StrictForm::kernel,
                           [](std::span<std::byte>) { *static_cast<volatile int*>(nullptr) = 1; });
  ::sigaction(SIGSEGV, &old, nullptr);
  EXPECT_EQ(to_string(outcome), "killed by signal 11");
}

TEST(Strict, TimeLimit) {
  for (const StrictForm form : forms) {
    const auto begin = std::chrono::steady_clock::now();
    const auto outcome = run(form,
                             [](std::span<std::byte>) {
                               volatile bool forever = true;
                               while (forever) {
                               }
                             },
                             {.time_limit = std::chrono::milliseconds(100)});
    EXPECT_EQ(outcome.end, StrictEnd::timed_out);
    const auto took = std::chrono::steady_clock::now() - begin;
    EXPECT_GE(took, std::chrono::milliseconds(100));
    EXPECT_LT(took, std::chrono::seconds(20));
    EXPECT_EQ(to_string(run(form, [](std::span<std::byte>) { return 1; },
                            {.time_limit = std::chrono::seconds(60)})),
              "returned 1");
  }
}

TEST(Strict, DescriptorsThatAreGivenAndNoOthers) {
  std::array<int, 2> given{};
  std::array<int, 2> other{};
  ASSERT_EQ(::pipe(given.data()), 0);
  ASSERT_EQ(::pipe(other.data()), 0);
  for (const StrictForm form : forms) {
    const auto outcome = run(form,
                             [&](std::span<std::byte>) {
                               int refused = 0;
                               for (int fd = 0; fd < 1024; ++fd) {
                                 if (fd != given[1])
                                   refused += ::write(fd, "x", 1) < 0 && errno == EBADF ? 1 : 0;
                               }
                               return ::write(given[1], "hello", 5) == 5 ? refused : -1;
                             },
                             {.descriptors = {given[1], given[1]}});
    EXPECT_EQ(to_string(outcome), "returned 1023");
    std::array<char, 6> text{};
    EXPECT_EQ(::read(given[0], text.data(), 5), 5);
    EXPECT_STREQ(text.data(), "hello");
  }
  for (const int fd : {given[0], given[1], other[0], other[1]}) ::close(fd);
  EXPECT_FALSE(run_strict({}, [](std::span<std::byte>) {}, {.descriptors = {-1}}).has_value());
}

TEST(Strict, UnderAFilter) {
  EXPECT_TRUE(in_child([] {
    if (!refuse(-1)) return false;
    const auto kernel = run_strict({}, [](std::span<std::byte>) { return 1; });
    const auto filter =
        run_strict({}, [](std::span<std::byte>) { return 1; }, {.form = StrictForm::filter});
    return !kernel && kernel.error().text().find("StrictForm::filter") != std::string::npos &&
           filter && to_string(*filter) == "returned 1";
  }));
}

TEST(Strict, WherePtraceIsRefused) {
  EXPECT_TRUE(in_child([] {
    if (!refuse(SYS_ptrace)) return false;
    const auto outcome = run_strict({}, [](std::span<std::byte>) { ::syscall(SYS_getpid); },
                                    {.form = StrictForm::filter});
    return outcome && outcome->end == StrictEnd::denied && !outcome->call && outcome->unwatched;
  }));
}

TEST(Strict, FromAThreadWhileOthersAllocate) {
  std::atomic<bool> stop{false};
  std::vector<std::thread> others;
  for (int i = 0; i < 3; ++i) {
    others.emplace_back([&stop] {
      while (!stop) delete[] new char[static_cast<std::size_t>(1 + std::rand() % 5000)];
    });
  }
  std::thread caller([] {
    for (int i = 0; i < 20; ++i) {
      const auto outcome = run(StrictForm::kernel, [](std::span<std::byte>) {
        std::string text;
        for (int j = 0; j < 1000; ++j) text += "some text";
        return text.size();
      });
      EXPECT_EQ(to_string(outcome), "returned 9000");
    }
    EXPECT_FALSE(run_strict({}, [](std::span<std::byte>) {}, {.heap = std::size_t{33} << 20}));
  });
  caller.join();
  stop = true;
  for (std::thread& other : others) other.join();
}

TEST(Strict, TheCallersChildrenAreLeftAlone) {
  const pid_t other = ::fork();
  if (other == 0) ::_exit(5);
  EXPECT_EQ(to_string(run(StrictForm::kernel, [](std::span<std::byte>) { return 2; })),
            "returned 2");
  int status = 0;
  EXPECT_EQ(::waitpid(other, &status, 0), other);
  EXPECT_EQ(WEXITSTATUS(status), 5);
  EXPECT_EQ(::waitpid(-1, &status, WNOHANG), -1) << "no child is left";
}

}  // namespace
}  // namespace callgate
