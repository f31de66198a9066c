"""A headless Chromium, driven by WebDriver's own protocol (W3C) over chromedriver."""
import json
import os
import subprocess
import urllib.error
import urllib.request

import harness

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # WebDriver's name for a reference to an element


class Browser:
    """One window. Ends with the test case."""

    def __init__(self, case, width=1400, height=900):
        harness.need("chromium", "chromedriver")
        folder = harness.scratch(case)
        port = harness.free_port()
        log = open(os.path.join(folder, "chromedriver.log"), "w")
        driver = subprocess.Popen(["chromedriver", f"--port={port}"], stdout=log, stderr=log)
        case.addCleanup(log.close)
        case.addCleanup(self._end, driver)
        self.root = f"http://127.0.0.1:{port}"
        harness.wait_for(lambda: harness.listens(port), what="chromedriver listens")
        # Its sandbox needs what root and containers may not have; it shows our own pages only.
        arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                     "--no-first-run", "--disable-background-networking", "--hide-scrollbars",
                     f"--user-data-dir={folder}/profile", f"--window-size={width},{height}"]
        opened = self._ask("POST", "/session", {"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": {"args": arguments},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}}})
        self.session = "/session/" + opened["sessionId"]

    def _end(self, driver):
        if hasattr(self, "session"):
            self._ask("DELETE", self.session)
        driver.terminate()
        driver.wait(20)

    def _ask(self, method, path, body=None):
        data = None if method != "POST" else json.dumps(body or {}).encode()
        request = urllib.request.Request(self.root + path, data,
                                         {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as refused:
            raise AssertionError(f"{path}: {json.load(refused)['value']['message']}") from None

    def ask(self, path, body=None, method="POST"):
        return self._ask(method, self.session + path, body)

    def open(self, address):
        self.ask("/url", {"url": address})

    def run(self, script, *arguments):
        return self.ask("/execute/sync", {"script": script, "args": list(arguments)})

    def find(self, selector):
        return self.ask("/element", {"using": "css selector", "value": selector})[ELEMENT]

    def all(self, selector):
        found = self.ask("/elements", {"using": "css selector", "value": selector})
        return [each[ELEMENT] for each in found]

    def click(self, selector):
        """Clicks in the middle of the window, where nothing that sticks to an edge lies above."""
        element = self.find(selector)
        self.run("arguments[0].scrollIntoView({block: 'center'})", {ELEMENT: element})
        self.ask(f"/element/{element}/click")

    def type(self, selector, text):
        """Replaces what a field holds."""
        element = self.find(selector)
        self.ask(f"/element/{element}/clear")
        if text:
            self.ask(f"/element/{element}/value", {"text": text})

    def press(self, key):
        self.ask("/actions", {"actions": [{"type": "key", "id": "keys", "actions": [
            {"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]}]})

    def text(self, selector):
        return self.ask(f"/element/{self.find(selector)}/text", method="GET")

    def texts(self, selector):
        return self.run("return [...document.querySelectorAll(arguments[0])]"
                        ".filter(e => e.checkVisibility()).map(e => e.innerText ?? e.textContent)",
                        selector)

    def count(self, selector):
        return len(self.all(selector))

    def log(self, kind):
        return self.ask("/se/log", {"type": kind})
