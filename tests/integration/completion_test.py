"""Completion as the shells do it: a key is pressed in a bash and a zsh that run in a terminal, and fish
is asked as its own pager asks. Each installs the script that `callgate completion SHELL` prints.
"""
import os
import pty
import re
import select
import subprocess
import time
import unittest

from harness import CALLGATE, callgate, main, need, scratch


class Terminal:
    """A shell in a terminal; its line after some keys is had by one more key, bound to print it."""

    def __init__(self, case, command, folder, setup):
        environment = {"PATH": folder + "/bin:" + os.environ["PATH"], "HOME": folder, "TERM": "dumb",
                       "LC_ALL": "C.UTF-8", "PS1": "> "}
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execvpe(command[0], command, environment)
        case.addCleanup(self.end)
        self.send(setup + "\recho rea''dy\r")
        self.expect(r"\nready")

    def end(self):
        os.close(self.fd)
        os.waitpid(self.pid, 0)

    def send(self, text):
        os.write(self.fd, text.encode())

    def expect(self, pattern):
        seen, deadline = "", time.monotonic() + 30
        while time.monotonic() < deadline:
            if select.select([self.fd], [], [], 0.2)[0]:
                seen += os.read(self.fd, 65536).decode(errors="replace")
            if match := re.search(pattern, seen):
                return match
        raise AssertionError(f"no {pattern!r} in {seen!r}")

    def completed(self, typed):
        """The line once a tab was pressed at the end of `typed`; it is then cleared."""
        self.send(typed + "\t\x07")
        line = self.expect(r"LINE<([^<>]*)>").group(1)
        self.send("\x15")
        return line


# What is typed, and the line after one press of the key.
LINES = [
    ("callgate comp", "callgate comp"),
    ("callgate compi", "callgate compile "),
    ("callgate man", "callgate man"),  # not in --help
    ("callgate compile --stop", "callgate compile --stop-after "),
    ("callgate compile --stop-after pro", "callgate compile --stop-after pro"),  # program, proof
    ("callgate compile --stop-after prog", "callgate compile --stop-after program "),
    ("callgate compile --stop-after=da", "callgate compile --stop-after=dag "),
    ("callgate compile -f te", "callgate compile -f text "),
    ("callgate compile --arch x86_6", "callgate compile --arch x86_64"),
    ("callgate compile --arch x86_64,aarch6", "callgate compile --arch x86_64,aarch64"),
    ("callgate convert --to oc", "callgate convert --to oci "),
    ("callgate diff docker-d", "callgate diff docker-default "),
    ("callgate diff --fail-on lo", "callgate diff --fail-on looser "),
    ("callgate merge docker-default my-p", "callgate merge docker-default my-profile.policy "),
    ("callgate explain my-profile.policy io_uring_s", "callgate explain my-profile.policy io_uring_setup "),
    ("callgate run --profile docker-d", "callgate run --profile docker-default "),
    ("callgate run --profile my-p", "callgate run --profile my-profile.policy "),
    ("callgate compile my-p", "callgate compile my-profile.policy "),
    ("callgate run --profile none -- mkd-te", "callgate run --profile none -- mkd-test "),
    ("callgate run --profile none -- cat my-p", "callgate run --profile none -- cat my-profile.policy "),
    ("callgate syscalls process_vm_r", "callgate syscalls process_vm_readv "),
    ("callgate emu my-profile.policy io_uring_s", "callgate emu my-profile.policy io_uring_setup "),
    ("callgate completion z", "callgate completion zsh "),
]


