"""Every row of the table "Significant syscalls blocked by the default profile" of Docker's manual
(docs.docker.com/engine/security/seccomp), tried under docker-default without and with the capability
that gates it: refused by the filter with its errno, or answered by the kernel itself.

Arguments are such that the kernel refuses what the filter lets through, with another errno. The
process itself holds every capability, unless a row says that the kernel is the gate.
"""
import errno
import json
import os
import subprocess
import unittest

from harness import CALLGATE, SOURCE, main, scratch

PROGRAMS = os.environ.get("CALLGATE_TEST_PROGRAMS", ".")
BAD = 0x7ead0000  # an address that is not mapped
FD = 999          # a descriptor that is not open
PID = 0x7ffffffe  # a process that does not exist
DOCKER = ("CAP_CHOWN,CAP_DAC_OVERRIDE,CAP_FSETID,CAP_FOWNER,CAP_MKNOD,CAP_NET_RAW,CAP_SETGID,"
          "CAP_SETUID,CAP_SETFCAP,CAP_SETPCAP,CAP_NET_BIND_SERVICE,CAP_SYS_CHROOT,CAP_KILL,"
          "CAP_AUDIT_WRITE")
EPERM, ENOSYS = errno.EPERM, errno.ENOSYS

# call, arguments, the capability that opens it in the profile (None: no capability does), and the
# errnos of the kernel for these arguments once the call is let through.
X86_64 = [
    ("acct", [BAD], "CAP_SYS_PACCT", {errno.EFAULT}),
    ("add_key", [BAD, BAD, 0, 0, 0], None, None),
    ("bpf", [999, 0, 0], "CAP_SYS_ADMIN", {errno.EINVAL, errno.E2BIG, errno.EFAULT}),
    ("bpf", [999, 0, 0], "CAP_BPF", {errno.EINVAL, errno.E2BIG, errno.EFAULT}),
    ("clock_settime", [0, BAD], "CAP_SYS_TIME", {errno.EFAULT}),
    ("clone", [0x10000200], "CAP_SYS_ADMIN", {errno.EINVAL}),  # CLONE_NEWUSER|CLONE_FS
    ("create_module", [BAD, 0], None, None),
    ("delete_module", [BAD, 0], "CAP_SYS_MODULE", {errno.EFAULT, ENOSYS}),
    ("finit_module", [FD, BAD, 0], "CAP_SYS_MODULE", {errno.EBADF, errno.EFAULT, ENOSYS}),
    ("get_kernel_syms", [0], None, None),
    ("get_mempolicy", [BAD, 0, 0, 0, 0], "CAP_SYS_NICE", {errno.EFAULT, ENOSYS}),
    ("init_module", [BAD, 64, BAD], "CAP_SYS_MODULE", {errno.EFAULT, ENOSYS}),
    ("ioperm", [0xffffffff, 1, 1], "CAP_SYS_RAWIO", {errno.EINVAL, ENOSYS}),
    ("iopl", [99], "CAP_SYS_RAWIO", {errno.EINVAL, ENOSYS}),
    ("kcmp", [PID, PID, 0, 0, 0], "CAP_SYS_PTRACE", {errno.ESRCH, ENOSYS}),
    ("kexec_file_load", [FD, FD, 0, 0, 0xffff], None, None),
    ("kexec_load", [0, 9999, 0, 0], None, None),
    ("keyctl", [9999, 0, 0, 0, 0], None, None),
    ("lookup_dcookie", [0, BAD, 1], "CAP_SYS_ADMIN", {ENOSYS, errno.EINVAL}),
    ("mbind", [1, 1, 99, 0, 0, 0], "CAP_SYS_NICE", {errno.EINVAL, ENOSYS}),
    ("mount", [BAD, BAD, BAD, 0, 0], "CAP_SYS_ADMIN", {errno.EFAULT}),
    ("move_pages", [0, 1, BAD, BAD, BAD, 0xff00], None, None),
    ("nfsservctl", [0, 0, 0], None, None),
    ("open_by_handle_at", [FD, BAD, 0], "CAP_DAC_READ_SEARCH", {errno.EFAULT, errno.EBADF, ENOSYS}),
    ("perf_event_open", [BAD, 0, 0, FD, 0], "CAP_SYS_ADMIN", {errno.EFAULT, ENOSYS}),
    ("perf_event_open", [BAD, 0, 0, FD, 0], "CAP_PERFMON", {errno.EFAULT, ENOSYS}),
    ("personality", [0x12345678], None, None),
    ("pivot_root", [BAD, BAD], None, None),
    ("query_module", [0, 0, 0, 0, 0], None, None),
    ("quotactl", [0xffffffff, BAD, 0, BAD], "CAP_SYS_ADMIN", {errno.EINVAL, errno.EFAULT, ENOSYS}),
    ("reboot", [0, 0, 0, 0], "CAP_SYS_BOOT", {errno.EINVAL}),
    ("request_key", [BAD, BAD, BAD, 0], None, None),
    ("set_mempolicy", [99, 0, 0], "CAP_SYS_NICE", {errno.EINVAL, ENOSYS}),
    ("setns", [FD, 0], "CAP_SYS_ADMIN", {errno.EBADF}),
    ("settimeofday", [BAD, 0], "CAP_SYS_TIME", {errno.EFAULT}),
    ("swapon", [BAD, 0], None, None),
    ("swapoff", [BAD], None, None),
    ("sysfs", [99, 0, 0], None, None),
    ("_sysctl", [0], None, None),
    ("umount2", [BAD, 0xffff], "CAP_SYS_ADMIN", {errno.EINVAL}),
    ("unshare", [1], "CAP_SYS_ADMIN", {errno.EINVAL}),
    ("uselib", [BAD], None, None),
    ("userfaultfd", [0xffff], None, None),
    ("ustat", [0, BAD], None, None),
]
# The rows that only the 32-bit ABI has.
I386 = [
    ("stime", [BAD], "CAP_SYS_TIME", {errno.EFAULT}),
    ("umount", [BAD], "CAP_SYS_ADMIN", {errno.EFAULT}),
    ("vm86", [9999, 0], None, None),
    ("vm86old", [BAD], None, None),
]
# Since 4.8 the profile lets these through; before, only CAP_SYS_PTRACE opens them. The built-in
# profile speaks of kernels that have what callgate needs, so these rows take Docker's own file.
BY_RELEASE = [
    ("process_vm_readv", [PID, 0, 0, 0, 0, 99], {errno.EINVAL, ENOSYS}),
    ("process_vm_writev", [PID, 0, 0, 0, 0, 99], {errno.EINVAL, ENOSYS}),
    ("ptrace", [9999, PID, 0, 0], {errno.ESRCH, errno.EIO}),
]
DOCKER_FILE = os.path.join(os.environ.get("CALLGATE_SHARED", os.path.join(SOURCE, "..", "shared", "data")),
                           "moby-default.json")


