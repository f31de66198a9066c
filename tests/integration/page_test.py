"""The HTML pages of explain and diff: what is in them, and what a browser makes of them."""
import base64
import hashlib
import json
import os
import random

from harness import callgate, main
from page_support import HOSTILE, POLICY, Elements, InBrowser, PageCase

NEWER = POLICY.replace("kill_process ptrace", "allow ptrace").replace("allow socket",
                                                                      "errno(EACCES) socket")
# Every operation that seccomp lets a program have, most of them on unknown words.
EVERY_INSTRUCTION = """
  ld [4]
  jeq 0xc000003e, known, other
known: ld [0]
  jeq 1, one, not_one
not_one: jeq 2, two, none
none: ret allow
one: ld [16]
  and 0xff
  tax
  ld [20]
  rsh 3
  add x
  st M[0]
  ld [24]
  lsh x
  st M[1]
  ld M[0]
  mul 7
  sub 3
  xor x
  jgt 0x1000, divide, negate
divide: ldx M[1]
  div x
  jset 3, trapped, negate
negate: ld M[1]
  neg
  jge 0x80000000, trapped, denied
denied: ret errno(1)
trapped: ret trap(2)
two: ld [32]
  or 1
  ldx 40
  rsh x
  jeq x, same, length
same: ret trap(3)
length: ld len
  jeq 64, last, never
never: ret 0
last: ld [36]
  and 0x7fffffff
  ret a
other: ret kill_process
"""
FLAGS = "return document.querySelector('[data-field=flags]').value"
# What a call gets by running the program, and by following its decision graph.
RUN_MACHINE = """
const filter = JSON.parse(document.getElementById('document').textContent).programs[0];
const [nr, args] = arguments;
const data = {nr, arch: 0xc000003e, ip: 0n, args: args.map(BigInt)};
const {result, path} = runFilter(filter, data);
const load = (at) => at === 0 ? known(nr) : at === 1 ? known(data.arch) : {text: `word ${at}`};
const graph = decisionGraph(filter, load);
const ways = waysTaken(graph, path);
let node = graph.nodes.get(graph.start);
while (node.test) node = graph.nodes.get(ways.get(node.pc) === 'true' ? node.yes : node.no);
return {result, path, drawn: node.ret.known ?? null};
"""




class Content(PageCase):
    """Without a browser."""

    def test_only_its_own_scripts_may_run_and_nothing_is_loaded(self):
        elements = Elements(self.page("explain", self.file("a.policy", POLICY)))
        [policy] = [e[1]["content"] for e in elements.of("meta")
                    if e[1].get("http-equiv") == "Content-Security-Policy"]
        rules = dict(part.strip().split(" ", 1) for part in policy.split(";"))
        self.assertEqual(rules["default-src"], "'none'")

        def source(text):
            digest = hashlib.sha256(text.encode()).digest()
            return "'sha256-" + base64.b64encode(digest).decode() + "'"
        code = [e[2] for e in elements.of("script") if e[1].get("type") != "application/json"]
        self.assertGreater(len(code), 3)
        self.assertEqual(rules["script-src"].split(), [source(text) for text in code])
        self.assertEqual(rules["style-src"].split(), [source(e[2]) for e in elements.of("style")])
        for tag, attributes, _ in elements.all:
            for name in ("src", "srcset", "data", "action"):
                self.assertNotIn(name, attributes, tag)
            self.assertTrue(attributes.get("href", "#").startswith("#"), attributes)

    def test_the_page_holds_the_json_document(self):
        old, new = self.file("old.policy", POLICY), self.file("new.policy", NEWER)
        for arguments, code in ((["explain", old], 0), (["diff", old, new], 1)):
            with self.subTest(arguments[0]):
                printed = json.loads(callgate(*arguments, "--json").stdout)
                self.assertEqual(self.document(self.page(*arguments, code=code)), printed)

    def test_other_outputs_stay_what_they_are(self):
        old, new = self.file("old.policy", POLICY), self.file("new.policy", NEWER)
        for verb, sources in (("explain", [old]), ("diff", [old, new])):
            path = os.path.join(self.folder, verb + ".txt")
            callgate(verb, *sources, "-o", path)
            with open(path) as text:
                self.assertEqual(text.read(), callgate(verb, *sources).stdout)

    def test_names_cannot_leave_the_text_they_stand_in(self):
        hostile = self.file(HOSTILE + "/<!--<script>.policy", POLICY)
        for arguments in (["explain", hostile], ["diff", hostile, hostile]):
            with self.subTest(arguments[0]):
                self.assert_same_elements(self.page(*arguments))


