"""The HTML page of check."""
import json

from browser import ELEMENT
from harness import callgate, main
from page_support import HOSTILE, POLICY, InBrowser, PageCase

CHECKED = POLICY.replace("allow openat if", """allow openat2
# callgate: accept twin-open "the broker judges it"
allow openat if""")


class Content(PageCase):
    """Without a browser."""

    def test_the_page_holds_the_json_document_with_what_is_accepted(self):
        checked = self.file("a.policy", CHECKED)
        printed = callgate("check", "--all", "--json", checked)
        self.assertEqual(self.document(self.page("check", checked, code=printed.returncode)),
                         json.loads(printed.stdout))

    def test_names_cannot_leave_the_text_they_stand_in(self):
        profile = self.file("profile.json", json.dumps({
            "defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64"],
            "syscalls": [{"names": ["read", HOSTILE], "action": "SCMP_ACT_ALLOW"}]}))
        hostile = self.file(HOSTILE + "/<!--<script>.policy", POLICY)
        for path in (hostile, profile):
            code = callgate("check", path).returncode
            self.assert_same_elements(self.page("check", path, code=code))


class CheckPage(InBrowser):
    def setUp(self):
        super().setUp()
        policy = self.file("a.policy", CHECKED)
        checked = callgate("check", "--all", "--json", policy)
        [file] = json.loads(checked.stdout)["files"]
        self.findings = file["findings"]
        self.open("check", policy, code=checked.returncode)

    def test_accepted_findings_are_shown_when_asked_for(self):
        [accepted] = [each for each in self.findings if "accepted" in each]
        self.assertEqual(self.browser.count("article"), len(self.findings) - 1)
        self.browser.click("#accepted")
        self.assertEqual(self.browser.count("article"), len(self.findings))
        shown = self.browser.text(f"article[data-id={accepted['id']}]")
        self.assertIn("the broker judges it", shown)

    def test_every_finding_is_there_with_its_place_fix_and_witness(self):
        self.browser.click("#accepted")
        shown = self.browser.texts("article")
        fixes = 0
        for each in self.findings:
            parts = [each["id"], each["severity"], each["message"], each.get("fix", "")]
            if "line" in each:
                parts.append(f":{each['line']}:{each['column']}")
            if "witness" in each:
                parts.append(each["witness"]["witness"]["call"])
            fixes += "fix" in each
            self.assertTrue(any(all(part in text for part in parts) for text in shown), parts)
        self.assertGreater(fixes, 0)

    def test_ids_severities_and_search_narrow(self):
        shown = [each for each in self.findings if "accepted" not in each]
        severity = shown[0]["severity"]
        left = [each for each in shown if each["severity"] == severity]
        self.browser.click(f"[data-chip={severity}]")
        self.assertEqual(self.browser.count("article"), len(left))
        self.browser.click(f"[data-chip={severity}]")
        self.browser.type("#search", "no finding says this")
        self.assertEqual(self.browser.count("article"), 0)
        self.browser.type("#search", "")
        wanted = shown[0]["id"]
        self.browser.run("location.hash = arguments[0]", f"id={wanted}")
        self.assertEqual({self.browser.run("return arguments[0].dataset.id", {ELEMENT: each})
                          for each in self.browser.all("article")}, {wanted})


class Hostile(InBrowser):
    def test_names_are_text(self):
        hostile = self.file(HOSTILE + "/<!--<script>.policy", POLICY)
        self.is_text("check", hostile, code=callgate("check", hostile).returncode)


if __name__ == "__main__":
    main()
