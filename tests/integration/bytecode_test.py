"""asm, disasm, emu, dump and doctor as a user types them, bad input included."""
import json
import os
import signal
import struct
import subprocess
import unittest

from harness import CALLGATE, callgate, callgate_for_everyone, main, need, scratch, wait_for

TEXT = """\
  ld arch
  jeq AUDIT_ARCH_X86_64, next, kill
  ld nr
  jeq x86_64:openat, next, yes
  ld args[2].lo
  and 3
  jeq 0, yes, no
yes: ret allow
no: ret errno(EACCES)
kill: ret kill_process
"""

# Installs N filters (ld [4 * i]; ret allow), by turns with seccomp(2) and prctl(2), in a child;
# then waits if told to. It probes with a null pointer first, as libraries do.
INSTALLER = r"""
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
static void install(int i) {
  struct sock_filter code[] = {{0x20, 0, 0, 4 * i}, {0x06, 0, 0, 0x7fff0000}};
  struct sock_fprog filter = {2, code};
  int failed = i % 2 ? prctl(PR_SET_SECCOMP, 2, &filter) : syscall(SYS_seccomp, 1, 2, &filter);
  printf("%s %d\n", failed ? "failed" : "installed", i);
  fflush(stdout);
}
static void *other(void *unused) { install(7); puts("ready"); fflush(stdout); pause(); return 0; }
int main(int argc, char **argv) {
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  syscall(SYS_seccomp, 1, 0, 0);
  if (argc > 2) {
    pthread_t thread;
    for (int i = 0; i < atoi(argv[1]); i++) install(i);
    pthread_create(&thread, 0, other, 0);
    pause();
  }
  if (fork() == 0) {
    for (int i = 0; i < atoi(argv[1]); i++) install(i);
    _exit(0);
  }
  wait(0);
  return 0;
}
"""


def content(path, mode="rb"):
    with open(path, mode) as file:
        return file.read()


