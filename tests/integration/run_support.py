"""What the tests of `callgate run` share: policies, compiled helpers, the supervisor's process."""
import os
import shutil
import subprocess
import textwrap
import unittest

from harness import CALLGATE, callgate_for_everyone, scratch, wait_for

ARCHES = "arches x86_64, i386, x32\n"
OPEN = "abi 6.12\n" + ARCHES + "otherwise allow\n"


class RunTest(unittest.TestCase):
    def setUp(self):
        self.folder = scratch(self)
        os.chmod(self.folder, 0o755)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text, mode=0o644):
        with open(self.path(name), "w") as file:
            file.write(textwrap.dedent(text))
        os.chmod(self.path(name), mode)
        return self.path(name)

    def policy(self, rules, name="test.policy", head=OPEN):
        """A policy that allows all but what `rules` say; the rules begin at line 4."""
        return self.write(name, head + textwrap.dedent(rules) + "\n")

    def build(self, name, source, *flags):
        """Compiles a C program; skips by name where the compiler cannot (no multilib, say)."""
        code = self.write(name + ".c", source)
        made = subprocess.run(["cc", "-g", "-O1", code, "-o", self.path(name), "-pthread", *flags],
                              capture_output=True, text=True)
        if made.returncode != 0:
            raise unittest.SkipTest(f"cannot compile with {flags}: {made.stderr[:200]}")
        return self.path(name)

    def command(self, policy, *words, options=()):
        return [CALLGATE, "run", "--profile", policy, *options, "--", *words]

    def run_under(self, policy, *words, options=(), **settings):
        settings.setdefault("timeout", 60)
        return subprocess.run(self.command(policy, *words, options=options), capture_output=True,
                              text=True, **settings)

    def as_nobody(self, command):
        """The command run without privilege."""
        if os.geteuid() != 0 or shutil.which("setpriv") is None:
            raise unittest.SkipTest("needs root and setpriv to drop privilege")
        copy = callgate_for_everyone(self)
        words = [copy if word == CALLGATE else word for word in command]
        return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *words]


def supervisor_of(report_file):
    """The supervisor that holds this report file open, or None."""
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/comm") as file:
                if file.read().strip() != "callgate-run":
                    continue
            for fd in os.listdir(f"/proc/{entry}/fd"):
                if os.readlink(f"/proc/{entry}/fd/{fd}") == report_file:
                    return int(entry)
        except OSError:
            continue
    return None


def wait_for_text(path, text, seconds=20):
    def there():
        try:
            with open(path) as file:
                return text in file.read()
        except FileNotFoundError:
            return False
    wait_for(there, seconds, f"{text!r} in {path}")
