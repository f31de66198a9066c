"""What the intruder in an example tries: rows of system calls, each with arguments that would do
harm, and the words in which examples/intruder/intruder.h takes them. x86-64 only.

A row is (what it would be good for, attempts). An attempt is (the call as the table shows it, how it
is made). Without a policy each attempt gets past the filter's place: what it then gets (a
descriptor, or an errno that is about the arguments) differs from what a filter says."""
import functools
import json
import struct

from harness import callgate

X32 = 0x40000000
AT_FDCWD = -100
O_WRONLY, O_RDWR, O_CREAT, O_PATH, O_CLOEXEC = 1, 2, 0o100, 0o10000000, 0o2000000


class Words(tuple):
    """A structure of 64-bit words in the intruder's memory: numbers, or pointers to bytes or Words."""


@functools.lru_cache(None)
def numbers():
    """x86-64's call numbers by name, as callgate's own tables have them."""
    table = json.loads(callgate("syscalls", "--arch", "x86_64", "--json").stdout)
    return {entry["call"]: entry["number"] for entry in table["calls"]}


class Attempt:
    """One call as lines for the intruder. Arguments are numbers, what a pointer points to, or text as
    the intruder takes it."""

    def __init__(self, shown, number, *arguments, entry="call"):
        self.shown = shown
        self.number = number
        self.lines = []
        self.used = 0
        words = [self.word(argument) for argument in arguments]
        self.lines.append(" ".join([entry, str(number), *words]))

    def word(self, argument):
        if isinstance(argument, (int, str)):
            return str(argument)
        return f"@{self.place(argument)}"

    def place(self, item):
        data = item if isinstance(item, bytes) else b"".join(
            struct.pack("<q", word) if isinstance(word, int) else bytes(8) for word in item)
        offset = self.used
        self.used += (len(data) + 15) // 16 * 16
        if data:
            self.lines.append(f"poke {offset} {data.hex()}")
        if isinstance(item, Words):
            for i, word in enumerate(item):
                if not isinstance(word, int):
                    self.lines.append(f"pointer {offset + 8 * i} @{self.place(word)}")
        return offset


class Target:
    """What the intruder finds around it: `connection` and `other` are descriptors of its process,
    `victim` another process, `folder` one with the files secret and open for writing, `port` one of
    127.0.0.1 at which somebody listens."""

    def __init__(self, connection, other, victim, folder, port):
        self.connection = connection
        self.other = other
        self.victim = victim
        self.folder = folder.encode()
        self.port = port


