"""The README's tour does what it says: its policies are written to files, its commands are run, and
what they print is what stands there. A line of `...` stands for any lines, `...` in a line for any text.
"""
import os
import re
import subprocess
import unittest

from harness import CALLGATE, SOURCE, main, scratch


def blocks(text):
    """(kind, file name, lines) of each fenced block."""
    for match in re.finditer(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", text, flags=re.M | re.S):
        yield match.group(1), match.group(2), match.group(3).splitlines()


def pattern(lines):
    parts = []
    for line in lines:
        if line == "...":
            parts.append(r"(?:.*\n)*?")
        else:
            parts.append(".*?".join(re.escape(piece) for piece in line.split("...")) + r"\n")
    return re.compile("".join(parts))


def steps(lines):
    """(command, expected lines) of a console block."""
    command, expected = None, []
    for line in lines:
        if line.startswith("$ "):
            if command is not None:
                yield command, expected
            command, expected = line[2:], []
        else:
            expected.append(line)
    yield command, expected


class Tour(unittest.TestCase):
    maxDiff = None

    def test_every_command_prints_what_the_readme_shows(self):
        folder = scratch(self)
        os.symlink(CALLGATE, os.path.join(folder, "callgate"))
        environment = {**os.environ, "PATH": folder + ":" + os.environ["PATH"], "LC_ALL": "C.UTF-8"}
        with open(os.path.join(SOURCE, "README.md"), encoding="utf-8") as readme:
            text = readme.read()
        ran = 0
        for kind, name, lines in blocks(text):
            if kind == "policy":
                with open(os.path.join(folder, name), "w", encoding="utf-8") as policy:
                    policy.write("\n".join(lines) + "\n")
            elif kind == "console":
                for command, expected in steps(lines):
                    ran += self.run_step(command, expected, folder, environment)
        self.assertGreaterEqual(ran, 8)

    def run_step(self, command, expected, folder, environment):
        if command.endswith("&"):
            background = subprocess.Popen(["bash", "-c", "exec " + command[:-1]], cwd=folder, env=environment)
            self.addCleanup(lambda: (background.kill(), background.wait()))
            comm = f"/proc/{background.pid}/comm"
            for _ in range(500):
                with open(comm) as file:
                    if file.read().strip() == "sleep":
                        break
                subprocess.run(["sleep", "0.02"], check=True)
            return 1
        done = subprocess.run(["bash", "-c", command + " 2>&1"], cwd=folder, env=environment,
                              capture_output=True, text=True, timeout=60)
        self.assertRegex(done.stdout, re.compile(r"\A" + pattern(expected).pattern + r"\Z"), command)
        return 1


if __name__ == "__main__":
    main()