def number(call, arch):
    listing = subprocess.run([CALLGATE, "syscalls", call, "--arch", arch, "--json"],
                             capture_output=True, text=True, check=True)
    return json.loads(listing.stdout)["calls"][0]["number"]


def errnos(rows, arch, caps, profile="docker-default"):
    """What each row's call gives under the profile for these capabilities."""
    lines = "".join(" ".join([str(number(row[0], arch)), *map(str, row[1])]) + "\n" for row in rows)
    program = os.path.join(PROGRAMS, "call64" if arch == "x86_64" else "call32")
    if not os.path.exists(program):
        raise unittest.SkipTest(program + " was not built: no 32-bit compiler")
    done = subprocess.run([CALLGATE, "run", "--profile", profile, "--caps", caps, "--arch",
                           "x86_64,i386,x32", "--report", "none", "--", program],
                          input=lines, capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise AssertionError(done)
    return [int(line.split()[1]) for line in done.stdout.splitlines()]


class Blocked(unittest.TestCase):
    def table(self, rows, arch):
        for row, got in zip(rows, errnos(rows, arch, DOCKER), strict=True):
            with self.subTest(call=row[0], caps="docker"):
                self.assertEqual(got, EPERM)
        for capability in sorted({row[2] for row in rows if row[2]}):
            gated = [row for row in rows if row[2] == capability]
            for row, got in zip(gated, errnos(gated, arch, DOCKER + "," + capability), strict=True):
                with self.subTest(call=row[0], caps=capability):
                    self.assertIn(got, row[3])
        closed = [row for row in rows if row[2] is None]
        for row, got in zip(closed, errnos(closed, arch, "all"), strict=True):
            with self.subTest(call=row[0], caps="all"):
                self.assertEqual(got, EPERM)

    def test_rows_of_x86_64(self):
        self.table(X86_64, "x86_64")

    def test_rows_of_i386_alone(self):
        self.table(I386, "i386")

    def test_rows_that_depend_on_the_release(self):
        if not os.path.exists(DOCKER_FILE):
            self.skipTest("moby-default.json is not there")
        policy = os.path.join(scratch(self), "policy")
        for kernel, caps, refused in (("4.4", DOCKER, True), ("4.4", DOCKER + ",CAP_SYS_PTRACE", False),
                                      ("6.1", DOCKER, False)):
            subprocess.run([CALLGATE, "convert", DOCKER_FILE, "--to", "text", "--reader", "docker", "--caps",
                            caps, "--kernel", kernel, "-o", policy], check=True, capture_output=True)
            got = errnos(BY_RELEASE, "x86_64", caps, policy)
            for row, value in zip(BY_RELEASE, got, strict=True):
                with self.subTest(call=row[0], kernel=kernel, caps=caps):
                    self.assertIn(value, {EPERM} if refused else row[2])

    def test_clone3_is_unimplemented_so_that_libc_falls_back_to_clone(self):
        row = [("clone3", [BAD, 64])]
        self.assertEqual(errnos(row, "x86_64", DOCKER), [ENOSYS])
        self.assertEqual(errnos(row, "x86_64", DOCKER + ",CAP_SYS_ADMIN"), [errno.EFAULT])

    def test_clock_adjtime_is_gated_by_the_kernel_alone(self):
        # The filter lets it through; a process without CAP_SYS_TIME is refused by the kernel. The
        # text stands for a struct timex whose modes ask for a change.
        timex = [("clock_adjtime", [0, '"' + "A" * 300 + '"'])]
        bad = [("clock_adjtime", [0, BAD])]
        self.assertEqual(errnos(bad, "x86_64", DOCKER), [errno.EFAULT])
        lines = f"{number('clock_adjtime', 'x86_64')} 0 {timex[0][1][1]}\n"
        done = subprocess.run(["setpriv", "--bounding-set", "-sys_time", CALLGATE, "run", "--profile",
                               "docker-default", "--report", "none", "--",
                               os.path.join(PROGRAMS, "call64")],
                              input=lines, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.stdout.split(), ["-1", str(EPERM)], done)


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("skipped: docker_blocked: the rows need root, whose capabilities leave the filter alone to refuse")
        raise SystemExit(77)
    main()