def rows(target):
    nr = numbers()

    def path(name):
        return target.folder + b"/" + name + b"\0"

    def call(name, *arguments, shown=None):
        return Attempt(shown or name, nr[name], *arguments)

    address = struct.pack("<HH4s8x", 2, struct.unpack("<H", struct.pack(">H", target.port))[0],
                          bytes([127, 0, 0, 1]))
    secret, new = path(b"secret"), path(b"new")
    shell = (b"/bin/true\0", Words((b"true\0", 0)), Words((0,)))
    vector = Words((bytes(64), 64))
    # One descriptor, number 0, to whoever reads the other end.
    rights = struct.pack("<QiiiI", 20, 1, 1, 0, 0)
    message = Words((0, 0, Words((b"x", 1)), 1, rights, 24, 0))
    allow_all = Words((1, struct.pack("<HBBI", 6, 0, 0, 0x7fff0000)))
    stack = Words((0,) * 64)
    fd, other, victim = target.connection, target.other, target.victim
    page = "@32768"
    return [
        ("read a file", [
            call("open", secret, 0), call("openat", AT_FDCWD, secret, 0),
            call("openat2", AT_FDCWD, secret, bytes(24), 24),
            call("name_to_handle_at", AT_FDCWD, secret, struct.pack("<II", 0, 0), bytes(8), 0)]),
        ("write a file", [
            call("openat", AT_FDCWD, new, O_WRONLY | O_CREAT, 0o600, shown="openat(O_WRONLY)"),
            call("creat", new, 0o600), call("truncate", path(b"open"), 0),
            call("memfd_create", b"m\0", 0)]),
        ("look at files", [
            call("stat", secret, bytes(144)), call("newfstatat", AT_FDCWD, secret, bytes(144), 0),
            call("statx", AT_FDCWD, secret, 0, 0x7ff, bytes(256)), call("access", secret, 4),
            call("readlink", b"/proc/self/exe\0", bytes(64), 64),
            call("getdents64", fd, bytes(512), 512)]),
        ("change the tree", [
            call("mkdir", path(b"d"), 0o700), call("unlink", path(b"none")),
            call("rename", path(b"none"), new), call("symlink", secret, path(b"s")),
            call("link", path(b"none"), new), call("mknod", path(b"fifo"), 0o10600, 0),
            call("chmod", path(b"none"), 0o4755), call("fchmod", -1, 0o4755),
            call("lchown", path(b"none"), 0, 0), call("setxattr", path(b"none"), b"user.a\0", b"x", 1, 0)]),
        ("change directory or root", [
            call("chdir", path(b"none")), call("chroot", path(b"none")),
            call("pivot_root", path(b"none"), path(b"none"))]),
        ("mount", [
            call("mount", b"none\0", path(b"none"), b"tmpfs\0", 0, 0), call("umount2", path(b"none"), 0),
            call("fsopen", b"none-such\0", 0), call("open_tree", AT_FDCWD, path(b"none"), 1)]),
        ("watch the file system", [call("inotify_init1", 0), call("fanotify_init", 0xffff, 0)]),
        ("make a socket: TCP, UDP", [
            call("socket", 2, 1, 0, shown="socket(AF_INET, SOCK_STREAM)"),
            call("socket", 2, 2, 0, shown="socket(AF_INET, SOCK_DGRAM)")]),
        ("make a socket: local, netlink, raw, vsock, crypto", [
            call("socket", 1, 1, 0, shown="socket(AF_UNIX)"),
            call("socket", 16, 3, 0, shown="socket(AF_NETLINK)"),
            call("socket", 17, 3, 0, shown="socket(AF_PACKET)"),
            call("socket", 40, 1, 0, shown="socket(AF_VSOCK)"),
            call("socket", 38, 5, 0, shown="socket(AF_ALG)"), call("socketpair", 1, 1, 0, bytes(8))]),
        ("reach another host by a socket it has", [
            call("connect", fd, address, 16), call("bind", fd, address, 16), call("listen", fd, 1),
            call("sendto", fd, b"x", 0, 0, address, 16, shown="sendto(address)"),
            call("sendmmsg", fd, message, 0, 0)]),
        ("pass a descriptor on", [call("sendmsg", other, message, 0, shown="sendmsg(SCM_RIGHTS)"),
                                  call("recvmsg", other, message, 0x40)]),
        ("change a socket", [call("setsockopt", fd, 1, 2, struct.pack("<I", 1), 4),
                             call("shutdown", -1, 2)]),
        ("make a descriptor", [
            call("dup", fd), call("dup2", fd, 60), call("fcntl", fd, 0, 50, shown="fcntl(F_DUPFD)"),
            call("pipe2", bytes(8), 0), call("eventfd2", 0, 0), call("epoll_create1", 0),
            call("timerfd_create", 1, 0), call("signalfd4", -1, bytes(8), 8, 0)]),
        ("have a signal sent by a descriptor", [call("fcntl", fd, 8, victim, shown="fcntl(F_SETOWN)")]),
        ("control a device", [
            call("ioctl", fd, 0x541b, bytes(8), shown="ioctl(FIONREAD)"),
            call("ioctl", 0, 0x5412, b"x", shown="ioctl(TIOCSTI)"),
            call("ioctl", 0, 0x541c, b"\2", shown="ioctl(TIOCLINUX)")]),
        ("copy in the kernel", [
            call("sendfile", fd, -1, 0, 1), call("splice", -1, 0, fd, 0, 1, 0),
            call("copy_file_range", -1, 0, fd, 0, 1, 0)]),
        ("make a process", [
            call("fork"), call("vfork"), call("clone", 17, 0, 0, 0, 0),
            call("clone3", struct.pack("<11Q", 0, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0), 88)]),
        ("make a thread", [call("clone", 0x10f00, stack, 0, 0, 0, shown="clone(CLONE_THREAD)")]),
        ("make a namespace", [
            call("clone", 0x10000000 | 17, 0, 0, 0, 0, shown="clone(CLONE_NEWUSER)"),
            call("unshare", 0x04000000), call("setns", -1, 0)]),
        ("run a program", [
            call("execve", b"/none\0", *shell[1:]), call("execveat", AT_FDCWD, b"/none\0", *shell[1:], 0)]),
        ("signal another process", [
            call("kill", victim, 15), call("tkill", victim, 15), call("tgkill", victim, victim, 15),
            call("rt_sigqueueinfo", victim, 15, struct.pack("<iii116x", 15, 0, -1)),
            call("pidfd_open", victim, 0), call("pidfd_send_signal", -1, 15, 0, 0)]),
        ("read or write another's memory", [
            call("ptrace", 0x4206, victim, 0, 0, shown="ptrace(PTRACE_SEIZE)"),
            call("process_vm_readv", victim, vector, 1, vector, 1, 0),
            call("process_vm_writev", victim, vector, 0, vector, 0, 0),
            call("process_madvise", -1, vector, 1, 20, 0), call("pidfd_getfd", -1, 0, 0),
            call("kcmp", victim, victim, 0, 0, 0)]),
        ("hinder another process", [
            call("prlimit64", victim, 7, bytes(16), 0, shown="prlimit64(of another)"),
            call("setpriority", 0, victim, 19), call("ioprio_set", 1, victim, 0x6000),
            call("sched_setaffinity", victim, 8, struct.pack("<Q", 3))]),
        ("run code of its own: by mprotect", [
            call("mprotect", page, 4096, 7, shown="mprotect(PROT_WRITE|PROT_EXEC)"),
            call("mprotect", page, 4096, 5, shown="mprotect(PROT_EXEC)"),
            call("pkey_mprotect", page, 4096, 5, -1, shown="pkey_mprotect(PROT_EXEC)")]),
        ("run code of its own: by mmap", [
            call("mmap", 0, 4096, 7, 0x22, -1, 0, shown="mmap(PROT_WRITE|PROT_EXEC)"),
            call("mmap", 0, 4096, 4, 0x22, -1, 0, shown="mmap(PROT_EXEC, MAP_ANONYMOUS)"),
            call("shmat", -1, 0, 0o100000, shown="shmat(SHM_EXEC)")]),
        ("take memory", [call("mmap", 0, 1 << 20, 3, 0x22, -1, 0, shown="mmap(PROT_WRITE)"),
                         call("brk", 0), call("munmap", "@49152", 4096)]),
        ("take memory in other ways", [
            call("mremap", 0, 4096, 8192, 1), call("mlock", page, 4096), call("mlockall", 0),
            call("remap_file_pages", page, 4096, 0, 0, 0), call("shmget", 0, 4096, 0o1600)]),
        ("handle signals, wait, count time", [
            call("rt_sigaction", 10, 0, bytes(32), 8), call("rt_sigprocmask", 0, 0, bytes(8), 8),
            call("alarm", 0), call("setitimer", 2, 0, 0), call("timer_create", 99, 0, bytes(8)),
            call("nanosleep", struct.pack("<QQ", 0, 1), 0)]),
        ("be another user", [
            call("setuid", 0), call("setresuid", -1, -1, -1), call("setgid", 0),
            call("setgroups", 0, 0), call("capset", struct.pack("<II", 0, 0), 0),
            call("setfsuid", 0)]),
        ("change what it is", [
            call("prctl", 4, 1, 0, 0, 0, shown="prctl(PR_SET_DUMPABLE)"),
            call("prctl", 15, b"sshd\0", 0, 0, 0, shown="prctl(PR_SET_NAME)"),
            call("prctl", 1, 0, 0, 0, 0, shown="prctl(PR_SET_PDEATHSIG)"),
            call("arch_prctl", 0x1003, bytes(8), shown="arch_prctl(ARCH_GET_FS)"),
            call("personality", 0xffffffff), call("setrlimit", 4, struct.pack("<qq", 0, 0)),
            call("modify_ldt", 0, bytes(16), 16), call("iopl", 0), call("ioperm", 0, 1, 0)]),
        ("another filter", [
            call("seccomp", 1, 0, allow_all, shown="seccomp(SECCOMP_SET_MODE_FILTER)"),
            call("seccomp", 1, 8, allow_all, shown="seccomp(FLAG_NEW_LISTENER)"),
            call("prctl", 22, 2, allow_all, 0, 0, shown="prctl(PR_SET_SECCOMP)")]),
        ("doors into the kernel", [
            call("io_uring_setup", 1, bytes(120)), call("bpf", 0, bytes(72), 72),
            call("perf_event_open", bytes(128), 0, -1, -1, 0), call("userfaultfd", 0),
            call("keyctl", 0, -3, 0), call("add_key", b"user\0", b"k\0", b"x", 1, -3),
            call("request_key", b"user\0", b"none\0", 0, 0),
            call("landlock_create_ruleset", 0, 0, 1)]),
        ("the machine", [
            call("init_module", page, 0, b"\0"), call("finit_module", -1, b"\0", 0),
            call("kexec_load", 0, 0, 0, -1), call("reboot", 0, 0, 0, 0), call("syslog", 10, 0, 0),
            call("swapon", path(b"none"), 0), call("acct", path(b"none")),
            call("sethostname", b"x", -1), call("settimeofday", struct.pack("<qq", -1, -1), 0),
            call("adjtimex", bytes(208)), call("quotactl", 0x80000700, 0, 0, 0)]),
        ("System V and POSIX queues", [
            call("msgget", 0, 0o1600), call("semget", 0, 1, 0o1600),
            call("mq_open", b"none\0", 0, 0, 0)]),
        ("ask who and where it is", [
            call("getpid"), call("getuid"), call("uname", bytes(390)), call("getppid"),
            call("sysinfo", bytes(112)), call("getcwd", bytes(256), 256),
            call("sched_getaffinity", 0, 8, bytes(8))]),
        ("the clock, chance", [
            call("clock_gettime", 0, bytes(16)), call("getrandom", bytes(8), 8, 0)]),
        ("x32 numbers", [
            Attempt("openat|0x40000000", X32 | nr["openat"], AT_FDCWD, secret, 0),
            Attempt("socket|0x40000000", X32 | nr["socket"], 2, 1, 0),
            Attempt("x32 execve (520)", X32 | 520, b"/none\0", 0, 0)]),
        ("int $0x80", [
            Attempt("i386 getpid (20)", 20, entry="call32"),
            Attempt("i386 socket (359)", 359, 2, 1, 0, entry="call32")]),
        ("numbers of no call", [Attempt("1000", 1000), Attempt("-1", -1)]),
        ("read, what is open", [
            call("read", fd, bytes(8), 0), call("read", other, bytes(8), 0, shown="read(another)"),
            call("recvfrom", fd, bytes(8), 8, 0x42, 0, 0),
            call("recvfrom", other, bytes(8), 8, 0x42, 0, 0, shown="recvfrom(another)")]),
        ("write, where it is open", [
            call("write", fd, b"", 0), call("write", other, b"", 0, shown="write(another)"),
            call("sendto", fd, b"", 0, 0, 0, 0), call("sendto", other, b"", 0, 0, 0, 0, shown="sendto(another)"),
            call("write", 2, b"", 0, shown="write(2)")]),
        ("close, wait, take connections", [
            call("close", -1), call("epoll_ctl", -1, 1, 0, bytes(12)),
            call("epoll_wait", -1, bytes(12), 1, 0), call("accept4", -1, 0, 0, 0),
            call("futex", page, 1, 0), call("poll", 0, 0, 0)]),
    ]
