"""What the tests of pages share: policies, what is in a page, a browser that shows it."""
import html.parser
import json
import os
import unittest

from browser import Browser
from harness import callgate, scratch

POLICY = """policy demo
abi 6.12
arches x86_64, i386
otherwise errno(EPERM)
allow read, write, close, exit_group, @sigreturn
allow openat if flags & (O_WRONLY|O_RDWR) == 0 or dirfd == AT_FDCWD and mode in {0600, 0644}
allow socket if domain in {AF_UNIX, AF_INET, AF_INET6}
  and type & ~(SOCK_CLOEXEC|SOCK_NONBLOCK) in {SOCK_STREAM, SOCK_DGRAM}
on x86_64 { allow ftruncate if length <= 0x100000000 }
on i386 { allow ftruncate64 if length <= 0x100000000 }
kill_process ptrace
notify mount
"""
HOSTILE = "</script><img src=x onerror=document.title=666>"


class Elements(html.parser.HTMLParser):
    """The elements of a page: [tag, attributes, text]."""

    def __init__(self, text):
        super().__init__()
        self.all = []
        self.open = False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.all.append([tag, dict(attributes), ""])
        self.open = True

    def handle_endtag(self, tag):
        self.open = False

    def handle_data(self, data):
        if self.open:
            self.all[-1][2] += data

    def of(self, tag):
        return [element for element in self.all if element[0] == tag]


class PageCase(unittest.TestCase):
    def setUp(self):
        self.folder = scratch(self)

    def file(self, name, text):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as out:
            out.write(text)
        return path

    def page(self, *arguments, code=0):
        path = os.path.join(self.folder, "page.html")
        done = callgate(*arguments, "-o", path)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertEqual(done.stdout, "")
        with open(path) as made:
            return made.read()

    def document(self, page):
        [found] = [e[2] for e in Elements(page).of("script") if e[1].get("id") == "document"]
        return json.loads(found)


    def assert_same_elements(self, page):
        """The document holds the hostile name, and the page the elements of every page."""
        plain = Elements(self.page("explain", self.file("plain.policy", POLICY)))
        self.assertEqual([e[0] for e in Elements(page).all], [e[0] for e in plain.all])
        self.assertIn(HOSTILE, json.dumps(self.document(page)))


class ModuleCase:
    """The browser is one for all tests."""
    addCleanup = staticmethod(unittest.addModuleCleanup)
    browser = None


class InBrowser(PageCase):
    def setUp(self):
        super().setUp()
        ModuleCase.browser = ModuleCase.browser or Browser(ModuleCase)
        self.browser = ModuleCase.browser

    def open(self, *arguments, code=0, address=""):
        path = os.path.join(self.folder, "page.html")
        self.page(*arguments, code=code)
        self.browser.log("browser")
        self.browser.log("performance")
        self.browser.open("about:blank")
        self.browser.open("file://" + path + address)
        self.addCleanup(self.quiet)

    def quiet(self):
        """Nothing on the console, nothing asked of a network."""
        self.assertEqual(self.browser.log("browser"), [])
        page = "file://" + os.path.join(self.folder, "page.html")
        asked = [json.loads(line["message"])["message"] for line in self.browser.log("performance")]
        addresses = {each["params"]["request"]["url"].split("#")[0] for each in asked
                     if each["method"] == "Network.requestWillBeSent"
                     and each["params"]["documentURL"].startswith(page)}
        self.assertEqual(addresses, {page})

    def is_text(self, *arguments, code=0):
        self.open(*arguments, code=code)
        self.assertEqual(self.browser.count("img"), 0)
        self.assertIn(HOSTILE, self.browser.text("body"))
        self.assertNotEqual(self.browser.run("return document.title"), "666")