class ExplainPage(InBrowser):
    def setUp(self):
        super().setUp()
        self.policy = self.file("a.policy", POLICY)

    def shown_calls(self):
        return self.browser.texts("#map a.call .name")

    def test_search_and_chips_narrow_the_map(self):
        self.open("explain", self.policy)
        everything = self.shown_calls()
        self.assertIn("openat", everything)
        self.assertGreater(len(everything), 300)
        self.browser.type("#search", "ptrace")
        self.assertEqual(self.shown_calls(), ["ptrace"])
        self.browser.type("#search", "DIRFD")  # of a condition
        self.assertEqual(self.shown_calls(), ["openat"])
        self.browser.type("#search", "")
        self.browser.click("[data-chip=delegated]")
        self.assertEqual(self.shown_calls(), ["mount"])
        self.assertIn("1 of", self.browser.text(".status"))
        self.browser.click("[data-chip=delegated]")
        self.assertEqual(self.shown_calls(), everything)
        self.browser.click("[role=tab][data-abi=i386]")
        self.assertIn("socketcall", self.shown_calls())

    def test_typed_arguments_get_the_answer_and_the_path_of_emu(self):
        program = os.path.join(self.folder, "a.bpf")
        self.assertEqual(callgate("compile", self.policy, "-o", program).returncode, 0)
        self.open("explain", self.policy)
        whole = {"x86_64": "ftruncate", "i386": "ftruncate64"}  # in one word, in two
        for abi in whole:
            self.browser.click(f"[role=tab][data-abi={abi}]")
            for call, fields in (
                    ("openat", {"dirfd": "AT_FDCWD", "flags": "O_RDWR|O_CREAT", "mode": "0644"}),
                    ("openat", {"dirfd": "3", "flags": "O_RDWR", "mode": "0644"}),
                    ("openat", {"pathname": '"/etc/passwd"'}),
                    ("socket", {"domain": "AF_INET6", "type": "SOCK_DGRAM|SOCK_CLOEXEC"}),
                    ("socket", {"domain": "AF_VSOCK", "type": "1"}),
                    (whole[abi], {"length": "-1"}),
                    (whole[abi], {"length": "0x100000000"}),
                    (whole[abi], {"length": "0x100000001"})):
                with self.subTest(f"{abi}:{call} {fields}"):
                    self.try_call(program, abi, call, fields)

    def try_call(self, program, abi, call, fields):
        given = ", ".join(f"{name}={value}" for name, value in fields.items())
        known = callgate("emu", program, "--json", f"{abi}:{call}({given})")
        [known] = json.loads(known.stdout)["calls"]
        self.browser.run("location.hash = arguments[0]", f"arch={abi}")
        self.browser.click(f"#map [data-call={call}]")
        self.assertEqual(self.browser.text("#call h2").split()[0], call)
        for name, value in fields.items():
            self.browser.type(f'[data-field="{name}"]', value)
        answer = self.browser.text("#answer")
        self.assertIn(known["action"], answer)
        self.assertIn(f"0x{known['result']:08x}", answer)
        self.assertIn(f"{len(known['path'])} instruction", answer)
        self.assertEqual(self.browser.texts(".graph .return.taken text"), [known["action"]])
        self.assertEqual(self.browser.count(".graph .test.taken"),
                         self.browser.count(".graph .edge.taken"))
        ran = self.browser.run("return [...document.querySelectorAll('.code td.number')]"
                               ".map(e => Number(e.textContent))")
        self.assertEqual(ran, known["path"])

    def test_the_machine_is_that_of_emu_for_every_instruction(self):
        program = os.path.join(self.folder, "all.bpf")
        made = callgate("asm", self.file("all.asm", EVERY_INSTRUCTION), "-o", program)
        self.assertEqual(made.returncode, 0, made.stderr)
        self.open("explain", program, "--arch", "x86_64")
        numbers = random.Random(6)
        for index in range(60):
            words = [sum(numbers.choice((0, 1, 2, 3, 0xffff, numbers.randrange(0x10000))) << shift
                         for shift in (0, 16, 32, 48)) for _ in range(6)]
            number = index % 3
            known = callgate("emu", program, "--json", "--arch", "x86_64", "--nr", str(number),
                             *(f"--arg={at}={word}" for at, word in enumerate(words)))
            [known] = json.loads(known.stdout)["calls"]
            ran = self.browser.run(RUN_MACHINE, number, [str(word) for word in words])
            self.assertEqual([ran["result"], ran["path"]], [known["result"], known["path"]])
            self.assertIn(ran["drawn"], (None, known["result"]))

    def test_a_witness_fills_the_fields_and_gets_its_case(self):
        self.open("explain", self.policy)
        for call in ("openat", "socket", "ftruncate"):
            self.browser.click(f"#map [data-call={call}]")
            cases = self.browser.texts(".decided > li > p:first-child .action")
            self.assertGreater(len(cases), 1)
            for index, answer in enumerate(cases):
                self.browser.click(f".decided > li:nth-child({index + 1}) button.witness")
                self.assertEqual(self.browser.texts("#answer .action"), [answer])

    def test_what_cannot_be_read_is_said(self):
        self.open("explain", self.policy, address="#arch=x86_64&call=socket")
        self.browser.type("[data-field=domain]", "AF_INTE")
        self.assertIn("AF_INTE", self.browser.text("#answer .problem"))
        self.assertEqual(self.browser.count(".graph .taken"), 0)
        self.browser.type("[data-field=domain]", "AF_INET")
        self.assertEqual(self.browser.count("#answer .problem"), 0)

    def test_addresses_keys_and_colours(self):
        self.open("explain", self.policy,
                  address="#arch=i386&call=openat&args=openat(AT_FDCWD, 0, O_RDWR)")
        self.assertEqual(self.browser.text("#call h2").split()[:2], ["openat", "295"])
        self.assertEqual(self.browser.run(FLAGS), "O_RDWR")
        self.browser.run("document.activeElement.blur()")
        self.browser.press("/")
        self.browser.press("p")
        self.assertEqual(self.browser.run("return document.activeElement.value"), "p")
        self.browser.press("\ue00c")  # Escape
        self.assertEqual(self.browser.run("return document.activeElement.value"), "")
        self.browser.run("document.querySelector('.calls a').focus()")
        self.browser.press("\ue014")  # right arrow
        self.assertEqual(self.browser.run("return document.activeElement.dataset.call"),
                         self.browser.run("return document.querySelector('.calls')"
                                          ".querySelectorAll('a')[1].dataset.call"))

        def ground():
            return self.browser.run("return getComputedStyle(document.body).backgroundColor")
        before = ground()
        self.browser.click("#theme")
        self.assertNotEqual(ground(), before)
        self.browser.click("#theme")
        self.assertEqual(ground(), before)

    def test_calls_that_were_asked_about_are_shown_first(self):
        self.open("explain", self.policy, 'openat(AT_FDCWD, "/x", O_RDWR)')
        self.assertIn("openat", self.browser.text(".asked"))
        self.assertIn("errno(EPERM)", self.browser.text(".asked"))
        self.assertEqual(self.browser.text("#call h2").split()[0], "openat")
        self.assertEqual(self.browser.run(FLAGS), "O_RDWR")


