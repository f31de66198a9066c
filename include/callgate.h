/* callgate in C99, for every language that can call C: link libcallgate (pkg-config callgate).
 *
 *   callgate_error *why = NULL;
 *   if (callgate_confine("stdio inet dns", NULL, &why) != 0) {
 *     fputs(callgate_error_text(why), stderr);
 *     return 1;
 *   }
 *
 * Functions that can fail return 0 or an object on success, -1 or NULL on failure, and then set
 * *why (unless why is NULL) to an object that the caller frees. Objects are freed by their own
 * functions, which take NULL as well; what a function returns as `const` belongs to the object it
 * was asked of. No C++ exception leaves the library. Functions on different objects may run at the
 * same time; nothing here is async-signal-safe (callgate/runtime/embedded.h is). No environment
 * variable has a say in what is enforced. */
#ifndef CALLGATE_H
#define CALLGATE_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define CALLGATE_API __attribute__((visibility("default")))
#else
#define CALLGATE_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/** Why something failed. */
typedef struct callgate_error callgate_error;
/** Ordered rules; the first that matches decides (docs/policy.md). */
typedef struct callgate_policy callgate_policy;
/** A BPF program that was proved to decide every call as its policy does. */
typedef struct callgate_program callgate_program;

/** "0.1.0" */
CALLGATE_API const char* callgate_version(void);

/** Every diagnostic, one after another, each with its place: file:line:column: error: ... */
CALLGATE_API const char* callgate_error_text(const callgate_error* error);
CALLGATE_API void callgate_error_free(callgate_error* error);
/** Frees a text that a function below returned as `char *`. */
CALLGATE_API void callgate_text_free(char* text);

/** How a program is put into force. All zero but `size` is the default; NULL stands for it. */
typedef struct callgate_options {
  size_t size;          /**< sizeof(callgate_options) */
  int this_thread_only; /**< 1: not the other threads, which can then do what this one may not */
  int log;              /**< 1: the kernel logs denials that end in an errno as well (4.14) */
  int keep_privs;       /**< 1: do not set no_new_privs; needs CAP_SYS_ADMIN */
  int debug;            /**< 1: report denials from inside the process; not for production */
  int debug_fd;         /**< where to; 0 stands for standard error */
} callgate_options;

/** Confines the process to what the promises hold ("stdio inet dns"); the rest fails with EPERM. */
CALLGATE_API int callgate_confine(const char* promises, const callgate_options* options,
                                  callgate_error** why);
/** Compiles and proves a policy for this process's ABI and puts it into force. */
CALLGATE_API int callgate_confine_policy(const callgate_policy* policy,
                                         const callgate_options* options, callgate_error** why);

/** A policy from its text (docs/policy.md), which includes no files; `file` is its name in
 * messages. */
CALLGATE_API callgate_policy* callgate_policy_parse(const char* text, size_t length,
                                                    const char* file, callgate_error** why);
/** A policy from a file, which may include others of its folder and below. */
CALLGATE_API callgate_policy* callgate_policy_read(const char* path, callgate_error** why);
/** What callgate_confine compiles. */
CALLGATE_API callgate_policy* callgate_policy_promised(const char* promises, callgate_error** why);
/** Adds rules behind those that are there: "allow socket if domain == AF_INET". */
CALLGATE_API int callgate_policy_add(callgate_policy* policy, const char* rules,
                                     callgate_error** why);
/** The policy as text that reads back as the same policy; NULL without memory. */
CALLGATE_API char* callgate_policy_text(const callgate_policy* policy);
/** What there is to say about a policy for these ABIs ("x86_64,i386"; NULL: the policy's own, else
 * this process's): errors, warnings, notes; "" if nothing. */
CALLGATE_API char* callgate_policy_check(const callgate_policy* policy, const char* arches,
                                         callgate_error** why);
CALLGATE_API void callgate_policy_free(callgate_policy* policy);

