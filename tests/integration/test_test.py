"""`callgate test`: the tables of callgate's own profiles, those of tests/golden/verdicts with the
compiled program, and what is said where a case does not hold."""
import glob
import json
import os
import unittest

from harness import SOURCE, callgate, main, scratch

TABLES = os.path.join(SOURCE, "profiles/tests")
PROMISE_HEAD = "abi 6.12\narches x86_64, i386\notherwise errno(ENOTRECOVERABLE)\n"


def stem(path):
    return os.path.splitext(os.path.basename(path))[0]


class Profiles(unittest.TestCase):
    def holds(self, *arguments):
        done = callgate("test", *arguments)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_every_profile_has_a_table_that_holds(self):
        profiles = {stem(path) for path in glob.glob(os.path.join(SOURCE, "profiles/*.policy"))}
        self.assertEqual(profiles, {stem(path) for path in glob.glob(TABLES + "/*.cases")})
        for name in sorted(profiles):
            with self.subTest(name):
                self.holds(name, f"{TABLES}/{name}.cases", "--arch", "x86_64,i386")

    def test_every_promise_has_a_table_that_holds(self):
        promises = {stem(path) for path in glob.glob(os.path.join(SOURCE, "profiles/promises/*"))}
        self.assertEqual(promises, {stem(path) for path in glob.glob(TABLES + "/promises/*.cases")})
        policy = os.path.join(scratch(self), "p.policy")
        for name in sorted(promises):
            with self.subTest(name):
                with open(policy, "w") as text:
                    # What falls back comes with every promise.
                    text.write(f"{PROMISE_HEAD}promise {name if name != 'fallback' else 'stdio'}\n")
                self.holds(policy, f"{TABLES}/promises/{name}.cases")

    def test_golden_verdicts_hold_for_the_program(self):
        tables = glob.glob(os.path.join(SOURCE, "tests/golden/verdicts/*.cases"))
        self.assertGreater(len(tables), 10)
        for table in sorted(tables):
            with self.subTest(stem(table)):
                self.holds(table[:-len(".cases")] + ".policy", table)


class Failures(unittest.TestCase):
    def setUp(self):
        self.folder = scratch(self)
        self.policy = self.path("p.policy", "abi 6.12\narches x86_64, i386\notherwise errno(EPERM)\n"
                                "allow read, write\nallow socket if domain == AF_UNIX\n"
                                "allow personality if args[0] == 0\n")

    def path(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w") as file:
            file.write(text)
        return path

    def test_each_is_told_with_line_and_rule(self):
        table = self.path("t.cases", "allowed: read\n\ndenied: write, close\nsocket -> allow\n"
                          "socket(AF_UNIX) -> denied by line 5\npersonality(0) -> allow\n"
                          "read -> allow by otherwise\ni386:read -> log\n")
        done = callgate("test", self.policy, table)
        self.assertEqual(done.returncode, 1, done.stderr)
        for text in (f"{table}:3:9: error: write: expected denied, got allow, by {self.policy}:4",
                     f"{table}:4:1: error: socket: expected allow, got errno(EPERM) or allow",
                     "it depends on what the case does not say: args[0] (domain)",
                     f"{table}:5:1: error: socket(AF_UNIX): expected denied by line 5, got allow",
                     "the high half of args[0] (persona)",
                     f"{table}:7:1: error: read: expected allow by otherwise, got allow",
                     f"{table}:8:1: error: i386:read: expected log, got allow",
                     f"{table}: 6 of 8 cases do not hold"):
            self.assertIn(text, done.stdout)
        failed = json.loads(callgate("test", self.policy, table, "--json").stdout)["tables"][0]
        self.assertEqual(failed["cases"], 8)
        self.assertEqual([one["line"] for one in failed["failed"]], [3, 4, 5, 6, 7, 8])
        self.assertEqual(failed["failed"][1]["returns"], ["errno(EPERM)", "allow"])

    def test_a_program_has_no_rules(self):
        program = os.path.join(self.folder, "p.bpf")
        self.assertEqual(callgate("compile", self.policy, "-o", program).returncode, 0)
        table = self.path("t.cases", "allow: read\nclose -> errno(EPERM)\n")
        self.assertEqual(callgate("test", program, table).returncode, 0)
        table = self.path("u.cases", "read -> allow by line 4\n")
        self.assertEqual(callgate("test", program, table).returncode, 1)

    def test_bad_input(self):
        table = self.path("t.cases", "read -> alow\nraed -> allow\n")
        done = callgate("test", self.policy, table)
        self.assertEqual(done.returncode, 2)
        self.assertEqual(done.stdout, "")
        self.assertIn(f"{table}:1:9: error: no action is named `alow`", done.stderr)
        self.assertIn(f"{table}:2:1: error: no call `raed`", done.stderr)
        self.assertEqual(callgate("test", self.policy, self.path("e.cases", "# none\n")).returncode, 2)
        self.assertEqual(callgate("test", self.policy, self.folder + "/none").returncode, 2)
        self.assertEqual(callgate("test", self.folder + "/none", table).returncode, 2)


main()