class Bytecode(unittest.TestCase):
    def setUp(self):
        self.folder = scratch(self)

    def path(self, name, content=None):
        path = os.path.join(self.folder, name)
        if content is not None:
            with open(path, "wb") as file:
                file.write(content if isinstance(content, bytes) else content.encode())
        return path

    def assembled(self):
        raw = self.path("t.bpf")
        done = callgate("asm", self.path("t.asm", TEXT), "-o", raw)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return raw

    def assert_bad(self, done, *parts):
        """Exit code 2, nothing on standard output, and a message with these parts."""
        self.assertEqual(done.returncode, 2, done)
        self.assertEqual(done.stdout, "")
        for part in parts:
            self.assertIn(part, done.stderr)

    def test_round_trip(self):
        raw = self.assembled()
        text = callgate("disasm", raw).stdout
        self.assertIn("jeq 257, next, L7                      ; 3: openat", text)
        self.assertIn("ld args[2].lo                          ; 4: flags of openat", text)
        again = self.path("again.bpf")
        self.assertEqual(callgate("asm", "-", "-o", again, input=text).returncode, 0)
        self.assertEqual(content(raw), content(again))
        big = self.path("big.bpf")
        callgate("asm", "--target", "big", self.path("t.asm"), "-o", big)
        text = callgate("disasm", "--target", "big", "--no-comments", big).stdout
        self.assertTrue(text.startswith(".target big\n  ld arch\n"), text)

    def test_json_and_cache(self):
        raw = self.assembled()
        shown = json.loads(callgate("disasm", "--json", "--cache", raw).stdout)
        self.assertTrue(shown["accepted"])
        self.assertEqual(shown["instructions"][0],
                         {"code": 32, "jt": 0, "jf": 0, "k": 4, "text": "ld arch"})
        cached = {row["call"]: row for row in shown["cache"] if row["arch"] == "x86_64"}
        self.assertTrue(cached["read"]["cached"])
        self.assertEqual((cached["openat"]["cached"], cached["openat"]["stopped_at"]), (False, 4))
        human = callgate("disasm", "--cache", raw).stdout
        self.assertIn(";   openat: stops at 4, ld args[2].lo", human)

    def test_emu(self):
        raw = self.assembled()
        calls = ["openat(AT_FDCWD, \"x\", O_RDWR|O_CREAT)", "openat(flags=O_CREAT)", "i386:getpid"]
        done = callgate("emu", raw, *calls)
        self.assertEqual([line.rsplit(": ", 1)[1] for line in done.stdout.splitlines()],
                         ["errno(EACCES) (0x0005000d)", "allow (0x7fff0000)",
                          "kill_process (0x80000000)"])
        traced = callgate("emu", raw, "--trace", "getpid").stdout
        self.assertIn("     7: ret allow", traced)
        shown = json.loads(callgate("emu", raw, "--json", "--nr", "257", "--arg", "2=0x100000001",
                                    "--arg", "0=-1").stdout)["calls"][0]
        self.assertEqual(shown["args"][:3], ["0xffffffffffffffff", "0x0", "0x100000001"])
        self.assertEqual((shown["action"], shown["path"][-1]), ("errno(EACCES)", 8))

    def test_every_mistake_of_a_text(self):
        done = callgate("asm", self.path("bad.asm", "ldd nr\nld args[9].lo\njeq 1, no, next\n"))
        self.assert_bad(done, "bad.asm:1:1: error", "did you mean `ld`", "bad.asm:2:9: error",
                        "bad.asm:3:8: error")
        done = callgate("asm", self.path("bad.asm", "ld nr\nlsh 32\nret allow\n"), "-o",
                        self.path("never.bpf"))
        self.assert_bad(done, "bad.asm:2:1", "shift")
        self.assertFalse(os.path.exists(self.path("never.bpf")))
        done = callgate("asm", "--unchecked", self.path("bad.asm"), "-o", self.path("odd.bpf"))
        self.assertEqual(done.returncode, 0)
        self.assertIn("warning", done.stderr)
        done = callgate("disasm", self.path("odd.bpf"))
        self.assertEqual(done.returncode, 0)
        self.assertIn("lsh 0x20", done.stdout)
        self.assertIn("warning", done.stderr)

    def test_bad_input(self):
        raw = content(self.assembled())
        fifo = self.path("fifo")
        os.mkfifo(fifo)
        unreadable_cases = {
            "truncated": self.path("cut.bpf", raw[:-3]),
            "directory": self.folder,
            "fifo": fifo,
            "missing": self.path("missing"),
            "huge": "/dev/zero",
            "empty": self.path("empty", b""),
            "not text": self.path("noise", b"\xff\xfe\x80\n"),
            "refused": self.path("refused.bpf", struct.pack("<HBBI", 0x30, 0, 0, 0)),
        }
        huge = self.path("huge")
        with open(huge, "wb") as file:
            file.truncate(1 << 30)
        unreadable_cases["sparse"] = huge
        for name, path in unreadable_cases.items():
            with self.subTest(name):
                self.assert_bad(callgate("emu", path, "getpid", timeout=30), "error")
                self.assert_bad(callgate("asm", path, "-o", self.path("no"), timeout=30), "error")
                self.assertFalse(os.path.exists(self.path("no")))
        for name in ("truncated", "directory", "fifo", "huge", "not text", "sparse"):
            with self.subTest("dump", name=name):
                self.assert_bad(callgate("dump", unreadable_cases[name], timeout=30), "error")
        for arguments in (["emu"], ["emu", "x"], ["disasm"], ["asm"], ["dump"],
                          ["dump", "-p", "0"], ["dump", "-p", "1", "x"],
                          ["disasm", "--target", "middle", self.path("t.bpf")],
                          ["emu", self.path("t.bpf"), "opnat"],
                          ["emu", self.path("t.bpf"), "--nr", "x"],
                          ["emu", self.path("t.bpf"), "--nr", "1", "--arg", "7=1"]):
            with self.subTest(arguments):
                self.assert_bad(callgate(*arguments))

    def test_full_disk(self):
        raw = self.assembled()
        for arguments in (["disasm", raw, "-o", "/dev/full"], ["dump", "-o", "/dev/full", raw],
                          ["asm", self.path("t.asm"), "-o", "/dev/full"]):
            self.assert_bad(callgate(*arguments), "No space left")
        with open("/dev/full", "w") as full:
            done = subprocess.run([CALLGATE, "emu", raw, "getpid"], stdout=full,
                                  stderr=subprocess.PIPE, text=True)
        self.assertEqual(done.returncode, 2)

    def test_dump_of_a_file(self):
        raw = self.assembled()
        self.assertIn("ret errno(EACCES)", callgate("dump", raw).stdout)
        shown = json.loads(callgate("dump", raw, "-f", "json").stdout)
        self.assertEqual(len(shown["filters"][0]["instructions"]), 10)
        out = self.path("copy.bpf")
        self.assertEqual(callgate("dump", raw, "-f", "raw", "-o", out).returncode, 0)
        self.assertEqual(content(out), content(raw))


def need_reading():
    """Skips where the kernel shows no filters to us; doctor says why."""
    for finding in json.loads(callgate("doctor", "--json").stdout)["findings"]:
        if finding["name"] == "read filters" and finding["value"] != "yes":
            raise unittest.SkipTest(finding["meaning"])