class DiffPage(InBrowser):
    def test_differences_side_by_side(self):
        old, new = self.file("old.policy", POLICY), self.file("new.policy", NEWER)
        self.open("diff", old, new, code=1)
        known = json.loads(callgate("diff", old, new, "--json").stdout)["rows"]
        rows = [row["direction"] for row in known]
        self.assertEqual(self.browser.count(".changes tbody tr"), len(rows))
        self.browser.click("[data-chip=looser]")
        self.assertEqual(self.browser.count(".changes tbody tr"), rows.count("looser"))
        line = self.browser.text(".changes tbody tr")
        for part in ("ptrace", "kill_process", "allow", "looser"):
            self.assertIn(part, line)
        self.browser.click("[data-chip=looser]")
        self.browser.type("#search", "socket")
        self.assertTrue(0 < self.browser.count(".changes tbody tr") < len(rows))
        self.assertNotIn("ptrace", self.browser.text("#changes"))

    def test_equal_policies(self):
        old = self.file("old.policy", POLICY)
        self.open("diff", old, old)
        self.assertIn("No difference", self.browser.text(".result"))


class HostilePages(InBrowser):
    """Names that would be scripts if anything read them as HTML."""

    def test_explain(self):
        self.is_text("explain", self.file(HOSTILE + "/<!--<script>.policy", POLICY))

    def test_diff(self):
        self.is_text("diff", self.file(HOSTILE + "/<!--<script>.policy", POLICY),
                     self.file(HOSTILE + "/newer.policy", NEWER), code=1)



if __name__ == "__main__":
    main()
