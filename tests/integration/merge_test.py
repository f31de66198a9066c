"""callgate merge and convert: stacks, intersections and unions as one policy or program, each held against
what its parts say; raw BPF and processes as policies; where the intersection by names differs."""
import json
import os
import re
import subprocess
import unittest

import by_names
import confined
from harness import SOURCE, callgate, main, scratch

HEAD = "abi 6.12\narches x86_64, i386\n"
BASE = HEAD + """otherwise errno(EPERM)
allow read, write, openat, exit_group, clone3, socket
allow clone if flags & CLONE_NEWUSER == 0
"""
SITE = HEAD + """otherwise errno(ENOSYS)
allow read, write, exit_group, clone
allow openat if flags & O_CREAT == 0
log socket if domain == AF_UNIX
kill_process clone3
"""

# Each row of docs/merge.md's table: two profiles, a call, and what the intersection by names and the
# pointwise one say of it.
EQ, MASKED = "SCMP_CMP_EQ", "SCMP_CMP_MASKED_EQ"


def profile(default, *rules, **more):
    return {"defaultAction": "SCMP_ACT_" + default, "syscalls": [
        {"names": names.split(), "action": "SCMP_ACT_" + action, **({"args": args} if args else {}), **others}
        for names, action, args, others in rules], **more}


def rule(names, action, *args, **others):
    return names, action, [dict(zip(("index", "value", "valueTwo", "op"), arg)) for arg in args], others


NATIVE = {"architectures": ["SCMP_ARCH_X86_64"]}
ROWS = {
    "two entries of a name": (
        profile("ERRNO", rule("personality", "ALLOW", (0, 0, 0, EQ)), rule("personality", "ALLOW", (0, 8, 0, EQ)), **NATIVE),
        profile("ERRNO", rule("personality", "ALLOW"), **NATIVE),
        "personality(0x20000)", "allow", "errno(EPERM)"),
    "refusals with tests of two arguments": (
        profile("ALLOW", rule("openat", "ERRNO", (2, 0x40, 0x40, MASKED)), **NATIVE),
        profile("ALLOW", rule("openat", "ERRNO", (3, 0o4000, 0o4000, MASKED)), **NATIVE),
        "openat(AT_FDCWD, NULL, O_CREAT)", "allow", "errno(EPERM)"),
    "no list of architectures": (
        profile("ALLOW", rule("ptrace", "ERRNO")),
        profile("ALLOW", rule("ptrace", "ERRNO"), architectures=["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"]),
        "i386:getpid()", "allow", "kill_thread"),
    "one argument tested in two ways": (
        profile("ERRNO", rule("personality", "ALLOW", (0, 0, 0, EQ)), **NATIVE),
        profile("ERRNO", rule("personality", "ALLOW", (0, 8, 0, EQ)), **NATIVE),
        "personality(0)", "kill_process", "errno(EPERM)"),
    "a refusal with a test beside a permission": (
        profile("ALLOW", rule("clone", "ERRNO", (0, 0x10000000, 0x10000000, MASKED)), **NATIVE),
        profile("ERRNO", rule("clone", "ALLOW"), **NATIVE),
        "clone(0)", "errno(EPERM)", "allow"),
    "two errnos": (
        profile("ERRNO", rule("read", "ALLOW"), defaultErrnoRet=1, **NATIVE),
        profile("ERRNO", rule("read", "ALLOW"), defaultErrnoRet=38, **NATIVE),
        "getpid()", "errno(EPERM)", "errno(ENOSYS)"),
}
READ_AS = ["--reader", "crun", "--libseccomp", "6.7"]


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = scratch(self)

    def file(self, name, content):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(content if isinstance(content, str) else json.dumps(content))
        return path

    def run_to(self, name, *arguments, code=0):
        """Runs a verb that writes `name`; its messages."""
        path = os.path.join(self.folder, name)
        done = callgate(*arguments, "-o", path)
        self.assertEqual(done.returncode, code, done.stderr)
        return path, done.stderr

    def answers(self, source, calls, *options):
        done = callgate("explain", "--json", source, *options, *calls)
        self.assertEqual(done.returncode, 0, done.stderr)
        return [answer["action"] for answer in json.loads(done.stdout)["answers"]]

    def assert_equal(self, *sources):
        done = callgate("diff", *sources)
        self.assertRegex(done.stdout, "^equal: .*(proved)", done.stderr)
        self.assertEqual(done.returncode, 0)

    def assert_nothing_looser(self, *sources):
        done = callgate("diff", "--fail-on", "looser", *sources)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


