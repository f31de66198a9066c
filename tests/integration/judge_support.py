"""What the tests of judge and of the compute profiles share: judging, and nothing left behind."""
import json
import os
import subprocess
import unittest

from harness import CALLGATE, SOURCE, scratch

HOSTILE = os.path.join(SOURCE, "tests", "support", "hostile.c")


def build(folder, name, source, *flags, compiler="cc"):
    """Compiles; skips by name where the compiler cannot."""
    target = os.path.join(folder, name)
    made = subprocess.run([compiler, "-O1", source, "-o", target, "-pthread", *flags],
                          capture_output=True, text=True)
    if made.returncode != 0:
        raise unittest.SkipTest(f"cannot compile {name} with {flags}: {made.stderr[:200]}")
    return target


def processes_of(marker):
    """Processes whose command line holds the marker."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        try:
            with open(f"/proc/{entry}/cmdline", "rb") as file:
                line = file.read().decode(errors="replace")
        except OSError:
            continue
        if marker in line:
            found.append((int(entry), line))
    return found


def groups_left():
    """Control groups of judges that are gone."""
    left = []
    for folder, names, _ in os.walk("/sys/fs/cgroup"):
        left += [os.path.join(folder, name) for name in names
                 if name.startswith("callgate-judge-") and
                 not os.path.exists("/proc/" + name.split("-")[2])]
    return left


class Judged:
    def __init__(self, done, text):
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr
        self.json = json.loads(text) if text else None
        self.verdict = self.json and self.json["verdict"]

    def denied(self):
        return [each["call"] for each in self.json["denials"] if each["kind"] == "denial"]

    def measure(self, name):
        for each in self.json["limits"] + self.json["isolation"]:
            if each["name"] == name:
                return each
        raise AssertionError(f"{name} is neither a limit nor isolation")


class JudgeTest(unittest.TestCase):
    def setUp(self):
        self.folder = scratch(self)
        os.chmod(self.folder, 0o755)

    def path(self, name):
        return os.path.join(self.folder, name)

    def judge(self, *words, options=(), **settings):
        verdict = self.path("verdict.json")
        if os.path.exists(verdict):
            os.unlink(verdict)
        settings.setdefault("timeout", 60)
        settings.setdefault("errors", "replace")
        done = subprocess.run(
            [CALLGATE, "judge", "--json", "-o", verdict, *options, "--", *words],
            capture_output=True, text=True, **settings)
        text = None
        if os.path.exists(verdict):
            with open(verdict) as file:
                text = file.read()
        return Judged(done, text)
