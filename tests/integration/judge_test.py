"""`callgate judge` against programs that try everything: each gets its verdict, in time, and nothing
is left of it."""
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

from harness import CALLGATE, callgate_for_everyone, main, need, wait_for
from judge_support import HOSTILE, JudgeTest, build, groups_left, processes_of

SMALL = ("--time", "300ms", "--memory", "48M", "--output", "1M", "--processes", "8")

# Attempt, words, verdict, what the detail or the first denied call holds.
UNDER_COMPUTE = [
    ("fine", (), "ok", ""),
    ("reserve", (), "ok", ""),
    ("exit", ("137",), "exit", "137"),
    ("exit", ("9",), "exit", "9"),
    ("abort", (), "signal", "Aborted"),
    ("crash", (), "signal", "Segmentation"),
    ("raise", ("9",), "signal", "Killed"),
    ("raise", ("24",), "signal", "CPU"),
    ("fork-bomb", (), "denied", "clone"),
    ("thread-bomb", (), "processes", "refused"),
    ("short-threads", (), "ok", ""),
    ("touch", (), "memory", ""),
    ("touch-shared", (), "memory", ""),
    ("deep", (), "memory", ""),
    ("flood-out", (), "output", ""),
    ("flood-err", (), "output", ""),
    ("one-line", (), "output", ""),
    ("descriptors", (), "ok", ""),
    ("kill-above", (), "denied", "kill"),
    ("own-signal", (), "denied", "fcntl"),
    ("ptrace-above", (), "denied", "ptrace"),
    ("ptrace-me", (), "denied", "ptrace"),
    ("sleep", (), "time", "wall"),
    ("stop", (), "time", "wall"),
    ("close-all", (), "time", "wall"),
    ("spin", (), "time", "processor"),
    ("spin-threads", (), "time", "processor"),
    ("ignore-limits", (), "time", "processor"),
    ("open", ("/etc/passwd",), "denied", "open"),
    ("create", ("/dev/shm/callgate-judge-test",), "denied", "open"),
    ("exec", (), "denied", "execve"),
    ("socket", (), "denied", "socket"),
    ("socket-survived", (), "ok", ""),
    ("shared-memory", (), "denied", "shmget"),
    ("memfd", (), "denied", "memfd_create"),
    ("uring", (), "denied", "io_uring_setup"),
    ("executable-memory", (), "denied", "mmap"),
    ("own-filter", (), "denied", "seccomp"),
    ("other-abi", (), "denied", "socket"),
    ("namespace", (), "denied", "unshare"),
    ("many-denials", (), None, "any"),  # ok or time: bounded either way
]


def wall_of(hint):
    """Generous but where it is what ends the program: the machine may be busy."""
    return ("--wall", "600ms" if hint in ("wall", "any") else "8s")


# Run by code of the file's own before the entry point: an IFUNC's resolver.
EARLY = r"""
    #include <fcntl.h>
    #include <stdio.h>
    #include <sys/syscall.h>
    #include <unistd.h>
    static long raw(long n, long a, long b, long c) {
      long r;
      __asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
      return r;
    }
    static volatile long results[4];
    static void nothing(void) {}
    static void (*resolve(void))(void) {
      results[0] = raw(SYS_socket, 2, 1, 0);
      results[1] = raw(SYS_fork, 0, 0, 0);
      if (results[1] == 0) for (;;) raw(SYS_pause, 0, 0, 0);
      results[2] = raw(SYS_open, (long)"/etc/passwd", 0, 0);
      results[3] = raw(SYS_seccomp, 1, 0, 0);
      if (EXIT) raw(SYS_exit_group, 0, 0, 0);
      return nothing;
    }
    void early(void) __attribute__((ifunc("resolve")));
    int main(void) {
      early();
      for (int i = 0; i < 4; ++i) printf("%ld\n", results[i]);
      return 0;
    }
"""