class DumpOfPrograms(unittest.TestCase):
    def setUp(self):
        need("gcc")
        self.folder = scratch(self)

    def built(self, *flags):
        source = os.path.join(self.folder, "installer.c")
        with open(source, "w") as file:
            file.write(INSTALLER)
        program = os.path.join(self.folder, "installer" + "".join(flags))
        done = subprocess.run(["gcc", "-w", *flags, source, "-o", program, "-pthread"],
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise unittest.SkipTest("gcc " + " ".join(flags) + " does not work here")
        return program

    def test_stops_before_the_filter_takes_effect(self):
        for flags in ([], ["-m32"]):
            with self.subTest(flags):
                program = self.built(*flags)
                done = callgate("dump", "-f", "json", "-o", "-", program, "3", timeout=60)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertNotIn("installed", done.stdout)
                (only,) = json.loads(done.stdout)["filters"]
                self.assertEqual((only["by"], only["flags"]), ("seccomp", 2))
                self.assertEqual(only["instructions"][0]["text"], "ld nr")

    def test_limit(self):
        program = self.built()
        out = os.path.join(self.folder, "out.json")
        done = callgate("dump", "-l", "3", "-f", "json", "-o", out, program, "9", timeout=60)
        self.assertEqual(done.stdout, "installed 0\ninstalled 1\n")
        loads = [f["instructions"][0]["text"] for f in json.loads(content(out))["filters"]]
        self.assertEqual(loads, ["ld nr", "ld arch", "ld ip.lo"])
        done = callgate("dump", "-l", "5", "-f", "json", "-o", out, program, "2", timeout=60)
        self.assertEqual((done.returncode, len(json.loads(content(out))["filters"])), (0, 2))

    def test_no_filter_and_no_program(self):
        done = callgate("dump", self.built(), "0")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("without asking for a filter", done.stderr)
        self.assertEqual(callgate("dump", "true").returncode, 1)
        done = callgate("dump", os.path.join(self.folder, "nothing"))
        self.assertEqual(done.returncode, 2)
        self.assertIn("No such file", done.stderr)

    def started(self, count):
        process = subprocess.Popen([self.built(), str(count), "wait"], stdout=subprocess.PIPE,
                                   text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        for line in process.stdout:
            if line == "ready\n":
                return process
        self.fail("the installer ended")

    def test_process(self):
        need_reading()
        process = self.started(2)
        shown = json.loads(callgate("dump", "-p", str(process.pid), "-f", "json").stdout)
        self.assertEqual([f["instructions"][0]["text"] for f in shown["filters"]],
                         ["ld nr", "ld arch"])
        self.assertEqual([f["flags"] for f in shown["filters"]], [2, 0])
        all_threads = json.loads(
            callgate("dump", "-p", str(process.pid), "--threads", "--json").stdout)
        self.assertEqual([t["filters"] for t in all_threads["threads"]], [2, 3])
        self.assertEqual(all_threads["filters"][4]["instructions"][0]["text"], "ld args[1].hi")
        self.assertIsNone(process.poll())
        state = content(f"/proc/{process.pid}/status", "r")
        self.assertIn("TracerPid:\t0", state)
        done = callgate("dump", "-p", str(process.pid), "-f", "raw")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("--index", done.stderr)

    def test_process_without_filter_traced_or_gone(self):
        need_reading()
        done = callgate("dump", "-p", str(os.getpid()))
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("disabled", done.stderr)
        gone = subprocess.Popen(["true"])
        gone.wait()
        self.assertEqual(callgate("dump", "-p", str(gone.pid)).returncode, 2)
        need("strace")
        process = self.started(1)
        strace = subprocess.Popen(["strace", "-o", "/dev/null", "-p", str(process.pid)],
                                  stderr=subprocess.DEVNULL)
        self.addCleanup(strace.wait)
        self.addCleanup(strace.send_signal, signal.SIGINT)
        wait_for(lambda: f"TracerPid:\t{strace.pid}" in content(f"/proc/{process.pid}/status", "r"))
        done = callgate("dump", "-p", str(process.pid))
        self.assertEqual(done.returncode, 2)
        self.assertIn(f"already traced, by {strace.pid} (strace)", done.stderr)

    def test_not_root(self):
        if os.geteuid() != 0:
            self.skipTest("needs root, to give it up")
        process = self.started(1)
        done = subprocess.run([callgate_for_everyone(self), "dump", "-p", str(process.pid)],
                              capture_output=True, text=True, user=65534, group=65534, extra_groups=[])
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("root", done.stderr)


class Doctor(unittest.TestCase):
    def test_tells_what_the_kernel_knows(self):
        done = callgate("doctor")
        self.assertIn(done.returncode, (0, 1))
        self.assertIn("SECCOMP_FILTER_FLAG_TSYNC", done.stdout)
        shown = json.loads(callgate("doctor", "--json").stdout)["findings"]
        for finding in shown:
            self.assertTrue(finding["meaning"], finding)
            self.assertIn(finding["state"], ("ok", "limited", "missing"))
        found = {f["name"]: f["value"] for f in shown}
        self.assertTrue(found["release"].startswith(os.uname().release))

    def test_filtered(self):
        need("gcc")
        source = os.path.join(scratch(self), "outer.c")
        with open(source, "w") as file:
            file.write(INSTALLER.split("static void *other")[0] +
                       "int main(int c, char **v) { prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);"
                       " freopen(\"/dev/null\", \"w\", stdout); install(0);"
                       " dup2(2, 1); execv(v[1], v + 1); return 9; }")
        outer = source[:-2]
        subprocess.run(["gcc", "-w", source, "-o", outer], check=True)
        done = subprocess.run([outer, CALLGATE, "doctor"], capture_output=True, text=True)
        self.assertIn("is itself under seccomp", done.stderr)
        self.assertIn("run `callgate dump -p` outside", done.stderr)


if __name__ == "__main__":
    main()
