"""callgate_add_policy: when the program is made anew, what a mistake looks like, how large and how dependent
the result is; from an installed callgate, from its source, and for musl."""
import os
import re
import subprocess
import unittest

from harness import CALLGATE, SOURCE, main, need
from installed import class_scratch, install

LISTS = """cmake_minimum_required(VERSION 3.25)
project(sealed LANGUAGES C)
%s
add_executable(sealed main.c)
callgate_add_policy(sealed policies/sealed.policy)
add_executable(foreign foreign.c)
callgate_add_policy(foreign policies/sealed.policy NAME other ARCHES %s)
add_executable(bare bare.c)
"""
FILES = {
    "policies/sealed.policy": "policy sealed\nabi 6.12\notherwise errno(EPERM)\nallow @stdio\n"
                              'include "parts/more.policy"\n',
    "policies/parts/more.policy": "allow getpid\n",
    "bare.c": "#include <stdio.h>\nint main(void) { return puts(\"\") < 0; }\n",
    "main.c": r"""
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include "sealed_policy.h"
int main(void) {
  const callgate_embedded_status done = callgate_install_embedded(&sealed_policy, CALLGATE_ALL_THREADS);
  if (done.step != CALLGATE_STEP_NONE) return printf("%d %d\n", done.step, done.error);
  if (mkdir("new", 0700) != 0) printf("%d\n", errno);
  return 0;
}
""",
    "foreign.c": r"""
#include <stdio.h>
#include "other_policy.h"
int main(void) {
  const callgate_embedded_status done = callgate_install_embedded(&other_policy, 0);
  return printf("step %d error %d\n", done.step, done.error) < 0;
}
""",
}


def run(*command, **options):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, **options)


def text_size(program):
    """Bytes of code and constant data."""
    sections = run("readelf", "-SW", program).stdout
    sizes = re.findall(r"\] \.(?:text|rodata|data\.rel\.ro)\s+\S+\s+\w+ \w+ (\w+)", sections)
    return sum(int(size, 16) for size in sizes)


class AddPolicy(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        need("cmake", "cc", "readelf")
        cls.home = class_scratch(cls)
        cls.prefix = os.path.join(cls.home, "prefix")
        install(cls.prefix)
        cls.project("installed", "find_package(callgate 0.1 REQUIRED)", f"-DCMAKE_PREFIX_PATH={cls.prefix}")

    @classmethod
    def project(cls, name, found, *options):
        """Writes the project and builds it."""
        native = os.uname().machine
        other = "x86_64" if native == "aarch64" else "aarch64"
        cls.source = os.path.join(cls.home, name)
        for path, text in {**FILES, "CMakeLists.txt": LISTS % (found, other)}.items():
            cls.write(path, text)
        cls.check(run("cmake", "-S", cls.source, "-B", cls.source + "/build", *options))
        cls.check(cls.build())

    @classmethod
    def write(cls, path, text):
        path = os.path.join(cls.source, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    @classmethod
    def build(cls):
        return run("cmake", "--build", cls.source + "/build", "--target", "sealed", "foreign", "bare", "-j2")

    @staticmethod
    def check(done):
        if done.returncode != 0:
            raise AssertionError(done.stdout)
        return done.stdout

    def program(self, name):
        return os.path.join(self.source, "build", name)

    def test_a_mistake_is_the_builds_error(self):
        for path, text, place in (
                ("policies/sealed.policy", FILES["policies/sealed.policy"] + "allow raed\n", r"sealed\.policy:6:7: error: .*raed"),
                ("policies/parts/more.policy", "allow close if fdd == 1\n", r"parts/more\.policy:1:16: error: .*fdd")):
            with self.subTest(path):
                self.write(path, text)
                done = self.build()
                self.write(path, FILES[path])
                self.assertNotEqual(done.returncode, 0)
                self.assertRegex(done.stdout, place)
        self.check(self.build())

    def test_a_change_of_what_is_included_makes_it_anew(self):
        self.assertEqual(run(self.program("sealed")).stdout, "1\n")
        self.assertNotIn("Compiling and proving", self.check(self.build()))
        self.write("policies/parts/more.policy", "errno(EBUSY) mkdir, mkdirat\n")
        self.assertIn("Compiling and proving", self.check(self.build()))
        self.assertEqual(run(self.program("sealed")).stdout, "16\n")
        self.write("policies/parts/more.policy", FILES["policies/parts/more.policy"])
        self.check(self.build())

    def test_on_another_abi_nothing_is_installed(self):
        self.assertEqual(run(self.program("foreign")).stdout, "step 2 error 8\n")

    def test_it_needs_libc_alone_and_is_small(self):
        needed = re.findall(r"NEEDED.*\[(.*)\]", run("readelf", "-d", self.program("sealed")).stdout)
        self.assertEqual(len(needed), 1)
        self.assertRegex(needed[0], r"^libc\.")
        with open(self.program("callgate/sealed/sealed_policy.c"), encoding="utf-8") as file:
            code = re.findall(r"^    \{0x..,", file.read(), flags=re.M)
        runtime = text_size(self.program("sealed")) - text_size(self.program("bare")) - 8 * len(code)
        self.assertLess(runtime, 2048)
        self.assertGreater(len(code), 20)

    def test_musl(self):
        need("musl-gcc")
        sources = ["main.c", "build/callgate/sealed/sealed_policy.c", os.path.join(SOURCE, "src/runtime/embedded.c")]
        self.check(run("musl-gcc", "-std=c99", "-static", "-Wall", "-Werror", f"-I{self.prefix}/include",
                       "-Ibuild/callgate/sealed", *sources, "-o", "by_musl", cwd=self.source))
        self.assertEqual(run(os.path.join(self.source, "by_musl")).stdout, "1\n")


class FromSource(AddPolicy):
    """With callgate as a part of the project; the command that is tested stands for the one it would build."""

    @classmethod
    def setUpClass(cls):
        need("cmake", "cc", "g++", "readelf")
        cls.home = class_scratch(cls)
        cls.prefix = SOURCE
        cls.project("part", f"enable_language(CXX)\nadd_subdirectory({SOURCE} callgate-build EXCLUDE_FROM_ALL)",
                    f"-DCALLGATE_COMMAND={os.path.abspath(CALLGATE)}")


if __name__ == "__main__":
    main()
