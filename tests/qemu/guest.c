/* What runs in a virtual machine: installs the filters of its cases, makes their calls and prints
 * what the kernel made of them. No C library: the numbers come from callgate's own tables (numbers.h,
 * written by tests/qemu/cases.cpp), so that a wrong one shows. Everything in the cases is in the
 * machine's byte order.
 *
 * A case is a head (instructions, calls: 32 bits each), the instructions, and the calls (number and
 * six argument words, 64 bits each). A child installs the filter and makes the calls; it reports
 * through shared memory and ends by a fault, because the filter may deny it everything.
 *
 * The native program is PID 1: it runs its own cases, then the program of the 32-bit ABI beside it
 * if there is one, and powers the machine off. */
#include "numbers.h"

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long s64;
typedef unsigned long word;

enum { max_calls = 256, max_cases_size = 8 << 20 };

struct call {
  u64 number;
  u64 words[6];
};

struct filter {
  u16 length;
  const u8 *code;
};

struct report {
  s64 installed;
  s64 results[max_calls];
};

/* A call by its registers, all of each word in them; the result, or the error as a negative. */
#if defined(__aarch64__)
static s64 enter(const struct call *call) {
  register u64 number __asm__("x8") = call->number;
  register u64 a __asm__("x0") = call->words[0];
  register u64 b __asm__("x1") = call->words[1];
  register u64 c __asm__("x2") = call->words[2];
  register u64 d __asm__("x3") = call->words[3];
  register u64 e __asm__("x4") = call->words[4];
  register u64 f __asm__("x5") = call->words[5];
  __asm__ volatile("svc 0"
                   : "+r"(a)
                   : "r"(number), "r"(b), "r"(c), "r"(d), "r"(e), "r"(f)
                   : "memory");
  return (s64)a;
}
#elif defined(__arm__)
static s64 enter(const struct call *call) {
  register u32 number __asm__("r7") = (u32)call->number;
  register u32 a __asm__("r0") = (u32)call->words[0];
  register u32 b __asm__("r1") = (u32)call->words[1];
  register u32 c __asm__("r2") = (u32)call->words[2];
  register u32 d __asm__("r3") = (u32)call->words[3];
  register u32 e __asm__("r4") = (u32)call->words[4];
  register u32 f __asm__("r5") = (u32)call->words[5];
  __asm__ volatile("svc 0"
                   : "+r"(a)
                   : "r"(number), "r"(b), "r"(c), "r"(d), "r"(e), "r"(f)
                   : "memory");
  return (int)a;
}
#elif defined(__s390x__)
static s64 enter(const struct call *call) {
  register u64 number __asm__("1") = call->number;
  register u64 a __asm__("2") = call->words[0];
  register u64 b __asm__("3") = call->words[1];
  register u64 c __asm__("4") = call->words[2];
  register u64 d __asm__("5") = call->words[3];
  register u64 e __asm__("6") = call->words[4];
  register u64 f __asm__("7") = call->words[5];
  __asm__ volatile("svc 0"
                   : "+d"(a)
                   : "d"(number), "d"(b), "d"(c), "d"(d), "d"(e), "d"(f)
                   : "memory");
  return (s64)a;
}
#elif defined(__powerpc64__)
static s64 enter(const struct call *call) {
  register u64 number __asm__("r0") = call->number;
  register u64 a __asm__("r3") = call->words[0];
  register u64 b __asm__("r4") = call->words[1];
  register u64 c __asm__("r5") = call->words[2];
  register u64 d __asm__("r6") = call->words[3];
  register u64 e __asm__("r7") = call->words[4];
  register u64 f __asm__("r8") = call->words[5];
  __asm__ volatile(
      "sc\n\tbns+ 1f\n\tneg %1, %1\n1:"
      : "+r"(number), "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e), "+r"(f)
      :
      : "memory", "cr0", "ctr", "xer", "r9", "r10", "r11", "r12");
  return (s64)a;
}
#elif defined(__mips__) && _MIPS_SIM == _ABI64
static s64 enter(const struct call *call) {
  register u64 number __asm__("$2") = call->number;
  register u64 a __asm__("$4") = call->words[0];
  register u64 b __asm__("$5") = call->words[1];
  register u64 c __asm__("$6") = call->words[2];
  register u64 d __asm__("$7") = call->words[3];
  register u64 e __asm__("$8") = call->words[4];
  register u64 f __asm__("$9") = call->words[5];
  __asm__ volatile("syscall"
                   : "+r"(number), "+r"(d)
                   : "r"(a), "r"(b), "r"(c), "r"(e), "r"(f)
                   : "memory", "$1", "$3", "$10", "$11", "$12", "$13", "$14", "$15", "$24", "$25",
                     "hi", "lo");
  return d != 0 ? -(s64)number : (s64)number;
}
#else
#error "no entry code for this architecture"
#endif

static s64 sys(u64 number, word a, word b, word c, word d, word e, word f) {
  const struct call call = {number, {a, b, c, d, e, f}};
  return enter(&call);
}

void *memset(void *to, int value, word size) {
  for (word i = 0; i < size; ++i) ((volatile u8 *)to)[i] = (u8)value;
  return to;
}

void *memcpy(void *to, const void *from, word size) {
  for (word i = 0; i < size; ++i) ((volatile u8 *)to)[i] = ((const u8 *)from)[i];
  return to;
}

static u8 cases[max_cases_size] __attribute__((aligned(8)));
static char text[1 << 16];
static word text_size;

