"""What a denial's report says: call, arguments, process, rule, stack, count, the line that allows."""
import json
import os
import re
import subprocess
import unittest

from harness import CALLGATE, main, need
from run_support import RunTest

MKDIR = r"""
    #include <stdio.h>
    #include <sys/stat.h>
    __attribute__((noinline)) void inner(const char* path) { mkdir(path, 0750); }
    __attribute__((noinline)) void outer(void) { inner("/nowhere/a b\n"); puts("next"); }
    int main(void) { outer(); return 0; }
"""


class Content(RunTest):
    def test_everything_about_one_denial(self):
        program = self.build("prog", MKDIR)
        policy = self.policy("errno(EXDEV) mkdir, mkdirat")
        done = self.run_under(policy, program)
        text = done.stderr
        self.assertEqual(done.stdout, "next\n")
        self.assertIn(r'denied mkdir(pathname="/nowhere/a b\n", mode=0750) = EXDEV', text)
        self.assertRegex(text, r"process  \d+ \(prog\)")
        self.assertIn(f"rule     {policy}:4:1", text)
        self.assertIn("allow    allow mkdir", text)
        frames = re.findall(r"#\d+ +(\S+) (\S*)(?:  (\S+))?$", text, re.M)
        names = [function for _, function, _ in frames]
        self.assertTrue(names[0].startswith("mkdir+"), names)
        self.assertTrue(names[1].startswith("inner+"), names)
        self.assertTrue(names[2].startswith("outer+"), names)
        self.assertTrue(names[3].startswith("main+"), names)
        self.assertTrue(frames[1][2].endswith("prog.c:4"), frames)
        self.assertTrue(frames[3][2].endswith("prog.c:6"), frames)

    def test_kill_and_trap_are_seen_as_well(self):
        program = self.build("prog", MKDIR)
        for action, shown in (("kill_process", "kill_process"), ("kill_thread", "kill_thread"),
                              ("trap(9)", "trap(9)")):
            with self.subTest(action):
                done = self.run_under(self.policy(f"{action} mkdir"), program)
                self.assertIn(f"mode=0750) = {shown}", done.stderr)
                self.assertIn("main+", done.stderr)
                self.assertEqual(done.returncode, -31)

    def test_otherwise_unknown_and_unlisted(self):
        program = self.build("prog", """
            #include <unistd.h>
            #include <sys/syscall.h>
            int main(void) { syscall(SYS_mkdir, "x", 0); syscall(5000); return 0; }""")
        policy = self.policy("allow exit_group, exit", head="abi 6.12\n" + "otherwise errno(EPERM)\n")
        done = self.run_under(policy, program)
        self.assertIn("rule     otherwise", done.stderr)
        self.assertIn("call 5000(", done.stderr)
        self.assertIn("rule     unknown number", done.stderr)
        narrow = self.build("narrow", MKDIR, "-m32", "-static")
        done = self.run_under(policy, narrow)
        self.assertIn("rule     ABI not listed", done.stderr)
        self.assertIn("abi      i386", done.stderr)
        self.assertIn("arches x86_64, i386", done.stderr)

    def test_arguments_by_name(self):
        code = """
import os, socket
def t(f, *a):
    try: f(*a)
    except OSError: pass
t(socket.socket, socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
s = socket.socket(); t(s.connect, ("127.0.0.1", 80))
s = socket.socket(socket.AF_INET6); t(s.bind, ("::1", 8080))
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); t(s.sendto, b"x", "/run/some.sock")
t(os.open, "/etc/hostname", os.O_RDWR | os.O_APPEND)
t(os.rename, "/a", "/b")
t(os.execve, "/bin/no", ["no", "way"], {})
"""
        policy = self.policy("""\
            errno(EACCES) socket if domain == AF_NETLINK
            errno(EACCES) connect, bind, sendto, rename, execve
            errno(EACCES) openat if flags & 3 == O_RDWR""")
        text = self.run_under(policy, "python3", "-c", code).stderr
        for part in ("socket(domain=AF_NETLINK, type=SOCK_RAW|SOCK_CLOEXEC",
                     "addr=AF_INET 127.0.0.1:80, addrlen=16)",
                     "addr=AF_INET6 [::1]:8080",
                     'addr=AF_UNIX "/run/some.sock"',
                     'openat(dirfd=AT_FDCWD, pathname="/etc/hostname", flags=O_RDWR|O_APPEND|O_CLOEXEC',
                     'rename(oldpath="/a", newpath="/b")',
                     'execve(pathname="/bin/no", argv=["no", "way"]'):
            self.assertIn(part, text)
        self.assertIn("allow socket if domain == AF_NETLINK", text)

    def test_the_allowing_line_allows(self):
        """Put before the rule, it lets exactly that call through."""
        code = ("import socket\n"
                "for family in (socket.AF_NETLINK, socket.AF_UNIX):\n"
                "    try: socket.socket(family, socket.SOCK_RAW); print('yes')\n"
                "    except OSError: print('no')")
        rule = "errno(EACCES) socket if domain in {AF_UNIX, AF_NETLINK}"
        done = self.run_under(self.policy(rule), "python3", "-c", code)
        self.assertEqual(done.stdout, "no\nno\n")
        line = re.search(r"allow    (allow .*?) +#", done.stderr).group(1)
        done = self.run_under(self.policy(line + "\n" + rule), "python3", "-c", code)
        self.assertEqual(done.stdout, "yes\nno\n", line)

    def test_counts(self):
        code = "import os\nfor i in range(100):\n  try: os.mkdir(f'/tmp/{i}')\n  except OSError: pass"
        text = self.run_under(self.policy("errno(EACCES) mkdir"), "python3", "-c", code).stderr
        self.assertEqual(text.count("denied mkdir"), 1)
        self.assertRegex(text, r"100 denials of 1 kind\n +100x mkdir")

    def test_json(self):
        policy = self.policy("errno(EACCES) mkdir")
        text = self.run_under(policy, "mkdir", "-p", "/nowhere/é\"", options=["--json"]).stderr
        events = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
        denial = events[0]
        self.assertEqual((denial["event"], denial["call"], denial["abi"]), ("denial", "mkdir", "x86_64"))
        self.assertEqual((denial["action"], denial["rule_line"]), ("errno(EACCES)", 4))
        self.assertTrue(denial["stack"][0]["function"].endswith("mkdir"))
        self.assertEqual(events[-1]["event"], "counts")

    def test_threads_and_children_are_named(self):
        code = ("import os, threading\n"
                "def f():\n  try: os.mkdir('/tmp/x')\n  except OSError: pass\n"
                "t = threading.Thread(target=f); t.start(); t.join()\n"
                "pid = os.fork()\nif pid == 0:\n  open('/proc/self/comm', 'w').write('kid'); f(); os._exit(0)\n"
                "os.waitpid(pid, 0)")
        for action in ("errno(EACCES)", "trap"):
            text = self.run_under(self.policy(f"{action} mkdir"), "python3", "-c", code).stderr
            self.assertRegex(text, r"process  (\d+) \(python3\), thread (?!\1)\d+")
            if action == "errno(EACCES)":
                self.assertRegex(text, r"process  \d+ \(kid\)")

    def test_report_file(self):
        report = self.path("report")
        done = self.run_under(self.policy("errno(EACCES) mkdir"), "mkdir", "/tmp/x",
                              options=["--report-file", report])
        self.assertNotIn("callgate:", done.stderr)
        with open(report) as file:
            self.assertIn("denied mkdir", file.read())

    def test_a_compiled_program_has_no_rules(self):
        raw = self.path("raw.bpf")
        subprocess.run([CALLGATE, "compile", self.policy("errno(EACCES) mkdir"), "-o", raw], check=True)
        text = self.run_under(raw, "mkdir", "/tmp/x").stderr
        self.assertIn("denied mkdir", text)
        self.assertIn("the program has no rules", text)

    def test_log_only(self):
        new = self.path("new")
        for rule in ("errno(EACCES) mkdir", "kill_process mkdir", "trap mkdir"):
            with self.subTest(rule):
                done = self.run_under(self.policy(rule), "mkdir", new, options=["--log-only"])
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIn("would deny mkdir", done.stderr)
                self.assertIn("main+", done.stderr)
                self.assertTrue(os.path.isdir(new))
                os.rmdir(new)

    def test_log_only_does_not_interrupt_blocking_calls(self):
        """epoll_wait is never restarted: a stop inside it would show as EINTR (signal(7))."""
        program = self.build("wait", r"""
            #include <errno.h>
            #include <sys/epoll.h>
            int main(void) {
              struct epoll_event event;
              return epoll_wait(epoll_create1(0), &event, 1, 500) == 0 ? 0 : errno;
            }""")
        done = self.run_under(self.policy("errno(EACCES) epoll_wait"), program, options=["--log-only"])
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("would deny epoll_wait", done.stderr)
        self.assertIn("main+", done.stderr)


