"""packaging/debian says the same as the rest of the project: version, build dependencies, what is
installed, what the shared library exports. `make deb` is tried by tests/e2e/debian_package.sh.
"""
import fnmatch
import os
import re
import unittest

from harness import SOURCE, main, need, scratch
from install_test import BUILD, files_under, run

DEBIAN = os.path.join(SOURCE, "packaging/debian")


def text_of(path):
    with open(os.path.join(SOURCE, path), encoding="utf-8") as file:
        return file.read()


class Packaging(unittest.TestCase):
    maxDiff = None

    def test_version(self):
        project = re.search(r"project\(callgate VERSION ([\d.]+)", text_of("CMakeLists.txt")).group(1)
        packaged = re.match(r"callgate \(([\d.]+)\)", text_of("packaging/debian/changelog")).group(1)
        self.assertEqual(project, packaged)

    def test_build_dependencies(self):
        """Those of `make build`, but for what Debian always has, ccache, and Python, which tests need."""
        build = re.search(r'\[build\]="([^"]*)"', text_of("scripts/install-deps")).group(1).split()
        field = re.search(r"^Build-Depends:((?:.*\n)(?:[ \t].*\n)*)", text_of("packaging/debian/control"), flags=re.M)
        packaged = {part.split()[0] for part in field.group(1).split(",") if part.strip()}
        self.assertEqual(set(build) - {"g++", "make", "ccache", "python3"}, packaged - {"debhelper-compat"})

    def test_each_file_is_in_one_package(self):
        root = scratch(self)
        run("cmake", "--install", BUILD, "--prefix", "/usr", env={**os.environ, "DESTDIR": root})
        patterns = {}
        for name in os.listdir(DEBIAN):
            if name.endswith(".install"):
                lines = text_of("packaging/debian/" + name).split()
                # Debian's libraries lie in a folder of their architecture; here they do not.
                patterns[name] = [line.replace("usr/lib/*/", "usr/lib/") for line in lines]
        self.assertIn("callgate.install", patterns)

        def matches(file, pattern):
            return fnmatch.fnmatch(file, pattern) or fnmatch.fnmatch(file, pattern + "/*")

        files = files_under(root)
        for file in files:
            holders = [name for name, lines in patterns.items() if any(matches(file, line) for line in lines)]
            self.assertEqual(len(holders), 1, f"{file}: {holders}")
        for name, lines in patterns.items():
            for line in lines:
                self.assertTrue(any(matches(file, line) for file in files), f"{name}: nothing is {line}")

    def test_symbols(self):
        need("nm")
        listed = re.findall(r"^ (\w+@\w+) ", text_of("packaging/debian/libcallgate0.symbols"), flags=re.M)
        library = os.path.join(BUILD, "src/libcallgate.so")
        exported = [line.split()[-1].replace("@@", "@")
                    for line in run("nm", "-D", "--defined-only", "--with-symbol-versions", library).splitlines()]
        exported = [name if "@" in name else f"{name}@{name}" for name in exported]
        self.assertEqual(sorted(exported), sorted(listed))


if __name__ == "__main__":
    main()