static void flush(void) {
  for (word at = 0; at < text_size;) {
    const s64 done = sys(NR_write, 1, (word)(text + at), text_size - at, 0, 0, 0);
    if (done <= 0) break;
    at += (word)done;
  }
  text_size = 0;
}

static void put(const char *from) {
  if (text_size > sizeof text - 64) flush();
  while (*from) text[text_size++] = *from++;
}

static void put_number(s64 value) {
  char digits[24];
  unsigned at = sizeof digits;
  word rest = (word)(value < 0 ? -(u64)value : (u64)value);
  digits[--at] = 0;
  do digits[--at] = (char)('0' + rest % 10);
  while ((rest /= 10) != 0);
  if (value < 0) digits[--at] = '-';
  put(digits + at);
}

static s64 fork_child(void) {
#if defined(__s390x__)
  return sys(NR_clone, 0, CHILD_SIGNAL, 0, 0, 0, 0);
#else
  return sys(NR_clone, CHILD_SIGNAL, 0, 0, 0, 0, 0);
#endif
}

static void await(s64 child) { sys(NR_wait4, (word)child, 0, 0, 0, 0, 0); }

static struct report *shared_report(void) {
  const word read_write = 3, shared = 1 | ANONYMOUS;
#if defined(__s390x__)
  const word arguments[6] = {0, sizeof(struct report), read_write, shared, (word)-1, 0};
  const s64 at = sys(NR_mmap, (word)arguments, 0, 0, 0, 0, 0);
#elif defined(NR_mmap2)
  const s64 at = sys(NR_mmap2, 0, sizeof(struct report), read_write, shared, (word)-1, 0);
#else
  const s64 at = sys(NR_mmap, 0, sizeof(struct report), read_write, shared, (word)-1, 0);
#endif
  return at < 0 && at > -4096 ? 0 : (struct report *)(word)at;
}

static void run_child(const struct filter *filter, const u8 *calls, u32 count,
                      struct report *report) {
  const word no_new_privs = 38, set_mode_filter = 1;
  sys(NR_prctl, no_new_privs, 1, 0, 0, 0, 0);
  const s64 installed = sys(NR_seccomp, set_mode_filter, 0, (word)filter, 0, 0, 0);
  report->installed = installed == 0 ? 1 : installed;
  for (u32 i = 0; installed == 0 && i < count; ++i) {
    struct call call;
    memcpy(&call, calls + i * sizeof call, sizeof call);
    report->results[i] = enter(&call);
  }
  __builtin_trap();
}

static void print_report(u32 index, u32 count, const struct report *report) {
  put("@" ABI " ");
  put_number(index);
  put(" ");
  put_number(report->installed);
  for (u32 i = 0; report->installed == 1 && i < count; ++i) {
    put(" ");
    put_number(report->results[i]);
  }
  put("\n");
}

static void run_cases(word size, struct report *report) {
  u32 index = 0;
  for (word at = 0; at + 8 <= size; ++index) {
    u32 head[2];
    memcpy(head, cases + at, sizeof head);
    const struct filter filter = {(u16)head[0], cases + at + 8};
    const u8 *calls = cases + at + 8 + 8 * (word)head[0];
    at += 8 + 8 * (word)head[0] + head[1] * sizeof(struct call);
    memset(report, 0, sizeof *report);
    const s64 child = fork_child();
    if (child == 0) run_child(&filter, calls, head[1], report);
    await(child);
    print_report(index, head[1], report);
  }
}

static word read_cases(const char *path) {
  const s64 file = sys(NR_openat, (word)-100, (word)path, 0, 0, 0, 0);
  word size = 0;
  for (;;) {
    const s64 got = sys(NR_read, (word)file, (word)(cases + size), sizeof cases - size, 0, 0, 0);
    if (got <= 0) return size;
    size += (word)got;
  }
}

#ifndef COMPAT
static void run_compat(void) {
  const char *const arguments[] = {"/compat", 0};
  const char *const environment[] = {0};
  const s64 child = fork_child();
  if (child == 0) {
    sys(NR_execve, (word)arguments[0], (word)arguments, (word)environment, 0, 0, 0);
    __builtin_trap();
  }
  await(child);
}
#endif

void start(void) {
  struct report *report = shared_report();
  const word size = read_cases("/cases." ABI);
  if (report != 0) run_cases(size, report);
  put("@" ABI " end\n");
  flush();
#ifdef COMPAT
  __builtin_trap();
#else
  run_compat();
  sys(NR_reboot, 0xfee1dead, 672274793, 0x4321fedc, 0, 0, 0);
  for (;;) sys(NR_read, (word)-1, 0, 0, 0, 0, 0);
#endif
}

/* The kernel enters with the stack aligned for a call, which a C function as entry point needs. */
#if defined(__s390x__)
__asm__(".globl _start\n_start:\n\taghi %r15, -160\n\tbrasl %r14, start\n");
#elif defined(__aarch64__) || defined(__arm__)
__asm__(".globl _start\n_start:\n\tbl start\n");
#elif defined(__powerpc64__)
__asm__(".globl _start\n_start:\n\tlis 2, .TOC.@ha\n\taddi 2, 2, .TOC.@l\n\tbl start\n\tnop\n");
#elif defined(__mips__)
__asm__(".globl _start\n.ent _start\n_start:\n\tj start\n\tnop\n.end _start\n");
#endif
