"""For each promise a program that runs under it and a call that it refuses, on glibc and musl; and that
nothing of it works where only stdio is promised. tests/support/promised.c has what is tried."""
import os
import subprocess
import unittest

from harness import SOURCE, callgate, main, need, scratch

HEAD = "abi 6.12\notherwise errno(ENOTRECOVERABLE)\n"


class Promised:
    compiler = ""

    def setUp(self):
        need(self.compiler)
        self.folder = scratch(self)
        self.work = os.path.join(self.folder, "work")
        source = os.path.join(SOURCE, "tests/support/promised.c")
        self.program, self.static = (os.path.join(self.folder, name) for name in "ps")
        for out, link in ((self.program, []), (self.static, ["-static"])):
            subprocess.run([self.compiler, "-O1", "-w", "-pthread", *link, "-o", out, source],
                           check=True)

    def try_it(self, what, promises):
        os.makedirs(self.work)
        policy, file = os.path.join(self.folder, "a.policy"), os.path.join(self.work, "file")
        with open(policy, "w") as text:
            text.write(f"{HEAD}promise {promises}\n")
        with open(file, "w") as text:
            text.write("some words\n")
        with open(file) as stdin:
            done = callgate("run", "--report", "none", "--profile", policy, "--", self.program, what,
                            self.static, stdin=stdin, cwd=self.work)
        subprocess.run(["rm", "-r", self.work], check=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""), f"{what} under {promises}")

    def test_each_lets_its_own_through_and_no_more(self):
        listed = subprocess.run([self.program, "list"], capture_output=True, text=True, check=True)
        rows = dict(line.split(": ") for line in listed.stdout.splitlines())
        names = {name[:-len(".policy")]
                 for name in os.listdir(os.path.join(SOURCE, "profiles/promises"))}
        self.assertEqual(set(rows), names - {"fallback"})
        for name, others in rows.items():
            with self.subTest(name):
                self.try_it(name, others if name == "stdio" else f"{others}, {name}")

    def test_stdio_alone_lets_none_of_it_through(self):
        self.try_it("without", "stdio")


class Glibc(Promised, unittest.TestCase):
    compiler = "gcc"


class Musl(Promised, unittest.TestCase):
    compiler = "musl-gcc"


main()
