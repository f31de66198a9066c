// What an untrusted program may try, one attempt a name. Built by tests/integration/judge_test.py,
// dynamic and static.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static int refused(long result) {
  if (result >= 0) return 0;
  fprintf(stderr, "errno %d\n", errno);
  return 1;
}

static void* spin(void* none) {
  for (volatile unsigned long n = 0;; ++n) (void)none;
  return none;
}
static void* sleep_on(void* none) {
  while (1) pause();
  return none;
}

static int fork_bomb(void) {
  int denied = 1;
  for (int i = 0; i < 2000; ++i) {
    const long made = i % 3 == 0   ? syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0)
                      : i % 3 == 1 ? (long)fork()
                                   : syscall(SYS_vfork);
    if (made == 0) while (1) pause();
    denied &= made < 0;
  }
  return denied ? 1 : 0;
}
// Where no limit holds, a bomb ends by itself after so many processes and bytes: a test that fails
// must not take the machine with it.
enum { most_processes = 2000, most_mebibytes = 3000 };
static int fork_tree(void) {
  int* made = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (made == MAP_FAILED) return 9;
  while (__atomic_add_fetch(made, 1, __ATOMIC_SEQ_CST) < most_processes) {
    if (fork() < 0) usleep(1000);
  }
  for (int i = 0; i < 10; ++i) sleep(1);
  return 9;
}
static int forty_children(void) {
  for (int i = 0; i < 40; ++i) {
    if (fork() == 0) sleep_on(0);
  }
  sleep_on(0);
  return 0;
}
static int thread_bomb(void) {
  pthread_t thread;
  for (int i = 0; i < 5000; ++i) {
    if (pthread_create(&thread, 0, sleep_on, 0) != 0) return 3;
  }
  return 0;
}
static int touch(void) {
  for (size_t taken = 0; taken < most_mebibytes; ++taken) {
    char* block = malloc(1 << 20);
    if (block == NULL) return 3;
    memset(block, 1, 1 << 20);
  }
  return 9;
}
static int touch_shared(void) {
  for (int taken = 0; taken < most_mebibytes; ++taken) {
    char* block = mmap(0, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED) return 3;
    memset(block, 1, 1 << 20);
  }
  return 9;
}
static int reserve(void) {  // and touch none of it
  void* block = mmap(0, 1ul << 40, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return block == MAP_FAILED ? 3 : 0;
}
static int deep(volatile char* above) {
  volatile char here[4096];
  memset((char*)here, above[0] + 1, sizeof here);
  return deep(here) + here[5];
}
static int flood(int fd, int has_lines) {
  char block[65536];
  memset(block, 'x', sizeof block);
  if (has_lines) block[sizeof block - 1] = '\n';
  while (1) {
    if (write(fd, block, sizeof block) < 0 && errno != EINTR) return 3;
  }
}
static int descriptors(void) {
  int open_ones = 0;
  for (int fd = 3; fd < 4096; ++fd) {
    if (fcntl(fd, F_GETFD) >= 0) {
      fprintf(stderr, "descriptor %d\n", fd);
      ++open_ones;
    }
  }
  return open_ones != 0;
}
static int kill_above(void) {
  long done = -1;
  const pid_t targets[] = {getppid(), 1, -1, 0, 2 - getppid()};
  for (size_t i = 0; i < sizeof targets / sizeof *targets; ++i) {
    if (kill(targets[i], SIGKILL) == 0) done = 0;
    if (syscall(SYS_tkill, targets[i], SIGKILL) == 0 && targets[i] != 1) done = 0;
    if (targets[i] != getpid() && syscall(SYS_tgkill, targets[i], targets[i], SIGSTOP) == 0) done = 0;
  }
  return refused(done);
}
static int own_signal(void) {
  struct f_owner_ex owner = {F_OWNER_PID, getppid()};
  return refused(fcntl(0, F_SETOWN_EX, &owner));
}
static int ignore_limits(void) {
  signal(SIGXCPU, SIG_IGN);
  signal(SIGTERM, SIG_IGN);
  struct rlimit more = {RLIM_INFINITY, RLIM_INFINITY};
  setrlimit(RLIMIT_CPU, &more);
  spin(0);
  return 0;
}
static int spin_in_threads(void) {
  pthread_t thread;
  for (int i = 0; i < 3; ++i) pthread_create(&thread, 0, spin, 0);
  spin(0);
  return 0;
}
static int close_all(void) {
  for (int fd = 0; fd < 64; ++fd) close(fd);
  sleep_on(0);
  return 0;
}
static int short_lived_threads(void) {
  pthread_t thread;
  for (int i = 0; i < 3000; ++i) {
    if (pthread_create(&thread, 0, (void* (*)(void*))getpid, 0) == 0) pthread_join(thread, 0);
  }
  return 0;
}
static int many_denials(void) {
  for (int i = 0; i < 100000; ++i) {
    char name[16];
    snprintf(name, sizeof name, "n%d", i % 5000);
    prctl(PR_SET_NAME, name);
    socket(i % 40, i % 7, 0);
  }
  return 0;
}
static int executable_memory(void) {
  return refused((long)mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == -1 ? -1 : 0);
}
static int own_filter(void) { return refused(syscall(SYS_seccomp, 1, 0, 0) == -1 && errno != EFAULT ? -1 : 0); }
static int other_abi(void) {
#ifdef __x86_64__
  long result = 0;  // socket(AF_INET, SOCK_STREAM, 0) of i386
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(359), "b"(2), "c"(1), "d"(0) : "memory");
  errno = (int)-result;
  return refused(result < 0 ? -1 : 0);
#else
  return refused(-1);
#endif
}

