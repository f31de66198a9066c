/* What is done before the program's own code, and what replaces calls that it would die of.

   callgate calls layer_prepare() at the program's entry point: after the loader and the
   constructors of libraries, before the program's first instruction. What only a first use asks the
   kernel for is used once here. */
#define _GNU_SOURCE
#include "layer.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <locale.h>
#include <pthread.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include <unwind.h>

extern char** environ;

enum { streams = 3, most_buffer = 65536, most_absorbed = 1024 };

int layer_armed = 0;
static int leaves_group = 0; /* exit_group is let through */
static struct stat states[streams];
static int has_state[streams];
static int is_terminal[streams];
static unsigned char absorbed[most_absorbed];
static int quick_status = 0;
static int (*real_fclose)(FILE*);
static void (*real_quick_exit)(int);

static void leave(int status) {
  while (1) syscall(layer_armed && !leaves_group ? SYS_exit : SYS_exit_group, status);
}

/* The first handler that was registered, so the last that exit() runs. */
static void at_exit(int status, void* unused) {
  (void)unused;
  fflush(NULL);
  leave(status);
}
static void at_quick_exit_end(void) { leave(quick_status); }

/* The program sees LD_PRELOAD as it was: "/proc/self/fd/N" or "/proc/self/fd/N:OLD" becomes unset
   or OLD. */
static void restore_environment(void) {
  static const char ours[] = "LD_PRELOAD=/proc/self/fd/";
  for (char** entry = environ; entry != NULL && *entry != NULL; ++entry) {
    if (strncmp(*entry, ours, sizeof ours - 1) != 0) continue;
    char* rest = strchr(*entry, ':');
    if (rest != NULL) {
      memmove(*entry + sizeof "LD_PRELOAD=" - 1, rest + 1, strlen(rest));
    } else {
      unsetenv("LD_PRELOAD");
    }
    return;
  }
}

/* Buffers as the C library would make them, which asks fstat and ioctl. */
static void prepare_stream(FILE* stream, int fd, int is_buffered) {
  static char buffers[streams][most_buffer];
  const int before = errno;
  has_state[fd] = fstatat(fd, "", &states[fd], AT_EMPTY_PATH) == 0;
  struct termios settings;
  is_terminal[fd] = ioctl(fd, TCGETS, &settings) == 0;
  errno = before;
  if (!is_buffered) return;
  size_t size = has_state[fd] && states[fd].st_blksize > 0 ? (size_t)states[fd].st_blksize : BUFSIZ;
  if (size > most_buffer) size = most_buffer;
  setvbuf(stream, buffers[fd], is_terminal[fd] ? _IOLBF : _IOFBF, size);
}

/* The locale that the environment names comes from files; once loaded it stays. */
static void load_locale(void) {
  char* now = setlocale(LC_ALL, NULL);
  now = now == NULL ? NULL : strdup(now);
  setlocale(LC_ALL, "");
  setlocale(LC_ALL, now == NULL ? "C" : now);
  free(now);
  tzset();
}

static int compare(const void* left, const void* right) { return memcmp(left, right, 1); }

/* qsort asks for the size of memory once, for arrays of more than 1024 bytes. */
static void sort_once(void) {
  static char bytes[2048];
  qsort(bytes, sizeof bytes, 1, compare);
}

/* The walk ends here: this function's caller returns to the program's entry point, which is within
   no function that unwind tables could be right about. */
static _Unwind_Reason_Code stop_walk(struct _Unwind_Context* context, void* unused) {
  (void)context, (void)unused;
  return _URC_NORMAL_STOP;
}

/* The first throw: what libstdc++ and the unwinder look up or allocate for it. */
static void throw_once(void) {
  void* (*allocate)(size_t) = (void* (*)(size_t))dlsym(RTLD_DEFAULT, "__cxa_allocate_exception");
  void (*give_back)(void*) = (void (*)(void*))dlsym(RTLD_DEFAULT, "__cxa_free_exception");
  void* (*globals)(void) = (void* (*)(void))dlsym(RTLD_DEFAULT, "__cxa_get_globals");
  if (allocate != NULL && give_back != NULL) give_back(allocate(16));
  if (globals != NULL) globals();
  _Unwind_Reason_Code (*walk)(_Unwind_Trace_Fn, void*) =
      (_Unwind_Reason_Code(*)(_Unwind_Trace_Fn, void*))dlsym(RTLD_DEFAULT, "_Unwind_Backtrace");
  if (walk != NULL) walk(stop_walk, NULL);
}

/* Called by callgate; `group` is not 0 where exit_group will be let through. 0, or an errno. */
__attribute__((visibility("default"))) int layer_prepare(int group) {
  restore_environment();
  const int result = layer_take_heap();
  if (result != 0) return result;
  real_fclose = (int (*)(FILE*))dlsym(RTLD_NEXT, "fclose");
  real_quick_exit = (void (*)(int))dlsym(RTLD_NEXT, "quick_exit");
  prepare_stream(stdin, 0, 1);
  prepare_stream(stdout, 1, 1);
  prepare_stream(stderr, 2, 0);
  load_locale();
  sort_once();
  throw_once();
  on_exit(at_exit, NULL);
  at_quick_exit(at_quick_exit_end);
  leaves_group = group;
  layer_armed = 1;
  errno = 0;
  return 0;
}