class Stacks(RunTest):
    def stack(self, rule, *command):
        text = self.run_under(self.policy(rule), *command).stderr
        return re.findall(r"#\d+ +(\S+) (\S*)", text), text

    def test_python(self):
        """Every frame of Debian's python3, which is stripped, down to main."""
        if not os.path.exists("/usr/bin/python3"):
            raise unittest.SkipTest("no /usr/bin/python3")
        frames, text = self.stack("errno(EACCES) mkdir", "/usr/bin/python3", "-c",
                                  "import os\ntry: os.mkdir('/tmp/x')\nexcept OSError: pass")
        objects = [os.path.basename(path) for path, _ in frames]
        names = [name.split("+")[0] for _, name in frames]
        self.assertIn("mkdir", names[0])
        for name in ("_PyEval_EvalFrameDefault", "Py_RunMain", "Py_BytesMain", "__libc_start_main"):
            self.assertIn(name, names)
        self.assertEqual(names[-1], "_start")
        self.assertTrue(objects[-1].startswith("python3"), objects)
        # Debian's main is a jump to Py_BytesMain, so it has no frame of its own: the report says so.
        self.assertTrue("main" in names or "main itself left by a jump to Py_BytesMain" in text, text)

    def test_nginx(self):
        need("nginx")
        conf = self.write("nginx.conf", f"pid {self.folder}/pid; error_log {self.folder}/log;\n"
                          "events {} http { server { listen 127.0.0.1:1; } }\n")
        frames, text = self.stack("errno(EACCES) socket if domain == AF_INET", "nginx", "-t", "-c", conf)
        names = [name.split("+")[0] for _, name in frames]
        self.assertEqual([n for n in names if n.startswith("ngx_") or n == "main"],
                         ["ngx_open_listening_sockets", "ngx_init_cycle", "main"], text)
        self.assertEqual(names[-1], "_start")

    def test_call_without_unwind_information(self):
        """glibc's clone3 has none behind its call: the walk goes on from its caller."""
        if not os.path.exists("/usr/bin/python3"):
            raise unittest.SkipTest("no /usr/bin/python3")
        frames, text = self.stack("errno(ENOSYS) clone3", "/usr/bin/python3", "-c",
                                  "import threading\nt = threading.Thread(target=print); t.start(); t.join()")
        names = [name.split("+")[0] for _, name in frames]
        for name in ("pthread_create", "PyThread_start_new_thread", "Py_BytesMain"):
            self.assertIn(name, names, text)
        self.assertEqual(names[-1], "_start")

    def test_static_program(self):
        for flags in (("-static",), ("-static-pie",), ("-static", "-s")):
            with self.subTest(flags):
                program = self.build("prog", MKDIR, *flags)
                frames, text = self.stack("errno(EACCES) mkdir", program)
                self.assertGreaterEqual(len(frames), 5, text)
                self.assertTrue(all(path == program for path, _ in frames), frames)
                if "-s" in flags:
                    # No symbols at all: offsets into the object.
                    self.assertTrue(frames[1][1].startswith("+0x"), frames)

    def test_generated_code(self):
        """A call from code that belongs to no object: a raw address, said."""
        program = self.build("jit", r"""
            #include <string.h>
            #include <sys/mman.h>
            int main(void) {
              const unsigned char code[] = {0xb8, 83, 0, 0, 0, 0x0f, 0x05, 0xc3};  /* mkdir */
              void* page = mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
              memcpy(page, code, sizeof code);
              ((long (*)(const char*, long))page)("/nowhere", 0);
              return 0;
            }""")
        text = self.run_under(self.policy("errno(EACCES) mkdir"), program).stderr
        self.assertRegex(text, r"#0  0x[0-9a-f]+ \(no object\)")


if __name__ == "__main__":
    main()
