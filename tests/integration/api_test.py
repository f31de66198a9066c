"""docs/api.md and examples/ as an author uses them: built on an installed callgate, and run. Then what
the libraries show, and that no environment variable has a say.
"""
import os
import re
import subprocess
import unittest
from concurrent.futures import ThreadPoolExecutor

from harness import SOURCE, main, need
from installed import class_scratch, install, run
from readme_test import blocks, pattern, steps

# What ends up in a confined program.
LIBRARIES = ("base", "abi", "bpf", "kernel", "policy", "meaning", "compiler", "formats", "runtime", "confine",
             "capi", "embedded")
ODD = {
    **{"CALLGATE_" + name: "1" for name in ("DEBUG", "DISABLE", "OFF", "ALLOW", "TRACE", "POLICY", "PROFILE", "LOG")},
    "CALLGATE": "off", "LD_BIND_NOW": "1", "LD_BIND_NOT": "1", "LD_DYNAMIC_WEAK": "1", "LD_WARN": "1",
    "LD_DEBUG_OUTPUT": "/dev/null", "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0", "MALLOC_PERTURB_": "7",
    "NO_COLOR": "1", "SECCOMP": "0", "LIBSECCOMP": "off",
}


class Api(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        need("g++", "cc", "pkg-config", "readelf", "nm")
        cls.home = class_scratch(cls)
        cls.prefix = os.path.join(cls.home, "callgate")
        install(cls.prefix)
        cls.lib = os.path.join(cls.prefix, "lib")
        cls.environment = {**os.environ, "HOME": cls.home, "LC_ALL": "C.UTF-8",
                           "PKG_CONFIG_PATH": cls.lib + "/pkgconfig"}
        cls.shared = {**cls.environment, "LD_LIBRARY_PATH": cls.lib}

    def build(self, source, output):
        """By the line that docs/api.md gives."""
        is_c = source.endswith(".c")
        compiler = "cc" if is_c else "g++ -std=c++20"
        package = "callgate-c" if is_c else "callgate"
        run("bash", "-c", f"{compiler} -Wall -Werror {source} -o {output} $(pkg-config --cflags --libs {package})",
            cwd=self.home, env=self.environment)

    def test_api_md(self):
        with open(os.path.join(SOURCE, "docs/api.md"), encoding="utf-8") as page:
            parts = list(blocks(page.read()))
        programs = []
        for kind, name, lines in parts:
            if name:
                os.makedirs(os.path.dirname(os.path.join(self.home, name)), exist_ok=True)
                with open(os.path.join(self.home, name), "w", encoding="utf-8") as file:
                    file.write("\n".join(lines) + "\n")
            if kind in ("c", "cpp") and "/" not in name:
                programs.append(name)
        self.assertGreaterEqual(len(programs), 6)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(lambda name: self.build(name, os.path.splitext(name)[0]), programs))
        ran = 0
        for kind, _, lines in parts:
            for command, expected in steps(lines) if kind == "console" else []:
                done = subprocess.run(["bash", "-c", command], cwd=self.home, env=self.environment, timeout=300,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
                self.assertRegex(done.stdout, r"\A" + pattern(expected).pattern + r"\Z", command)
                self.assertEqual(done.returncode, 0, command)
                ran += 1
        self.assertGreaterEqual(ran, 9)

    def test_example_of_two_lines(self):
        self.build(os.path.join(SOURCE, "examples/cpp/confine.cpp"), "confine_cpp")
        done = run("./confine_cpp", cwd=self.home)
        self.assertRegex(done, r"(?s)\A(.+\n)?/tmp/new: Operation not permitted\n.*\Z")

    def test_example_of_the_builder(self):
        self.build(os.path.join(SOURCE, "examples/cpp/worker.cpp"), "worker_cpp")
        self.assertEqual(run("./worker_cpp", cwd=self.home), "AF_UNIX allowed\nAF_INET6 refused\n")

    def test_example_of_c(self):
        self.build(os.path.join(SOURCE, "examples/c/confine.c"), "confine_c")
        self.assertEqual(run("./confine_c", cwd=self.home, env=self.shared), "/etc/passwd: Operation not permitted\n")

    def test_example_of_rust(self):
        need("rustc")
        run("rustc", "-L", self.lib, "-o", "confine_rust", os.path.join(SOURCE, "examples/rust/confine.rs"),
            cwd=self.home, env={**self.shared, "HOME": os.environ.get("HOME", "/")})
        self.assertEqual(run("./confine_rust", cwd=self.home, env=self.shared),
                         "/etc/passwd: Operation not permitted (os error 1)\n")

    def test_example_of_go(self):
        need("go", "cc")
        environment = {**self.shared, "CGO_CFLAGS": f"-I{self.prefix}/include", "CGO_LDFLAGS": f"-L{self.lib}",
                       "CGO_ENABLED": "1", "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local", "GO111MODULE": "off",
                       "HOME": os.environ.get("HOME", "/")}
        run("go", "build", "-o", os.path.join(self.home, "confine_go"),
            os.path.join(SOURCE, "examples/go/confine.go"), cwd=self.home, env=environment)
        self.assertEqual(run("./confine_go", cwd=self.home, env=self.shared),
                         "open /etc/passwd: operation not permitted\n")

    def test_the_shared_library_shows_c_functions_alone(self):
        library = os.path.join(self.lib, "libcallgate.so.0")
        shown = {line.split()[-1] for line in run("nm", "-D", "--defined-only", library).splitlines()}
        shown = {re.sub("@.*", "", name) for name in shown}
        self.assertEqual({name for name in shown if not name.startswith("callgate_")}, {"CALLGATE_0"})
        for header in ("callgate.h", "callgate/runtime/embedded.h"):
            with open(os.path.join(self.prefix, "include", header), encoding="utf-8") as file:
                text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)
            text = text.split("namespace callgate")[0]
            declared = set(re.findall(r"\b(callgate_\w+)\(", text))
            self.assertGreaterEqual(len(declared), 2)
            self.assertEqual(declared - shown, set(), header)

    def test_no_library_reads_the_environment(self):
        for name in LIBRARIES:
            symbols = run("nm", "-u", os.path.join(self.lib, f"libcallgate_{name}.a"))
            self.assertIsNone(re.search(r"\b(secure_)?getenv|\b_*environ\b", symbols), name)

    def test_no_environment_variable_loosens_anything(self):
        probe = os.path.join(self.home, "probe.c")
        with open(probe, "w", encoding="utf-8") as file:
            file.write(PROBE)
        self.build(probe, "probe")
        usual = run("./probe", cwd=self.home, env=self.shared)
        self.assertRegex(usual, r"\AEPERM\n0 7fff0000\n(\d+ \w{8}\n){699}\Z")
        self.assertEqual(run("./probe", cwd=self.home, env={**self.shared, **ODD}), usual)


# Each call's verdict as the program has it, and what the kernel does with one that is refused.
PROBE = r"""
#include <callgate.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

int main(void) {
  callgate_policy *policy = callgate_policy_promised("stdio inet", NULL);
  callgate_program *program = callgate_compile(policy, NULL, NULL);
  const unsigned char *bytes = callgate_program_bytes(program, NULL);
  unsigned arch = 0;
  if (bytes == NULL || callgate_program_install(program, NULL, NULL) != 0) return 1;
  printf("%s\n", open("/etc/passwd", O_RDONLY) >= 0 ? "open" : errno == EPERM ? "EPERM" : "other");
#if defined(__x86_64__)
  arch = 0xc000003e;
#elif defined(__aarch64__)
  arch = 0xc00000b7;
#endif
  for (unsigned number = 0; number < 700; ++number)
    printf("%u %08x\n", number, (unsigned)callgate_program_verdict(program, arch, number, 0, NULL));
  return 0;
}
"""


if __name__ == "__main__":
    main()