/* ---- what replaces the C library's */

void _exit(int status) {
  leave(status);
  __builtin_unreachable();
}
void _Exit(int status) {
  leave(status);
  __builtin_unreachable();
}
void quick_exit(int status) {
  quick_status = status;
  if (real_quick_exit == NULL) leave(status);
  real_quick_exit(status);
  __builtin_unreachable();
}

/* The descriptor stays open until the process ends; a second close fails as it would have. */
int close(int fd) {
  if (!layer_armed || fd < 0 || fd >= most_absorbed) return (int)syscall(SYS_close, fd);
  if (absorbed[fd]) {
    errno = EBADF;
    return -1;
  }
  absorbed[fd] = 1;
  return 0;
}

int fclose(FILE* stream) {
  if (real_fclose == NULL) real_fclose = (int (*)(FILE*))dlsym(RTLD_NEXT, "fclose");
  if (!layer_armed || fileno(stream) < 0) return real_fclose(stream);
  return __fwriting(stream) ? fflush(stream) : 0;
}

int fstat(int fd, struct stat* out) {
  if (layer_armed && fd >= 0 && fd < streams && has_state[fd]) {
    *out = states[fd];
    return 0;
  }
  return fstatat(fd, "", out, AT_EMPTY_PATH);
}
int fstat64(int fd, struct stat64* out) { return fstat(fd, (struct stat*)out); }
int __fxstat(int version, int fd, struct stat* out) {
  (void)version;
  return fstat(fd, out);
}
int __fxstat64(int version, int fd, struct stat64* out) {
  return __fxstat(version, fd, (struct stat*)out);
}

int isatty(int fd) {
  if (layer_armed && fd >= 0 && fd < streams && has_state[fd]) {
    if (!is_terminal[fd]) errno = ENOTTY;
    return is_terminal[fd];
  }
  struct termios settings;
  return ioctl(fd, TCGETS, &settings) == 0;
}

/* The C library's wakes other threads when it is done; there are none. */
enum { once_running = 1, once_done = 2 }; /* as nptl has them */
static void reset_once(pthread_once_t** control) {
  if (*control != NULL) **control = PTHREAD_ONCE_INIT; /* the function threw */
}
static int (*real_once)(pthread_once_t*, void (*)(void));
int pthread_once(pthread_once_t* control, void (*function)(void)) {
  if (!layer_armed) {
    if (real_once == NULL) {
      real_once = (int (*)(pthread_once_t*, void (*)(void)))dlsym(RTLD_NEXT, "pthread_once");
    }
    return real_once(control, function);
  }
  if ((*control & once_done) != 0) return 0;
  *control = once_running;
  __attribute__((cleanup(reset_once))) pthread_once_t* pending = control;
  function();
  pending = NULL;
  *control = once_done;
  return 0;
}

/* Advice only. */
int posix_fadvise(int fd, off_t offset, off_t length, int advice) {
  if (layer_armed) return 0;
  return (int)-syscall(SYS_fadvise64, fd, offset, length, advice);
}
int posix_fadvise64(int fd, off64_t offset, off64_t length, int advice) {
  return posix_fadvise(fd, offset, length, advice);
}

/* Messages stay as they are in the program: catalogues of translations are files. */
char* gettext(const char* text) { return (char*)text; }
char* dgettext(const char* domain, const char* text) {
  (void)domain;
  return (char*)text;
}
char* dcgettext(const char* domain, const char* text, int category) {
  (void)domain, (void)category;
  return (char*)text;
}
char* ngettext(const char* one, const char* many, unsigned long count) {
  return (char*)(count == 1 ? one : many);
}
char* dngettext(const char* domain, const char* one, const char* many, unsigned long count) {
  (void)domain;
  return ngettext(one, many, count);
}
char* dcngettext(const char* domain, const char* one, const char* many, unsigned long count,
                 int category) {
  (void)domain, (void)category;
  return ngettext(one, many, count);
}

/* libstdc++ writes by writev; one piece after the other is what a pipe's reader sees as well. */
ssize_t writev(int fd, const struct iovec* pieces, int count) {
  if (!layer_armed) return syscall(SYS_writev, fd, pieces, count);
  ssize_t total = 0;
  for (int i = 0; i < count; ++i) {
    const ssize_t done = write(fd, pieces[i].iov_base, pieces[i].iov_len);
    if (done < 0) return total > 0 ? total : done;
    total += done;
    if ((size_t)done < pieces[i].iov_len) break;
  }
  return total;
}
ssize_t readv(int fd, const struct iovec* pieces, int count) {
  if (!layer_armed) return syscall(SYS_readv, fd, pieces, count);
  ssize_t total = 0;
  for (int i = 0; i < count; ++i) {
    const ssize_t done = read(fd, pieces[i].iov_base, pieces[i].iov_len);
    if (done < 0) return total > 0 ? total : done;
    total += done;
    if ((size_t)done < pieces[i].iov_len) break;
  }
  return total;
}
