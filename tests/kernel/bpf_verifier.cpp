// Random programs against the running kernel: seccomp(2) accepts exactly what find_refusal does,
// and a call gets what emulate() says.
//
// A filter cannot be taken off again, so a child process tries programs until one is accepted,
// makes its calls under it, and dies by an illegal instruction: that needs no system call, which
// the program might refuse. What it saw stands in shared memory. The calls are ones that do nothing
// wherever they are let through: getpid and numbers that no kernel assigns.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <map>

#include "callgate/bpf/emulate.h"
#include "harmless_call.h"
#include "random_program.h"
#include "scale.h"

namespace callgate {
namespace {

using test::Call;
using test::expected_result;
using test::install;
using test::let_through;
using test::Registers;
using test::Rng;

constexpr std::size_t calls_per_program = 4;

struct Case {
  std::vector<Instruction> code;
  std::array<Call, calls_per_program> calls;
};

/// What the child writes down.
struct Seen {
  int install_errno = -1;  ///< -1: not tried
  std::size_t answered = 0;
  std::array<long, calls_per_program> results{};
};

/// A number that is getpid's or no call's on any ABI.
std::uint64_t harmless_number(Rng& rng, bool is_32) {
  for (;;) {
    const std::uint64_t number = test::interesting(rng);
    const std::uint64_t dirty = test::below(rng, 4) == 0 ? 0xdead'beef'0000'0000u : 0;
    if (test::is_harmless(static_cast<std::uint32_t>(number), is_32)) return number | dirty;
  }
}

Call random_call(Rng& rng, bool with_32, const std::vector<Instruction>& code) {
  Call call;
  call.is_32 = with_32 && test::below(rng, 4) == 0;
  call.registers.nr = harmless_number(rng, call.is_32);
  for (std::uint64_t& argument : call.registers.args) {
    const auto half = [&]() -> std::uint64_t {
      return test::below(rng, 2) == 0 && !code.empty()
                 ? code[test::below(rng, static_cast<std::uint32_t>(code.size()))].k
                 : test::interesting(rng);
    };
    argument = half() | half() << 32;
  }
  return call;
}

/// In the child: tries cases from `first` on until one is accepted.
void try_cases(const std::vector<Case>& cases, std::size_t first, Seen* seen) {
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  const long pid = ::getpid();
  for (std::size_t i = first; i < cases.size(); ++i) {
    const bool accepted = install(cases[i].code) == 0;
    seen[i].install_errno = accepted ? 0 : errno;
    if (!accepted) continue;
    for (std::size_t c = 0; c < calls_per_program; ++c) {
      const long result = cases[i].calls[c].make();
      seen[i].results[c] = result == pid ? let_through : result;
      seen[i].answered = c + 1;
    }
    test::die_without_calls();
  }
  ::_exit(0);
}

class Ledger {
 public:
  std::map<std::uint16_t, std::size_t> executed;
  std::map<Refusal, std::size_t> refused;
  std::size_t accepted = 0;
  std::size_t verdicts = 0;
  std::size_t deaths = 0;

  void compare(const Case& one, const Seen& seen) {
    const auto refusal = find_refusal(one.code);
    ASSERT_EQ(seen.install_errno, refusal ? EINVAL : 0) << describe(one, refusal);
    if (refusal) {
      ++refused[refusal->reason];
      return;
    }
    ++accepted;
    const Program program = *Program::verify(one.code);
    for (std::size_t c = 0; c < calls_per_program; ++c) {
      const SeccompData data = one.calls[c].data();
      const Trace traced = trace(program, data);
      const auto expected = expected_result(data, one.calls[c].is_32, traced.result);
      ASSERT_EQ(seen.answered > c, expected.has_value()) << c << describe(one, refusal);
      for (const std::uint16_t index : traced.path) ++executed[one.code[index].code];
      if (!expected) {
        ++deaths;
        return;
      }
      ASSERT_EQ(seen.results[c], *expected) << c << describe(one, refusal);
      ++verdicts;
    }
  }

 private:
  static std::string describe(const Case& one, const std::optional<RefusedAt>& refusal) {
    std::string text = refusal ? "\nrefused: " + std::string(refusal_name(refusal->reason)) +
                                     " at " + std::to_string(refusal->index)
                               : "\naccepted";
    char line[64];
    for (const Instruction& insn : one.code) {
      std::snprintf(line, sizeof line, "\n%02x %u %u %x", unsigned{insn.code}, unsigned{insn.jt},
                    unsigned{insn.jf}, insn.k);
      text += line;
      if (text.size() > 4000) return text;
    }
    return text;
  }
};

/// Runs a batch; `seen` is shared with the children.
void run_batch(const std::vector<Case>& cases, Seen* seen) {
  std::size_t next = 0;
  while (next < cases.size()) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) try_cases(cases, next, seen);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    while (next < cases.size() && seen[next].install_errno > 0) ++next;
    if (next == cases.size()) return;
    ASSERT_EQ(seen[next].install_errno, 0);
    ASSERT_TRUE(WIFSIGNALED(status));
    const bool all_answered = seen[next].answered == calls_per_program;
    ASSERT_EQ(WTERMSIG(status), all_answered ? SIGILL : SIGSYS);
    ++next;
  }
}

