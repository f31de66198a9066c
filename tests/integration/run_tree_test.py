"""Children, threads, execs, daemons, nested runs, and each deviation that docs/run.md names."""
import os
import re
import signal
import subprocess
import time
import unittest

from harness import CALLGATE, main, need, wait_for
from run_support import RunTest, supervisor_of, wait_for_text

DENIED = r"""
    #include <errno.h>
    #include <signal.h>
    #include <stdio.h>
    #include <string.h>
    #include <sys/prctl.h>
    #include <sys/stat.h>
    #include <sys/wait.h>
    #include <unistd.h>
    static int try(void) { return mkdir("/nowhere/x", 0) < 0 ? errno : 0; }
"""


class Trees(RunTest):
    def test_fork_exec_chain(self):
        policy = self.policy("errno(EXDEV) mkdir")
        command = "sh -c 'sh -c \"mkdir /nowhere/x; mkdir /nowhere/x\"; mkdir /nowhere/x'; exit 9"
        done = self.run_under(policy, "sh", "-c", command)
        self.assertEqual(done.returncode, 9)
        self.assertIn("3 denials of 1 kind", done.stderr)

    def test_a_killed_child_is_reported_and_its_parent_sees_sigsys(self):
        program = self.build("prog", DENIED + r"""
            int main(void) {
              for (int i = 0; i < 3; ++i) {
                int status;
                if (fork() == 0) { if (fork() == 0) _exit(try()); wait(&status); _exit(WTERMSIG(status)); }
                wait(&status);
                printf("%d\n", WEXITSTATUS(status));
              }
              return 0;
            }""")
        done = self.run_under(self.policy("kill_process mkdir"), program)
        self.assertEqual(done.stdout, "31\n31\n31\n")
        self.assertEqual(done.stderr.count("denied mkdir"), 1)
        self.assertRegex(done.stderr, r"3x mkdir")

    def test_threads_under_load(self):
        program = self.build("prog", DENIED + r"""
            #include <pthread.h>
            static void* work(void* none) {
              for (int i = 0; i < 500; ++i) if (try() != EXDEV) _exit(1);
              return none;
            }
            int main(void) {
              pthread_t threads[8];
              for (int i = 0; i < 8; ++i) pthread_create(&threads[i], 0, work, 0);
              for (int i = 0; i < 8; ++i) pthread_join(threads[i], 0);
              return 0;
            }""")
        for extra in ("", "kill_process rmdir"):
            done = self.run_under(self.policy("errno(EXDEV) mkdir\n" + extra), program)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertRegex(done.stderr, r"4000x mkdir")

    def test_trap_reaches_the_programs_handler(self):
        program = self.build("prog", DENIED + r"""
            static void handler(int s, siginfo_t* info, void* c) { _exit(info->si_errno + info->si_syscall); }
            int main(void) {
              struct sigaction a = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
              sigaction(SIGSYS, &a, 0);
              return try();
            }""")
        done = self.run_under(self.policy("trap(7) mkdir"), program)
        self.assertEqual(done.returncode, 7 + 83)
        self.assertIn("= trap(7)", done.stderr)

    def test_a_plain_sigsys_is_no_denial(self):
        done = self.run_under(self.policy("kill_process mkdir"), "sh", "-c", "kill -SYS $$")
        self.assertEqual(done.returncode, -signal.SIGSYS)
        self.assertNotIn("denied", done.stderr)

    def test_kill_thread_ends_one_thread(self):
        program = self.build("prog", DENIED + r"""
            #include <pthread.h>
            static void* work(void* none) { try(); return none; }
            int main(void) { pthread_t t; pthread_create(&t, 0, work, 0); usleep(300000); return 8; }""")
        done = self.run_under(self.policy("kill_thread mkdir"), program)
        self.assertEqual(done.returncode, 8)
        self.assertIn("= kill_thread", done.stderr)

    def test_daemon_outlives_the_command(self):
        report = self.path("report")
        for rules in ("errno(EXDEV) mkdir", "errno(EXDEV) mkdir\nkill_process rmdir"):
            with self.subTest(rules):
                began = time.monotonic()
                done = self.run_under(
                    self.policy(rules), "sh", "-c",
                    "(exec setsid sh -c 'sleep 1; mkdir /nowhere/x; echo $? > code') "
                    "</dev/null >/dev/null 2>&1 & exit 5", options=["--report-file", report],
                    cwd=self.folder)
                self.assertEqual(done.returncode, 5)
                self.assertLess(time.monotonic() - began, 0.9)
                wait_for_text(report, "denied mkdir")
                wait_for_text(self.path("code"), "1")
                wait_for(lambda: supervisor_of(report) is None, what="the supervisor's end")
                os.unlink(report)

    def test_a_pipe_on_stderr_ends_with_the_command(self):
        """`ssh host callgate run daemon` must return: a pipe is let go once the command has ended."""
        process = subprocess.Popen(
            self.command(self.policy("errno(EXDEV) mkdir"), "sh", "-c",
                         "mkdir /nowhere/x; sleep 30 </dev/null >/dev/null 2>&1 & echo $!"),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        out, err = process.communicate(timeout=15)
        os.kill(int(out), signal.SIGKILL)
        self.assertIn("denied mkdir", err)


class Deviations(RunTest):
    def start(self, rules, program, *options):
        """Starts a program that waits for a line; returns it and its supervisor."""
        report = self.path("report")
        process = subprocess.Popen(
            self.command(self.policy(rules), program, options=["--report-file", report, *options]),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(lambda: process.poll() is None and process.kill())
        self.assertEqual(process.stdout.readline(), "up\n")
        wait_for(lambda: supervisor_of(report), what="the supervisor")
        return process, supervisor_of(report)

    WAITING = DENIED + r"""
        int main(void) {
          puts("up"); fflush(stdout); getchar();
          printf("%d\n", try()); fflush(stdout);
          return 3;
        }"""

    def test_dead_supervisor_means_enosys_and_never_allowed(self):
        program = self.build("prog", self.WAITING.replace('"/nowhere/x"', '"dead"'))
        for rules, options, expected in (
                ("errno(EXDEV) mkdir", (), 38),
                ("errno(EXDEV) mkdir", ("--log-only",), 38),
                ("errno(EXDEV) mkdir\nkill_process rmdir", (), 38)):
            with self.subTest(rules=rules, options=options):
                process, supervisor = self.start(rules, program, *options)
                os.kill(supervisor, signal.SIGKILL)
                wait_for(lambda: not os.path.exists(f"/proc/{supervisor}/fd") or
                         supervisor_of(self.path("report")) is None, what="its end")
                out, _ = process.communicate("\n", timeout=30)
                self.assertEqual((out, process.returncode), (f"{expected}\n", 3))
                self.assertFalse(os.path.exists("dead"))

    def test_dead_supervisor_leaves_kill_rows_in_force(self):
        program = self.build("prog", self.WAITING)
        process, supervisor = self.start("kill_process mkdir\nerrno(EXDEV) rmdir", program)
        os.kill(supervisor, signal.SIGKILL)
        time.sleep(0.1)
        process.communicate("\n", timeout=30)
        self.assertEqual(process.returncode, -signal.SIGSYS)

    def test_a_signal_before_the_supervisor_looks_means_eintr(self):
        program = self.build("prog", DENIED + r"""
            static void handler(int s) { (void)s; }
            int main(void) {
              struct sigaction a = {.sa_handler = handler};
              sigaction(SIGALRM, &a, 0);
              puts("up"); fflush(stdout); getchar();
              ualarm(200000, 0);
              printf("%d\n", try()); fflush(stdout);
              printf("%d\n", try()); fflush(stdout);
              return 3;
            }""")
        process, supervisor = self.start("errno(EXDEV) mkdir", program)
        os.kill(supervisor, signal.SIGSTOP)
        process.stdin.write("\n")
        process.stdin.flush()
        first = process.stdout.readline()
        os.kill(supervisor, signal.SIGCONT)
        rest, _ = process.communicate(timeout=30)
        self.assertEqual((first, rest), ("4\n", "18\n"))

    def test_nested_run_degrades_the_report_and_never_the_confinement(self):
        outer = self.policy("errno(EXDEV) mkdir", "outer.policy")
        inner = self.policy("errno(EMLINK) rmdir", "inner.policy")
        program = self.build("prog", DENIED + r"""
            int main(void) { printf("%d", try()); printf(" %d\n", rmdir("/nowhere/x") < 0 ? errno : 0); return 3; }""")
        done = self.run_under(outer, *self.command(inner, program))
        self.assertEqual((done.stdout, done.returncode), ("18 31\n", 3), done.stderr)
        self.assertIn("not reported: another supervisor listens already (EBUSY)", done.stderr)
        self.assertIn("denied mkdir", done.stderr)
        self.assertNotIn("denied rmdir", done.stderr)
        done = self.run_under(outer, *self.command(inner, program, options=["--log-only"]))
        self.assertEqual(done.returncode, 125)
        self.assertIn("--log-only needs a supervisor", done.stderr)
        # Where the outer run traces, the inner one cannot.
        traced = self.policy("kill_process rename", "traced.policy")
        done = self.run_under(traced, *self.command(inner, program))
        self.assertEqual(done.returncode, 125)
        self.assertIn("ptrace is refused", done.stderr)

    def test_a_listener_of_the_programs_own_is_refused(self):
        program = self.build("prog", r"""
            #include <errno.h>
            #include <linux/filter.h>
            #include <linux/seccomp.h>
            #include <sys/syscall.h>
            #include <unistd.h>
            int main(void) {
              struct sock_filter code[] = {{6, 0, 0, 0x7fff0000}};
              struct sock_fprog filter = {1, code};
              return syscall(SYS_seccomp, 1, 8, &filter) < 0 ? errno : 0;
            }""")
        done = self.run_under(self.policy("errno(EXDEV) mkdir"), program)
        self.assertEqual(done.returncode, 16)  # EBUSY

    def test_unreadable_arguments_of_a_process_that_is_not_dumpable(self):
        program = self.build("prog", DENIED + r"""
            int main(void) { prctl(PR_SET_DUMPABLE, 0); return try(); }""")
        done = subprocess.run(
            self.as_nobody(self.command(self.policy("errno(EXDEV) mkdir"), program)),
            capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 18)
        self.assertRegex(done.stderr, r"pathname=0x[0-9a-f]+ \(memory cannot be read: Operation not permitted\)")
        self.assertIn("no stack: ptrace refused", done.stderr)

    def test_an_unprivileged_user_gets_the_full_report(self):
        program = self.build("prog", DENIED + "int main(void) { return try(); }")
        for rule in ("errno(EXDEV) mkdir", "kill_process mkdir"):
            done = subprocess.run(self.as_nobody(self.command(self.policy(rule), program)),
                                  capture_output=True, text=True, timeout=60)
            self.assertIn('mkdir(pathname="/nowhere/x"', done.stderr)
            self.assertIn("main+", done.stderr)

    def test_the_program_cannot_trace_its_supervisor(self):
        code = ("import ctypes, os, sys\nlibc = ctypes.CDLL(None, use_errno=True)\n"
                "libc.ptrace.argtypes = [ctypes.c_long] * 4\n"
                "input()\npid = int(input())\n"
                "print(libc.ptrace(16, pid, 0, 0), ctypes.get_errno())")  # PTRACE_ATTACH
        report = self.path("report")
        os.chmod(self.folder, 0o777)
        process = subprocess.Popen(
            self.as_nobody(self.command(self.policy("errno(EXDEV) mkdir"), "/usr/bin/python3", "-c", code,
                                        options=["--report-file", report])),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        wait_for(lambda: supervisor_of(report), what="the supervisor")
        out, _ = process.communicate(f"\n{supervisor_of(report)}\n", timeout=30)
        self.assertEqual(out, "-1 1\n")  # EPERM

    def test_a_traced_program_cannot_be_traced_by_another(self):
        need("strace")
        done = self.run_under(self.policy("kill_process mkdir"), "strace", "-o", "/dev/null", "true")
        self.assertNotEqual(done.returncode, 0)
        done = self.run_under(self.policy("errno(EXDEV) mkdir"), "strace", "-o", "/dev/null", "true")
        self.assertEqual(done.returncode, 0, done.stderr)


if __name__ == "__main__":
    main()
