"""Every verb that reads a file, times everything that can be wrong with one; every verb that writes
one, times every place that cannot be written. Bad input gets exit code 2 (run: 125), a message that
names the file, and changes nothing; nothing crashes, hangs or leaves a file behind."""
import contextlib
import json
import os
import signal
import subprocess
import unittest

from harness import CALLGATE, callgate, main, need, scratch

LIMIT = 10  # seconds for any one command

# Verb -> its arguments for a file. OUT is a file that exists and must stay as it is.
POLICY_VERBS = {
    "run": ["run", "--profile", "FILE", "--", "/bin/true"],
    "compile": ["compile", "FILE", "-o", "OUT"],
    "stop-after": ["compile", "FILE", "--stop-after", "dag", "-o", "OUT"],
    "convert": ["convert", "FILE", "--to", "text", "-o", "OUT"],
    "to-oci": ["convert", "FILE", "--to", "oci", "-o", "OUT"],
    "check": ["check", "FILE"],
}
CODE_VERBS = {
    "asm": ["asm", "FILE", "-o", "OUT"],
    "disasm": ["disasm", "FILE", "-o", "OUT"],
    "emu": ["emu", "FILE", "getpid"],
    "dump": ["dump", "-o", "OUT", "FILE"],
}
ALL_VERBS = {**POLICY_VERBS, **CODE_VERBS}

POLICY = b"""policy sample
abi 6.12
arches x86_64
otherwise errno(EPERM)
allow read, write if fd == 2
"""
ASM = b"""  ld arch
  jeq AUDIT_ARCH_X86_64, next, kill
  ret allow
kill: ret kill_process
"""


def oci(**changes):
    profile = {"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1,
               "architectures": ["SCMP_ARCH_X86_64"],
               "syscalls": [{"names": ["read", "socket"], "action": "SCMP_ACT_ALLOW",
                             "args": [{"index": 0, "value": 40, "valueTwo": 0,
                                       "op": "SCMP_CMP_EQ"}]}]}
    profile.update(changes)
    return json.dumps(profile).encode()


def rule(**changes):
    base = {"names": ["read"], "action": "SCMP_ACT_ALLOW"}
    base.update(changes)
    return oci(syscalls=[base])


