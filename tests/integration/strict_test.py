"""callgate run --strict: programs that live with read, write and exit, and how others die."""
import os
import subprocess
import unittest

from harness import CALLGATE, main, need
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
                      ["seq", "-w", "9998", "100000"], ["expr", "6", "*", "7"], ["expr", "0"],
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


class Dies(StrictTest):
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


if __name__ == "__main__":
    main()