class Completion(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = scratch(self)
        os.mkdir(os.path.join(self.folder, "bin"))
        os.symlink(os.path.abspath(CALLGATE), os.path.join(self.folder, "bin/callgate"))
        os.symlink("/bin/true", os.path.join(self.folder, "bin/mkd-test"))
        with open(os.path.join(self.folder, "my-profile.policy"), "w", encoding="utf-8"):
            pass

    def script(self, shell, name):
        path = os.path.join(self.folder, name)
        done = callgate("completion", shell, "-o", path)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return path

    def check_lines(self, terminal):
        got = [(typed, terminal.completed(typed)) for typed, _ in LINES]
        self.assertEqual(got, LINES)

    def bash(self, first=""):
        need("bash")
        path = self.script("bash", "callgate.bash")
        return Terminal(self, ["bash", "--norc", "--noprofile"], self.folder,
                        first + f"bind -x '\"\\C-g\":echo \"LINE<$READLINE_LINE>\"'; "
                        f"bind 'set bell-style none'; source {path}")

    def test_bash(self):
        self.check_lines(self.bash())

    def test_bash_with_the_package_bash_completion(self):
        library = "/usr/share/bash-completion/bash_completion"
        if not os.path.exists(library):
            self.skipTest("not installed: bash-completion")
        self.check_lines(self.bash(f"source {library}; "))

    def test_zsh(self):
        need("zsh")
        os.mkdir(os.path.join(self.folder, "functions"))
        self.script("zsh", "functions/_callgate")
        self.check_lines(Terminal(
            self, ["zsh", "-f", "-i"], self.folder,
            f"fpath=({self.folder}/functions $fpath); autoload -U compinit; compinit -u -D; "
            "unsetopt beep automenu autolist prompt_cr prompt_sp; "
            "line() { print -r -- \"LINE<$BUFFER>\" }; zle -N line; bindkey '^G' line; "
            "bindkey '^U' kill-whole-line"))

    def fish(self, line):
        done = subprocess.run(["fish", "--no-config", "-c", f"source callgate.fish; complete -C '{line}'"],
                              cwd=self.folder, capture_output=True, text=True, timeout=60,
                              env={"PATH": self.folder + "/bin:" + os.environ["PATH"], "HOME": self.folder})
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return [one.split("\t")[0] for one in done.stdout.splitlines()]

    def test_fish(self):
        need("fish")
        self.script("fish", "callgate.fish")
        self.assertEqual(self.fish("callgate comp"), ["compile", "completion"])
        self.assertEqual(self.fish("callgate compile --stop-after pro"), ["program", "proof"])
        self.assertEqual(self.fish("callgate compile --stop-after=da"), ["--stop-after=dag"])
        self.assertEqual(self.fish("callgate compile --arch x86_64,aarch6"), ["x86_64,aarch64"])
        self.assertEqual(self.fish("callgate run --profile docker-d"), ["docker-default"])
        self.assertEqual(self.fish("callgate run --profile my-p"), ["my-profile.policy"])
        self.assertEqual(self.fish("callgate run --profile=my-p"), ["--profile=my-profile.policy"])
        self.assertEqual(self.fish("callgate run --profile none -- mkd-te"), ["mkd-test"])
        self.assertEqual(self.fish("callgate run --profile none -- cat my-p"), ["my-profile.policy"])
        self.assertEqual(self.fish("callgate syscalls process_vm_r"), ["process_vm_readv"])

    def test_every_option_of_every_verb(self):
        """What --help lists is what is offered, for verbs that are still to come as well."""
        verbs = [line.split("\t")[0] for line in callgate("complete", "--", "").stdout.splitlines()]
        self.assertGreaterEqual(len(verbs), 11)
        for verb in verbs:
            shown = set(re.findall(r"^  (?:-\w,)?(--[\w-]+)", callgate(verb, "--help").stdout, flags=re.M))
            offered = {line.split("\t")[0]
                       for line in callgate("complete", "--", verb, "--").stdout.splitlines()}
            self.assertEqual(shown, offered, verb)

    def test_odd_lines_are_no_error(self):
        for words in ([], [""], ["no-such-verb", ""], ["compile", "--no-such=", ""], ["compile", "--", "-"],
                      ["compile", "-o"], ["run", "--", ""], ["--version", ""], ["emu", "x", "(", "\t\n"]):
            done = callgate("complete", "--", *words)
            self.assertEqual((done.returncode, done.stderr), (0, ""), words)

    def test_bad_input(self):
        done = callgate("completion", "tcsh")
        self.assertEqual(done.returncode, 2)
        self.assertIn("tcsh", done.stderr)
        self.assertEqual(callgate("completion", "bash", "-o", "/nonexistent/x").returncode, 2)


if __name__ == "__main__":
    main()
