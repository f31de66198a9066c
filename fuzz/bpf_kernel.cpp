// Bytes as a filter for the running kernel: it accepts what the verifier accepts, and what a call
// gets is what the emulator says. The filter is installed in a child, which reports by shared
// memory and dies by an illegal instruction, since the filter may refuse it everything else.
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "../tests/harmless_call.h"
#include "callgate/bpf/emulate.h"

namespace {

using namespace callgate;

/// What the child writes down.
struct Seen {
  int install_errno;
  bool answered;
  long result;
};

volatile Seen* shared_memory() {
  static void* const memory =
      ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) std::abort();
  return static_cast<volatile Seen*>(memory);
}

void try_filter(std::span<const Instruction> code, const test::Call& call, volatile Seen& seen) {
  std::signal(SIGILL, SIG_DFL);
  std::signal(SIGSYS, SIG_DFL);
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  const long pid = ::getpid();
  seen.install_errno = test::install(code) == 0 ? 0 : errno;
  if (seen.install_errno == 0) {
    const long result = call.make();
    seen.result = result == pid ? test::let_through : result;
    seen.answered = true;
  }
  test::die_without_calls();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
#if defined(__x86_64__)
  if (size < sizeof(test::Registers) + 8) return 0;
  test::Call call;
  std::memcpy(&call.registers, bytes, sizeof call.registers);
  if (!test::is_harmless(static_cast<std::uint32_t>(call.registers.nr), false))
    call.registers.nr |= 0x3f000000;
  const std::size_t length = (size - sizeof call.registers) / sizeof(Instruction);
  std::vector<Instruction> code(length);
  std::memcpy(code.data(), bytes + sizeof call.registers, length * sizeof(Instruction));

  volatile Seen& seen = *shared_memory();
  seen.install_errno = -1;
  seen.answered = false;
  const pid_t child = ::fork();
  if (child < 0) return 0;
  if (child == 0) try_filter(code, call, seen);
  // libFuzzer's timer interrupts it.
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) continue;

  const auto program = Program::verify(code);
  if (seen.install_errno != (program ? 0 : EINVAL)) std::abort();
  if (!program) return 0;
  const SeccompData data = call.data();
  const auto expected = test::expected_result(data, false, emulate(*program, data));
  if (seen.answered != expected.has_value()) std::abort();
  if (expected && seen.result != *expected) std::abort();
#else
  (void)bytes;
  (void)size;
#endif
  return 0;
}
