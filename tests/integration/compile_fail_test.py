"""What must not compile: each tests/compile_fail/*.cpp fails with the message its first line expects,
and compiles with -DCONTROL, under every compiler that is installed."""
import glob
import os
import shutil
import subprocess
import unittest
from concurrent.futures import ThreadPoolExecutor

from harness import SOURCE, main

COMPILERS = ["g++", "clang++-14"]


def compiles(compiler, path, *flags):
    # In C++'s own words, whatever the locale.
    environment = dict(os.environ, LC_ALL="C")
    return subprocess.run([compiler, "-std=c++20", "-fsyntax-only", f"-I{SOURCE}/include", *flags, path],
                          capture_output=True, text=True, timeout=120, env=environment)


class CompileFail(unittest.TestCase):
    def test_each(self):
        paths = sorted(glob.glob(f"{SOURCE}/tests/compile_fail/*.cpp"))
        self.assertGreaterEqual(len(paths), 10)
        jobs = [(compiler, path) for compiler in self.compilers() for path in paths]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            results = list(pool.map(lambda job: (compiles(*job, "-DCONTROL"), compiles(*job)), jobs))
        for (compiler, path), (control, wrong) in zip(jobs, results):
            with self.subTest(compiler=compiler, file=os.path.basename(path)):
                self.check(path, control, wrong)

    def check(self, path, control, wrong):
        with open(path, encoding="ascii") as file:
            expected = file.readline().removeprefix("// expect: ").strip()
        self.assertEqual(control.returncode, 0, control.stderr)
        self.assertNotEqual(wrong.returncode, 0, "it compiles")
        said = [line for line in wrong.stderr.splitlines() if "error:" in line or "note:" in line]
        self.assertIn(expected, "\n".join(said))

    def compilers(self):
        found = [compiler for compiler in COMPILERS if shutil.which(compiler)]
        if not found:
            raise unittest.SkipTest("not installed: " + " or ".join(COMPILERS))
        return found


if __name__ == "__main__":
    main()
