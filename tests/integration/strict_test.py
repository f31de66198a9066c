"""callgate run --strict: programs that live with read, write and exit, and how others die."""
import os
import subprocess
import unittest

from harness import CALLGATE, SOURCE, main, need
from run_support import RunTest

FORMS = ("kernel", "filter")

C_SUM = """
    #include <stdio.h>
    int main(void) {
      char line[1000];
      unsigned long lines = 0, sum = 0;
      while (fgets(line, sizeof line, stdin)) {
        ++lines;
        for (char *c = line; *c; ++c) sum = sum * 31 + (unsigned char)*c;
      }
      printf("%lu %lx\\n", lines, sum);
      return 3;
    }"""

CXX_COUNT = """
    #include <iostream>
    #include <map>
    #include <stdexcept>
    #include <string>
    #include <vector>
    struct Ends { ~Ends() { std::cout << "destroyed\\n"; } } ends;
    std::map<std::string, int> early{{"early", 1}};
    int main() {
      std::vector<std::string> lines;
      std::map<std::string, int> seen;
      std::size_t bytes = 0, thrown = 0;
      for (std::string line; std::getline(std::cin, line); lines.push_back(line)) {
        bytes += line.size() + 1;
        try {
          if (line.size() % 7 == 0) throw std::runtime_error(line);
          ++seen[line.substr(0, 3)];
        } catch (const std::exception& error) {
          ++thrown;
        }
      }
      std::cout << lines.size() << ' ' << seen.size() << ' ' << bytes << ' ' << thrown << std::endl;
      for (const auto& [word, times] : early) std::cout << word << ' ' << times << '\\n';
      return 4;
    }"""


class StrictTest(RunTest):
    def build_cxx(self, name, source, *flags):
        need("c++")
        code = self.write(name + ".cpp", source)
        subprocess.run(["c++", "-std=c++17", "-g", "-O1", code, "-o", self.path(name), "-pthread", *flags],
                       check=True)
        return self.path(name)

    def strict(self, *words, form="kernel", options=(), **settings):
        settings.setdefault("timeout", 120)
        return subprocess.run([CALLGATE, "run", "--strict=" + form, *options, "--", *words],
                              capture_output=True, **settings)

    def assert_same(self, *words, options=(), **settings):
        """Under both forms a program gives what it gives unconfined, and nothing is reported."""
        plain = subprocess.run(words, capture_output=True, timeout=120, **settings)
        for form in FORMS:
            with self.subTest(words=words, form=form):
                done = self.strict(*words, form=form, options=options, **settings)
                self.assertEqual((done.returncode, done.stdout, done.stderr),
                                 (plain.returncode, plain.stdout, plain.stderr))
        return plain


class Lives(StrictTest):
    def test_commands(self):
        for words in (["true"], ["false"], ["echo", "hello", "world"], ["echo", "-n"], ["seq", "3"],
                      ["seq", "-w", "9998", "100000"], ["factor", "1234567"], ["expr", "6", "*", "7"], ["expr", "0"],
                      ["expr", "abc", ":", "a.*"]):
            self.assert_same(*words)

    def test_c(self):
        text = "".join(f"line {number}\n" for number in range(20000)).encode()
        self.assertEqual(self.assert_same(self.build("sum", C_SUM), input=text).returncode, 3)

    def test_cxx(self):
        program = self.build_cxx("count", CXX_COUNT)
        text = "".join("x" * (number % 40) + "\n" for number in range(5000)).encode()
        plain = self.assert_same(program, input=text)
        self.assertIn(b"5000 ", plain.stdout)
        self.assertTrue(plain.stdout.endswith(b"destroyed\n"))


    def test_100_megabytes(self):
        program = self.build_cxx("total", """
            #include <iostream>
            #include <string>
            #include <vector>
            int main() {
              std::ios::sync_with_stdio(false);
              std::vector<char> all;
              for (std::string block(1 << 16, 0);
                   std::cin.read(block.data(), block.size()) || std::cin.gcount() > 0;)
                all.insert(all.end(), block.data(), block.data() + std::cin.gcount());
              std::cout << all.size() << "\\n";
              std::cout.write(all.data(), all.size());
            }""")
        text = bytes(range(256)) * (400 * 1024)
        for form in FORMS:
            done = self.strict(program, form=form, options=["--memory", "1G"], input=text)
            self.assertEqual((done.returncode, done.stderr), (0, b""))
            self.assertEqual(done.stdout, b"%d\n" % len(text) + text)

    def test_static_at_the_entry_point(self):
        program = self.build("upper", """
            static long call(long number, long a, const void *b, long c) {
              long result;
              __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c)
                               : "rcx", "r11", "memory");
              return result;
            }
            void _start(void) {
              static char text[4096];
              for (long got; (got = call(0, 0, text, sizeof text)) > 0; call(1, 1, text, got))
                for (long i = 0; i < got; ++i)
                  if (text[i] >= 'a' && text[i] <= 'z') text[i] -= 32;
              call(60, 9, 0, 0);
            }""", "-static", "-nostdlib", "-fno-stack-protector")
        self.assertEqual(self.assert_same(program, input=b"some text\n").stdout, b"SOME TEXT\n")

    def test_the_heap_ends_in_bad_alloc(self):
        program = self.build_cxx("eats", """
            #include <iostream>
            #include <new>
            #include <vector>
            int main() {
              std::vector<char*> blocks;
              try {
                while (true) blocks.push_back(new char[1 << 20]);
              } catch (const std::bad_alloc&) {
                std::cout << blocks.size() << "\\n";
              }
              for (char* block : blocks) delete[] block;
              delete[] new char[16 << 20];
            }""")
        done = self.strict(program, options=["--memory", "32M"])
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.assertIn(int(done.stdout), range(25, 32))

    def test_environment_and_descriptors(self):
        done = self.strict("env", env={"PATH": os.environ["PATH"], "A": "1"})
        self.assertEqual(done.stdout.decode(), f"PATH={os.environ['PATH']}\nA=1\n")


