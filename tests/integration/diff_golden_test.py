"""callgate diff prints for tests/golden/diff what stands there, within each case's line budget.

diff_golden_test.py --refresh CALLGATE rewrites the expected texts (`make golden`).
"""
import os
import sys
import unittest

REFRESH = "--refresh" in sys.argv
if REFRESH:
    sys.argv.remove("--refresh")

import confined
from harness import SOURCE, callgate, main, scratch

GOLDEN = os.path.join(SOURCE, "tests/golden/diff")
SHARED = os.environ.get("CALLGATE_SHARED") or os.path.join(SOURCE, "../shared/data")


def read(*parts):
    with open(os.path.join(GOLDEN, *parts), encoding="utf-8") as file:
        return file.read()


class Golden(unittest.TestCase):
    maxDiff = None

    def raw(self, name, source):
        path = os.path.join(scratch(self), source + ".bpf")
        done = callgate("compile", os.path.join(GOLDEN, name, source), "-o", path)
        self.assertEqual(done.returncode, 0, done.stderr)
        return path

    def arguments(self, name):
        """The words of the command, and what of them is not to be compared."""
        given = read(name, "command") if os.path.exists(os.path.join(GOLDEN, name, "command")) else "a b"
        words, hidden = [], {}
        for word in given.split():
            if word.startswith("{raw:"):
                path = self.raw(name, word[5:-1])
                hidden[path] = word
            elif word.startswith("{stack:"):
                if not confined.can_read_filters():
                    self.skipTest("reading the filters of a process needs CAP_SYS_ADMIN")
                filters = [self.raw(name, each) for each in word[7:-1].split(",")]
                path = f"pid:{confined.start(self, *filters).pid}"
                hidden[path] = word
            elif "{shared}" in word:
                path = word.replace("{shared}", SHARED)
                if not os.path.exists(path):
                    self.skipTest(f"not here: {path}")
                hidden[path] = word
            else:
                path = word
            words.append(path)
        return words, hidden

    def check(self, name):
        words, hidden = self.arguments(name)
        done = callgate("diff", *words, cwd=os.path.join(GOLDEN, name))
        text = done.stdout
        for path, word in hidden.items():
            text = text.replace(path, word)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        self.assertEqual(done.returncode, 0 if text.startswith("equal: ") else 1, text)
        if REFRESH:
            with open(os.path.join(GOLDEN, name, "expected"), "w", encoding="utf-8") as file:
                file.write(text)
        self.assertEqual(text, read(name, "expected"))
        self.assertLessEqual(text.count("\n"), int(read(name, "budget")), text)


for case in sorted(os.listdir(GOLDEN)):
    if os.path.isdir(os.path.join(GOLDEN, case)):
        setattr(Golden, "test_" + case, lambda self, case=case: self.check(case))


class Count(unittest.TestCase):
    def test_there_are_enough(self):
        cases = [name for name in dir(Golden) if name.startswith("test_")]
        self.assertGreaterEqual(len(cases), 12)

    def test_the_documents_example_is_one_of_them(self):
        with open(os.path.join(SOURCE, "docs/diff.md"), encoding="utf-8") as file:
            self.assertIn(read("two_calls_one_flag", "expected"), file.read())


if __name__ == "__main__":
    main()
