"""docs/tutorial.md, from an empty directory on: its files are written, its changes made by patch(1),
its commands typed into one shell, and what they print is what stands there."""
import os
import re
import subprocess
import unittest

from harness import SOURCE, free_port, listens, main, need, scratch, wait_for
from installed import install
from readme_test import blocks, pattern, steps

MARK = "-- the command has ended --"


class Shell:
    """One bash, a command at a time."""

    def __init__(self, case, home):
        self.bash = subprocess.Popen(["bash", "--norc"], cwd=home, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     stderr=subprocess.STDOUT, text=True, start_new_session=True,
                                     env={**os.environ, "HOME": os.path.dirname(home), "LC_ALL": "C.UTF-8"})
        case.addCleanup(self.end)

    def run(self, command):
        """What it prints, and its exit code."""
        self.bash.stdin.write(f"{command}\necho '{MARK}' $?\n")
        self.bash.stdin.flush()
        output = ""
        while True:
            line = self.bash.stdout.readline()
            if not line:
                raise AssertionError(f"the shell ended in: {command}\n{output}")
            if line.startswith(MARK):
                return output, int(line[len(MARK):])
            output += line

    def end(self):
        """The shell, and a service that it may have left in the background."""
        self.bash.stdin.write("kill $(jobs -p) 2>&-\nexit\n")
        self.bash.stdin.close()
        self.bash.wait()
        self.bash.stdout.close()


class Tutorial(unittest.TestCase):
    maxDiff = None

    def test_every_step(self):
        need("patch")
        root = scratch(self)
        install(os.path.join(root, "callgate"))
        home = os.path.join(root, "words")
        os.mkdir(home)
        port = free_port()
        with open(os.path.join(SOURCE, "docs/tutorial.md"), encoding="utf-8") as page:
            text = page.read().replace("7777", str(port))
        shell = Shell(self, home)
        ran = 0
        for kind, name, lines in blocks(text):
            if kind == "diff":
                subprocess.run(["patch", "-s", "-F0", name], cwd=home, check=True, text=True,
                               input="\n".join(lines) + "\n")
            elif name:
                with open(os.path.join(home, name), "w", encoding="utf-8") as file:
                    file.write("\n".join(lines) + "\n")
            else:
                self.assertEqual(kind, "console")
                ran += sum(self.step(shell, port, *step) for step in steps(lines))
        self.assertGreaterEqual(ran, 30)

    def step(self, shell, port, command, expected):
        output, code = shell.run(command)
        self.assertRegex(output, r"\A" + pattern(expected).pattern + r"\Z", command)
        self.assertEqual(code, 1 if "wrong" in command and "check" in command else 0, command)
        if command.endswith("&"):
            wait_for(lambda: listens(port), what=command)
        return 1

    def test_links(self):
        with open(os.path.join(SOURCE, "docs/tutorial.md"), encoding="utf-8") as page:
            links = re.findall(r"\]\(([^)#]+)\)", page.read())
        missing = [link for link in links if not os.path.exists(os.path.join(SOURCE, "docs", link))]
        self.assertEqual(missing, [])


if __name__ == "__main__":
    main()
