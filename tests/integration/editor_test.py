"""The TextMate grammar of editors/vscode names every word of the language's page, with each keyword of
the parser as one. Its patterns are matched line by line with Python's regular expressions, which read
them as Oniguruma does."""
import json
import os
import re
import unittest

from harness import SOURCE, main

EDITOR = os.path.join(SOURCE, "editors/vscode")


def text_of(*path):
    with open(os.path.join(SOURCE, *path), encoding="utf-8") as file:
        return file.read()


class Grammar:
    def __init__(self):
        package = json.loads(text_of(EDITOR, "package.json"))
        entry = package["contributes"]["grammars"][0]
        self.grammar = json.loads(text_of(EDITOR, entry["path"]))
        assert self.grammar["scopeName"] == entry["scopeName"]
        self.rules = []
        for pattern in self.grammar["patterns"]:
            rule = self.grammar["repository"][pattern["include"][1:]]
            self.rules.append((re.compile(rule["match"]), rule))

    def scopes(self, line):
        """[(text, scope)] of a line, None for what no rule names: the leftmost match wins, then the
        first rule."""
        out, at = [], 0
        while at < len(line):
            best = None
            for expression, rule in self.rules:
                found = expression.search(line, at)
                if found and found.end() > found.start() and (
                        best is None or found.start() < best[0].start()):
                    best = found, rule
            if best is None:
                out.append((line[at:], None))
                break
            found, rule = best
            out.append((line[at:found.start()], None))
            out += self.named(found, rule)
            at = found.end()
        return [(text, scope) for text, scope in out if text.strip()]

    @staticmethod
    def named(found, rule):
        if "name" in rule:
            return [(found.group(), rule["name"])]
        out, at = [], found.start()
        for index in range(1, found.re.groups + 1):
            if found.start(index) < 0:
                continue
            out.append((found.string[at:found.start(index)], None))
            out.append((found.group(index), rule["captures"][str(index)]["name"]))
            at = found.end(index)
        return out + [(found.string[at:found.end()], None)]


class Editor(unittest.TestCase):
    grammar = Grammar()

    def test_every_word_of_the_page_has_a_scope(self):
        blocks = re.findall(r"^```policy\n(.*?)^```", text_of("docs/policy.md"), re.M | re.S)
        self.assertGreaterEqual(len(blocks), 9)
        for line in "".join(blocks).splitlines():
            for text, scope in self.grammar.scopes(line):
                self.assertIsNotNone(scope, f"{text!r} in {line!r}")
        self.assertIn((" + ", None), self.grammar.scopes("allow + read"))

    def test_every_word_of_the_parser_is_a_keyword(self):
        words = re.search(r"statement_words = \{(.*?)\};", text_of("src/formats/text_parser.h"), re.S)
        statements = re.findall(r'"(\w+)"', words.group(1))
        self.assertGreaterEqual(len(statements), 18)
        for word in statements:
            for line in (word + " x", "  " + word + " x", word):
                scope = dict(self.grammar.scopes(line)).get(word)
                self.assertTrue(scope and scope.startswith("keyword.control"), (line, scope))
        self.assertNotIn("keyword", dict(self.grammar.scopes("allow log"))["log"])
        words = re.search(r"words = \{(.*?)\};", text_of("src/formats/text_condition.cpp"), re.S)
        for word in re.findall(r'"(\w+)"', words.group(1)):
            scope = dict(self.grammar.scopes("allow read if a == 1 or " + word + " x"))[word]
            self.assertTrue(scope.startswith(("keyword.operator", "constant.language")), (word, scope))

    def test_what_words_are(self):
        kinds = dict(self.grammar.scopes(
            'errno(EPERM) @systemd/timer, kill if sig in {SIGKILL, 0x1f} and args[1].lo != 7 # c'))
        for text, kind in (("errno", "keyword.control.action"), ("EPERM", "constant.other.errno"),
                           ("@systemd/timer", "entity.name.type.group"),
                           ("kill", "entity.name.function"), ("sig", "variable.parameter"),
                           ("SIGKILL", "constant.other"), ("0x1f", "constant.numeric"),
                           ("args", "variable.language"), ("lo", "variable.language"),
                           ("# c", "comment.line"), ("in", "keyword.operator.word")):
            self.assertTrue(kinds[text].startswith(kind), (text, kinds[text]))

    def test_the_other_files_are_what_editors_read(self):
        package = json.loads(text_of(EDITOR, "package.json"))
        language = package["contributes"]["languages"][0]
        rules = json.loads(text_of(EDITOR, language["configuration"]))
        self.assertEqual(rules["comments"]["lineComment"], "#")
        self.assertEqual(language["extensions"], [".policy"])


main()
