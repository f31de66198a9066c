"""Exit codes and what the program's caller and the program itself see of callgate: nothing."""
import os
import signal
import subprocess
import sys
import time
import unittest

from harness import CALLGATE, main, need
from run_support import RunTest, supervisor_of, wait_for_text


class ExitCodes(RunTest):
    def setUp(self):
        super().setUp()
        self.plain = self.policy("errno(EACCES) mkdir, mkdirat")

    def code(self, *words, **settings):
        return self.run_under(self.plain, *words, **settings).returncode

    def test_the_programs_own(self):
        self.assertEqual(self.code("true"), 0)
        self.assertEqual(self.code("false"), 1)
        for at in ("entry", "loader", "exec"):
            for report in ("full", "audit", "none"):
                with self.subTest(at=at, report=report):
                    self.assertEqual(self.code("sh", "-c", "exit 42",
                                               options=["--at", at, "--report", report]), 42)

    def test_125_126_127(self):
        self.assertEqual(self.code("no-such-program"), 127)
        self.assertEqual(self.code("/no/such/program"), 127)
        self.assertEqual(self.code("/etc/passwd"), 126)
        self.assertEqual(self.code("/etc"), 126)
        self.assertEqual(self.code(self.write("garbage", "not a program\n", 0o755)), 126)
        self.assertEqual(self.code(self.write("script", "#!/no/such/interpreter\n", 0o755)), 127)
        self.assertEqual(self.code("true", options=["--no-such-option"]), 125)
        self.assertEqual(self.code("true", options=["--at", "nowhere"]), 125)
        for words in (["run", "--", "true"], ["run", "--profile", self.plain],
                      ["run", "--profile", "/no/such.policy", "--", "true"],
                      ["run", "--profile", self.policy("allow frobnicate", "bad.policy"), "--", "true"],
                      ["run", "--profile", self.plain, "--log-only", "--report", "none", "--", "true"],
                      ["run", "--profile", self.plain, "--report-file", "/no/such/file", "--", "true"]):
            with self.subTest(words=words):
                done = subprocess.run([CALLGATE, *words], capture_output=True, text=True)
                self.assertEqual(done.returncode, 125)
                self.assertNotEqual(done.stderr, "")

    def test_a_signal_is_the_programs_end(self):
        self.assertEqual(self.code("sh", "-c", "kill -TERM $$"), -signal.SIGTERM)
        shell = subprocess.run(["sh", "-c", '"$@"; echo $?', "sh",
                                *self.command(self.plain, "sh", "-c", "kill -9 $$")],
                               capture_output=True, text=True)
        self.assertEqual(shell.stdout.strip(), "137")

    def test_kill_rows_end_it_by_sigsys(self):
        kills = self.policy("kill_process mkdir, mkdirat")
        done = self.run_under(kills, "mkdir", self.path("new"))
        self.assertEqual(done.returncode, -signal.SIGSYS)
        self.assertIn("= kill_process", done.stderr)

    def test_a_denial_alters_nothing(self):
        done = self.run_under(self.plain, "sh", "-c", "mkdir new 2>/dev/null; exit 7")
        self.assertEqual(done.returncode, 7)
        self.assertIn("denied mkdir", done.stderr)

    def test_profile_none_confines_nothing(self):
        done = self.run_under("none", "grep", "Seccomp:", "/proc/self/status")
        with open("/proc/self/status") as file:
            self.assertIn(done.stdout.strip(), file.read())
        self.assertEqual(self.run_under("none", "sh", "-c", "exit 3").returncode, 3)

    def test_a_profile_without_a_filter_confines_nothing_and_is_refused(self):
        oci = self.write("open.json", '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": []}\n')
        unit = self.write("open.service", "[Service]\nExecStart=/bin/true\n")
        for profile in (oci, unit, "unit:" + unit):
            for verb, code in (("run", 125), ("judge", 2)):
                with self.subTest(profile=profile, verb=verb):
                    done = subprocess.run([CALLGATE, verb, "--profile", profile, "--", "true"],
                                          capture_output=True, text=True)
                    self.assertEqual(done.returncode, code, done.stderr)
                    self.assertIn("has no filter", done.stderr)

    def test_help_starts_with_examples(self):
        text = subprocess.run([CALLGATE, "run", "--help"], capture_output=True, text=True).stdout
        self.assertIn("Examples:", "\n".join(text.splitlines()[:5]))
        self.assertIn("--log-only", text)


