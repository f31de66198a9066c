// Known weakness: a child times some thousand calls in a row, so caches and branch predictors are
// warm; the filter's share of a real program's calls is larger.
#include "filters/kernel_cost.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <limits>

namespace callgate::bench {
namespace {

constexpr int batches = 40;
constexpr int calls_a_batch = 500;

double now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

/// On one processor, so that the bare calls and those under the filter run on the same.
void stay_on_this_processor() {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(static_cast<unsigned>(sched_getcpu()), &one);
  sched_setaffinity(0, sizeof one, &one);
}

bool load(const Program& program) {
  static_assert(sizeof(sock_filter) == sizeof(Instruction));
  std::vector<Instruction> code(program.instructions().begin(), program.instructions().end());
  const sock_fprog filter{.len = static_cast<unsigned short>(code.size()),
                          .filter = reinterpret_cast<sock_filter*>(code.data())};
  return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) == 0;
}

/// Of the fastest batch: another process that gets the processor lengthens some, not all.
double time_call(const TimedCall& call) {
  const auto& a = call.args;
  double least = std::numeric_limits<double>::max();
  for (int batch = 0; batch < batches; ++batch) {
    const double began = now();
    for (int i = 0; i < calls_a_batch; ++i)
      syscall(call.number, a[0], a[1], a[2], a[3], a[4], a[5]);
    least = std::min(least, (now() - began) / calls_a_batch);
  }
  return least;
}

/// Runs `measure` in a child, which writes its result into memory that is shared with it.
template <class T, class Measure>
std::optional<T> in_child(Measure measure) {
  struct Shared {
    bool done = false;
    T value{};
  };
  void* memory =
      mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return std::nullopt;
  auto* shared = new (memory) Shared;
  const pid_t child = fork();
  if (child == 0) {
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    stay_on_this_processor();
    if (measure(shared->value)) shared->done = true;
    _exit(0);  // where the filter refuses that, libc goes on to an instruction that faults
  }
  waitpid(child, nullptr, 0);
  const std::optional<T> out = shared->done ? std::optional<T>(shared->value) : std::nullopt;
  munmap(memory, sizeof(Shared));
  return out;
}

/// Denied as ERRNO(1), whatever the denial is.
std::optional<Program> without_killing(const Program& program) {
  constexpr std::uint16_t ret_constant = BPF_RET | BPF_K;
  std::vector<Instruction> code(program.instructions().begin(), program.instructions().end());
  for (Instruction& insn : code)
    if (insn.code == ret_constant && insn.k != SECCOMP_RET_ALLOW) insn.k = SECCOMP_RET_ERRNO | 1;
  Result<Program> out = Program::verify(std::move(code), program.target());
  return out ? std::optional<Program>(std::move(*out)) : std::nullopt;
}

}  // namespace

std::optional<double> time_load(const Program& program) {
  return in_child<double>([&](double& took) {
    const double began = now();
    const bool is_loaded = load(program);
    took = now() - began;
    return is_loaded;
  });
}

std::optional<CallTimes> time_calls(const Program& program, const TimedCalls& calls) {
  const std::optional<Program> harmless = without_killing(program);
  if (!harmless) return std::nullopt;
  const auto time = [](const std::optional<TimedCall>& call, std::optional<double>& out) {
    if (call) out = time_call(*call);
  };
  return in_child<CallTimes>([&](CallTimes& out) {
    time(calls.cached, out.cached_bare);
    time(calls.checked, out.checked_bare);
    if (calls.denied) out.denied_bare = time_call({SYS_getppid, {}});
    if (!load(*harmless)) return false;
    time(calls.cached, out.cached);
    time(calls.checked, out.checked);
    time(calls.denied, out.denied);
    return true;
  });
}

}  // namespace callgate::bench
