"""callgate diff as a user types it: sources of every kind and in every order, exit codes, JSON, misuse. What it
prints for whole cases is tests/golden/diff's."""
import json
import os
import subprocess
import unittest

import confined
from harness import callgate, main, scratch

OLD = "abi 6.12\narches x86_64\notherwise errno(EPERM)\nallow read, write, openat\n"
NEW = "abi 6.12\narches x86_64\notherwise errno(EPERM)\nallow write, openat\nallow read if fd != 0\n"
OPEN = "abi 6.12\narches x86_64\notherwise allow\nunlisted allow\n"
PROFILE = {"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64"], "syscalls": [
    {"names": ["read", "write"], "action": "SCMP_ACT_ALLOW"},
    {"names": ["mount"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}}]}


class Diff(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = scratch(self)
        self.old, self.new = self.file("old.policy", OLD), self.file("new.policy", NEW)

    def file(self, name, content):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
        return path

    def raw(self, name, policy):
        path = os.path.join(self.folder, name)
        done = callgate("compile", self.file(name + ".policy", policy), "-o", path)
        self.assertEqual(done.returncode, 0, done.stderr)
        return path

    def diff(self, *arguments, code=1, **options):
        done = callgate("diff", *arguments, **options)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stderr if code == 2 else done.stdout

    def test_which_way_it_goes(self):
        self.assertRegex(self.diff(self.old, self.new), r"^stricter  read: fd == 0  allow -> errno\(EPERM\)  e.g. read\(\)\n$")
        self.assertRegex(self.diff(self.new, self.old), "^looser    read: fd == 0  ")
        self.diff(self.old, self.new, "--fail-on", "looser", code=0)
        self.diff(self.new, self.old, "--fail-on", "looser", code=1)
        self.assertRegex(self.diff(self.old, self.old, code=0), r"^equal: .*\(proved\)$")

    def test_permission(self):
        other = self.file("other.policy", OLD.replace("EPERM", "ENOSYS").replace("allow read", "log read\nallow "
                                                                                 "getpid if false\nlog read"))
        self.diff(self.old, other, code=1)
        self.assertIn("allowed, delegated or denied alike", self.diff(self.old, other, "--permission", code=0))
        self.assertRegex(self.diff(self.old, self.new, "--permission"), "^stricter  read: fd == 0  allowed -> denied ")

    def test_every_format_says_the_same(self):
        raw = self.raw("old.bpf", OLD)
        self.diff(self.old, raw, code=0)
        self.diff("-", raw, code=0, input=OLD)
        profile = self.file("p.json", json.dumps(PROFILE))
        self.assertRegex(self.diff(profile, profile, "--reader", "docker+crun", "--arch", "x86_64", "--caps",
                                   "none", "--caps", "all"),
                         r"^looser    mount  errno\(EPERM\) -> allow  e.g. mount\(\)$")
        self.assertIn("mount", self.diff(profile, "docker-default", "--caps", "all", "--arch", "x86_64", "--names"))
        unit = self.file("a.service", "[Service]\nSystemCallFilter=~ptrace\n")
        again = self.file("b.service", "[Service]\nSystemCallFilter=~ptrace:EIO\n")
        self.assertIn("-> errno(EIO)", self.diff(unit, again))

    def test_json(self):
        found = json.loads(self.diff(self.old, self.new, "--json"))
        self.assertEqual((found["equal"], found["looser"], found["proved"]), (False, False, True))
        row, = found["rows"]
        self.assertEqual((row["direction"], row["calls"], row["when"], row["from"], row["to"]),
                         ("stricter", ["read"], "fd == 0", "allow", "errno(EPERM)"))
        change, = found["changes"]
        self.assertEqual((change["arch"], change["call"], change["numbers"]),
                         ("x86_64", "read", {"first": 0, "last": 0}))
        self.assertEqual((change["from"]["ret"], change["to"]["permission"]), (0x7FFF0000, "denied"))
        self.assertEqual(change["witness"]["call"], "x86_64:read()")
        across = json.loads(self.diff(self.file("a.policy", OLD.replace("arches x86_64\n", "")), "docker-default",
                                      "--json", "--arch", "x86_64", "--arch", "aarch64"))
        self.assertFalse(across["proved"])
        self.assertIn("access", across["across"][0]["only_left"])

    def test_processes_in_their_place(self):
        if not confined.can_read_filters():
            self.skipTest("reading the filters of a process needs CAP_SYS_ADMIN")
        one = self.raw("1.bpf", OPEN + "errno(EACCES) ptrace\n")
        two = self.raw("2.bpf", OPEN + "errno(EACCES) mount\n")
        first, second = confined.start(self, one), confined.start(self, one, two)
        stricter = r"^stricter  mount  allow -> errno\(EACCES\)"
        self.assertRegex(self.diff("-p", str(first.pid), "-p", str(second.pid)), stricter)
        self.assertRegex(self.diff(one, "-p", str(second.pid)), stricter)
        self.assertRegex(self.diff("-p", str(second.pid), one), r"^looser    mount  errno\(EACCES\) -> allow")
        self.assertRegex(self.diff(one, f"pid:{second.pid}"), stricter)
        self.diff("-p", str(first.pid), one, code=0)

    def test_bad_input(self):
        ended = subprocess.Popen(["/bin/true"])
        ended.wait()
        cut = self.file("cut.bpf", b"\x20\0\0\0\4\0\0\0\x06")
        endless = self.file("endless.bpf", b"\x20\0\0\0\4\0\0\0")
        for arguments, text in [
                ([self.old], "1 sources, and a difference is of two"),
                ([self.old, self.new, self.old], "3 sources"),
                ([self.old, "-p", str(ended.pid)], f"no process {ended.pid}"),
                ([self.old, "-p", str(os.getpid())], "has no filter: every call is let through"),
                ([self.old, cut], "whole number of 8-byte instructions"),
                ([self.old, endless], "last"),
                ([self.old, self.file("bad.policy", "otherwise allow\nallow opeen\n")], "did you mean"),
                ([self.old, self.new, "--caps", "none", "--caps", "all", "--caps", "none"], "3 times for 2 sources"),
                ([self.old, self.new, "--fail-on", "stricter"], "--fail-on")]:
            with self.subTest(text):
                self.assertIn(text, self.diff(*arguments, code=2))


if __name__ == "__main__":
    main()
