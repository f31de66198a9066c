"""Containers under Debian's runc and crun: what happens inside is what the emulator says of the filter
that was dumped from them, call by call and with arguments, and that is what our reading of the
bundle's own section says too."""
import json
import os
import select
import shutil
import subprocess
import time
import unittest

from harness import CALLGATE, callgate, main, need, scratch

CALLS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(CALLGATE))), "tests", "call64")
CALLS_32 = os.path.join(os.path.dirname(CALLS), "call32")
LIBSECCOMP = "6.7"  # newest release whose calls Debian 12's libseccomp knows
HIGH = 1 << 32

# Harmless where they are let through: they fail, or change nothing that lasts.
X86_64_CALLS = (
    [(nr,) for nr in (39, 102, 104, 107, 108, 110, 111, 186, 96, 201, 24, 63, 99)]
    # socket: families 0..45, and with bits above the 32 that the kernel looks at
    + [(41, family, 2, 0) for family in range(46)]
    + [(41, family + HIGH, 2, 0) for family in (1, 37, 38, 39, 40, 41)]
    + [(41, 0xffffffff, 2, 0), (41, 0xffffffffffffffff, 2, 0)]
    # personality: each value of Docker's list, its neighbours, a dirty high half
    + [(135, value) for value in (0xffffffff, 0xffffffffffffffff, 0xfffffffe + HIGH, 0x20001, 9, 1)]
    # clone: CLONE_THREAD without CLONE_SIGHAND, which the kernel refuses whatever else is asked for
    + [(56, flags | 0x10000, 0, 0, 0, 0) for flags in (0, 0x20000, 0x2000000, 0x4000000, 0x8000000,
                                                       0x10000000, 0x20000000, 0x40000000,
                                                       0x10000000 + HIGH)]
    + [(101, 99, 0x7fffffff)]
    + [(435, 0, 0)]
    # what a capability gates, with arguments that fail
    + [(nr, 0, 0, 0, 0, 0) for nr in (165, 166, 155, 161, 272, 308, 169, 175, 176, 313, 163, 246, 167,
                                      168, 170, 171, 310, 312, 321, 298, 304, 300, 179, 248, 249,
                                      250, 237, 238, 239, 323, 425, 426, 427, 428, 429, 430, 442)]
    # numbers without a name, past the last, of x32, and -1
    + [(nr, 0, 0, 0, 0, 0) for nr in (340, 423, 452, 462, 466, 467, 469, 470, 500, 1000,
                                      0x40000027, 0x400001d2, 0x40000224, 0x80000000, 0xffffffff)]
    # lseek on a descriptor that is not open: EBADF unless the filter answers
    + [(8, 99, offset, whence) for offset in (0, 1, 6, 7, 99, 100, 101, 127, 128, 4095, 4096, HIGH,
                                              HIGH + 100, 2**63, 2**64 - 1) for whence in (0, 1, 2)]
    + [(140, which, 0) for which in range(8)]
)
I386_CALLS = (
    [(nr,) for nr in (20, 24, 47, 64, 224)]
    + [(359, family, 2, 0) for family in (1, 2, 10, 16, 37, 38, 39, 40, 41)]
    + [(102, call, 0) for call in (0, 1, 2, 3, 9, 20, 21)]
    + [(136, value) for value in (0xffffffff, 0x20001, 9)]
    + [(117, call, 0, 0, 0, 0) for call in (1, 2, 11, 21, 24, 99)]
    + [(nr, 0, 0, 0, 0) for nr in (21, 22, 52, 61, 310, 346, 357, 384, 430, 435, 466, 467, 470, 5000)]
)

ARGUMENTS = """\
abi 6.7
arches x86_64
otherwise allow
unlisted kill_thread
errno(EACCES) socket if domain in {1, 5..9, 38} and type & 15 != 1
errno(EXDEV) lseek if args[1] in {7..100, 128..4095} and whence != 1
errno(ENOTTY) lseek if args[1] >= 0x100000000
errno(EPROTO) getpriority if which & 3 == 2 or which > 5
errno(ERANGE) getpid
"""


def bundle(folder, program, section, capabilities):
    """A bundle that runs `program` with busybox beside it."""
    root = os.path.join(folder, "rootfs")
    for name in ("bin", "proc", "dev", "sys"):
        os.makedirs(os.path.join(root, name))
    shutil.copy(shutil.which("busybox"), os.path.join(root, "bin", "busybox"))
    shutil.copy(program, os.path.join(root, "bin", "call"))
    config = {
        "ociVersion": "1.0.2",
        "process": {
            "terminal": False, "user": {"uid": 0, "gid": 0}, "cwd": "/",
            "args": ["/bin/busybox", "sh", "-c", "exec /bin/call"], "env": ["PATH=/bin"],
            "capabilities": {kind: capabilities
                             for kind in ("bounding", "effective", "permitted")},
            "noNewPrivileges": True,
        },
        "root": {"path": "rootfs", "readonly": False},
        "hostname": "callgate",
        "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
        "linux": {"namespaces": [{"type": kind} for kind in ("pid", "mount", "ipc", "uts",
                                                             "network")]},
    }
    if section is not None:
        config["linux"]["seccomp"] = section
    with open(os.path.join(folder, "config.json"), "w") as file:
        json.dump(config, file)


