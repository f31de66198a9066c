/* For each promise what it lets through, and a call that is like it and refused. `promised NAME` tries
   both, `promised without` that nothing of any promise works, `promised list` names what belongs to
   each. Calls that the policy refuses fail with ENOTRECOVERABLE. Standard input is a file, and the
   working directory is empty but for a file named "file". */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define CHECK(call) \
  do { \
    if ((call) < 0) return errno; \
  } while (0)

static const char* target;

static int open_closed(const char* path, int flags) {
  int fd = open(path, flags, 0600);
  CHECK(fd);
  return close(fd) < 0 ? errno : 0;
}
static int no_open(void) { return open_closed("file", O_RDONLY); }
static int no_write(void) { return open_closed("file", O_WRONLY); }
static int no_create(void) { return open_closed("new", O_WRONLY | O_CREAT); }

static void* thread(void* value) { return value; }
static int do_stdio(void) {
  pthread_t id;
  void* block = malloc(1 << 20);
  int ends[2];
  char byte = 1;
  struct stat about;
  struct timespec moment = {0, 1000};
  if (block == NULL) return errno;
  free(block);
  CHECK(pipe(ends));
  CHECK(write(ends[1], &byte, 1));
  CHECK(read(ends[0], &byte, 1));
  CHECK(fstat(ends[0], &about));
  CHECK(clock_gettime(CLOCK_REALTIME, &moment));
  moment.tv_sec = 0;
  moment.tv_nsec = 1000;
  CHECK(nanosleep(&moment, NULL));
  if ((errno = pthread_create(&id, NULL, thread, NULL)) != 0) return errno;
  if ((errno = pthread_join(id, NULL)) != 0) return errno;
  return signal(SIGUSR1, SIG_IGN) == SIG_ERR ? errno : 0;
}

static int do_chown(void) { CHECK(chown("file", getuid(), getgid())); return 0; }
static int no_chown(void) { return do_chown(); }
static int do_fattr(void) {
  CHECK(chmod("file", 0640));
  CHECK(utimensat(AT_FDCWD, "file", NULL, 0));
  return 0;
}
static int no_fattr(void) { CHECK(chmod("file", 0600)); return 0; }
static int do_cpath(void) {
  CHECK(mkdir("folder", 0700));
  CHECK(rename("folder", "other"));
  CHECK(rmdir("other"));
  CHECK(symlink("file", "link"));
  CHECK(unlink("link"));
  return 0;
}
static int no_mkdir(void) { CHECK(mkdir("never", 0700)); return 0; }
static int do_dpath(void) { CHECK(mkfifo("fifo", 0600)); return 0; }
static int do_exec(void) {
  char* const words[] = {(char*)target, "nothing", NULL};
  execv(target, words);
  return errno;
}
static int no_fork(void) {
  pid_t child = fork();
  CHECK(child);
  if (child == 0) _exit(0);
  return 0;
}
static int do_flock(void) {
  struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
  CHECK(flock(0, LOCK_SH));
  CHECK(fcntl(0, F_SETLK, &lock));
  return 0;
}
static int no_owner(void) { CHECK(fcntl(0, F_SETOWN, getpid())); return 0; }
static int do_getpw(void) {
  errno = 0;
  return getpwuid(0) == NULL ? (errno != 0 ? errno : ENOENT) : 0;
}
static int do_id(void) {
  CHECK(setgid(getgid()));
  CHECK(setuid(getuid()));
  CHECK(setpriority(PRIO_PROCESS, 0, 0));
  return 0;
}
static int no_chroot(void) { CHECK(chroot("/")); return 0; }

static int do_inet(void) {
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  char byte = 7;
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  CHECK(listener);
  CHECK(bind(listener, (struct sockaddr*)&address, sizeof address));
  CHECK(listen(listener, 1));
  CHECK(getsockname(listener, (struct sockaddr*)&address, &length));
  int caller = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK(caller);
  CHECK(connect(caller, (struct sockaddr*)&address, sizeof address));
  int taken = accept(listener, NULL, NULL);
  CHECK(taken);
  CHECK(send(caller, &byte, 1, 0));
  CHECK(recv(taken, &byte, 1, 0));
  return byte == 7 ? 0 : EIO;
}
static int no_unix(void) { CHECK(socket(AF_UNIX, SOCK_STREAM, 0)); return 0; }
static int no_inet(void) { CHECK(socket(AF_INET, SOCK_STREAM, 0)); return 0; }
static int no_packet(void) { CHECK(socket(AF_PACKET, SOCK_RAW, 0)); return 0; }
static int do_mcast(void) {
  unsigned char hops = 3;
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  CHECK(fd);
  CHECK(setsockopt(fd, IPPROTO_IP, IP_MULTICAST_TTL, &hops, sizeof hops));
  return 0;
}
static int do_dns(void) {
  struct addrinfo* found = NULL;
  const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
  errno = 0;
  if (getaddrinfo("localhost", "80", &hints, &found) != 0) return errno != 0 ? errno : ENOENT;
  freeaddrinfo(found);
  return 0;
}
static int no_listen(void) { CHECK(listen(0, 1)); return 0; }
static int do_unix(void) {
  struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "socket"};
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  CHECK(fd);
  CHECK(bind(fd, (struct sockaddr*)&address, sizeof address));
  CHECK(listen(fd, 1));
  return 0;
}

