"""Includes, sets, groups and the layout of policies, as a user meets them."""
import json
import os
import shutil
import subprocess
import unittest

from harness import CALLGATE, SOURCE, callgate, main, scratch

BASE = "set fast = read, write, close, exit_group, @sigreturn\nallow @fast\n"
APP = ('abi 6.12\narches x86_64\notherwise errno(EPERM)\ninclude "common/base.policy"\n'
       "allow @fast if args[0].hi == 0\n")


class Files(unittest.TestCase):
    def setUp(self):
        self.folder = scratch(self)

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
        return path


class Includes(Files):
    def setUp(self):
        super().setUp()
        self.base = self.write("common/base.policy", BASE)
        self.app = self.write("app/app.policy", APP.replace('"common', '"../common'))

    def test_a_folder_that_is_given_is_the_root(self):
        refused = callgate("check", self.app)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("leads out of", refused.stdout)
        for verb in (["check"], ["compile", "-f", "text"], ["convert", "--to", "text"]):
            done = callgate(*verb, self.app, "--include-root", self.folder)
            self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
            bad = callgate(*verb, self.app, "--include-root", os.path.join(self.folder, "none"))
            self.assertNotEqual(bad.returncode, 0)

    def test_what_was_read_is_listed(self):
        output, rule = (os.path.join(self.folder, name) for name in ("out", "rule"))
        done = callgate("compile", self.app, "--include-root", self.folder, "-o", output,
                        "--depfile", rule)
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(rule) as file:
            read = file.read().split()
        self.assertEqual(read[:2], [output + ":", self.app])
        self.assertTrue(os.path.samefile(read[2], self.base), read)

    def test_a_mistake_is_told_where_it_stands(self):
        self.write("common/base.policy", BASE + "allow raed\n")
        found = callgate("check", self.app, "--include-root", self.folder, "--json")
        self.assertEqual(found.returncode, 1)
        finding = next(each for each in json.loads(found.stdout)["files"][0]["findings"]
                       if each["severity"] == "error")
        self.assertTrue(os.path.samefile(finding["file"], self.base))
        self.assertEqual((finding["line"], finding["column"]), (3, 7))
        text = callgate("compile", self.app, "--include-root", self.folder)
        self.assertEqual(text.returncode, 2)
        self.assertIn("base.policy:3:7: error: no system call is named `raed`", text.stderr)
        self.assertIn("app.policy:4:1: note: included from here", text.stderr)

    def test_what_check_finds_in_an_included_file(self):
        self.write("common/base.policy", BASE + "allow chmod if mode == 0x10000\n")
        text = callgate("check", self.app, "--include-root", self.folder).stdout
        self.assertIn("base.policy:3:", text)
        self.assertIn("  allow chmod if mode == 0x10000\n", text)
        self.assertIn("app.policy:4:1: note: included from here", text)

    def test_standard_input_includes_with_a_folder_only(self):
        with open(self.write("in.policy", APP)) as text:
            self.assertEqual(callgate("check", "-", stdin=text).returncode, 1)
        with open(os.path.join(self.folder, "in.policy")) as text:
            done = callgate("check", "-", "--include-root", self.folder, stdin=text)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_a_program_runs_under_it(self):
        policy = self.write("run.policy", 'abi 6.12\notherwise allow\ninclude "deny.policy"\n')
        self.write("deny.policy", "errno(EACCES) @mkdir\n")
        done = callgate("run", "--report", "none", "--profile", policy, "--", "mkdir",
                        os.path.join(self.folder, "new"))
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("Permission denied", done.stderr)