bool has_32_bit_calls() {
#if defined(__x86_64__)
  const pid_t child = ::fork();
  if (child == 0) {
    ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    const Registers registers{20, {}};
    ::_exit(test::callgate_test_call32(&registers) == ::getpid() ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return status == 0;
#else
  return false;
#endif
}

/// An outer filter would answer too, and takes room on the stack.
bool is_filtered() { return ::prctl(PR_GET_SECCOMP, 0, 0, 0, 0) != 0; }

TEST(BpfVerifier, AcceptsAndAnswersAsTheKernel) {
#if !defined(__x86_64__)
  GTEST_SKIP() << "the calls are made by x86-64 instructions";
#endif
  if (is_filtered()) GTEST_SKIP() << "this process is itself under seccomp";
  constexpr std::size_t batch = 500;
  const std::size_t total = test::scaled(10'000, 200'000);
  const std::size_t at_least = total / 2000;  // 100 of 200,000
  const bool with_32 = has_32_bit_calls();
  const std::size_t bytes = batch * sizeof(Seen);
  void* shared = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(shared, MAP_FAILED);
  Seen* seen = static_cast<Seen*>(shared);
  Rng rng(20'240'004);
  Ledger ledger;
  for (std::size_t done = 0; done < total; done += batch) {
    std::vector<Case> cases(batch);
    for (std::size_t i = 0; i < batch; ++i) {
      seen[i] = {};
      cases[i].code = test::random_program(rng);
      for (Call& call : cases[i].calls) call = random_call(rng, with_32, cases[i].code);
    }
    ASSERT_NO_FATAL_FAILURE(run_batch(cases, seen));
    for (std::size_t i = 0; i < batch; ++i)
      ASSERT_NO_FATAL_FAILURE(ledger.compare(cases[i], seen[i]));
    if ((done + batch) % (total / 10) == 0) {
      std::printf("%zu programs, %zu accepted, %zu verdicts, %zu deaths\n", done + batch,
                  ledger.accepted, ledger.verdicts, ledger.deaths);
      std::fflush(stdout);
    }
  }
  ::munmap(shared, bytes);
  for (const std::uint16_t code : test::seccomp_opcodes)
    EXPECT_GE(ledger.executed[code], at_least) << "opcode " << code;
  for (std::size_t reason = 0; reason < refusal_count; ++reason)
    EXPECT_GE(ledger.refused[static_cast<Refusal>(reason)], at_least)
        << refusal_name(static_cast<Refusal>(reason));
}

/// How often the kernel takes a program on one task before ENOMEM.
std::size_t count_installs(const std::vector<Instruction>& code) {
  void* shared = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  auto* count = static_cast<volatile std::size_t*>(shared);
  *count = 0;
  const pid_t child = ::fork();
  if (child == 0) {
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    while (install(code) == 0) *count = *count + 1;
    ::_exit(errno == ENOMEM ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  const std::size_t installs = status == 0 ? *count : 0;
  ::munmap(shared, 4096);
  return installs;
}

TEST(BpfVerifier, ConvertedSizeIsWhatTheStackIsChargedFor) {
  if (is_filtered()) GTEST_SKIP() << "this process is itself under seccomp";
  std::FILE* harden = std::fopen("/proc/sys/net/core/bpf_jit_harden", "r");
  if (harden != nullptr) {
    const int level = std::fgetc(harden);
    std::fclose(harden);
    if (level != '0') GTEST_SKIP() << "net.core.bpf_jit_harden lengthens programs";
  }
  Rng rng(7);
  const std::size_t total = test::scaled(60, 600);
  for (std::size_t i = 0; i < total; ++i) {
    std::vector<Instruction> code = {{opcode::ret_k, 0, 0, 0x7fff0000}};
    const auto rest = test::random_valid_program(rng, 1 + test::below(rng, 60));
    code.insert(code.end(), rest.begin(), rest.end());
    const std::size_t size = converted_size(*Program::verify(code));
    ASSERT_EQ(count_installs(code), 1 + (32768 - size) / (size + 4)) << "size " << size;
  }
}

}  // namespace
}  // namespace callgate