class Merge(Case):
    def setUp(self):
        super().setUp()
        self.base, self.site = self.file("base.policy", BASE), self.file("site.policy", SITE)

    CALLS = ["read()", "openat(flags=O_CREAT)", "openat(flags=O_RDONLY)", "socket(AF_UNIX)", "socket(AF_INET)",
             "clone(flags=CLONE_NEWUSER)", "clone(0)", "clone3()", "getpid()", "i386:socket(AF_UNIX)", "9999()"]

    def test_the_intersection_is_the_stricter_answer(self):
        merged, said = self.run_to("both.policy", "merge", self.base, self.site)
        self.assertEqual(self.answers(merged, self.CALLS),
                         ["allow", "errno(ENOSYS)", "allow", "log", "errno(ENOSYS)", "errno(EPERM)", "allow",
                          "kill_process", "errno(ENOSYS)", "log", "errno(ENOSYS)"])
        self.assertRegex(said, r"errno\(ENOSYS\) here and errno\(EPERM\) before: errno\(ENOSYS\) stands, for ")
        self.assert_nothing_looser(self.base, merged)
        self.assert_nothing_looser(self.site, merged)

    def test_the_union_is_the_looser_answer(self):
        merged, said = self.run_to("any.policy", "merge", "--union", self.base, self.site)
        self.assertEqual(self.answers(merged, self.CALLS),
                         ["allow", "allow", "allow", "allow", "allow", "allow", "allow", "allow", "errno(EPERM)",
                          "allow", "errno(ENOSYS)"])
        self.assertRegex(said, r"errno\(ENOSYS\) here and errno\(EPERM\) before: errno\(EPERM\) stands, for ")
        self.assert_nothing_looser(merged, self.base)
        self.assert_nothing_looser(merged, self.site)

    def test_wherever_the_two_differ(self):
        """One call of every difference: the answer of merge is the stricter, or the looser, of the two."""
        order = ["kill_process", "kill_thread", "trap", "errno", "notify", "trace", "log", "allow"]
        rank = lambda action: order.index(action.split("(")[0])
        found = json.loads(callgate("diff", "--json", self.base, self.site).stdout)
        calls = [change["witness"]["call"] for change in found["changes"]]
        self.assertGreater(len(calls), 700)
        pairs = list(zip(self.answers(self.base, calls), self.answers(self.site, calls)))
        both, _ = self.run_to("both.policy", "merge", self.base, self.site)
        any_of, _ = self.run_to("any.policy", "merge", "--union", self.base, self.site)
        for call, (one, other), least, most in zip(calls, pairs, self.answers(both, calls), self.answers(any_of, calls)):
            self.assertEqual(least, one if rank(one) < rank(other) else other, call)
            self.assertEqual(most, other if rank(other) > rank(one) else one, call)

    def test_order_counts_for_errnos_only(self):
        one, _ = self.run_to("1.policy", "merge", self.base, self.site)
        other, _ = self.run_to("2.policy", "merge", self.site, self.base)
        done = callgate("diff", "--permission", one, other)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertEqual(self.answers(other, ["getpid()"]), ["errno(EPERM)"])

    def test_as_one_program(self):
        merged, _ = self.run_to("both.policy", "merge", self.base, self.site)
        program, _ = self.run_to("both.bpf", "merge", self.base, self.site, "--to", "raw")
        self.assertEqual(os.path.getsize(program) % 8, 0)
        self.assert_equal(merged, program)

    def test_what_processes_have(self):
        if not confined.can_read_filters():
            self.skipTest("reading the filters of a process needs CAP_SYS_ADMIN")
        deny = "abi 6.12\narches x86_64\notherwise allow\nunlisted allow\n"
        first, _ = self.run_to("1.bpf", "compile", self.file("1.policy", deny + "errno(EACCES) ptrace, mount\n"))
        second, _ = self.run_to("2.bpf", "compile", self.file("2.policy", deny + "errno(EIO) ptrace if request == 16\n"))
        pid = str(confined.start(self, first, second).pid)
        merged, _ = self.run_to("stack.policy", "merge", "-p", pid)
        self.assert_equal(merged, "-p", pid)
        again, _ = self.run_to("files.policy", "merge", first, second)
        self.assert_equal(again, "-p", pid)
        text, _ = self.run_to("text.policy", "convert", "-p", pid, "--to", "text")
        with open(text, encoding="utf-8") as file:
            self.assertIn("PTRACE_ATTACH", file.read())
        raw, _ = self.run_to("one.bpf", "convert", "-p", pid, "--to", "raw")
        self.assert_equal(raw, "-p", pid)

    def test_misuse(self):
        for arguments, text in [(["merge"], "nothing to merge"),
                                (["merge", self.base, self.site, "--caps", "none", "--caps", "all", "--caps", "none"],
                                 "--caps is given 3 times for 2 sources"),
                                (["merge", "--union", "--intersection", self.base], "excludes"),
                                (["merge", self.base, os.path.join(self.folder, "none")], "none")]:
            done = callgate(*arguments)
            self.assertEqual(done.returncode, 2, arguments)
            self.assertIn(text, done.stderr)