class Dies(StrictTest):
    def test_each_names_its_call(self):
        for name, code, call in (
                ("getpid", "getpid();", b"denied getpid()"),
                ("mmap", "mmap(0, 4096, 3, 34, -1, 0);", b"denied mmap("),
                ("socket", "socket(2, 1, 0);", b"denied socket("),
                ("fork", "fork();", b"denied clone("),
                ("raw", "syscall(231, 0);", b"denied exit_group("),
                ("thread", "pthread_t t; pthread_create(&t, 0, body, 0);", b"denied ")):
            program = self.build(name, f"""
                #define _GNU_SOURCE
                #include <pthread.h>
                #include <sys/mman.h>
                #include <sys/socket.h>
                #include <unistd.h>
                void *body(void *p) {{ return p; }}
                int main(void) {{ {code} return 0; }}""", "-Wno-unused-result")
            with self.subTest(name):
                done = self.strict(program)
                self.assertEqual(done.returncode, -9)
                self.assertIn(call, done.stderr)

    def test_the_time_stamp_counter(self):
        program = self.build("tsc", "int main(void) { return __builtin_ia32_rdtsc() == 0; }")
        done = self.strict(program)
        self.assertEqual(done.returncode, -11)
        self.assertIn(b"time stamp counter", done.stderr)
        self.assertEqual(self.strict(program, form="filter").returncode, 0)

    def test_whoever_the_layer_does_not_help_is_confined_all_the_same(self):
        """Static, 32-bit and musl programs, and one that brings its own malloc and close."""
        opens = """
            #include <fcntl.h>
            int main(void) { return open("/etc/passwd", O_RDONLY) >= 0; }"""
        programs = [self.build("static", opens, "-static"),
                    self.build("own", "#include <unistd.h>\n"
                               "int close(int fd) { return syscall(3, fd); }\n"
                               "int main(void) { return close(0); }", "-w")]
        for name, flags in (("narrow", ("-m32",)),):
            try:
                programs.append(self.build(name, opens, *flags))
            except unittest.SkipTest:
                pass
        for program in programs:
            for form, code in (("kernel", -9), ("filter", -31)):
                with self.subTest(program=program, form=form):
                    done = self.strict(program, form=form)
                    self.assertEqual(done.returncode, code)
                    self.assertIn(b"denied", done.stderr)

    def test_commands_die_of_what_the_documentation_says(self):
        with open(os.path.join(SOURCE, "docs", "strict.md")) as file:
            rows = [line for line in file if line.startswith("| ")]
        with open(self.write("text", "some text\n")) as text:
            for command, call in (("base64", "lseek"), ("cut -c1", "lseek"), ("tac", "lseek"),
                                  ("sort", "rt_sigaction"), ("pwd", "getcwd"), ("id", "geteuid"),
                                  ("dash -c :", "getuid"), ("uname", "uname"), ("ls", "openat"),
                                  ("sleep 0", "clock_nanosleep")):
                with self.subTest(command):
                    text.seek(0)
                    done = self.strict(*command.split(), stdin=text)
                    self.assertEqual(done.returncode, -9)
                    self.assertIn(f"denied {call}(".encode(), done.stderr)
                    name = command.split()[0]
                    self.assertTrue(any(name in row.split("|")[1] and call in row.split("|")[2]
                                        for row in rows), f"docs/strict.md: {name}: {call}")

    def test_without_a_report_it_dies_as_well(self):
        for level in ("none", "audit"):
            done = self.strict("id", options=["--report", level])
            self.assertEqual((done.returncode, done.stderr), (-9, b""))

    def test_a_death_names_the_call(self):
        program = self.build("opens", """
            #include <fcntl.h>
            int main(void) { return open("/etc/passwd", O_RDONLY) < 0; }""")
        done = self.strict(program)
        self.assertEqual(done.returncode, -9)
        self.assertIn(b'denied openat(dirfd=AT_FDCWD, pathname="/etc/passwd", flags=O_RDONLY', done.stderr)
        self.assertIn(b"= SIGKILL", done.stderr)
        self.assertIn(b"main+", done.stderr)
        self.assertEqual(self.strict(program, form="filter").returncode, -31)


class Misuse(StrictTest):
    def test_options_that_do_not_go_together(self):
        for options in (["--profile", "none"], ["--at", "exec"], ["--log-only"], ["--arch", "i386"],
                        ["--memory", "much"], ["--memory", "1"], ["--memory", "99999999999G"]):
            done = self.strict("true", options=options)
            self.assertEqual(done.returncode, 125, options)
            self.assertNotEqual(done.stderr, b"")
        self.assertEqual(self.strict("true", form="loose").returncode, 125)

    def test_under_a_filter_strict_mode_is_refused_by_name(self):
        outer = self.policy("errno(EACCES) mkdir, mkdirat")
        for form, code in (("kernel", 125), ("filter", 0)):
            done = subprocess.run(
                [CALLGATE, "run", "--profile", outer, "--report", "none", "--",
                 CALLGATE, "run", "--strict=" + form, "--", "echo", "out"],
                capture_output=True, timeout=60)
            self.assertEqual(done.returncode, code, done.stderr)
            self.assertIn(b"--strict=filter" if code else b"out", done.stderr + done.stdout)


if __name__ == "__main__":
    main()
