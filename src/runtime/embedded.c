/* Installing a filter: prctl(PR_SET_NO_NEW_PRIVS) and seccomp(2), by plain system calls. Nothing here
 * allocates or takes a lock. The numbers stand here and not in <linux/...>, which musl's compiler
 * wrapper does not see; they are those of the kernel's headers, 6.12. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* syscall(2) under -std=c99 */
#endif
#include "callgate/runtime/embedded.h"

#include <errno.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SET_NO_NEW_PRIVS 38     /* PR_SET_NO_NEW_PRIVS */
#define SET_SECCOMP 22          /* PR_SET_SECCOMP */
#define MODE_FILTER 2           /* SECCOMP_MODE_FILTER */
#define SET_MODE_FILTER 1       /* SECCOMP_SET_MODE_FILTER */
#define FLAG_TSYNC_ESRCH 16u    /* SECCOMP_FILTER_FLAG_TSYNC_ESRCH (5.7) */
#define KERNEL_FLAGS 0xffffu

/* AUDIT_ARCH_* of this process's own ABI: machine of <elf.h>, 0x80000000 for 64 bits, 0x40000000 for
 * little endian (include/uapi/linux/audit.h). */
#if defined(__x86_64__)
#define OWN_AUDIT 0xc000003eu
#elif defined(__i386__)
#define OWN_AUDIT 0x40000003u
#elif defined(__aarch64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define OWN_AUDIT 0xc00000b7u
#elif defined(__arm__) && defined(__ARM_EABI__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define OWN_AUDIT 0x40000028u
#elif defined(__loongarch_lp64)
#define OWN_AUDIT 0xc0000102u
#elif defined(__m68k__)
#define OWN_AUDIT 0x00000004u
#elif defined(__mips__) && _MIPS_SIM == _ABIO32
#define OWN_AUDIT (0x00000008u | (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 0x40000000u : 0))
#elif defined(__mips__) && _MIPS_SIM == _ABI64
#define OWN_AUDIT (0x80000008u | (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 0x40000000u : 0))
#elif defined(__mips__) && _MIPS_SIM == _ABIN32
/* __AUDIT_ARCH_CONVENTION_MIPS64_N32 is 0x20000000. */
#define OWN_AUDIT (0xa0000008u | (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 0x40000000u : 0))
#elif defined(__hppa__) && defined(__LP64__)
#define OWN_AUDIT 0x8000000fu
#elif defined(__hppa__)
#define OWN_AUDIT 0x0000000fu
#elif defined(__powerpc64__)
#define OWN_AUDIT (0x80000015u | (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 0x40000000u : 0))
#elif defined(__powerpc__)
#define OWN_AUDIT 0x00000014u
#elif defined(__s390x__)
#define OWN_AUDIT 0x80000016u
#elif defined(__s390__)
#define OWN_AUDIT 0x00000016u
#elif defined(__riscv) && __riscv_xlen == 64
#define OWN_AUDIT 0xc00000f3u
#elif defined(__sh__)
#define OWN_AUDIT (0x0000002au | (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 0x40000000u : 0))
#endif

#if defined(__x86_64__) && defined(__ILP32__)
#define OWN_NUMBER_FLAG 0x40000000u
#else
#define OWN_NUMBER_FLAG 0u
#endif

static callgate_embedded_status failed(int step, int error) {
  callgate_embedded_status status = {step, error, 0, -1, 0};
  return status;
}

static int is_for_this_process(const callgate_embedded_program* program) {
#ifdef OWN_AUDIT
  int is_big = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;
#if defined(__powerpc__) || defined(__s390__)
  int has_wide_shifts = 1;
#else
  int has_wide_shifts = 0;
#endif
  uint16_t i;
  if (program->big_endian != is_big || program->wide_shifts != has_wide_shifts) return 0;
  for (i = 0; i < program->abi_count; ++i) {
    const callgate_embedded_abi* abi = &program->abis[i];
    if (abi->audit == OWN_AUDIT && abi->number_flag == OWN_NUMBER_FLAG) return 1;
  }
#else
  (void)program;
#endif
  return 0;
}

/* What seccomp(2)'s result says; `flags` are those it was called with. */
static callgate_embedded_status status_of(long result, unsigned flags) {
  callgate_embedded_status status = failed(CALLGATE_STEP_NONE, 0);
  if (result < 0) {
    int is_thread = errno == ESRCH && (flags & FLAG_TSYNC_ESRCH) != 0;
    return failed(is_thread ? CALLGATE_STEP_THREAD : CALLGATE_STEP_FILTER, errno);
  }
  if ((flags & CALLGATE_LISTENER) != 0) {
    status.listener = (int)result;
  } else if (result > 0) {
    status = failed(CALLGATE_STEP_THREAD, ESRCH);
    status.thread = (int)result;
  }
  return status;
}

callgate_embedded_status callgate_install_instructions(const callgate_instruction* code,
                                                       uint16_t length, unsigned flags) {
  /* struct sock_fprog of <linux/filter.h>. */
  struct {
    unsigned short length;
    const callgate_instruction* code;
  } filter = {length, code};
  unsigned kernel_flags = flags & KERNEL_FLAGS;
  long result;
  callgate_embedded_status status;
  /* A descriptor and a thread id cannot both be the result: then a thread that cannot follow is told
   * by ESRCH, unnamed. */
  if ((flags & CALLGATE_ALL_THREADS) != 0 && (flags & CALLGATE_LISTENER) != 0) {
    kernel_flags |= FLAG_TSYNC_ESRCH;
  }
  if ((flags & CALLGATE_KEEP_PRIVS) == 0 && prctl(SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L) != 0) {
    return failed(CALLGATE_STEP_NO_NEW_PRIVS, errno);
  }
  result = syscall(SYS_seccomp, (long)SET_MODE_FILTER, (unsigned long)kernel_flags, &filter);
  if (result < 0 && errno == ENOSYS && kernel_flags == 0) {
    result = prctl(SET_SECCOMP, (long)MODE_FILTER, &filter, 0L, 0L);
    status = result < 0 ? failed(CALLGATE_STEP_FILTER, errno) : failed(CALLGATE_STEP_NONE, 0);
    status.by_prctl = 1;
    return status;
  }
  return status_of(result, kernel_flags);
}

callgate_embedded_status callgate_install_embedded(const callgate_embedded_program* program,
                                                   unsigned flags) {
  if (!is_for_this_process(program)) return failed(CALLGATE_STEP_FILTER, ENOEXEC);
  return callgate_install_instructions(program->code, program->length, flags);
}