class Layout(Files):
    def test_in_place(self):
        untidy = self.write("a.policy", "allow   read ,write#x\n\n\n\nallow close")
        os.chmod(untidy, 0o640)
        tidy = self.write("b.policy", "allow read\n")
        before = os.stat(tidy)
        self.assertEqual(callgate("fmt", "--check", tidy).returncode, 0)
        found = callgate("fmt", "--check", untidy, tidy)
        self.assertEqual((found.returncode, found.stdout), (1, untidy + "\n"))
        self.assertEqual(callgate("fmt", untidy, tidy).returncode, 0)
        with open(untidy) as file:
            self.assertEqual(file.read(), "allow read, write  # x\n\nallow close\n".replace("# x", "#x"))
        self.assertEqual(os.stat(untidy).st_mode & 0o777, 0o640)
        after = os.stat(tidy)
        self.assertEqual((before.st_ino, before.st_mtime_ns), (after.st_ino, after.st_mtime_ns))

    def test_standard_input(self):
        done = callgate("fmt", "-", input="on i386{\nallow read\n}\n")
        self.assertEqual((done.returncode, done.stdout), (0, "on i386 {\n  allow read\n}\n"))

    def test_what_is_no_policy_stays(self):
        bad = self.write("bad.policy", "allow ; read\n")
        good = self.write("good.policy", "allow  read\n")
        done = callgate("fmt", bad, os.path.join(self.folder, "none"), good)
        self.assertEqual(done.returncode, 2)
        self.assertIn("bad.policy:1:7: error", done.stderr)
        for path, text in ((bad, "allow ; read\n"), (good, "allow read\n")):
            with open(path) as file:
                self.assertEqual(file.read(), text)

    def test_the_policies_of_this_project_are_laid_out(self):
        files = [os.path.join(folder, name) for top in ("profiles", "examples")
                 for folder, _, names in os.walk(os.path.join(SOURCE, top))
                 for name in names if name.endswith(".policy")]
        found = callgate("fmt", "--check", *sorted(files))
        self.assertEqual(found.stdout + found.stderr, "")


class Groups(Files):
    def test_those_of_a_policy_are_explained(self):
        policy = self.write("a.policy", "abi 6.12\narches x86_64, i386\notherwise errno(EPERM)\n"
                            "set s = @mmap, @systemd/timer\nallow @s, read\n")
        text = callgate("check", "--explain-groups", policy).stdout
        self.assertIn("@mmap: map memory\n", text)
        self.assertIn("\n  mmap\n  mmap2  (on i386)\n", text)
        self.assertIn("@systemd/timer: alarms and timers\n  after systemd 252", text)
        done = json.loads(callgate("check", "--explain-groups", "--json", policy).stdout)
        groups = done["files"][0]["groups"]
        self.assertEqual([group["group"] for group in groups], ["mmap", "systemd/timer"])
        self.assertEqual(groups[0]["on"], {"x86_64": ["mmap"], "i386": ["mmap", "mmap2"]})

    def test_systemds_are_those_of_the_systemd_that_is_installed(self):
        if shutil.which("systemd-analyze") is None:
            self.skipTest("not installed: systemd-analyze")
        version = subprocess.run(["systemd-analyze", "--version"], capture_output=True, text=True)
        if version.stdout.split()[1] != "252":
            self.skipTest("the sets are those of systemd 252")
        listed = subprocess.run(["systemd-analyze", "syscall-filter"], capture_output=True,
                                text=True, env={**os.environ, "SYSTEMD_COLORS": "0"})
        theirs, name = {}, None
        for line in listed.stdout.splitlines():
            if line.startswith("@"):
                name = line.strip()[1:]
                theirs[name] = set()
            elif line.startswith("# Ungrouped") or line.startswith("# Unlisted"):
                break
            elif line.strip() and not line.strip().startswith("#") and name is not None:
                theirs[name].add(line.strip())

        def resolved(group):
            out = set()
            for member in theirs[group]:
                out |= resolved(member[1:]) if member.startswith("@") else {member}
            return out

        self.assertGreater(len(theirs), 25)
        for group in theirs:
            ours = json.loads(callgate("syscalls", "@systemd/" + group, "--json").stdout)
            self.assertEqual(set(ours["calls"]) | set(ours["unnumbered"]), resolved(group), group)
        known = callgate("syscalls", "@systemd/nosuch")
        self.assertEqual(known.returncode, 2)


main()