class Container:
    """A container whose program takes calls from its standard input."""

    def __init__(self, case, runtime, folder):
        self.command = runtime + ["--root", os.path.join(scratch(case), "state")]
        self.name = f"callgate-{os.getpid()}-{time.monotonic_ns()}"
        self.process = subprocess.Popen(self.command + ["run", "-b", folder, self.name],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        case.addCleanup(self.end)

    def ask(self, call):
        self.process.stdin.write(" ".join(str(word) for word in call) + "\n")
        self.process.stdin.flush()
        ready, _, _ = select.select([self.process.stdout], [], [], 20)
        line = self.process.stdout.readline() if ready else ""
        if not line:
            self.process.kill()
            raise AssertionError(f"no answer to {call}: " + self.process.communicate()[1])
        result, errno = line.split()
        return int(errno) if int(result) == -1 else 0

    def pid(self):
        state = subprocess.run(self.command + ["state", self.name], capture_output=True, text=True)
        return json.loads(state.stdout)["pid"]

    def end(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            try:
                self.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self.process.kill()
        for stream in (self.process.stdout, self.process.stderr):
            stream.close()


def emulate(program, arch, call):
    """What a filter returns for a call."""
    arguments = [word for i, value in enumerate(call[1:]) for word in ("--arg", f"{i}={value}")]
    answer = callgate("emu", program, "--arch", arch, "--nr", str(call[0]), *arguments, "--json")
    if answer.returncode != 0:
        raise AssertionError(answer.stderr)
    return json.loads(answer.stdout)["calls"][0]["result"]


class Containers(unittest.TestCase):
    def setUp(self):
        need("busybox")
        if os.geteuid() != 0:
            self.skipTest("needs root")
        if not os.path.exists(CALLS):
            self.skipTest("call64 is not built")

    def runtime(self, name):
        need(name)
        if name == "runc":
            return ["runc"]
        # crun refuses a hybrid layout: without the unified mount, in a mount namespace of its own,
        # it sees the other one.
        need("unshare")
        unified = "/sys/fs/cgroup/unified"
        hide = f"umount {unified} && " if os.path.ismount(unified) else ""
        return ["unshare", "--mount", "--propagation", "private", "sh", "-c",
                hide + 'exec crun "$@"', "crun"]

    def start(self, runtime, program, section, capabilities):
        folder = scratch(self)
        bundle(folder, program, section, capabilities)
        container = Container(self, self.runtime(runtime), folder)
        try:
            container.ask((39,) if program == CALLS else (20,))
        except (AssertionError, BrokenPipeError) as error:
            if section is None:
                self.skipTest(f"{runtime} runs no container here: {error}")
            raise
        return container, folder

    def compare(self, runtime, source, options, capabilities, program=CALLS, arch="x86_64",
                calls=X86_64_CALLS):
        written = callgate("convert", source, "--to", "oci", "--runtime", runtime, "--libseccomp",
                           LIBSECCOMP, *options)
        self.assertEqual(written.returncode, 0, written.stderr)
        plain, _ = self.start(runtime, program, None, capabilities)
        confined, folder = self.start(runtime, program, json.loads(written.stdout), capabilities)

        dumped = os.path.join(folder, "dumped.bpf")
        dump = callgate("dump", "-p", str(confined.pid()), "-f", "raw", "--index", "0", "-o", dumped)
        self.assertEqual(dump.returncode, 0, dump.stderr)
        read = os.path.join(folder, "read.bpf")
        reading = callgate("convert", os.path.join(folder, "config.json"), "--to", "raw", "--reader",
                           runtime, "--libseccomp", LIBSECCOMP, "-o", read)
        self.assertEqual(reading.returncode, 0, reading.stderr)

        denied = let_through = 0
        for call in calls:
            said = emulate(dumped, arch, call)
            self.assertEqual(said, emulate(read, arch, call), f"{call}: our reading of the section")
            kind = said & 0xffff0000
            if kind in (0, 0x80000000):
                continue
            got, unconfined = confined.ask(call), plain.ask(call)
            if kind == 0x00050000:
                denied += 1
                self.assertEqual(got, said & 0xffff, f"{call} is denied")
            else:
                let_through += 1
                self.assertEqual(kind, 0x7fff0000)
                self.assertEqual(got, unconfined, f"{call} is let through")
        self.assertGreater(denied, 8)
        self.assertGreater(let_through, 8)
        print(f"{runtime} {arch} {os.path.basename(source)}: {denied} denied, "
              f"{let_through} let through")

    def arguments(self):
        path = os.path.join(scratch(self), "arguments.policy")
        with open(path, "w") as file:
            file.write(ARGUMENTS)
        return path

    def docker_default(self, runtime, capabilities):
        # Debian's libseccomp has no name for calls after 6.7, and crun no ENOSYS past the last.
        options = ["--arch", "x86_64,i386,x32", "--caps", ",".join(capabilities) or "none",
                   "--approximate", "stricter"]
        self.compare(runtime, "docker-default", options, capabilities)
        if os.path.exists(CALLS_32):
            self.compare(runtime, "docker-default", options, capabilities, CALLS_32, "i386",
                         I386_CALLS)

    def test_docker_default_under_runc(self):
        self.docker_default("runc", [])

    def test_docker_default_under_runc_with_sys_admin(self):
        self.docker_default("runc", ["CAP_SYS_ADMIN"])

    def test_arguments_under_runc(self):
        self.compare("runc", self.arguments(), [], [])

    def test_docker_default_under_crun(self):
        self.docker_default("crun", [])

    def test_arguments_under_crun(self):
        self.compare("crun", self.arguments(), [], [])


if __name__ == "__main__":
    main()
