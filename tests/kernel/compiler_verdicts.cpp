// Compiled policies in the running kernel: real calls, by syscall and int 0x80, x32 numbers and -1
// included, get the verdict that the policy's rules say.
//
// Every RET of a program is mapped to an errno of its own, so no call is let through and each
// verdict can be told. Not even exit is: the child writes to shared memory and ends by a trap.
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <map>

#include "callgate/compiler/compile.h"
#include "callgate/policy/evaluate.h"
#include "random_policy.h"
#include "scale.h"

#if defined(__x86_64__)

extern "C" {
/// regs: number, then six arguments. The *_ip labels are where the kernel sees the call come from.
long truth_syscall(const std::uint64_t* regs);
long truth_int80(const std::uint64_t* regs);
extern const char truth_syscall_ip[];
extern const char truth_int80_ip[];
}

asm(R"(
.text
.globl truth_syscall, truth_syscall_ip, truth_int80, truth_int80_ip
truth_syscall:
  mov 0(%rdi), %rax
  mov 16(%rdi), %rsi
  mov 24(%rdi), %rdx
  mov 32(%rdi), %r10
  mov 40(%rdi), %r8
  mov 48(%rdi), %r9
  mov 8(%rdi), %rdi
  syscall
truth_syscall_ip:
  ret
truth_int80:
  push %rbx
  push %rbp
  mov %rdi, %r11
  mov 0(%r11), %rax
  mov 8(%r11), %rbx
  mov 16(%r11), %rcx
  mov 24(%r11), %rdx
  mov 32(%r11), %rsi
  mov 40(%r11), %rdi
  mov 48(%r11), %rbp
  int $0x80
truth_int80_ip:
  pop %rbp
  pop %rbx
  ret
)");

namespace callgate::test {
namespace {

constexpr std::size_t calls_each = 64;
constexpr std::uint32_t first_errno = 200;
constexpr std::uint64_t not_run = 0x1234567;

bool is_i386(const SeccompData& call) { return call.arch == arch_info(Arch::i386).audit; }

/// The call as it can be made: on this machine's ABIs, from where the child makes it. None if the
/// kernel would not ask the filter (uretprobe and uprobe are always allowed on 6.11 and later).
bool make_real(SeccompData& call) {
  if (is_i386(call)) {
    call.instruction_pointer = reinterpret_cast<std::uintptr_t>(truth_int80_ip);
    return true;
  }
  call.instruction_pointer = reinterpret_cast<std::uintptr_t>(truth_syscall_ip);
  const bool is_forced = call.nr == 335 || call.nr == 336;
  return call.arch == arch_info(Arch::x86_64).audit && !is_forced;
}

struct SharedResults {
  std::uint64_t installed;
  std::uint64_t results[calls_each];
};

/// In the child: nothing after the installation needs a system call.
[[noreturn]] void child(const sock_fprog& filter, std::span<const SeccompData> calls,
                        volatile SharedResults* shared) {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
      ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) == 0) {
    shared->installed = 1;
    for (std::size_t i = 0; i < calls.size(); ++i) {
      std::uint64_t regs[7] = {calls[i].nr};
      for (std::size_t j = 0; j < 6; ++j) regs[j + 1] = calls[i].args[j];
      const long result = is_i386(calls[i]) ? truth_int80(regs) : truth_syscall(regs);
      shared->results[i] = static_cast<std::uint64_t>(result);
    }
  }
  __builtin_trap();
}