/** Compiles and proves; `arches` as for callgate_policy_check. */
CALLGATE_API callgate_program* callgate_compile(const callgate_policy* policy, const char* arches,
                                                callgate_error** why);
/** struct sock_filter[] in the byte order of the machine it is for; *size is in bytes. */
CALLGATE_API const void* callgate_program_bytes(const callgate_program* program, size_t* size);
/** What the program returns for a call: a SECCOMP_RET_* action with its data. `arch` is an
 * AUDIT_ARCH_* number, `ip` where the call was made. */
CALLGATE_API uint32_t callgate_program_verdict(const callgate_program* program, uint32_t arch,
                                               uint32_t number, uint64_t ip,
                                               const uint64_t arguments[6]);
/** Puts it into force. `options->debug` needs the policy: callgate_confine_policy. */
CALLGATE_API int callgate_program_install(const callgate_program* program,
                                          const callgate_options* options, callgate_error** why);
CALLGATE_API void callgate_program_free(callgate_program* program);

/** A function for strict mode: what it is given, and what it returns. */
typedef int64_t (*callgate_strict_function)(void* memory, size_t size, void* context);

/** All zero but `size` is the default; NULL stands for it. */
typedef struct callgate_strict_options {
  size_t size;             /**< sizeof(callgate_strict_options) */
  int by_filter;           /**< 1: a filter of the same calls, for where strict mode is refused */
  const int* descriptors;  /**< those that stay open; all others are closed, 0, 1 and 2 too */
  size_t descriptor_count; /**< of descriptors */
  size_t heap;             /**< what malloc can give the function, in bytes; 0 stands for 1 MiB */
  uint32_t milliseconds;   /**< wall time until it is killed; 0: none */
} callgate_strict_options;

/** How a function under strict mode ended. */
enum {
  CALLGATE_RETURNED = 0,  /**< with `value` */
  CALLGATE_THREW = 1,     /**< a C++ exception left it; `text` is what() says */
  CALLGATE_EXITED = 2,    /**< by exit(3) with `exit_code` */
  CALLGATE_DENIED = 3,    /**< killed for a call: `call` where has_call is 1 */
  CALLGATE_SIGNALLED = 4, /**< killed by `signal` */
  CALLGATE_TIMED_OUT = 5, /**< killed at the time limit */
};

/** What came of it. `value` and `text` are the child's word: check them as any input. */
typedef struct callgate_strict_outcome {
  int end; /**< CALLGATE_RETURNED and so on */
  int exit_code;
  int signal;
  int has_call;        /**< 1: the call of a denial is known (x86-64) */
  uint32_t call;       /**< its number on this machine */
  int read_time_stamp; /**< 1: died of rdtsc, which strict mode forbids */
  int unwatched;       /**< 1: ptrace was refused, so a death by SIGKILL may be a denial */
  int64_t value;
  uint64_t arguments[6]; /**< of the call */
  char text[256];        /**< cut where it is longer */
} callgate_strict_outcome;

/** `size` zero bytes that this process shares with the children it forks. */
CALLGATE_API void* callgate_shared_memory(size_t size, callgate_error** why);
CALLGATE_API void callgate_shared_memory_free(void* memory, size_t size);

/** Forks, and runs the function in the child in SECCOMP_MODE_STRICT, where it can only read, write
 * and end; returns 0 when the child has ended, however it did. The child has a copy of all that
 * this process holds; it can give some of it away through `memory`, which must be shared for this
 * process to see what the child wrote, and through the descriptors. A C or C++ function: the
 * run-time of Go does not live in a forked child. callgate/runtime/strict.h says the rest. */
CALLGATE_API int callgate_strict_call(callgate_strict_function function, void* context,
                                      void* memory, size_t size,
                                      const callgate_strict_options* options,
                                      callgate_strict_outcome* outcome, callgate_error** why);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* CALLGATE_H */
