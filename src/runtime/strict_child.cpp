// Between fork and strict mode: everything that the function may need of the kernel is done here.
#include "runtime/strict_child.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <exception>

#include "callgate/abi/arch.h"
#include "callgate/runtime/embedded.h"

namespace callgate::strict {
namespace {

[[noreturn]] void leave(int code) {
  while (true) ::syscall(SYS_exit, code);
}

[[noreturn]] void give_up(const Task& task, Stage stage, int error) {
  task.control.error = error;
  task.control.stage.store(stage, std::memory_order_release);
  leave(1);
}

/// Nothing of the caller's handling of signals, for its handlers would run here.
void reset_signals() {
  for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

/// Makes malloc take its memory now and keep it: from brk alone, never given back.
bool take_heap(std::size_t size) {
#if defined(__GLIBC__)
  ::mallopt(M_MMAP_MAX, 0);
  ::mallopt(M_TRIM_THRESHOLD, -1);
  ::mallopt(M_TOP_PAD, 0);
  // Through a volatile pointer: malloc and free in one place are no work to a compiler.
  void* volatile block = std::malloc(size);
  if (block == nullptr) return false;
  std::free(block);
  return true;
#else
  errno = ENOTSUP;
  return size == 0;
#endif
}

/// What the C++ library and the unwinder look up or allocate for the first exception.
void throw_once() {
  try {
    throw 0;
  } catch (int) {
  }
}

bool close_range(unsigned first, unsigned last) {
  constexpr long number = 436;  // SYS_close_range, the same on every architecture but alpha
  return first > last || ::syscall(number, first, last, 0) == 0;
}

bool close_others(std::span<const int> kept) {
  unsigned first = 0;
  for (const int fd : kept) {
    const auto next = static_cast<unsigned>(fd);
    if (next > 0 && !close_range(first, next - 1)) return false;
    first = next + 1;
  }
  return close_range(first, UINT_MAX);
}

int enter_filter() {
#if defined(__i386__)
  constexpr std::uint32_t sigreturn = SYS_sigreturn;
#else
  constexpr std::uint32_t sigreturn = SYS_rt_sigreturn;
#endif
  constexpr std::uint16_t load = BPF_LD | BPF_W | BPF_ABS;
  constexpr std::uint16_t equal = BPF_JMP | BPF_JEQ | BPF_K;
  constexpr std::uint16_t answer = BPF_RET | BPF_K;
  const std::array<callgate_instruction, 10> code = {{
      {load, 0, 0, offsetof(seccomp_data, arch)},
      {equal, 0, 6, arch_info(native_arch()).audit},
      {load, 0, 0, offsetof(seccomp_data, nr)},
      {equal, 5, 0, SYS_read},
      {equal, 4, 0, SYS_write},
      {equal, 3, 0, SYS_exit},
      {equal, 2, 0, sigreturn},
      {equal, 1, 0, SYS_exit_group},
      {answer, 0, 0, SECCOMP_RET_KILL_PROCESS},
      {answer, 0, 0, SECCOMP_RET_ALLOW},
  }};
  const auto status = callgate_install_instructions(code.data(), code.size(), 0);
  return status.step == CALLGATE_STEP_NONE ? 0 : status.error;
}

int enter(StrictForm form) {
  if (form == StrictForm::filter) return enter_filter();
  return ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0) == 0 ? 0 : errno;
}

void keep_text(Control& control, const char* text) {
  const std::size_t length = ::strnlen(text, control.text.size() - 1);
  std::memcpy(control.text.data(), text, length);
}

Stage run_function(const Task& task) {
  try {
    task.control.value = task.function(task.memory, task.context);
    return Stage::returned;
  } catch (const std::exception& error) {
    keep_text(task.control, error.what());
  } catch (...) {
    keep_text(task.control, "an exception that is no std::exception");
  }
  return Stage::threw;
}

}  // namespace

void run_child(const Task& task) noexcept {
  // A caller that dies takes the child along.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  char byte = 0;
  if (::getppid() != task.parent || ::read(task.start, &byte, 1) != 1) leave(1);
  reset_signals();
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  if (!take_heap(task.options.heap)) give_up(task, Stage::no_heap, errno);
  throw_once();
  if (!close_others(task.descriptors)) give_up(task, Stage::no_closing, errno);
  task.control.stage.store(Stage::running, std::memory_order_release);
  if (const int error = enter(task.options.form); error != 0) give_up(task, Stage::refused, error);
  task.control.stage.store(run_function(task), std::memory_order_release);
  leave(0);
}

}  // namespace callgate::strict
