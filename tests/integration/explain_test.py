"""callgate explain as a user types it: why a call is decided so, which values are allowed, the map of a
policy; for policies, profiles, raw BPF and processes."""
import json
import os
import subprocess
import unittest

import confined
from harness import callgate, main, scratch

POLICY = """policy app
abi 6.12
arches x86_64, i386, x32
otherwise errno(EPERM)

allow read, write, exit_group
allow openat, open if flags & O_CREAT == 0
errno(EACCES) openat, open
notify connect
"""


class Explain(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = scratch(self)
        self.policy = self.file("app.policy", POLICY)

    def file(self, name, content):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
        return path

    def raw(self, policy=None, *options):
        path = os.path.join(self.folder, "app.bpf")
        done = callgate("compile", policy or self.policy, "-o", path, *options)
        self.assertEqual(done.returncode, 0, done.stderr)
        return path

    def explain(self, *arguments, code=0):
        done = callgate("explain", *arguments)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout if code == 0 else done.stderr

    def test_a_call_names_its_rule_and_its_path(self):
        text = self.explain(self.policy, 'openat(AT_FDCWD, "/x", O_RDWR|O_CREAT)')
        first, rule, kernel, path, *steps = text.splitlines()
        self.assertEqual(first, 'openat(AT_FDCWD, "/x", O_RDWR|O_CREAT) on x86_64: errno(EACCES)')
        self.assertEqual(rule, f"  by {self.policy}:8: errno(EACCES) openat, open")
        self.assertIn("makes the call return -EACCES", kernel)
        self.assertRegex(path, r"^  path, \d+ of \d+ instructions:$")
        self.assertRegex(steps[0], r"^ +0: ld arch")
        self.assertIn("ret errno(EACCES)", steps[-1])
        self.assertIn(f"by {self.policy}:7: allow openat", self.explain(self.policy, "openat(flags=O_RDONLY)"))

    def test_defaults_are_told_apart(self):
        self.assertIn("by no rule: otherwise errno(EPERM)", self.explain(self.policy, "ptrace()"))
        self.assertIn("no call of Linux 6.12: unknown errno(ENOSYS)", self.explain(self.policy, "900()"))
        self.assertIn("not for: unlisted kill_process", self.explain(self.policy, "aarch64:read()"))

    def test_other_abis_and_numbers(self):
        self.assertIn("on i386: errno(EACCES)", self.explain(self.policy, 'i386:open("/x", O_CREAT)'))
        self.assertIn("on x32: errno(EACCES)", self.explain(self.policy, "x32:openat(flags=O_CREAT)"))
        self.assertIn("on x32: errno(EACCES)", self.explain(self.policy, "x32:0x40000101(0, 0, 0x40)"))
        self.assertIn("on x86_64: allow", self.explain(self.policy, "0()"))
        self.assertIn("12345: errno", self.explain(self.policy, "12345()").replace(" on x86_64", "").replace("()", ""))

    def test_the_kernel_is_asked(self):
        self.assertIn("returns -ENOSYS without one", self.explain(self.policy, "connect()"))
        self.assertIn("on Linux 4.4: does not know the action", self.explain(self.policy, "--kernel", "4.4", "connect()"))
        self.assertIn("whatever a filter says", self.explain(self.policy, "335()"))

    def test_a_call_without_arguments_has_all_its_cases(self):
        text = self.explain(self.policy, "openat")
        self.assertRegex(text, r"^openat \(x86_64 257, i386 295, x32 0x40000101\):\n")
        self.assertRegex(text, r"\n  flags & O_CREAT [!=]= 0 +(allow|errno\(EACCES\)) +\S+app.policy:[78]: ")
        self.assertEqual(len(text.splitlines()), 3)
        self.assertIn("socketcall (i386 102)", self.explain(self.policy, "socketcall"))
        self.assertIn("numbers without a call (x86_64 470..0x3fffffff):", self.explain(self.policy, "900"))

    def test_calls_of_other_architectures(self):
        for call in ("mips:read", "0x12345678:5"):
            text = self.explain(self.policy, call)
            self.assertRegex(text, r" \(as every other architecture\):\n  always  kill_process  an ABI that the policy "
                                   r"is not for: unlisted kill_process\n$")

    def test_a_filter_of_another_byte_order(self):
        raw = self.raw(self.file("s.policy", "abi 6.12\narches s390x\notherwise errno(EPERM)\nallow read if fd == 0\n"))
        self.assertIn("it is one for big-endian machines: --target", self.explain(raw, code=2))
        self.assertIn("fd == 0", self.explain(raw, "read", "--target", "s390x"))

    def test_the_map_fits_a_screen(self):
        text = self.explain("docker-default")
        lines = text.splitlines()
        self.assertLessEqual(len(lines), 40, text)
        self.assertGreaterEqual(len(lines), 12, text)
        self.assertLessEqual(max(map(len, lines)), 100, text)
        self.assertIn("every other call", text)
        self.assertIn("personality: allow if ", text)
        self.assertGreater(len(self.explain("docker-default", "--names").splitlines()), len(lines))

    def test_the_map_counts(self):
        text = self.explain(self.policy)
        found = json.loads(self.explain(self.policy, "--json"))
        counts = found["counts"]["x86_64"]
        self.assertEqual((counts["allowed"], counts["conditional"], counts["delegated"]), (3, 2, 1))
        self.assertRegex(text, rf"\nx86_64 +3 +2 +1 +{counts['refused']} +errno\(ENOSYS\)\n")
        self.assertIn("\nallowed (3):\n  exit_group, read, write\n", text)

    def test_json_has_every_case_with_a_witness_that_gets_it(self):
        found = json.loads(self.explain(self.policy, "--json"))
        program = self.file("p.bpf", b"")
        callgate("compile", self.policy, "-o", program)
        cases = [(one, case) for one in found["calls"] if one["arch"] for case in one["cases"]]
        self.assertGreater(len(cases), 1000)
        chosen = [pair for pair in cases if len(pair[0]["cases"]) > 1] + cases[::80]
        answers = json.loads(callgate("emu", "--json", program, *[case["witness"]["call"] for _, case in chosen]).stdout)
        for (one, case), answer in zip(chosen, answers["calls"]):
            self.assertEqual(answer["result"], case["ret"], (one, case))
        self.assertEqual(found["source"], {"path": self.policy, "format": "text", "has_rules": True})
        self.assertTrue(found["programs"][0]["instructions"])
        rule = next(one for one in found["calls"] if one["call"] == "openat")["cases"][0]["by"]
        self.assertIn((rule["source"], rule["line"]), [("rule", 7), ("rule", 8)])

    def test_json_of_a_call(self):
        found = json.loads(self.explain(self.policy, "--json", "openat(flags=O_CREAT)"))
        answer, = found["answers"]
        self.assertEqual((answer["action"], answer["by"]["line"], answer["winner"]), ("errno(EACCES)", 8, 0))
        self.assertEqual(len(answer["paths"]), 1)
        self.assertEqual(found["calls"], [])

    def test_raw_programs_have_no_rules(self):
        path = self.raw()
        self.assertIn("raw BPF has no rules", self.explain(path, "openat(flags=O_CREAT)"))
        text = self.explain(path, "openat")
        self.assertIn("raw BPF has no rules", text)
        self.assertIn("O_CREAT", text)
        self.assertIn("instructions", self.explain(path))
        self.assertFalse(json.loads(self.explain(path, "--json"))["source"]["has_rules"])

    def test_a_process_has_a_stack(self):
        if not confined.can_read_filters():
            self.skipTest("reading the filters of a process needs CAP_SYS_ADMIN")
        deny = "abi 6.12\narches x86_64\notherwise allow\nunlisted allow\n"
        filters = []
        for index, rule in enumerate(["errno(EACCES) ptrace, mount", "errno(EIO) ptrace"]):
            filters.append(os.path.join(self.folder, f"{index}.bpf"))
            callgate("compile", self.file(f"{index}.policy", deny + rule + "\n"), "-o", filters[-1])
        process = confined.start(self, *filters)
        text = self.explain("-p", str(process.pid), "ptrace()")
        self.assertIn("ptrace() on x86_64: errno(EIO)", text)
        self.assertIn("filter 1 of 2, the oldest: errno(EACCES),", text)
        self.assertIn("filter 2 of 2: errno(EIO), which counts,", text)
        self.assertIn("mount() on x86_64: errno(EACCES)", self.explain(f"pid:{process.pid}", "mount()"))
        self.assertIn("errno(EIO) (1):\n  ptrace", self.explain("-p", str(process.pid)))

    def test_processes_that_have_none(self):
        self.assertIn("has no filter: every call is let through", self.explain("-p", str(os.getpid()), code=2))
        ended = subprocess.Popen(["/bin/true"])
        ended.wait()
        self.assertIn(f"no process {ended.pid}", self.explain("-p", str(ended.pid), code=2))
        self.assertIn("names no process", self.explain("pid:none", code=2))

    def test_bad_input(self):
        self.assertIn("did you mean `openat`?", self.explain(self.policy, "opennat()", code=2))
        self.assertIn("nothing to explain", self.explain(code=2))
        self.assertIn("no such file", self.explain(os.path.join(self.folder, "none"), code=2).lower())
        self.assertIn("whole number of 8-byte instructions", self.explain(self.file("cut.bpf", b"\x20\0\0\0\4\0\0\0\x06"), code=2))
        self.assertIn("no system call is named `opeen`", self.explain(self.file("bad.policy", "otherwise allow\nallow opeen\n"), code=2))


if __name__ == "__main__":
    main()