#define TRY(name, expression) \
  if (strcmp(what, name) == 0) return expression
int main(int count, char** words) {
  const char* what = count > 1 ? words[1] : "";
  TRY("fine", puts("fine") < 0);
  TRY("exit", atoi(words[2]));
  TRY("abort", (abort(), 0));
  TRY("crash", *(volatile int*)8);
  TRY("raise", raise(atoi(words[2])));
  TRY("copy", ({ char b[4096]; ssize_t n; while ((n = read(0, b, sizeof b)) > 0) if (write(1, b, (size_t)n) != n) return 9; 0; }));
  TRY("environment", ({ extern char** environ; for (char** e = environ; *e; ++e) puts(*e); 0; }));
  TRY("fork-bomb", fork_bomb());
  TRY("fork-tree", fork_tree());
  TRY("forty-children", forty_children());
  TRY("thread-bomb", thread_bomb());
  TRY("short-threads", short_lived_threads());
  TRY("touch", touch());
  TRY("touch-shared", touch_shared());
  TRY("reserve", reserve());
  TRY("deep", deep("x"));
  TRY("flood-out", flood(1, 1));
  TRY("flood-err", flood(2, 1));
  TRY("one-line", flood(1, 0));
  TRY("descriptors", descriptors());
  TRY("kill-above", kill_above());
  TRY("own-signal", own_signal());
  TRY("ptrace-above", refused(ptrace(PTRACE_ATTACH, getppid(), 0, 0)));
  TRY("ptrace-me", refused(ptrace(PTRACE_TRACEME, 0, 0, 0)));
  TRY("sleep", (pause(), 0));
  TRY("stop", (raise(SIGSTOP), pause(), 0));
  TRY("close-all", close_all());
  TRY("spin", (spin(0), 0));
  TRY("spin-threads", spin_in_threads());
  TRY("ignore-limits", ignore_limits());
  TRY("open", refused(open(words[2], O_RDONLY)));
  TRY("create", refused(open(words[2], O_WRONLY | O_CREAT, 0600)));
  TRY("exec", refused(execl("/bin/true", "true", (char*)0)));
  TRY("socket", refused(socket(AF_INET, SOCK_STREAM, 0)));
  TRY("socket-survived", (refused(socket(AF_INET, SOCK_STREAM, 0)), puts("on"), 0));
  TRY("shared-memory", refused(syscall(SYS_shmget, 0, 1 << 20, 01600)));
  TRY("memfd", refused(syscall(SYS_memfd_create, "x", 0)));
  TRY("uring", refused(syscall(425, 1, 0)));
  TRY("executable-memory", executable_memory());
  TRY("own-filter", own_filter());
  TRY("other-abi", other_abi());
  TRY("many-denials", many_denials());
  TRY("namespace", refused(unshare(CLONE_NEWUSER)));
  fprintf(stderr, "no attempt is named %s\n", what);
  return 99;
}
