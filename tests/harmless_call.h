// Calls that do nothing wherever a filter lets them through, made by instructions whose address is
// known, so that every word of seccomp_data is. For one source file of a program (it has assembly).
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <optional>
#include <span>

#include "callgate/abi/seccomp_data.h"
#include "callgate/bpf/program.h"

namespace callgate::test {

struct Registers {
  std::uint64_t nr;
  std::array<std::uint64_t, 6> args;
};

#if defined(__x86_64__)
extern "C" long callgate_test_call64(const Registers*);
extern "C" const char callgate_test_ip64[];
extern "C" long callgate_test_call32(const Registers*);
extern "C" const char callgate_test_ip32[];
asm(R"(
.text
callgate_test_call64:
  push %rbx
  mov %rdi, %rbx
  mov (%rbx), %rax
  mov 8(%rbx), %rdi
  mov 16(%rbx), %rsi
  mov 24(%rbx), %rdx
  mov 32(%rbx), %r10
  mov 40(%rbx), %r8
  mov 48(%rbx), %r9
  syscall
callgate_test_ip64:
  pop %rbx
  ret
callgate_test_call32:
  push %rbx
  push %rbp
  mov (%rdi), %rax
  mov 8(%rdi), %rbx
  mov 16(%rdi), %rcx
  mov 24(%rdi), %rdx
  mov 32(%rdi), %rsi
  mov 48(%rdi), %rbp
  mov 40(%rdi), %rdi
  int $0x80
callgate_test_ip32:
  pop %rbp
  pop %rbx
  ret
)");
#endif

struct Call {
  bool is_32 = false;
  Registers registers{};

  [[nodiscard]] SeccompData data() const {
    SeccompData data;
    data.nr = static_cast<std::uint32_t>(registers.nr);
    data.args = registers.args;
#if defined(__x86_64__)
    data.arch = is_32 ? 0x40000003 : 0xc000003e;
    data.instruction_pointer =
        reinterpret_cast<std::uint64_t>(is_32 ? callgate_test_ip32 : callgate_test_ip64);
#endif
    return data;
  }
  [[nodiscard]] long make() const {
#if defined(__x86_64__)
    return is_32 ? callgate_test_call32(&registers) : callgate_test_call64(&registers);
#else
    return 0;
#endif
  }
};

constexpr long let_through = 1;  ///< stands for what getpid returns

constexpr std::uint32_t getpid_number(bool is_32) { return is_32 ? 20 : 39; }

/// True for getpid and for numbers that no kernel assigns on any ABI.
constexpr bool is_harmless(std::uint32_t number, bool is_32) {
  return number == getpid_number(is_32) || (number & 0xbfffffff) >= 1000;
}

/// What the kernel makes of a return value for one of our calls; none: the process dies by SIGSYS.
/// (kernel/seccomp.c __seccomp_filter, without tracer, listener and handler.)
inline std::optional<long> expected_result(const SeccompData& data, bool is_32, std::uint32_t ret) {
  const bool is_getpid = data.nr == getpid_number(is_32);
  switch (ret & 0xffff0000) {
    case 0x50000: return -static_cast<long>(std::min<std::uint32_t>(ret & 0xffff, 4095));
    case 0x7ffc0000:
    case 0x7fff0000: return is_getpid ? let_through : -ENOSYS;
    case 0x7fc00000:
    case 0x7ff00000: return -ENOSYS;
    default: return std::nullopt;
  }
}

inline long install(std::span<const Instruction> code) {
  sock_fprog filter{};
  filter.len = static_cast<unsigned short>(code.size());
  filter.filter = reinterpret_cast<sock_filter*>(const_cast<Instruction*>(code.data()));
  return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter);
}

/// Ends the process by SIGILL. No system call and, unlike __builtin_trap, no hook of a sanitizer,
/// which would make some: a filter might refuse them.
inline void die_without_calls() {
  for (;;) {
#if defined(__x86_64__)
    asm volatile("ud2");
#else
    __builtin_trap();
#endif
  }
}

}  // namespace callgate::test