class Convert(Case):
    def test_raw_becomes_a_policy_that_is_equal(self):
        policy = self.file("a.policy", BASE)
        raw, _ = self.run_to("a.bpf", "compile", policy)
        text, _ = self.run_to("again.policy", "convert", raw, "--to", "text")
        self.assert_equal(policy, text)
        with open(text, encoding="utf-8") as file:
            self.assertLessEqual(len(file.read().splitlines()), 12)
        profile_path, said = self.run_to("a.json", "convert", raw, "--to", "oci", "--runtime", "crun", code=1)
        self.assertIn("unlisted", said)

    def test_docker_through_raw(self):
        raw, _ = self.run_to("d.bpf", "compile", "docker-default", "--arch", "x86_64")
        text, _ = self.run_to("d.policy", "convert", raw, "--to", "text")
        self.assert_equal("docker-default", text, "--arch", "x86_64")

    def test_what_a_target_cannot_say(self):
        policy = self.file("a.policy", "abi 6.12\narches x86_64\notherwise errno(EPERM)\nunlisted kill_thread\n"
                                       "allow read if ip >= 0x1000\nallow write\n")
        _, said = self.run_to("a.json", "convert", policy, "--to", "oci", code=1)
        self.assertIn("the first such call: x86_64:read(", said)
        self.assertFalse(os.path.exists(os.path.join(self.folder, "a.json")))
        _, said = self.run_to("b.json", "convert", self.file("b.policy", "abi 6.12\notherwise allow\nallow opeen\n"),
                              "--to", "oci", code=2)
        self.assertIn("did you mean", said)

    def test_architectures_that_a_target_cannot_refuse_so(self):
        policy = self.file("a.policy", "abi 6.12\narches x86_64\notherwise allow\nunlisted kill_process\n")
        _, said = self.run_to("a.json", "convert", policy, "--to", "oci", code=1)
        self.assertIn("the first such call: i386:restart_syscall() is kill_process, and would be kill_thread", said)

    def test_bad_input(self):
        cut = os.path.join(self.folder, "cut.bpf")
        with open(cut, "wb") as file:
            file.write(b"\x20\0\0\0\4\0\0\0\x06")
        for arguments, text in [([cut, "--to", "text"], "whole number of 8-byte instructions"), (["--to", "text"], "nothing to convert"),
                                (["-p", str(os.getpid()), "--to", "text"], "has no filter")]:
            done = callgate("convert", *arguments)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(text, done.stderr)


class ByNames(Case):
    def check(self, title):
        left, right, call, names_say, merge_says = ROWS[title]
        one, other = self.file("a.json", left), self.file("b.json", right)
        named = self.file("names.json", by_names.intersect(left, right))
        merged, _ = self.run_to("merged.policy", "merge", one, other, *READ_AS)
        self.assertEqual(self.answers(merged, [call]), [merge_says])
        self.assertEqual(self.answers(named, [call], *READ_AS), [names_say])
        self.assert_nothing_looser(one, merged, *READ_AS)
        done = callgate("diff", merged, named, *READ_AS)
        self.assertEqual(done.returncode, 1, done.stdout)
        with open(os.path.join(SOURCE, "docs/merge.md"), encoding="utf-8") as file:
            row = next((line for line in file if line.startswith(f"| {title} |")), "")
        for text in (call, names_say, merge_says):
            self.assertIn(f"`{text}`", row, title)

    def test_the_table_has_no_other_rows(self):
        with open(os.path.join(SOURCE, "docs/merge.md"), encoding="utf-8") as file:
            titles = re.findall(r"^\| ([^|]+) \| \S+.*\| `[^`]*` \|$", file.read(), re.M)
        self.assertEqual(sorted(titles), sorted(ROWS))


for number, name in enumerate(ROWS):
    setattr(ByNames, f"test_row_{number}_{re.sub('[^a-z]+', '_', name)}", lambda self, name=name: self.check(name))

if __name__ == "__main__":
    main()
