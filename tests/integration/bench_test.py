"""bench/run at its quick size, without the peers that have to be built: every table is there, and
what it says of callgate and of libseccomp is right where that is known."""
import os
import re
import subprocess
import sys
import unittest

from harness import CALLGATE, SOURCE, main, scratch

BUILD = os.path.dirname(os.path.dirname(os.path.realpath(CALLGATE)))
RUN = os.path.join(SOURCE, "bench", "run")


def bench(*arguments):
    return subprocess.run([sys.executable, RUN, *arguments], capture_output=True, text=True,
                          timeout=600, check=False)


class BenchTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not os.path.exists(os.path.join(BUILD, "bench", "measure_filters")):
            raise unittest.SkipTest("bench/measure_filters was not built")

    def test_quick(self):
        output = os.path.join(scratch(self), "benchmarks.md")
        done = bench(BUILD, "--quick", "--no-peers", "-o", output)
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(output, encoding="utf-8") as written:
            text = written.read()
        self.assertEqual(text, done.stdout)
        for title in ("# Benchmarks", "## Aims", "### The allowlist of 30 calls",
                      "### A systemd-like denylist", "### The built-in `docker-default`",
                      "## 20 random policies"):
            self.assertIn(title, text)
        allowlist = text.split("### The allowlist of 30 calls")[1].split("##")[0]
        self.assertRegex(allowlist, r"\| callgate \| \d+ \| \d+ \|.*\| equal \|")
        if "libseccomp 2.5.4" in text:
            self.assertIn("| libseccomp, level 1 | 88 |", allowlist)
            self.assertIn("| libseccomp, level 2 | 96 |", allowlist)
        random = text.split("## 20 random policies")[1]
        self.assertRegex(random, r"\| callgate \| 20 of 20 \| 20 \| 0 \| 1.00 \|")
        self.assertIsNone(re.search(r"differs: `.*`", allowlist), allowlist)

    def test_a_build_directory_without_it(self):
        done = bench(scratch(self), "--quick")
        self.assertEqual(done.returncode, 1)
        self.assertIn("make bench", done.stderr)


if __name__ == "__main__":
    main()
