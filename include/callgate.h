/* callgate in C99, for every language that can call C: link libcallgate (pkg-config callgate).
 *
 *   callgate_error *why = NULL;
 *   if (callgate_confine("stdio inet dns", NULL, &why) != 0) {
 *     fputs(callgate_error_text(why), stderr);
 *     return 1;
 *   }
 *
 * Functions that can fail return 0 or an object on success, -1 or NULL on failure, and then set *why
 * (unless why is NULL) to an object that the caller frees. Objects are freed by their own functions,
 * which take NULL as well; what a function returns as `const` belongs to the object it was asked of.
 * No C++ exception leaves the library. Functions on different objects may run at the same time;
 * nothing here is async-signal-safe (callgate/runtime/embedded.h is). No environment variable has a
 * say in what is enforced. */
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
CALLGATE_API const char *callgate_version(void);

/** Every diagnostic, one after another, each with its place: file:line:column: error: ... */
CALLGATE_API const char *callgate_error_text(const callgate_error *error);
CALLGATE_API void callgate_error_free(callgate_error *error);
/** Frees a text that a function below returned as `char *`. */
CALLGATE_API void callgate_text_free(char *text);

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
CALLGATE_API int callgate_confine(const char *promises, const callgate_options *options,
                                  callgate_error **why);
/** Compiles and proves a policy for this process's ABI and puts it into force. */
CALLGATE_API int callgate_confine_policy(const callgate_policy *policy,
                                         const callgate_options *options, callgate_error **why);

/** A policy from its text (docs/policy.md); `file` is its name in messages. */
CALLGATE_API callgate_policy *callgate_policy_parse(const char *text, size_t length,
                                                    const char *file, callgate_error **why);
/** A policy from a file, which may include others of its folder. */
CALLGATE_API callgate_policy *callgate_policy_read(const char *path, callgate_error **why);
/** What callgate_confine compiles. */
CALLGATE_API callgate_policy *callgate_policy_promised(const char *promises, callgate_error **why);
/** Adds rules behind those that are there: "allow socket if domain == AF_INET". */
CALLGATE_API int callgate_policy_add(callgate_policy *policy, const char *rules,
                                     callgate_error **why);
/** The policy as text that reads back as the same policy; NULL without memory. */
CALLGATE_API char *callgate_policy_text(const callgate_policy *policy);
/** What there is to say about a policy for these ABIs ("x86_64,i386"; NULL: the policy's own, else
 * this process's): errors, warnings, notes; "" if nothing. */
CALLGATE_API char *callgate_policy_check(const callgate_policy *policy, const char *arches,
                                         callgate_error **why);
CALLGATE_API void callgate_policy_free(callgate_policy *policy);

/** Compiles and proves; `arches` as for callgate_policy_check. */
CALLGATE_API callgate_program *callgate_compile(const callgate_policy *policy, const char *arches,
                                                callgate_error **why);
/** struct sock_filter[] in the byte order of the machine it is for; *size is in bytes. */
CALLGATE_API const void *callgate_program_bytes(const callgate_program *program, size_t *size);
/** What the program returns for a call: a SECCOMP_RET_* action with its data. `arch` is an
 * AUDIT_ARCH_* number, `ip` where the call was made. */
CALLGATE_API uint32_t callgate_program_verdict(const callgate_program *program, uint32_t arch,
                                               uint32_t number, uint64_t ip,
                                               const uint64_t arguments[6]);
/** Puts it into force. `options->debug` needs the policy: callgate_confine_policy. */
CALLGATE_API int callgate_program_install(const callgate_program *program,
                                          const callgate_options *options, callgate_error **why);
CALLGATE_API void callgate_program_free(callgate_program *program);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* CALLGATE_H */