class Surroundings(RunTest):
    """The program is callgate's process: same id, parent, group, session, streams, children."""

    def setUp(self):
        super().setUp()
        self.plain = self.policy("errno(EACCES) mkdir, mkdirat")
        self.traced = self.policy("kill_process mkdir, mkdirat", "traced.policy")
        self.report = self.path("report")
        self.options = ["--report-file", self.report]

    def test_ids_are_those_of_the_process_that_was_started(self):
        code = "import os; print(os.getpid(), os.getppid(), os.getpgrp(), os.getsid(0))"
        for policy in (self.plain, self.traced):
            process = subprocess.Popen(self.command(policy, "python3", "-c", code),
                                       stdout=subprocess.PIPE, text=True)
            out, _ = process.communicate(timeout=60)
            self.assertEqual(out.split(), [str(n) for n in
                                           (process.pid, os.getpid(), os.getpgrp(), os.getsid(0))])

    def test_the_supervisor_is_nobodys_child(self):
        code = "import os\ntry: print(os.wait())\nexcept ChildProcessError: print('no child')"
        for policy in (self.plain, self.traced):
            done = self.run_under(policy, "python3", "-c", code)
            self.assertEqual(done.stdout, "no child\n")

    def test_as_init_of_a_pid_namespace(self):
        need("unshare")
        if os.geteuid() != 0:
            raise unittest.SkipTest("needs root for a PID namespace")
        code = "import os\nprint(os.getpid())\ntry: print(os.wait())\nexcept ChildProcessError: print('no child')"
        done = subprocess.run(["unshare", "-p", "-f", "--mount-proc",
                               *self.command(self.traced, "python3", "-c", code)],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.stdout, "1\nno child\n", done.stderr)

    def test_session_and_group_of_the_supervisor(self):
        process = subprocess.Popen(self.command(self.plain, "sleep", "30", options=self.options))
        self.addCleanup(process.kill)
        for _ in range(200):
            supervisor = supervisor_of(self.report)
            if supervisor:
                break
            time.sleep(0.02)
        self.assertNotEqual(os.getsid(supervisor), os.getsid(process.pid))
        self.assertNotEqual(os.getpgid(supervisor), os.getpgid(process.pid))
        process.kill()
        process.wait()

    def test_standard_streams_are_untouched(self):
        done = self.run_under(self.plain, "sh", "-c", "cat; echo err >&2", input="in\n")
        self.assertEqual((done.stdout, done.stderr), ("in\n", "err\n"))
        # The supervisor holds none of them: the reader sees the end although the program lives.
        process = subprocess.Popen(
            self.command(self.plain, "sh", "-c", "exec >&- 2>&-; sleep 30", options=self.options),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(process.kill)
        began = time.monotonic()
        process.stdout.read()
        process.stderr.read()
        self.assertLess(time.monotonic() - began, 20)
        process.kill()
        process.communicate()

    def test_no_descriptor_leaks_into_the_program(self):
        code = "import os; print(sorted(int(n) for n in os.listdir('/proc/self/fd')))"
        for at in ("entry", "loader", "exec"):
            for policy in (self.plain, self.traced):
                done = self.run_under(policy, "python3", "-c", code, options=["--at", at])
                self.assertEqual(done.stdout, "[0, 1, 2, 3]\n")  # 3 reads the folder

    def test_no_descriptor_leaks_where_close_is_killed(self):
        """Then a helper process closes the program's copy of the listener."""
        source = """
            #include <dirent.h>
            #include <stdio.h>
            #include <unistd.h>
            #include <sys/wait.h>
            #include <fcntl.h>
            int main(void) {
              int open = 0;
              for (int fd = 3; fd < 64; ++fd) open += fcntl(fd, F_GETFD) >= 0;
              printf("%d %d\\n", open, (int)waitpid(-1, 0, __WALL));
              fflush(stdout);
              _exit(5);
            }"""
        policy = self.policy("kill_process close\nerrno(EACCES) mkdir")
        for name, flags in (("dynamic", ()), ("static", ("-static",)), ("narrow", ("-m32", "-static"))):
            with self.subTest(name):
                program = self.build(name, source, *flags)
                done = self.run_under(policy, program)
                self.assertEqual((done.stdout, done.returncode), ("0 -1\n", 5), done.stderr)

    def test_signals_go_straight_to_the_program(self):
        for policy in (self.plain, self.traced):
            process = subprocess.Popen(
                self.command(policy, "sh", "-c", "trap 'echo got; exit 6' USR1; echo up; "
                             "while :; do sleep 0.05; done"), stdout=subprocess.PIPE, text=True)
            self.assertEqual(process.stdout.readline(), "up\n")
            process.send_signal(signal.SIGUSR1)
            self.assertEqual(process.stdout.read(), "got\n")
            self.assertEqual(process.wait(30), 6)
            process.stdout.close()

    def test_ignored_sigpipe_stays_as_it_was(self):
        code = "import signal; print(open('/proc/self/status').read())"
        for ignored in (True, False):
            done = self.run_under(self.plain, "grep", "SigIgn", "/proc/self/status",
                                  restore_signals=False, preexec_fn=lambda: signal.signal(
                                      signal.SIGPIPE, signal.SIG_IGN if ignored else signal.SIG_DFL))
            mask = int(done.stdout.split()[1], 16)
            self.assertEqual(bool(mask & (1 << (signal.SIGPIPE - 1))), ignored)

    def test_the_supervisor_ends_with_the_last_task(self):
        self.run_under(self.plain, "sh", "-c", "true", options=self.options)
        for _ in range(200):
            if supervisor_of(self.report) is None:
                return
            time.sleep(0.02)
        self.fail("a supervisor is left")


if __name__ == "__main__":
    main()