def argument(**changes):
    base = {"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}
    base.update(changes)
    return rule(args=[base])


# What no verb takes, whatever it reads.
GARBAGE = {
    "empty": b"",
    "blank": b"  \n\n",
    "one NUL byte": b"\0",
    "NUL in a text": b"allow read\0\n",
    "not UTF-8": b"allow read\n\xff\xfe\xfa\n",
    "UTF-16": "allow read\n".encode("utf-16"),
    "a lone surrogate": b"allow \xed\xa0\x80read\n",
    "random bytes": bytes((i * 7919 + i // 3) % 256 for i in range(4099)),
    "control characters": b"allow\x01 read\x7f\n",
    "an ELF file": b"\x7fBAD" + bytes(61),
    "one long line": b"a" * 3_000_000,
    "a million lines": b"nonsense here\n" * 1_000_000,
    "text nested deeply": b"allow read if " + b"(" * 500_000 + b"\n",
    "not nested deeply": b"allow read if " + b"not " * 500_000 + b"fd == 1\n",
    "JSON nested deeply": b"[" * 500_000,
    "objects nested deeply": b'{"a":' * 500_000 + b"1" + b"}" * 500_000,
    "syscalls nested deeply": b'{"syscalls":' + b"[" * 500_000 + b"]" * 500_000 + b"}",
    "only a brace": b"{",
    "JSON and more": oci() + b"}",
    "JSON that is a list": b"[]",
    "JSON with a BOM in the middle": b"{\xef\xbb\xbf}",
    "a label of its own": b"x: x: x:\n",
}

# What is no policy.
BAD_POLICIES = {
    "unknown call": b"allow raed\n",
    "unknown group": b"allow @stdi\n",
    "unknown parameter": b"allow read if fdd == 1\n",
    "unknown constant": b"allow socket if domain == AF_INTE\n",
    "unknown errno": b"otherwise errno(EPREM)\n",
    "unknown ABI": b"arches x68_64\n",
    "unknown action": b"permit read\n",
    "errno too big": b"otherwise errno(4096)\nallow read\n",
    "number of 65 bits": b"allow read if fd == 18446744073709551616\n",
    "number of the wrong width": b"allow chmod if mode == 0x10000\n",
    "release far away": b"abi 99.99\nallow read\n",
    "release of no number": b"abi 6.x\nallow read\n",
    "release overflows": b"abi 99999999999999999999.1\nallow read\n",
    "raw word out of range": b"allow read if args[6] == 1\n",
    "range the wrong way": b"allow read if fd in {9..1}\n",
    "range of calls the wrong way": b"allow 9..1\n",
    "call number of 33 bits": b"allow 0x100000000\n",
    "header twice": b"otherwise allow\notherwise kill_process\n",
    "abi twice": b"abi 6.1\nabi 6.12\n",
    "section not closed": b"on x86_64 {\nallow read\n",
    "string not closed": b'policy "abc\n',
    "cut off in a rule": b"allow read if fd ==",
    "cut off in a list": b"allow read,",
    "wrong type": b"abi {6}\n",
    "untestable": b"arches x86_64\nallow clone3 if flags == 0\n",
    "JSON: wrong type of the whole": b'{"defaultAction": []}',
    "JSON: action is a number": oci(defaultAction=3),
    "JSON: action unknown": oci(defaultAction="SCMP_ACT_DENY"),
    "JSON: action null": oci(defaultAction=None),
    "JSON: syscalls is an object": oci(syscalls={}),
    "JSON: a rule is a string": oci(syscalls=["read"]),
    "JSON: names is a string": rule(names="read"),
    "JSON: a name is a number": rule(names=[3]),
    "JSON: a name holds NUL": rule(names=["re\0ad"]),
    "JSON: rule's action missing": oci(syscalls=[{"names": ["read"]}]),
    "JSON: rule's action unknown": rule(action="ALLOW"),
    "JSON: args is an object": rule(args={}),
    "JSON: index too big": argument(index=6),
    "JSON: index negative": argument(index=-1),
    "JSON: index a fraction": argument(index=0.5),
    "JSON: index a string": argument(index="0"),
    "JSON: value negative": argument(value=-1),
    "JSON: value of 65 bits": argument(value=1 << 64),
    "JSON: value a fraction": argument(value=1.5),
    "JSON: value a string": argument(value="1"),
    "JSON: value true": argument(value=True),
    "JSON: op unknown": argument(op="SCMP_CMP_XX"),
    "JSON: op a number": argument(op=1),
    "JSON: op missing": rule(args=[{"index": 0, "value": 1}]),
    "JSON: errnoRet too big": rule(action="SCMP_ACT_ERRNO", errnoRet=1 << 40),
    "JSON: errnoRet negative": rule(action="SCMP_ACT_ERRNO", errnoRet=-1),
    "JSON: errnoRet a list": rule(action="SCMP_ACT_ERRNO", errnoRet=[]),
    "JSON: unknown architecture": oci(architectures=["SCMP_ARCH_VAX"]),
    "JSON: architectures a string": oci(architectures="SCMP_ARCH_X86_64"),
    "JSON: flags unknown": oci(flags=["SECCOMP_FILTER_FLAG_NONE"]),
    "JSON: key twice": b'{"defaultAction":"SCMP_ACT_KILL","defaultAction":"SCMP_ACT_ALLOW",'
                       b'"syscalls":[]}',
    "JSON: key of a rule twice": b'{"defaultAction":"SCMP_ACT_KILL","syscalls":[{"names":["read"],'
                                 b'"action":"SCMP_ACT_ERRNO","action":"SCMP_ACT_ALLOW"}]}',
    "JSON: key of an argument twice": b'{"defaultAction":"SCMP_ACT_KILL","syscalls":[{"names":'
                                      b'["read"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,'
                                      b'"index":1,"value":1,"op":"SCMP_CMP_EQ"}]}]}',
    "JSON: not UTF-8": oci().replace(b"SCMP_ARCH_X86_64", b"\xff\xfe"),
    "JSON: half a surrogate": b'{"defaultAction":"\\ud800","syscalls":[]}',
    "JSON: NaN": b'{"defaultAction":NaN,"syscalls":[]}',
    "JSON: a comment": b'{"defaultAction":"SCMP_ACT_KILL" /* x */,"syscalls":[]}',
    "JSON: huge exponent": oci().replace(b'"value": 40', b'"value": 1e999999'),
    "JSON: byte order mark": b"\xef\xbb\xbf" + oci(),
}

# What reads well and means nothing: it can be printed as text, and be neither compiled nor run.
MISTAKES_OF_MEANING = ("number of the wrong width", "range the wrong way",
                       "range of calls the wrong way", "untestable")

# What is no assembler text and no filter.
BAD_CODE = {
    "no instruction": b"frob 1\n",
    "jump to nowhere": b"  ja nowhere\n  ret 0\n",
    "jump out of reach": b"  jeq 1, far, next\n" + b"  ld nr\n" * 300 + b"far: ret 0\n",
    "operand too big": b"  ret 0x100000000\n",
    "operand missing": b"  jeq\n",
    "label twice": b"a: ret 0\na: ret 0\n",
    "backwards": b"a: ld nr\n  ja a\n",
    "unknown constant": b"  jeq x86_64:raed, next, next\n  ret 0\n",
    "unknown errno": b"  ret errno(EPREM)\n",
    "index too big": b"  ld args[6].lo\n  ret 0\n",
    "no target": b".target middle\n  ret 0\n",
    "raw of 7 bytes": b"\x06\0\0\0\0\0\0",
    "raw of 12 bytes": b"\x06\0\0\0\0\0\0\0\x06\0\0\0",
}
# Raw code that is well formed and that the kernel refuses: disasm and dump show it, with a warning.
REFUSED_CODE = {
    "no ret": b"\x20\0\0\0\0\0\0\0",
    "opcode 0xff": b"\xff\0\0\0\0\0\0\0\x06\0\0\0\0\0\0\0",
    "odd offset": b"\x20\0\0\0\1\0\0\0\x06\0\0\0\0\0\0\0",
    "jump past the end": b"\x15\0\xff\xff\0\0\0\0\x06\0\0\0\0\0\0\0",
    "4097 instructions": b"\x06\0\0\0\0\0\0\0" * 4097,
    "2 million instructions": b"\x06\0\0\0\0\0\0\0" * 2_000_000,
}
# Odd, and good.
GOOD_POLICIES = {
    "as it is": POLICY,
    "CRLF": POLICY.replace(b"\n", b"\r\n"),
    "byte order mark": b"\xef\xbb\xbf" + POLICY,
    "no newline at the end": POLICY.rstrip(),
    "tabs": POLICY.replace(b" ", b"\t"),
    "JSON": oci(),
    "JSON with CRLF": oci().replace(b",", b",\r\n"),
}
GOOD_CODE = {
    "as it is": ASM,
    "CRLF": ASM.replace(b"\n", b"\r\n"),
    "byte order mark": b"\xef\xbb\xbf" + ASM,
    "no newline at the end": ASM.rstrip(),
}


def as_nobody():
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)


def is_root():
    return os.geteuid() == 0


def nobody_can_run():
    try:
        return subprocess.run([CALLGATE, "--version"], capture_output=True, check=False,
                              preexec_fn=as_nobody).returncode == 0
    except (OSError, subprocess.SubprocessError):
        return False


class BadInput(unittest.TestCase):
    def setUp(self):
        self.folder = scratch(self)
        os.chmod(self.folder, 0o755)
        self.out = self.path("out", b"the old content\n")

    def path(self, name, content=None):
        path = os.path.join(self.folder, name)
        if content is not None:
            with open(path, "wb") as file:
                file.write(content)
        return path

    def run_verb(self, arguments, file, **options):
        words = [{"FILE": file, "OUT": self.out}.get(word, word) for word in arguments]
        options.setdefault("timeout", LIMIT)
        done = subprocess.run([CALLGATE, *words], stdin=subprocess.DEVNULL, capture_output=True,
                              **options)
        done.stdout = done.stdout.decode(errors="replace")
        done.stderr = done.stderr.decode(errors="replace")
        return done

    def assert_untouched(self, before):
        self.assertEqual(sorted(os.listdir(self.folder)), before)
        with open(self.out, "rb") as file:
            self.assertEqual(file.read(), b"the old content\n")

    def refuse(self, verb, what, file, named=None, place=False, **options):
        """One cell of the table."""
        with self.subTest(verb=verb, what=what):
            with open(self.out, "wb") as out:
                out.write(b"the old content\n")
            before = sorted(os.listdir(self.folder))
            done = self.run_verb(ALL_VERBS[verb], file, **options)
            # check answers a question: a mistake that has a place is its answer 1.
            codes = (125,) if verb == "run" else (1, 2) if verb == "check" else (2,)
            self.assertIn(done.returncode, codes, done.stderr[:2000])
            self.assertIn(named or file, done.stderr + done.stdout, "the message names no file")
            self.assertIn("error: ", done.stderr + done.stdout)
            self.assertLess(len(done.stderr), 2_000_000)
            self.assertNotIn("\0", done.stderr)
            if place:
                self.assertRegex(done.stderr + done.stdout, r":\d+:\d+: error: ")
            self.assert_untouched(before)

    def test_garbage(self):
        for what, content in GARBAGE.items():
            file = self.path("input", content)
            for verb in ALL_VERBS:
                if what == "UTF-16" and verb in ("disasm", "dump"):
                    continue  # shown as the refused filter that its bytes are
                self.refuse(verb, what, file)

    def test_bad_policies(self):
        for what, content in BAD_POLICIES.items():
            file = self.path("input", content)
            for verb in POLICY_VERBS:
                if verb != "convert" or what not in MISTAKES_OF_MEANING:
                    self.refuse(verb, what, file, place=True)
        self.refuse("run", "a profile without filter", self.path("input", b"{}"))

    def test_bad_code(self):
        for what, content in BAD_CODE.items():
            file = self.path("input", content)
            for verb in CODE_VERBS:
                self.refuse(verb, what, file, place=not what.startswith("raw"))
        for what, content in REFUSED_CODE.items():
            file = self.path("input", content)
            for verb in ("run", "convert", "check", "asm", "emu"):
                self.refuse(verb, what, file)
            for verb in ("disasm", "dump"):
                with self.subTest(verb=verb, what=what):
                    done = self.run_verb([verb, "FILE"], file)
                    self.assertEqual(done.returncode, 0, done.stderr)
                    self.assertIn(file + ": warning: the kernel would refuse", done.stderr)

    def test_good_oddities(self):
        for table, verbs in ((GOOD_POLICIES, POLICY_VERBS), (GOOD_CODE, CODE_VERBS)):
            for what, content in table.items():
                file = self.path("input", content)
                for verb in verbs:
                    if verb in ("run", "to-oci"):
                        continue
                    with self.subTest(verb=verb, what=what):
                        done = self.run_verb(verbs[verb], file)
                        self.assertEqual(done.returncode, 0, done.stderr)

    def test_cut_off(self):
        """Each file ends too early, anywhere: refused, or a shorter file that is good."""
        texts = ((POLICY, POLICY_VERBS), (oci(), POLICY_VERBS), (ASM, CODE_VERBS))
        for content, verbs in texts:
            for end in range(1, len(content), 7):
                file = self.path("input", content[:end])
                for verb in ("compile", "check") if verbs is POLICY_VERBS else ("asm", "emu"):
                    with self.subTest(verb=verb, end=end):
                        done = self.run_verb(verbs[verb], file)
                        self.assertIn(done.returncode, (0, 1, 2), done.stderr)
                        if content is not POLICY and content is not ASM:
                            self.assertNotEqual(done.returncode, 0)
                        if done.returncode != 0:
                            self.assertIn(file, done.stderr + done.stdout)

    def test_what_is_no_file(self):
        fifo = self.path("fifo")
        os.mkfifo(fifo)
        os.mkdir(self.path("folder"))
        os.symlink("loop", self.path("loop"))
        kinds = {"missing": self.path("missing.x/file"), "a directory": self.path("folder"),
                 "a fifo": fifo, "a device": "/dev/zero", "a terminal": "/dev/tty",
                 "a loop of links": self.path("loop"), "a file as folder": self.out + "/file",
                 "a name too long": self.path("n" * 300), "no name": ""}
        with open(self.path("huge"), "wb") as file:
            file.truncate(1 << 30)
        kinds["1 GB of nothing"] = self.path("huge")
        for what, file in kinds.items():
            for verb in ALL_VERBS:
                if verb == "dump" and what in ("missing", "no name"):
                    continue  # dump takes them for the name of a program: test_dump_words
                self.refuse(verb, what, file)

    def test_not_readable(self):
        file = self.path("secret", POLICY)
        os.chmod(file, 0)
        os.chmod(self.out, 0o666)
        options = {"preexec_fn": as_nobody} if is_root() else {}
        if options and not nobody_can_run():
            self.skipTest("nobody cannot run this callgate")
        for verb in ALL_VERBS:
            self.refuse(verb, "unreadable", file, **options)
        os.chmod(file, 0o644)

    def test_endless_standard_input(self):
        for verb in ("compile", "convert", "check", "asm", "disasm", "emu"):
            words = ["-" if w == "FILE" else w for w in ALL_VERBS[verb]]
            with self.subTest(verb=verb), open("/dev/zero", "rb") as zero:
                done = subprocess.run([CALLGATE, *[w.replace("OUT", self.out) for w in words]],
                                      stdin=zero, capture_output=True, text=True, timeout=LIMIT,
                                      check=False)
                self.assertIn("standard input: larger than", done.stderr)
                self.assertEqual(done.returncode, 2)


WRITERS = {
    "compile": ["compile", "POLICY", "-o", "OUT"],
    "convert": ["convert", "POLICY", "--to", "text", "-o", "OUT"],
    "asm": ["asm", "ASM", "-o", "OUT"],
    "disasm": ["disasm", "ASM", "-o", "OUT"],
    "dump": ["dump", "-o", "OUT", "ASM"],
    "syscalls": ["syscalls", "-o", "OUT"],
}


class BadOutput(unittest.TestCase):
    def setUp(self):
        self.folder = scratch(self)
        os.chmod(self.folder, 0o755)
        self.files = {}
        for name, content in (("POLICY", POLICY), ("ASM", ASM)):
            self.files[name] = os.path.join(self.folder, name)
            with open(self.files[name], "wb") as file:
                file.write(content)

    def write(self, verb, out, **options):
        words = [{**self.files, "OUT": out}.get(word, word) for word in WRITERS[verb]]
        options.setdefault("timeout", LIMIT)
        options.setdefault("stdout", subprocess.PIPE)
        return subprocess.run([CALLGATE, *words], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                              text=True, check=False, **options)

    def refuse(self, what, out, named=None, **options):
        for verb in WRITERS:
            with self.subTest(verb=verb, what=what):
                before = sorted(os.listdir(self.folder))
                done = self.write(verb, out, **options)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertIn(named or out, done.stderr)
                self.assertEqual(sorted(os.listdir(self.folder)), before)

    def test_places_that_take_nothing(self):
        os.mkdir(os.path.join(self.folder, "folder"))
        self.refuse("a full device", "/dev/full")
        self.refuse("a missing folder", os.path.join(self.folder, "missing", "out"))
        self.refuse("a folder", os.path.join(self.folder, "folder"))
        self.refuse("a file as folder", self.files["ASM"] + "/out")
        self.refuse("no name", "", named="error: ")
        with open("/dev/full", "w", encoding="ascii") as full:
            self.refuse("a full device on standard output", "-", named="standard output",
                        stdout=full)
        self.refuse("a closed standard output", "-", named="standard output", stdout=None,
                    preexec_fn=lambda: os.close(1))

    def test_folder_without_permission(self):
        if is_root() and not nobody_can_run():
            self.skipTest("nobody cannot run this callgate")
        options = {"preexec_fn": as_nobody} if is_root() else {}
        folder = os.path.join(self.folder, "closed")
        os.mkdir(folder)
        old = os.path.join(folder, "old")
        with open(old, "w", encoding="ascii") as file:
            file.write("the old content\n")
        os.chmod(folder, 0o555)
        self.refuse("a new file", os.path.join(folder, "new"), **options)
        self.refuse("an old file", old, **options)
        with open(old, encoding="ascii") as file:
            self.assertEqual(file.read(), "the old content\n")
        self.assertEqual(os.listdir(folder), ["old"])
        os.chmod(folder, 0o755)

    def test_full_disk(self):
        need("mount")
        disk = os.path.join(self.folder, "disk")
        os.mkdir(disk)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "none", disk],
                                 capture_output=True, check=False)
        if mounted.returncode != 0:
            self.skipTest("no permission to mount a small disk")
        self.addCleanup(subprocess.run, ["umount", disk], check=False)
        out = os.path.join(disk, "out")
        with open(out, "wb") as file:
            file.write(b"the old content\n")
        with contextlib.suppress(OSError), open(os.path.join(disk, "filler"), "wb",
                                                buffering=0) as file:
            for _ in range(64):
                file.write(bytes(1024))
        self.refuse("a full disk", out)
        with open(out, "rb") as file:
            self.assertEqual(file.read(), b"the old content\n")
        self.assertEqual(sorted(os.listdir(disk)), ["filler", "out"])

    def test_a_file_size_limit(self):
        out = os.path.join(self.folder, "out")
        with open(out, "wb") as file:
            file.write(b"the old content\n")

        def limit():
            import resource
            resource.setrlimit(resource.RLIMIT_FSIZE, (8, 8))
        self.refuse("a file size limit", out, preexec_fn=limit)

    def test_links_are_followed(self):
        target = os.path.join(self.folder, "target")
        link = os.path.join(self.folder, "link")
        for verb in WRITERS:
            with self.subTest(verb=verb):
                with open(target, "w", encoding="ascii") as file:
                    file.write("old\n")
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(link)
                os.symlink("target", link)
                self.assertEqual(self.write(verb, link).returncode, 0)
                self.assertTrue(os.path.islink(link))
                with open(target, "rb") as file:
                    self.assertNotEqual(file.read(), b"old\n")
        os.unlink(target)
        self.assertEqual(self.write("convert", link).returncode, 0)  # a link to nothing yet
        self.assertTrue(os.path.islink(link) and os.path.isfile(target))

    def test_standard_output_by_its_name(self):
        """-o /dev/stdout writes to what is there; it never replaces the name in /dev."""
        out = os.path.join(self.folder, "out")
        # Not as root, who could replace it.
        options = {"preexec_fn": as_nobody} if is_root() and nobody_can_run() else {}
        for name in ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"):
            with self.subTest(name=name), open(out, "w", encoding="ascii") as file:
                before = os.readlink("/dev/stdout")
                file.write("head\n")
                file.flush()
                done = self.write("convert", name, stdout=file, **options)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(os.readlink("/dev/stdout"), before)
                file.write("tail\n")
            with open(out, encoding="ascii") as file:
                text = file.read()
            self.assertTrue(text.startswith("head\n") and text.endswith("tail\n"), text)
            self.assertIn("otherwise errno(EPERM)", text)