class Hostile(JudgeTest):
    @classmethod
    def setUpClass(cls):
        cls.shared = tempfile.mkdtemp(prefix="callgate-judge-")
        cls.addClassCleanup(shutil.rmtree, cls.shared, ignore_errors=True)
        os.chmod(cls.shared, 0o755)
        cls.program = build(cls.shared, "hostile", HOSTILE, "-Wno-array-bounds")

    def tearDown(self):
        # The judge's own processes have its command line, which names the program.
        self.assertEqual(processes_of(self.shared), [])
        self.assertEqual(groups_left(), [])

    def expect(self, judged, verdict, hint, seconds):
        self.assertIsNotNone(judged.json, judged.err)
        self.assertEqual(judged.code, 0 if judged.verdict == "ok" else 1)
        self.assertLess(seconds, 8)
        if verdict is None:
            return
        self.assertEqual(judged.verdict, verdict, judged.json)
        self.assertIn(hint, judged.json["detail"] + " ".join(judged.denied()))

    def test_each_attempt_gets_its_verdict(self):
        for attempt, words, verdict, hint in UNDER_COMPUTE:
            with self.subTest(attempt=attempt, words=words):
                began = time.monotonic()
                judged = self.judge(self.program, attempt, *words, options=SMALL + wall_of(hint))
                self.expect(judged, verdict, hint, time.monotonic() - began)
        self.assertFalse(os.path.exists("/dev/shm/callgate-judge-test"))

    def test_without_groups_and_namespaces_the_policy_and_the_looks_hold(self):
        alone = SMALL + ("--without", "cgroup,userns,pidns,mountns,ipcns,netns,utsns,cgroupns")
        for attempt, words, verdict, hint in (
                ("fine", (), "ok", ""), ("touch", (), "memory", ""),
                ("touch-shared", (), "memory", ""),
                ("kill-above", (), "denied", "kill"), ("spin-threads", (), "time", "processor"),
                ("sleep", (), "time", "wall"), ("descriptors", (), "ok", ""),
                # Which process is its own is not known: a signal to itself is refused as well.
                ("abort", (), "denied", "tgkill")):
            with self.subTest(attempt=attempt):
                began = time.monotonic()
                judged = self.judge(self.program, attempt, *words, options=alone + wall_of(hint))
                self.expect(judged, verdict, hint, time.monotonic() - began)
                self.assertFalse(judged.measure("pidns")["in_force"])

    def test_where_the_policy_lets_processes_be_made_none_is_left(self):
        policy = self.path("forks.policy")
        with open(policy, "w") as file:
            file.write("policy forks\nabi 6.12\notherwise allow\nunlisted errno(EPERM)\n")
        # A tree without an end only where the kernel itself limits it.
        for attempt, extra in (("fork-tree", ("--require", "cgroup")),
                               ("forty-children", ("--without", "cgroup")),
                               ("forty-children", ("--without", "pidns,cgroup"))):
            with self.subTest(attempt=attempt, extra=extra):
                judged = self.judge(self.program, attempt,
                                    options=SMALL + ("--wall", "2s", "--profile", policy) + extra)
                if judged.code == 2 and "cgroup" in judged.err:
                    continue
                self.assertIn(judged.verdict, ("time", "processes"), judged.err)
                self.assertEqual(processes_of(self.shared), [])

    def test_a_static_program_is_closed_before_its_first_instruction(self):
        program = build(self.shared, "hostile-static", HOSTILE, "-static")
        for attempt, verdict in (("fine", "ok"), ("socket", "denied"), ("abort", "signal")):
            judged = self.judge(program, attempt, options=SMALL)
            self.assertEqual(judged.verdict, verdict, judged.json or judged.err)

    def early(self, ends):
        source = self.path("early.c")
        with open(source, "w") as file:
            file.write(EARLY)
        return build(self.folder, f"early{ends}", source, f"-DEXIT={ends}", "-fno-stack-protector")

    def test_code_that_runs_before_the_entry_point_is_confined(self):
        judged = self.judge(self.early(0), options=SMALL)
        self.assertEqual(judged.verdict, "ok", judged.json or judged.err)
        made, forked, opened, filtered = map(int, judged.out.split())
        self.assertLess(max(made, forked, filtered), 0)
        if judged.measure("landlock")["in_force"]:
            self.assertEqual(opened, -13)

    def test_to_end_before_the_policy_is_in_force_is_never_ok(self):
        judged = self.judge(self.early(1), options=SMALL)
        self.assertEqual((judged.verdict, judged.code), ("start", 1), judged.json)

    def test_output_and_input_pass(self):
        with open(self.path("in"), "wb") as file:
            file.write(b"line\n" * 20000)
        judged = self.judge(self.program, "copy",
                            options=SMALL + ("--input", self.path("in"), "--stdout", self.path("out")))
        self.assertEqual(judged.verdict, "ok")
        self.assertEqual(judged.json["output_bytes"], 100000)
        with open(self.path("out"), "rb") as file:
            self.assertEqual(file.read(), b"line\n" * 20000)
        self.assertEqual(self.judge(self.program, "copy", options=SMALL).out, "")

    def test_output_past_the_limit_is_not_kept(self):
        judged = self.judge(self.program, "flood-out", options=SMALL)
        self.assertLessEqual(len(judged.out), 1 << 20)

    def test_environment_and_descriptors_are_not_passed_on(self):
        with socket.socket() as inherited:
            os.set_inheritable(inherited.fileno(), True)
            judged = self.judge(self.program, "descriptors", options=SMALL,
                                pass_fds=[inherited.fileno()])
            self.assertEqual(judged.verdict, "ok", judged.err)
        judged = self.judge(self.program, "environment", options=SMALL + ("--env", "A=b"),
                            env={**os.environ, "SECRET": "1", "LD_PRELOAD": ""})
        self.assertEqual(sorted(line.split("=")[0] for line in judged.out.split()),
                         ["A", "HOME", "LC_ALL", "PATH"])

    def test_a_fatal_denial_ends_the_program(self):
        judged = self.judge(self.program, "socket-survived", options=SMALL + ("--deny-is-fatal",))
        self.assertEqual(judged.verdict, "denied")
        self.assertIn("socket(", judged.json["detail"])

    def test_required_isolation_that_cannot_be_had_starts_nothing(self):
        judged = self.judge(self.program, "fine", options=SMALL + (
            "--require", "pidns", "--without", "pidns"))
        self.assertEqual((judged.code, judged.out, judged.json), (2, "", None))
        self.assertIn("cannot be had: pidns", judged.err)
        judged = self.judge(self.program, "fine",
                            options=SMALL + ("--require", "cgroup", "--without", "cgroup"))
        self.assertEqual(judged.code, 2)

    def test_the_judge_ends_clean_when_it_is_ended(self):
        process = subprocess.Popen([CALLGATE, "judge", "--wall", "20s", "--", self.program, "sleep"],
                                   stderr=subprocess.PIPE, text=True)
        wait_for(lambda: len(processes_of(self.program)) > 1, what="the program")
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=20)
        self.assertEqual(process.returncode, 2)
        self.assertIn("ended by", err)

    def test_a_killed_judge_leaves_no_process(self):
        process = subprocess.Popen([CALLGATE, "judge", "--wall", "20s", "--without", "cgroup", "--",
                                    self.program, "sleep"], stderr=subprocess.DEVNULL)
        wait_for(lambda: len(processes_of(self.program)) == 4, what="judge, watcher, init, program")
        process.kill()
        process.wait()
        wait_for(lambda: not processes_of(self.program), what="its end")

    def test_an_unprivileged_judge(self):
        need("setpriv")
        if os.geteuid() != 0:
            raise unittest.SkipTest("needs root to drop privilege")
        copy = callgate_for_everyone(self)
        os.chmod(self.folder, 0o777)
        for attempt, verdict in (("fine", "ok"), ("touch", "memory"), ("socket", "denied"),
                                 ("spin", "time")):
            with self.subTest(attempt=attempt):
                target = self.path(f"{attempt}.json")
                done = subprocess.run(
                    ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", copy, "judge",
                     *SMALL, "--json", "-o", target, "--", self.program, attempt],
                    capture_output=True, text=True, timeout=60)
                self.assertTrue(os.path.exists(target), done.stderr)
                with open(target) as file:
                    self.assertIn(f'"verdict": "{verdict}"', file.read())

    def test_as_another_user(self):
        if os.geteuid() != 0:
            raise unittest.SkipTest("--user needs root")
        judged = self.judge("/usr/bin/id", "-u", options=SMALL + (
            "--user", "4321", "--profile", "compute-interp"))
        self.assertEqual((judged.verdict, judged.out), ("ok", "4321\n"), judged.err)

    def test_misuse_is_no_verdict(self):
        for words, options, said in (
                ((), (), "no program"), (("/nonexistent",), (), "not found"),
                (("/etc/passwd",), (), "not an executable"),
                (("true",), ("--time", "soon"), "not an amount"),
                (("true",), ("--require", "walls"), "no isolation is named"),
                (("true",), ("--input", "/nonexistent"), "opening /nonexistent"),
                (("true",), ("--profile", "/nonexistent"), "/nonexistent")):
            with self.subTest(words=words, options=options):
                judged = self.judge(*words, options=options)
                self.assertEqual(judged.code, 2)
                self.assertIsNone(judged.json)
                self.assertIn(said, judged.err)


if __name__ == "__main__":
    main()
