"""check's findings: every example of docs/findings.md, the profiles that everybody has, acceptances,
what is new since an older version, SARIF, and mended policies."""
import json
import os
import re
import unittest

from harness import SOURCE, callgate, main, scratch

DOCS = os.path.join(SOURCE, "docs", "findings.md")
SHARED = os.environ.get("CALLGATE_SHARED") or os.path.join(SOURCE, "..", "shared")
PROFILES = ["moby-default.json", "containers-common.json"]
# No example: what cannot be had from a few lines.
WITHOUT_EXAMPLE = {"findings-left-out", "undecided"}
ENDINGS = {"policy": ".policy", "json": ".json", "unit": ".service", "asm": ".bpf"}


def text_of(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def documented():
    """{id: (text, language, options, example)} of the sections."""
    text = text_of(DOCS)
    sections = re.split(r"^### ", text.split("## The findings", 1)[1], flags=re.M)[1:]
    found = {}
    for section in sections:
        name, body = section.split("\n", 1)
        block = re.search(r"^```(\w+)([^\n]*)\n(.*?)^```", body, flags=re.M | re.S)
        found[name.strip()] = (body, *block.groups()) if block else (body, None, "", None)
    return found


def check(*arguments):
    done = callgate("check", "--json", *arguments)
    if done.returncode not in (0, 1):
        raise AssertionError(f"check {arguments}: {done.returncode}\n{done.stderr}")
    return json.loads(done.stdout)["files"]


class Examples(unittest.TestCase):
    def source(self, language, example):
        path = os.path.join(scratch(self), "example" + ENDINGS[language])
        if language != "asm":
            with open(path, "w", encoding="utf-8") as file:
                file.write(example)
            return path
        text = path + ".s"
        with open(text, "w", encoding="utf-8") as file:
            file.write(example)
        made = callgate("asm", text, "-o", path)
        self.assertEqual(made.returncode, 0, made.stderr)
        return path

    def test_each_example_gives_its_finding_and_no_other(self):
        for name, (body, language, options, example) in documented().items():
            with self.subTest(name):
                if example is None:
                    self.assertIn(name, WITHOUT_EXAMPLE)
                    continue
                found = check(self.source(language, example), *options.split())[0]["findings"]
                told = [f for f in found if f["severity"] != "note"]
                self.assertIn(name, [f["id"] for f in found])
                self.assertLessEqual({f["id"] for f in told}, {name}, told)
                severity = next(f["severity"] for f in found if f["id"] == name)
                self.assertIn(severity, body.split(".", 1)[0], "the section says the severity first")

    def test_errors_that_compile_have_a_witness(self):
        for name, (_, language, options, example) in documented().items():
            if example is None or name in ("invalid-policy", "unknown-name"):
                continue
            with self.subTest(name):
                for finding in check(self.source(language, example), *options.split())[0]["findings"]:
                    if finding["severity"] == "error":
                        self.assertEqual(finding["witness"]["permission"], "allowed")

    def test_every_id_has_a_section_and_sarif_knows_it(self):
        path = self.source("policy", "abi 6.12\narches x86_64\notherwise errno(EPERM)\nallow read\n")
        sarif = json.loads(callgate("check", "--sarif", path).stdout)
        rules = [rule["id"] for rule in sarif["runs"][0]["tool"]["driver"]["rules"]]
        self.assertEqual(rules, sorted(rules))
        self.assertEqual(rules, list(documented()))


class RealProfiles(unittest.TestCase):
    def test_the_table_of_the_docs_is_the_output(self):
        rows = re.findall(r"^\| (\S+\.json) \| (\S+) \| ([^|]+) \| ([^|]+) \|$",
                          text_of(DOCS), flags=re.M)
        told = {(profile, name, about.strip()) for profile, name, about, _ in rows}
        self.assertTrue(all(len(why.split()) > 8 for *_, why in rows))
        for profile in PROFILES:
            path = os.path.join(SHARED, "data", profile)
            if not os.path.exists(path):
                self.skipTest(f"no {profile}")
            found = {(profile, f["id"], f["subject"])
                     for f in check(path, "--arch", "x86_64")[0]["findings"]
                     if f["severity"] != "note"}
            self.assertEqual({(a, b, c.strip()) for a, b, c in found},
                             {row for row in told if row[0] == profile})

    def test_built_in_profiles_have_nothing_but_notes(self):
        for profile in ("docker-default", "compute"):
            for finding in check(profile)[0]["findings"]:
                self.assertEqual(finding["severity"], "note", (profile, finding))


BASE = "abi 6.12\narches x86_64\notherwise allow\n"


class Accepting(unittest.TestCase):
    def write(self, text, name="app.policy"):
        path = os.path.join(scratch(self), name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def test_a_comment_accepts_what_its_rule_is_about(self):
        for text in ('# callgate: accept twin-open "why"\nerrno(EACCES) open\n',
                     'errno(EACCES) open   # callgate: accept twin-open "why"\n',
                     '# callgate: accept twin-open "why"\n\n# more\nerrno(EACCES) open\n'):
            path = self.write(BASE + text)
            done = callgate("check", path)
            self.assertEqual(done.returncode, 0, done.stdout)
            self.assertIn("0 errors, 0 warnings, 1 accepted", done.stdout)
            self.assertNotIn("[twin-open]", done.stdout)
            self.assertIn("accepted: why", callgate("check", path, "--all").stdout)

    def test_it_accepts_nothing_else(self):
        path = self.write(BASE + '# callgate: accept twin-open "why"\nerrno(EACCES) mkdir\n'
                                 'errno(EACCES) open\n')
        done = callgate("check", path)
        self.assertEqual(done.returncode, 1)
        self.assertIn("app.policy:6:1: error: open is refused", done.stdout)

    def test_no_reason_no_acceptance(self):
        path = self.write(BASE + "errno(EACCES) open # callgate: accept twin-open\n")
        done = callgate("check", path)
        self.assertEqual(done.returncode, 1)
        self.assertIn("[acceptance-invalid]", done.stdout)

    def test_what_does_not_compile_is_not_accepted(self):
        path = self.write(BASE + 'allow chmod if mode == 0x10000 '
                                 '# callgate: accept invalid-policy "no"\n')
        done = callgate("check", path)
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot be accepted", done.stdout)

    def test_a_baseline(self):
        path = self.write(BASE + "errno(EACCES) open\n")
        baseline = os.path.join(scratch(self), "baseline.json")
        refused = callgate("check", path, "--write-baseline", baseline)
        self.assertEqual(refused.returncode, 2)
        self.assertFalse(os.path.exists(baseline))
        self.assertEqual(
            callgate("check", path, "--write-baseline", baseline, "--reason", "seen").returncode, 0)
        self.assertEqual(json.loads(text_of(baseline)), {"accepted": [
            {"id": "twin-open", "subject": "open", "path": path, "reason": "seen"}]})
        done = callgate("check", path, "--baseline", baseline, "--strict")
        self.assertEqual(done.returncode, 0, done.stdout)
        with open(path, "a", encoding="utf-8") as file:
            file.write("errno(EACCES) mkdir\n")
        done = callgate("check", path, "--baseline", baseline)
        self.assertEqual(done.returncode, 1)
        self.assertIn("mkdir is refused", done.stdout)
        self.assertNotIn("open is refused", done.stdout)

    def test_a_bad_baseline_is_bad_input(self):
        path = self.write(BASE + "errno(EACCES) open\n")
        for text in ("", "[]", '{"accepted": [1]}', '{"accepted": [{"id": "twin-open"}]}',
                     '{"accepted": [{"id": "twin-open", "subject": "a", "extra": "b"}]}', '{"a": []}'):
            baseline = self.write(text, "b.json")
            done = callgate("check", path, "--baseline", baseline)
            self.assertEqual(done.returncode, 2, text)
            self.assertIn("b.json:1:", done.stderr)

    def test_new_since(self):
        old = self.write(BASE + "errno(EACCES) open\n", "old.policy")
        new = self.write(BASE + "\n\nerrno(EACCES) open\nerrno(EACCES) mkdir\n", "new.policy")
        done = callgate("check", new, "--new-since", old)
        self.assertEqual(done.returncode, 1)
        self.assertIn("mkdir is refused", done.stdout)
        self.assertIn("1 error, 0 warnings, 1 that the older version has too", done.stdout)
        self.assertEqual(callgate("check", old, "--new-since", new).returncode, 0)
        self.assertEqual(callgate("check", old, new, "--new-since", old).returncode, 2)


class Sarif(unittest.TestCase):
    def test_the_form(self):
        folder = scratch(self)
        path = os.path.join(folder, "odd name.policy")
        with open(path, "w", encoding="utf-8") as file:
            file.write(BASE + 'errno(EACCES) open\nerrno(EACCES) mkdir'
                              ' # callgate: accept twin-open "why"\n')
        done = callgate("check", "--sarif", "odd name.policy", cwd=folder)
        self.assertEqual(done.returncode, 1)
        log = json.loads(done.stdout)
        self.assertEqual(log["version"], "2.1.0")
        run = log["runs"][0]
        rules = run["tool"]["driver"]["rules"]
        for result in run["results"]:
            self.assertEqual(rules[result["ruleIndex"]]["id"], result["ruleId"])
            self.assertIn(result["level"], ("error", "warning", "note"))
            self.assertTrue(result["message"]["text"])
            place = result["locations"][0]["physicalLocation"]
            self.assertEqual(place["artifactLocation"]["uri"], "odd%20name.policy")
        made, opened = [one for one in run["results"] if one["level"] == "error"]
        self.assertEqual(opened["locations"][0]["physicalLocation"]["region"],
                         {"startLine": 4, "startColumn": 1, "endColumn": 6})
        self.assertEqual(opened["suppressions"], [])
        self.assertEqual(made["suppressions"],
                         [{"kind": "inSource", "status": "accepted", "justification": "why"}])

    def test_against_the_schema(self):
        try:
            import jsonschema
        except ImportError:
            self.skipTest("no python3-jsonschema")
        schema = os.environ.get("CALLGATE_SARIF_SCHEMA")
        if not schema:
            self.skipTest("CALLGATE_SARIF_SCHEMA names no sarif-schema-2.1.0.json")
        log = json.loads(callgate("check", "--sarif", "docker-default").stdout)
        jsonschema.validate(log, json.loads(text_of(schema)))


class Mending(unittest.TestCase):
    def harden(self, text, name="app.policy"):
        folder = scratch(self)
        source = os.path.join(folder, name)
        with open(source, "w", encoding="utf-8") as file:
            file.write(text)
        mended = os.path.join(folder, "mended.policy")
        return source, mended, callgate("check", source, "--harden", "-o", mended)

    def test_what_is_mended_is_gone_and_nothing_is_looser(self):
        source, mended, done = self.harden(
            "abi 6.12\narches x86_64\notherwise errno(EPERM)\nunknown errno(EPERM)\n"
            "allow clone if flags & CLONE_NEWUSER == 0\nallow clone3, io_uring_setup, "
            "io_uring_enter, read\nallow seccomp\ntrace ioctl\nallow fadvise64 if advice <= 4\n"
            "errno(EACCES) fadvise64 if advice == 3\nallow socket if args[0] != 38\n")
        self.assertEqual(done.returncode, 0, done.stderr)
        for name in ("twin-open", "io-uring-open", "listener-override", "new-calls-refused",
                     "rule-unreachable", "compared-wider"):
            self.assertIn(f"[{name}]", done.stderr)
        self.assertEqual(callgate("check", mended, "--strict").returncode, 0,
                         callgate("check", mended).stdout)
        self.assertEqual(callgate("diff", source, mended, "--fail-on", "looser").returncode, 0)
        for call, allowed in (("clone3(1, 88)", False), ("io_uring_setup(1, 1)", False),
                              ("seccomp(1, 8, 1)", False), ("seccomp(1, 0, 1)", True),
                              ("socket(args[0]=0x100000026)", False), ("socket(1)", True)):
            told = callgate("explain", mended, call).stdout
            self.assertEqual("allow" in told.splitlines()[0], allowed, told)

    def test_what_needs_a_judgement_is_said(self):
        _, mended, done = self.harden(BASE + "errno(EACCES) open\n")
        self.assertEqual(done.returncode, 1)
        self.assertIn("not mended: open", done.stderr)
        self.assertIn("not mended", text_of(mended))

    def test_filters_are_mended_as_policies(self):
        folder = scratch(self)
        text = os.path.join(folder, "f.s")
        with open(text, "w", encoding="utf-8") as file:
            file.write("ld nr\njeq x86_64:swapon, no, yes\nyes: ret allow\nno: ret errno(EPERM)\n")
        raw = os.path.join(folder, "f.bpf")
        self.assertEqual(callgate("asm", text, "-o", raw).returncode, 0)
        found = check(raw)[0]["findings"]
        self.assertIn("arch-unchecked", [f["id"] for f in found])
        mended = os.path.join(folder, "mended.policy")
        done = callgate("check", raw, "--harden", "-o", mended)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(callgate("check", mended).returncode, 0)

    def test_what_does_not_compile_is_not_mended(self):
        _, mended, done = self.harden(BASE + "errno(EACCES) opn\n")
        self.assertEqual(done.returncode, 1)
        self.assertFalse(os.path.exists(mended))


if __name__ == "__main__":
    main()