class Misuse(unittest.TestCase):
    def test_command_line(self):
        """Wrong words: 2 (run: 125), and standard output stays empty."""
        folder = scratch(self)
        policy = os.path.join(folder, "p")
        with open(policy, "wb") as file:
            file.write(POLICY)
        table = [
            ([], 2), (["frobnicate"], 2), (["--frob"], 2), ([""], 2), (["compile"], 2),
            (["compile", policy, "--frob"], 2), (["compile", policy, "-o"], 2),
            (["compile", policy, "extra"], 2), (["compile", policy, "-f", "tar"], 2),
            (["compile", policy, "--arch", "vax"], 2), (["compile", policy, "--arch", ","], 2),
            (["compile", policy, "--arch", "x86_64,x86_64"], 2),
            (["compile", policy, "--stop-after", "never"], 2),
            (["convert", policy], 2), (["convert", policy, "--to", "doc"], 2),
            (["convert", policy, "--to", "oci", "--runtime", "lxc"], 2),
            (["convert", policy, "--to", "text", "--kernel", "six"], 2),
            (["convert", policy, "--to", "text", "--caps", "CAP_FROB"], 2),
            (["check"], 2), (["check", policy, "--kernel", "-1"], 2),
            (["check", policy, "--libseccomp", "99999999999999999999"], 2),
            (["asm"], 2), (["disasm", policy, "--target", "middle"], 2),
            (["emu", policy, "--nr"], 2), (["dump"], 2), (["dump", "-p"], 2),
            (["dump", "-p", "0"], 2), (["dump", "-p", "-1"], 2), (["dump", "-p", "x"], 2),
            (["dump", "-p", "99999999999999999999"], 2), (["dump", "-p", "4194304"], 2),
            (["dump", "-l", "0", "/bin/true"], 2), (["dump", "-l", "-1", "/bin/true"], 2),
            (["dump", "-p", "1", "/bin/true"], 2), (["dump", "no-such-program-here"], 2),
            (["dump", "/no/such/file"], 2), (["dump", ""], 2), (["dump", "--"], 2),
            (["syscalls", "raed"], 2), 
            (["syscalls", "99999999999999999999"], 2), (["syscalls", "--arch", "vax"], 2),
            (["syscalls", "@frob"], 2), (["syscalls", ""], 2), (["doctor", "now"], 2),
            (["run"], 125), (["run", "--profile", policy], 125), (["run", "--", "/bin/true"], 125),
            (["run", "--profile", policy, "--"], 125), (["run", "--profile", policy, "--", ""], 127),
            (["run", "--profile", policy, "--frob", "--", "/bin/true"], 125),
            (["run", "--profile", policy, "--at", "noon", "--", "/bin/true"], 125),
            (["run", "--profile", policy, "--report", "--", "/bin/true"], 125),
            (["run", "--profile", policy, "--caps", "CAP_FROB", "--", "/bin/true"], 125),
            (["run", "--profile", "docker-defualt", "--", "/bin/true"], 125),
            (["run", "--profile", policy, "--report-file", folder, "--", "/bin/true"], 125),
            (["run", "--profile", "none", "--", "/no/such/program"], 127),
            (["run", "--profile", "none", "--", folder], 126),
            (["run", "--profile", "none", "--", policy], 126),
        ]
        for words, code in table:
            with self.subTest(words=words):
                done = callgate(*words, stdin=subprocess.DEVNULL, timeout=LIMIT)
                self.assertEqual(done.returncode, code, done.stderr)
                self.assertEqual(done.stdout, "")
                self.assertTrue(done.stderr.startswith("error: ") or folder in done.stderr,
                                done.stderr)

    def test_misspelt_words(self):
        self.assertIn("did you mean `compile`?", callgate("compil", "x").stderr)
        self.assertIn("no verb is named `frobnicate`", callgate("frobnicate").stderr)
        self.assertIn("see callgate run --help", callgate("run", "true").stderr)

    def test_dump_words(self):
        """A program that is not there is named; `--` may stand before one that is."""
        done = callgate("dump", "no-such-program-here")
        self.assertIn("no-such-program-here", done.stderr)
        for words in (["/bin/true"], ["--", "/bin/true"], ["-l", "1", "--", "/bin/true"],
                      ["-f", "json", "--", "/bin/true", "-f", "--"]):
            with self.subTest(words=words):
                done = callgate("dump", *words, timeout=LIMIT)
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertIn("/bin/true ended without asking for a filter", done.stderr)

    def test_dump_of_processes(self):
        ended = subprocess.Popen(["/bin/true"])
        ended.wait()
        done = callgate("dump", "-p", str(ended.pid), timeout=LIMIT)
        self.assertEqual(done.returncode, 2)
        self.assertIn(str(ended.pid), done.stderr)
        done = callgate("dump", "-p", "1", timeout=LIMIT)
        self.assertIn(done.returncode, (0, 1, 2), done.stderr)
        itself = subprocess.run(["sh", "-c", f"exec {CALLGATE} dump -p $$"], capture_output=True,
                                text=True, timeout=LIMIT, check=False)
        self.assertIn(itself.returncode, (1, 2), itself.stderr)
        self.assertNotEqual(itself.stderr, "")

    def test_standard_streams_closed(self):
        """No descriptor of ours lands on a closed standard one and gets messages written to it."""
        folder = scratch(self)
        policy = os.path.join(folder, "p")
        out = os.path.join(folder, "out")
        with open(policy, "wb") as file:
            file.write(POLICY)
        for closing in ("<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"):
            for command in (f"compile {policy} -o {out}", f"check {policy}", "syscalls read",
                            f"compile {folder}/missing -o {out}", f"asm {policy}", "doctor",
                            f"run --profile docker-default --report-file {folder}/r -- /bin/true",
                            "dump /bin/true"):
                with self.subTest(closing=closing, command=command):
                    with contextlib.suppress(FileNotFoundError):
                        os.unlink(out)
                    done = subprocess.run(["sh", "-c", f"exec {CALLGATE} {command} {closing}"],
                                          timeout=LIMIT, capture_output=True, check=False)
                    self.assertGreaterEqual(done.returncode, 0)
                    self.assertLess(done.returncode, 126)
                    if os.path.exists(out):
                        with open(out, "rb") as file:
                            self.assertEqual(len(file.read()) % 8, 0)
                    with open(policy, "rb") as file:
                        self.assertEqual(file.read(), POLICY)

    def test_closed_pipe(self):
        """A reader that leaves ends the writer, by SIGPIPE or exit code, at once."""
        for command in ("syscalls", "syscalls --json", "doctor --json"):
            reader, writer = os.pipe()
            os.close(reader)
            with self.subTest(command=command):
                done = subprocess.run([CALLGATE, *command.split()], stdout=writer,
                                      stderr=subprocess.PIPE, text=True, timeout=LIMIT, check=False)
                self.assertIn(done.returncode, (-signal.SIGPIPE, 2), done.stderr)
            os.close(writer)

    def test_no_colour(self):
        for environment in ({"NO_COLOR": "1"}, {}, {"NO_COLOR": "", "TERM": "dumb"}):
            done = callgate("check", "/dev/null/x", env={**os.environ, **environment})
            self.assertNotIn("\x1b", done.stderr + done.stdout)

    def test_terminal_escapes_are_not_passed_on(self):
        """What a file holds cannot drive the terminal that its mistakes are shown on."""
        folder = scratch(self)
        path = os.path.join(folder, "p")
        for content in (b"allow \x1b]0;owned\x07read\n", b"# \x1b[2J\nfrob read\n",
                        b'{"defaultAction":"SCMP_ACT_\x1b[2J","syscalls":[]}',
                        b'{"defaultAction":"\\u001b[2J","syscalls":[]}',
                        b'{"defaultAction":"SCMP_ACT_KILL","syscalls":[{"names":["\\u001b[2J"],'
                        b'"action":"SCMP_ACT_ALLOW"}]}',
                        "allow r\u202eead\n".encode(), "frob \u009b2J\n".encode(),
                        b"allow x\rread\n"):
            with open(path, "wb") as file:
                file.write(content)
            for verb in ("check", "compile", "disasm"):
                done = callgate(verb, path, timeout=LIMIT)
                for escape in ("\x1b", "\u009b", "\x07", "\u202e"):
                    with self.subTest(verb=verb, content=content):
                        self.assertNotIn(escape, done.stderr + done.stdout)


if __name__ == "__main__":
    main()
