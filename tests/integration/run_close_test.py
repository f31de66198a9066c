"""Where the policy comes into force: entry, loader, exec; for every kind of program."""
import os
import signal
import subprocess
import unittest

from harness import CALLGATE, main, need
from run_support import RunTest

# Prints what mkdir got; exits with its errno.
TRY = r"""
    #include <errno.h>
    #include <stdio.h>
    #include <sys/stat.h>
    #include <sys/syscall.h>
    #include <unistd.h>
    int main(void) { int got = syscall(SYS_mkdir, "/nowhere/x", 0) < 0 ? errno : 0; printf("%d\n", got); return got; }
"""
EXDEV = 18


class Points(RunTest):
    def test_every_kind_of_program_at_every_point(self):
        policy = self.policy("errno(EXDEV) mkdir")
        kinds = {"dynamic": (), "no-pie": ("-no-pie",), "static": ("-static",),
                 "static-pie": ("-static-pie",), "i386": ("-m32",), "i386-static": ("-m32", "-static")}
        for name, flags in kinds.items():
            program = self.build("try", TRY, *flags)
            for at in ("entry", "loader", "exec"):
                for report in ("full", "none"):
                    with self.subTest(kind=name, at=at, report=report):
                        done = self.run_under(policy, program, options=["--at", at, "--report", report])
                        self.assertEqual(done.returncode, EXDEV, done.stderr)
                        self.assertEqual("denied mkdir" in done.stderr, report == "full")

    def test_script_is_closed_at_its_interpreters_point(self):
        script = self.write("script", "#!/bin/sh\nmkdir /nowhere/x; echo $0 $?\n", 0o755)
        for at in ("entry", "loader", "exec"):
            done = self.run_under(self.policy("errno(EXDEV) mkdir"), script, options=["--at", at])
            self.assertEqual(done.stdout, f"{script} 1\n")
            self.assertIn("denied mkdir", done.stderr)

    def test_entry_needs_neither_execve_nor_the_loaders_calls(self):
        program = self.build("quiet", """
            #include <unistd.h>
            int main(void) { write(1, "up\\n", 3); _exit(4); }""")
        tight = self.policy("allow write, exit_group", head="abi 6.12\notherwise kill_process\n")
        done = self.run_under(tight, program)
        self.assertEqual((done.stdout, done.returncode), ("up\n", 4), done.stderr)

    def test_exec_and_loader_refuse_with_what_the_policy_lacks(self):
        program = self.build("quiet", "int main(void) { return 0; }")
        tight = self.policy("allow write, exit_group", head="abi 6.12\notherwise errno(EPERM)\n")
        done = self.run_under(tight, program, options=["--at", "exec"])
        self.assertEqual(done.returncode, 125)
        for call in ("execve", "openat", "mmap", "mprotect", "arch_prctl"):
            self.assertIn(call + " (gets errno(EPERM))", done.stderr)
        done = self.run_under(tight, program, options=["--at", "loader"])
        self.assertEqual(done.returncode, 125)
        self.assertNotIn("execve", done.stderr)
        self.assertIn("openat", done.stderr)
        # A static program has no loader.
        static = self.build("static", "int main(void) { return 0; }", "-static")
        done = self.run_under(tight, static, options=["--at", "exec"])
        self.assertEqual(done.returncode, 125)
        self.assertIn("execve", done.stderr)
        self.assertNotIn("openat", done.stderr)

    def test_threads_of_constructors_are_caught(self):
        self.build("libearly.so", r"""
            #include <errno.h>
            #include <pthread.h>
            #include <stdio.h>
            #include <sys/stat.h>
            #include <unistd.h>
            volatile int go, got = -1;
            static void* work(void* none) {
              while (!go) usleep(1000);
              got = mkdir("/nowhere/x", 0) < 0 ? errno : 0;
              return none;
            }
            __attribute__((constructor)) static void start(void) {
              pthread_t thread;
              pthread_create(&thread, 0, work, 0);
            }""", "-shared", "-fPIC")
        program = self.build("main", r"""
            #include <unistd.h>
            extern volatile int go, got;
            int main(void) { go = 1; while (got < 0) usleep(1000); return got; }""",
                             f"-L{self.folder}", "-l:libearly.so", f"-Wl,-rpath,{self.folder}")
        for rule, code in (("errno(EXDEV) mkdir", EXDEV), ("kill_process mkdir", -signal.SIGSYS)):
            done = self.run_under(self.policy(rule), program)
            self.assertEqual(done.returncode, code, done.stderr)
            self.assertIn("denied mkdir", done.stderr)

    def test_setuid_program_runs_without_its_privilege(self):
        program = self.build("whoami", "#include <stdio.h>\n#include <unistd.h>\n"
                             'int main(void) { printf("%d\\n", geteuid()); return 0; }')
        command = self.as_nobody([program])
        os.chmod(program, 0o4755)
        unconfined = subprocess.run(command, capture_output=True, text=True).stdout
        if unconfined != "0\n":
            raise unittest.SkipTest("setuid programs have no effect here (nosuid)")
        policy = self.policy("errno(EXDEV) mkdir")
        for at in ("entry", "loader", "exec"):
            done = subprocess.run(self.as_nobody(self.command(policy, program, options=["--at", at])),
                                  capture_output=True, text=True)
            self.assertEqual(done.stdout, "65534\n", done.stderr)

    def test_unreadable_program_is_refused_after_execve(self):
        """A program that its user may run but not read cannot be closed by injection."""
        program = self.build("secret", TRY, "-static")
        os.chmod(program, 0o711)
        policy = self.policy("errno(EXDEV) mkdir")
        done = subprocess.run(self.as_nobody(self.command(policy, program)), capture_output=True, text=True)
        self.assertIn(done.returncode, (125, -signal.SIGKILL), done.stderr)
        self.assertIn("error:", done.stderr)
        done = subprocess.run(
            self.as_nobody(self.command(policy, program, options=["--at", "exec", "--report", "none"])),
            capture_output=True, text=True)
        self.assertEqual(done.returncode, EXDEV, done.stderr)

    def test_refused_ptrace(self):
        outer = self.policy("errno(EPERM) ptrace", "outer.policy")
        inner = self.policy("errno(EXDEV) mkdir")
        program = self.build("try", TRY)

        def nested(*options):
            return self.run_under(outer, *self.command(inner, program, options=options),
                                  options=["--report", "none"])
        for at in ("entry", "loader"):
            done = nested("--at", at)
            self.assertEqual(done.returncode, 125)
            self.assertIn("ptrace is refused", done.stderr)
            self.assertNotIn("18", done.stdout)
        done = nested("--at", "exec")
        self.assertEqual(done.returncode, EXDEV)
        self.assertIn("denials are not reported: ptrace is refused", done.stderr)
        done = nested("--at", "exec", "--report", "none")
        self.assertEqual((done.returncode, done.stderr), (EXDEV, ""))
        done = nested("--at", "exec", "--log-only")
        self.assertEqual(done.returncode, 125)

    def test_under_strace(self):
        need("strace")
        policy = self.policy("errno(EXDEV) mkdir")
        done = subprocess.run(["strace", "-f", "-o", self.path("log"), *self.command(policy, "true")],
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 125)
        self.assertIn("ptrace is refused", done.stderr)

    def test_a_loader_that_fails_ends_the_program_by_itself(self):
        self.build("libgone.so", "int gone;", "-shared", "-fPIC")
        program = self.build("needs", "extern int gone; int main(void) { return gone; }",
                             f"-L{self.folder}", "-l:libgone.so", f"-Wl,-rpath,{self.folder}")
        os.unlink(self.path("libgone.so"))
        done = self.run_under(self.policy("errno(EXDEV) mkdir"), program)
        self.assertEqual(done.returncode, 127)
        self.assertIn("libgone.so", done.stderr)

    def test_none_and_audit_leave_nobody_behind(self):
        policy = self.policy("errno(EXDEV) mkdir\nkill_process rmdir")
        for report in ("none", "audit"):
            for at in ("entry", "loader", "exec"):
                done = self.run_under(policy, "grep", "-E", "^(TracerPid|Seccomp|NoNewPrivs):",
                                      "/proc/self/status", options=["--at", at, "--report", report])
                self.assertEqual(done.stdout.split(), ["TracerPid:", "0", "NoNewPrivs:", "1", "Seccomp:", "2"])

    def test_audit_denials_are_in_the_kernels_log(self):
        need("dmesg")
        name = f"cgaudit{os.getpid() % 100000}"
        program = self.build(name, TRY)
        done = self.run_under(self.policy("errno(EXDEV) mkdir"), program, options=["--report", "audit"])
        self.assertEqual((done.returncode, done.stderr), (EXDEV, ""))
        log = subprocess.run(["dmesg"], capture_output=True, text=True).stdout
        if f'comm="{name}"' not in log:
            raise unittest.SkipTest("the kernel's log is not ours to read, or auditd takes the records")
        # Without the flag an errno is not logged.
        quiet = name + "q"
        self.run_under(self.policy("errno(EXDEV) mkdir"), self.build(quiet, TRY), options=["--report", "none"])
        log = subprocess.run(["dmesg"], capture_output=True, text=True).stdout
        self.assertNotIn(f'comm="{quiet}"', log)

    def test_one_filter_and_no_tracer_where_nothing_kills(self):
        done = self.run_under(self.policy("errno(EXDEV) mkdir"), "grep", "-E",
                              "^(TracerPid|Seccomp_filters):", "/proc/self/status")
        with open("/proc/self/status") as file:
            before = int(next((line.split()[1] for line in file if line.startswith("Seccomp_filters")), 0))
        self.assertEqual(done.stdout.split(), ["TracerPid:", "0", "Seccomp_filters:", str(before + 1)])


if __name__ == "__main__":
    main()