/// What the kernel answers to each call under a program, as a shared page has it.
class KernelRun {
 public:
  KernelRun()
      : shared_(static_cast<SharedResults*>(::mmap(nullptr, sizeof(SharedResults),
                                                   PROT_READ | PROT_WRITE,
                                                   MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {}
  KernelRun(const KernelRun&) = delete;
  KernelRun& operator=(const KernelRun&) = delete;
  ~KernelRun() { ::munmap(shared_, sizeof(SharedResults)); }

  bool run(std::span<const Instruction> code, std::span<const SeccompData> calls) {
    shared_->installed = 0;
    std::fill(std::begin(shared_->results), std::end(shared_->results), not_run);
    auto* first = const_cast<sock_filter*>(reinterpret_cast<const sock_filter*>(code.data()));
    const sock_fprog filter{static_cast<unsigned short>(code.size()), first};
    const pid_t pid = ::fork();
    if (pid == 0) child(filter, calls, shared_);
    int status = 0;
    ::waitpid(pid, &status, 0);
    return shared_->installed == 1;
  }
  [[nodiscard]] std::uint64_t result(std::size_t call) const { return shared_->results[call]; }

 private:
  SharedResults* shared_;
};

/// The program with each return value as an errno of its own.
class ErrnoProgram {
 public:
  explicit ErrnoProgram(const Program& program)
      : code_(program.instructions().begin(), program.instructions().end()) {
    for (Instruction& step : code_) {
      if (step.code == (BPF_RET | BPF_K)) step.k = SECCOMP_RET_ERRNO | errno_of(step.k);
    }
  }
  [[nodiscard]] std::span<const Instruction> code() const { return code_; }
  std::uint32_t errno_of(std::uint32_t ret) {
    return errnos_.try_emplace(ret, first_errno + static_cast<std::uint32_t>(errnos_.size()))
        .first->second;
  }

 private:
  std::vector<Instruction> code_;
  std::map<std::uint32_t, std::uint32_t> errnos_;
};

bool has_int80() {
  const pid_t pid = ::fork();
  if (pid == 0) {
    const std::uint64_t getpid_regs[7] = {20};
    ::_exit(truth_int80(getpid_regs) == ::getpid() ? 0 : 1);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

std::vector<SeccompData> real_calls(const RandomPolicy& sample, Random& random, bool with_i386) {
  std::vector<SeccompData> calls;
  for (SeccompData call : interesting_calls(sample.policy, sample.arches, random, 2 * calls_each)) {
    if (calls.size() < calls_each && (with_i386 || !is_i386(call)) && make_real(call)) {
      calls.push_back(call);
    }
  }
  return calls;
}

TEST(KernelVerdicts, RealCallsGetWhatTheRulesSay) {
  const std::size_t count = scaled(300, 8'000);
  const bool with_i386 = has_int80();
  if (!with_i386) std::printf("int 0x80 does not work here: i386 calls are left out\n");
  Random random(0x7201);
  KernelRun kernel;
  std::map<std::string, std::size_t> kinds;
  for (std::size_t i = 0; i < count; ++i) {
    RandomPolicyOptions options;
    options.arches = {Arch::x86_64};
    if (chance(random, 70)) options.arches.push_back(Arch::i386);
    if (chance(random, 50)) options.arches.push_back(Arch::x32);
    const RandomPolicy sample = random_policy(random, options);
    const auto made = compile(sample.policy, {.arches = sample.arches});
    ASSERT_TRUE(made) << made.error().text();
    ErrnoProgram program(made->program);
    const auto calls = real_calls(sample, random, with_i386);
    if (!kernel.run(program.code(), calls)) GTEST_SKIP() << "this process may install no filter";
    for (std::size_t j = 0; j < calls.size(); ++j) {
      const std::uint32_t wanted = returned(sample.policy, sample.arches, calls[j]);
      const auto got = static_cast<std::int32_t>(kernel.result(j));
      ASSERT_EQ(-got, static_cast<std::int32_t>(program.errno_of(wanted)))
          << "policy " << i << " nr " << calls[j].nr << (is_i386(calls[j]) ? " i386" : "");
      ++kinds[is_i386(calls[j])             ? "i386"
              : calls[j].nr == skipped_call ? "-1"
              : calls[j].nr >= x32_bit      ? "x32"
                                            : "x86_64"];
    }
  }
  for (const auto& [kind, calls] : kinds) std::printf("%s: %zu real calls\n", kind.c_str(), calls);
  EXPECT_GT(kinds["x32"], count);
  EXPECT_GT(kinds["-1"], count / 4);
}

}  // namespace
}  // namespace callgate::test

#else

TEST(KernelVerdicts, RealCallsGetWhatTheRulesSay) {
  GTEST_SKIP() << "real calls by register are written for x86-64 only";
}

#endif
