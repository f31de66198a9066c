// System calls with whole 64-bit words, on each ABI that this machine may serve.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>

#include "callgate/abi/syscalls.h"

#ifdef __x86_64__
// long callgate_int80(long number, const uint64_t words[6]): the i386 entry, whole registers kept.
asm(R"(
  .text
  .type callgate_int80, @function
callgate_int80:
  push %rbx
  push %rbp
  mov %rdi, %rax
  mov %rsi, %r11
  mov 0(%r11), %rbx
  mov 8(%r11), %rcx
  mov 16(%r11), %rdx
  mov 24(%r11), %rsi
  mov 32(%r11), %rdi
  mov 40(%r11), %rbp
  int $0x80
  pop %rbp
  pop %rbx
  cltq
  ret
  .size callgate_int80, . - callgate_int80
)");
extern "C" long callgate_int80(long number, const std::uint64_t* words);
#else
static long callgate_int80(long, const std::uint64_t*) { return -ENOSYS; }
#endif

namespace callgate::test {

using Words = std::array<std::uint64_t, 6>;

/// What a system call gave: its value, or minus errno.
inline long enter(Arch arch, std::uint32_t number, const Words& words) {
  if (arch == Arch::i386) return callgate_int80(static_cast<long>(number), words.data());
  const long result = ::syscall(static_cast<long>(number), words[0], words[1], words[2], words[3],
                                words[4], words[5]);
  return result == -1 ? -errno : result;
}

/// True if this kernel serves getpid on that ABI; asked in a child, which int 0x80 may kill.
inline bool has_abi(Arch arch) {
  const Syscall* call = find_syscall(arch, "getpid");
  const pid_t child = ::fork();
  if (child == 0) ::_exit(enter(arch, call->number, {}) == ::getpid() ? 0 : 1);
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace callgate::test