static int do_proc(void) {
  int status = 0;
  pid_t child = fork();
  CHECK(child);
  if (child == 0) {
    for (;;) pause();
  }
  CHECK(kill(child, SIGKILL));
  CHECK(waitpid(child, &status, 0));
  return WIFSIGNALED(status) ? 0 : EIO;
}
static int no_unshare(void) { CHECK(unshare(0)); return 0; }
static int no_kill(void) { CHECK(kill(getppid(), 0)); return 0; }
static int do_prot_exec(void) {
  void* page = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return page == MAP_FAILED ? errno : 0;
}
static int no_exec_page(void) { return do_prot_exec(); }
static int do_ps(void) { return open_closed("/proc/1/stat", O_RDONLY); }
static int do_vminfo(void) { return open_closed("/proc/meminfo", O_RDONLY); }

static int message(int receives) {
  int ends[2];
  char byte = 0;
  char room[CMSG_SPACE(sizeof(int))] = {0};
  struct iovec part = {&byte, 1};
  struct msghdr head = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = room,
                        .msg_controllen = sizeof room};
  CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends));
  if (receives) {
    CHECK(write(ends[0], &byte, 1));
    CHECK(recvmsg(ends[1], &head, 0));
    return 0;
  }
  struct cmsghdr* passed = CMSG_FIRSTHDR(&head);
  passed->cmsg_level = SOL_SOCKET;
  passed->cmsg_type = SCM_RIGHTS;
  passed->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(passed), &ends[0], sizeof(int));
  CHECK(sendmsg(ends[0], &head, 0));
  return 0;
}
static int do_sendfd(void) { return message(0); }
static int do_recvfd(void) { return message(1); }

static int do_rpath(void) {
  struct stat about;
  char folder[4096];
  CHECK(stat("file", &about));
  CHECK(access("file", R_OK));
  if (getcwd(folder, sizeof folder) == NULL) return errno;
  return open_closed("file", O_RDONLY);
}
static int do_wpath(void) {
  CHECK(truncate("file", 3));
  return open_closed("file", O_WRONLY | O_TRUNC);
}
static int do_settime(void) {
  struct timex only_read = {0};
  CHECK(adjtimex(&only_read));
  return 0;
}
static int no_hostname(void) { CHECK(sethostname("", 0)); return 0; }
static int do_tty(void) {
  struct termios nothing = {0};
  if (tcsetattr(0, TCSANOW, &nothing) < 0 && errno != ENOTTY) return errno;
  return 0;
}
static int no_input(void) { CHECK(ioctl(0, TIOCSTI, "x")); return 0; }
static int do_unveil(void) {
#ifdef SYS_landlock_create_ruleset
  const long done = syscall(SYS_landlock_create_ruleset, NULL, 0, 1);
#else
  const long done = syscall(444, NULL, 0, 1);
#endif
  return done < 0 && errno == ENOTRECOVERABLE ? errno : 0;
}

static const struct Row {
  const char* name;
  const char* with; /* what else is promised */
  int (*act)(void);
  int (*refused)(void);
} rows[] = {
    {"chown", "stdio", do_chown, no_fattr},      {"cpath", "stdio", do_cpath, no_create},
    {"dns", "stdio", do_dns, no_listen},         {"dpath", "stdio", do_dpath, no_mkdir},
    {"exec", "stdio", do_exec, no_fork},         {"fattr", "stdio", do_fattr, no_chown},
    {"flock", "stdio", do_flock, no_owner},      {"getpw", "stdio", do_getpw, no_write},
    {"id", "stdio", do_id, no_chroot},           {"inet", "stdio", do_inet, no_unix},
    {"mcast", "stdio, inet", do_mcast, no_packet}, {"proc", "stdio", do_proc, no_unshare},
    {"prot_exec", "stdio", do_prot_exec, no_open}, {"ps", "stdio", do_ps, no_kill},
    {"recvfd", "stdio", do_recvfd, do_sendfd},   {"rpath", "stdio", do_rpath, no_write},
    {"sendfd", "stdio", do_sendfd, do_recvfd},   {"settime", "stdio", do_settime, no_hostname},
    {"stdio", "stdio", do_stdio, no_exec_page},  {"tty", "stdio", do_tty, no_input},
    {"unix", "stdio", do_unix, no_inet},         {"unveil", "stdio", do_unveil, no_open},
    {"vminfo", "stdio", do_vminfo, no_write},    {"wpath", "stdio", do_wpath, no_open},
};
static const int count = sizeof rows / sizeof *rows;

static int is_refused(const char* name, const char* what, int code) {
  if (code != ENOTRECOVERABLE) fprintf(stderr, "%s: %s gave %s\n", name, what, strerror(code));
  return code == ENOTRECOVERABLE;
}

int main(int argc, char** argv) {
  int wrong = 0;
  if (argc < 2 || strcmp(argv[1], "nothing") == 0) return 0;
  target = argc > 2 ? argv[2] : argv[0];
  for (int i = 0; i < count; ++i) {
    const struct Row* row = &rows[i];
    if (strcmp(argv[1], "list") == 0) printf("%s: %s\n", row->name, row->with);
    if (strcmp(argv[1], "without") == 0 && row->act != do_stdio)
      wrong += !is_refused(row->name, "what it is for", row->act());
    if (strcmp(argv[1], row->name) != 0) continue;
    wrong += !is_refused(row->name, "what is not its own", row->refused());
    const int code = row->act();
    if (code != 0) fprintf(stderr, "%s: %s\n", row->name, strerror(code));
    wrong += code != 0;
  }
  return wrong;
}
