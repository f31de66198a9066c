/* Programs that were compiled and proved when the program that carries them was built
 * (callgate_add_policy of the CMake package), and their installation: C99 and C++20. The library
 * behind it needs libc alone.
 *
 *   #include "worker_policy.h"
 *   callgate_embedded_status done;
 *   done = callgate_install_embedded(&worker_policy, CALLGATE_ALL_THREADS);
 *   if (done.step != CALLGATE_STEP_NONE) return 1;
 *
 * In C++: callgate::install(worker_policy, {.all_threads = true}).ok().
 *
 * Everything here may be called between fork and exec and in a signal handler. */
#ifndef CALLGATE_RUNTIME_EMBEDDED_H
#define CALLGATE_RUNTIME_EMBEDDED_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** struct sock_filter of <linux/filter.h>. */
typedef struct callgate_instruction {
  uint16_t code;
  uint8_t jt;
  uint8_t jf;
  uint32_t k;
} callgate_instruction;

/** An ABI that a program was compiled for. */
typedef struct callgate_embedded_abi {
  uint32_t audit;       /**< AUDIT_ARCH_* of <linux/audit.h> */
  uint32_t number_flag; /**< set in every call number (x32: 0x40000000), else 0 */
} callgate_embedded_abi;

/** A proved program: constant data, never changed, never freed. */
typedef struct callgate_embedded_program {
  const char* name; /**< of the policy */
  const callgate_instruction* code;
  const callgate_embedded_abi* abis;
  uint16_t length; /**< of code */
  uint16_t abi_count;
  uint8_t big_endian;  /**< the byte order of the machine it was compiled for */
  uint8_t wide_shifts; /**< that machine's shift by X looks at 6 bits of X, not 5 */
} callgate_embedded_program;

/** Flags of an installation; those of seccomp(2) have its values. */
enum {
  CALLGATE_ALL_THREADS = 1,      /**< SECCOMP_FILTER_FLAG_TSYNC (3.17) */
  CALLGATE_LOG = 2,              /**< SECCOMP_FILTER_FLAG_LOG (4.14) */
  CALLGATE_SPEC_ALLOW = 4,       /**< SECCOMP_FILTER_FLAG_SPEC_ALLOW (4.17) */
  CALLGATE_LISTENER = 8,         /**< SECCOMP_FILTER_FLAG_NEW_LISTENER (5.0) */
  CALLGATE_WAIT_KILLABLE = 32,   /**< SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (5.19) */
  CALLGATE_KEEP_PRIVS = 0x10000, /**< do not set no_new_privs: needs CAP_SYS_ADMIN */
};

/** Which step failed. */
enum {
  CALLGATE_STEP_NONE = 0,
  CALLGATE_STEP_NO_NEW_PRIVS = 1,
  CALLGATE_STEP_FILTER = 2,
  CALLGATE_STEP_THREAD = 3,
};

/** What an installation did. */
typedef struct callgate_embedded_status {
  int step;     /**< CALLGATE_STEP_NONE on success */
  int error;    /**< errno; ENOEXEC: the program was compiled for other ABIs than this process's */
  int thread;   /**< for CALLGATE_STEP_THREAD: the thread that could not follow; 0 if not told */
  int listener; /**< with CALLGATE_LISTENER a descriptor, else -1 */
  int by_prctl; /**< seccomp(2) is missing (before 3.17): prctl(2) was used */
} callgate_embedded_status;

/** Installs the program on the calling thread, or with CALLGATE_ALL_THREADS on all threads. One way
 * only: no filter can be taken off. Nothing is installed where the program was not compiled for the
 * ABI of this process, since it would refuse every call. */
callgate_embedded_status callgate_install_embedded(const callgate_embedded_program* program,
                                                   unsigned flags);

/** The same for instructions alone, without a look at ABIs. */
callgate_embedded_status callgate_install_instructions(const callgate_instruction* code,
                                                       uint16_t length, unsigned flags);

#ifdef __cplusplus
} /* extern "C" */

#include "callgate/runtime/install_options.h"

namespace callgate {

using EmbeddedProgram = ::callgate_embedded_program;

/// The flags of an installation.
[[nodiscard]] constexpr unsigned embedded_flags(const InstallOptions& options) noexcept {
  return (options.all_threads ? unsigned{CALLGATE_ALL_THREADS} : 0u) |
         (options.log ? unsigned{CALLGATE_LOG} : 0u) |
         (options.spec_allow ? unsigned{CALLGATE_SPEC_ALLOW} : 0u) |
         (options.listener ? unsigned{CALLGATE_LISTENER} : 0u) |
         (options.wait_killable ? unsigned{CALLGATE_WAIT_KILLABLE} : 0u) |
         (options.no_new_privs ? 0u : unsigned{CALLGATE_KEEP_PRIVS});
}

[[nodiscard]] inline InstallStatus to_status(const ::callgate_embedded_status& done) noexcept {
  InstallStatus status;
  status.step = static_cast<InstallStep>(done.step);
  status.errno_value = done.error;
  status.thread = done.thread;
  status.listener.reset(done.listener);
  status.by_prctl = done.by_prctl != 0;
  return status;
}

/// As callgate_install_embedded; install.h has the same for a Program.
[[nodiscard]] inline InstallStatus install(const EmbeddedProgram& program,
                                           const InstallOptions& options) noexcept {
  return to_status(::callgate_install_embedded(&program, embedded_flags(options)));
}

}  // namespace callgate
#endif /* __cplusplus */

#endif /* CALLGATE_RUNTIME_EMBEDDED_H */
