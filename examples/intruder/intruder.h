// For the tests of the examples only (-DEXAMPLE_INTRUDER=ON), never for a server that serves: an
// intruder who has taken a process over and makes whatever system call he likes from inside.
//
//   poke OFFSET HEX          bytes into the 64 KiB that the intruder owns
//   pointer OFFSET TARGET    the address of TARGET, at OFFSET
//   call NUMBER [ARGUMENT ...]     by `syscall`; NUMBER with 0x40000000 is x32's
//   call32 NUMBER [ARGUMENT ...]   by `int $0x80`, i386's numbers
//
// An argument is a C number, or @OFFSET for the address of that byte. A call answers with what the
// kernel returned, an errno as a negative number; the others answer "ok". A new process or thread
// ends at once. Needs no system call of its own and no memory but its own. x86-64 only.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace intruder {

alignas(4096) inline unsigned char memory[65536];

inline long system_call(long number, const long (&a)[6]) {
  register long r10 asm("r10") = a[3];
  register long r8 asm("r8") = a[4];
  register long r9 asm("r9") = a[5];
  // clone, fork, vfork, clone3: the child must not run on in the parent's place.
  register long makes_task asm("r12") = (number >= 56 && number <= 58) || number == 435 ? 1 : 0;
  asm volatile(
      "syscall\n\t"
      "test %%rax, %%rax\n\t"
      "jnz 1f\n\t"
      "test %%r12, %%r12\n\t"
      "jz 1f\n\t"
      "mov $60, %%eax\n\t"  // exit
      "xor %%edi, %%edi\n\t"
      "syscall\n"
      "1:"
      : "+a"(number)
      : "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9), "r"(makes_task)
      : "rcx", "r11", "memory", "cc");
  return number;
}

inline long system_call32(long number, const long (&a)[6]) {
  asm volatile("int $0x80"
               : "+a"(number)
               : "b"(a[0]), "c"(a[1]), "d"(a[2]), "S"(a[3]), "D"(a[4])
               : "memory", "cc");
  return number;
}

inline long argument(const char* word) {
  if (*word == '@') return reinterpret_cast<long>(memory + std::strtoul(word + 1, nullptr, 0));
  return static_cast<long>(std::strtoull(word, nullptr, 0));
}

inline void poke(std::size_t offset, const char* hex) {
  for (; hex[0] != '\0' && hex[1] != '\0' && offset < sizeof memory; hex += 2, ++offset) {
    const char digits[] = {hex[0], hex[1], '\0'};
    memory[offset] = static_cast<unsigned char>(std::strtoul(digits, nullptr, 16));
  }
}

/// Obeys one line (which it takes apart) and writes the answer, without a newline.
inline void obey(char* line, char* answer, std::size_t size) {
  char* words[8] = {};
  int count = 0;
  for (char* word = std::strtok(line, " \r\n"); word != nullptr && count < 8;
       word = std::strtok(nullptr, " \r\n"))
    words[count++] = word;
  std::snprintf(answer, size, "ok");
  if (count < 2) return;
  if (std::strcmp(words[0], "poke") == 0) {
    poke(std::strtoul(words[1], nullptr, 0), count > 2 ? words[2] : "");
  } else if (std::strcmp(words[0], "pointer") == 0) {
    const long target = argument(words[2]);
    std::memcpy(memory + std::strtoul(words[1], nullptr, 0), &target, sizeof target);
  } else {
    long arguments[6] = {};
    for (int i = 2; i < count; ++i) arguments[i - 2] = argument(words[i]);
    const long number = argument(words[1]);
    const long result = std::strcmp(words[0], "call32") == 0 ? system_call32(number, arguments)
                                                             : system_call(number, arguments);
    std::snprintf(answer, size, "%ld", result);
  }
}

}  // namespace intruder
