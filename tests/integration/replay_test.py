"""`callgate replay`: what strace shows of real programs, JSON lines and the binary form, held against
policies; where a policy denies, the same denials as `callgate run` really shows."""
import collections
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import unittest

from harness import callgate, main, need, scratch, wait_for

TIGHT = """abi 6.12
arches x86_64
otherwise allow
unlisted allow
errno(EACCES) mkdir, mkdirat
errno(EPERM) socket if domain == AF_INET
"""
PROGRAM = """
import os, socket
for name in ("a", "b"):
    try: os.mkdir(name)
    except PermissionError: pass
for family in (socket.AF_INET, socket.AF_UNIX):
    try: socket.socket(family).close()
    except PermissionError: pass
"""


class Replay(unittest.TestCase):
    def setUp(self):
        need("strace")
        self.folder = scratch(self)
        self.trace = self.path("app.strace")

    def path(self, name, text=None):
        path = os.path.join(self.folder, name)
        if text is not None:
            with open(path, "w" if isinstance(text, str) else "wb") as file:
                file.write(text)
        return path

    def strace(self, *command, options=("-f",)):
        done = subprocess.run(["strace", *options, "-o", self.trace, *command], cwd=self.folder,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if "ptrace" in done.stderr:
            self.skipTest("strace may not trace here: " + done.stderr.strip())
        return self.trace

    def replay(self, *arguments, code=0):
        done = callgate("replay", *arguments)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def rows(self, *arguments, code=0):
        return json.loads(self.replay(*arguments, "--json", code=code).stdout)

    def test_programs_under_docker_default_are_denied_nothing(self):
        for command in (["ls", "-l", "/"], [sys.executable, "-c", PROGRAM],
                        ["sh", "-c", "ls / | cat | sort"]):
            for options in (["-f"], ["-f", "-yy", "-n", "-i", "-ttt", "-T"], ["-f", "-X", "raw"],
                            ["-f", "-X", "verbose", "-Y"]):
                with self.subTest(command=command, options=options):
                    found = self.rows(self.strace(*command, options=options), "--profile",
                                      "docker-default", "--arch", "x86_64,i386,x32")
                    self.assertEqual((found["denied"], found["cannot_tell"]), (0, 0), found["rows"])
                    with open(self.trace) as lines:
                        calls = sum(1 for line in lines
                                    if re.search(r"\) += |<unfinished", line)
                                    and " resumed>" not in line)
                    self.assertEqual(found["allowed"], calls)

    def test_nginx_under_docker_default_is_denied_nothing(self):
        need("nginx")
        conf = self.path("nginx.conf", f"""daemon off; master_process off; pid {self.folder}/pid;
error_log stderr; events {{}} http {{ access_log off; server {{ listen unix:{self.folder}/s; }} }}""")
        found = self.rows(self.strace("timeout", "1", "nginx", "-p", self.folder, "-c", conf),
                          "--profile", "docker-default", "--arch", "x86_64,i386,x32")
        self.assertEqual((found["denied"], found["cannot_tell"]), (0, 0), found["rows"])
        self.assertIn("epoll_create", {row["call"] for row in found["rows"]})

    def test_the_same_denials_as_run_shows(self):
        policy = self.path("tight.policy", TIGHT)
        program = [sys.executable, "-c", PROGRAM]
        self.strace(*program)
        for name in "ab":
            shutil.rmtree(self.path(name))
        found = self.rows(self.trace, "--profile", policy, code=1)
        replayed = collections.Counter()
        for row in found["rows"]:
            if row["fate"] == "denied":
                replayed[row["call"], row["returns"][0], row["by"]["line"]] += row["times"]
        log = self.path("denials")
        done = callgate("run", "--report-file", log, "--json", "--profile", policy, "--", *program,
                        cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(replayed, run_denials(log))
        self.assertEqual(sum(replayed.values()), 3)

    def test_what_a_person_reads(self):
        policy = self.path("tight.policy", TIGHT)
        trace = self.path("a.strace", '7 getpid() = 7\n7 socket(AF_INET, SOCK_STREAM, 0) = 3\n')
        text = self.replay(trace, "--profile", policy, code=1).stdout
        self.assertIn("         1  denied\n         1  allowed\n", text)
        self.assertIn("1  socket on x86_64: errno(EPERM)\n", text)
        self.assertIn(f"first: line 2, thread 7 of {trace}\n", text)
        self.assertIn("socket(AF_INET, SOCK_STREAM, ", text)
        self.assertIn(f"by: {policy}:6: errno(EPERM) socket", text)
        self.assertIn("allowed by: allow socket if domain == AF_INET", text)
        self.assertNotIn("getpid", text)
        self.assertIn("getpid", self.replay(trace, "--profile", policy, "--all", code=1).stdout)

    def test_what_is_not_shown_cannot_be_told(self):
        policy = self.path("p.policy", "abi 6.12\narches x86_64\notherwise allow\n"
                           "errno(EPERM) personality if args[0] == 0x40000\n"
                           "errno(EPERM) fcntl if arg == 5\nerrno(EPERM) read if buf == null\n"
                           "errno(EPERM) close if fd == 3\n")
        trace = self.path("a.strace", "personality(ADDR_NO_RANDOMIZE) = 0\nfcntl(3, F_GETFD) = 0\n"
                          'read(3, "x", 1) = 1\nclose(3) = 0\nfrobnicate(1) = 0\n')
        found = self.rows(trace, "--profile", policy, code=1)
        fates = {row["call"]: row["fate"] for row in found["rows"]}
        self.assertEqual(fates, {"personality": "cannot tell", "fcntl": "cannot tell",
                                 "read": "allowed", "close": "denied"})
        self.assertEqual(found["cannot_tell"], 3)
        self.assertEqual(found["unread"][0]["first_line"], 5)
        self.assertIn("frobnicate", found["unread"][0]["what"])
        text = self.replay(trace, "--profile", policy, code=1).stdout
        self.assertIn("not known: the high half of persona", text)
        self.assertIn("personality on x86_64: errno(EPERM) or allow", text)

    def test_forms_tell_the_same(self):
        self.strace(sys.executable, "-c", PROGRAM)
        policy = self.path("tight.policy", TIGHT)
        binary, lines = self.path("t.trace"), self.path("t.jsonl")
        self.replay(self.trace, "--write", binary)
        self.replay(binary, "--write", lines)
        found = [self.rows(trace, "--profile", policy, code=1)
                 for trace in (self.trace, binary, lines)]
        for one in found:
            for row in one["rows"]:
                row["first"].pop("line", None)
        for key in ("events", "denied", "allowed", "cannot_tell", "rows"):
            self.assertEqual(found[0][key], found[1][key])
            self.assertEqual(found[0][key], found[2][key])
        self.assertLess(os.path.getsize(binary), os.path.getsize(self.trace))
        again = self.path("again.trace")
        self.replay(lines, "--write", again)
        with open(binary, "rb") as one, open(again, "rb") as other:
            self.assertEqual(one.read(), other.read())

    def test_a_pipe(self):
        with open(self.path("a.strace", "getpid() = 7\n")) as trace:
            done = callgate("replay", "-", "--profile", "none", stdin=trace)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_a_cut_trace(self):
        trace = self.path("a.strace", "getpid() = 7\n" * 3)
        binary = self.path("t.trace")
        self.replay(trace, "--write", binary)
        with open(binary, "rb") as file:
            whole = file.read()
        cut = self.path("cut.trace", whole[:-32])
        done = self.replay(cut, "--profile", "none", code=2)
        self.assertIn(f"cut at byte {len(whole) - 32}: there is no end mark", done.stderr)
        self.assertIn("3 calls", done.stdout)
        self.assertIn("warning", self.replay(cut, "--profile", "none", "--cut").stderr)
        copy = self.path("copy.trace")
        self.replay(cut, "--write", copy, code=2)
        self.assertEqual(sorted(os.listdir(self.folder)), ["a.strace", "cut.trace", "t.trace"])

    def test_bad_input(self):
        policy = self.path("tight.policy", TIGHT)
        magic = b"\x89CGT\r\n\x1a\n"
        bad = {
            "empty": (b"", "empty"),
            "garbage": (os.urandom(4096).replace(b"\n", b"") * 256 * 4, ""),
            "text": (b"some log\n" * 100, "none of its first 50 lines"),
            "long": (b"getpid() = 1\n" + b"x" * (2 << 20), ":2: error: a line of more than 1 MiB"),
            "version": (magic + struct.pack("<HHIQQ", 9, 1, 0, 0, 0) + bytes(32),
                        "version 9 of the trace form"),
            "head": (magic + b"\1", "head is cut"),
            "abis": (magic + struct.pack("<HHIQQ", 1, 60000, 0, 0, 0), "a table of 60000 ABIs"),
            "huge": (magic + struct.pack("<HHIQQ", 1, 1, 0, 0, 0) + bytes(32) +
                     struct.pack("<IIIIQQ", 1, 0, 1, 0, 1 << 62, 1), "at byte 64: damaged"),
            "json": (b'{"nr": 1}\n{"nr": }\n', ":2:"),
        }
        for name, (content, message) in bad.items():
            with self.subTest(name):
                done = self.replay(self.path(name, content), "--profile", policy, code=2)
                self.assertIn(message, done.stderr)
                self.assertEqual(done.stdout, "")
        self.replay(self.path("none"), "--profile", policy, code=2)
        self.replay(self.folder, "--profile", policy, code=2)
        self.replay(self.trace, code=2)
        self.replay(self.path("a.strace", "getpid() = 7\n"), "--profile", policy, "--machine", "vax",
                    code=2)

    def test_an_older_kernel(self):
        policy = self.path("p.policy", "abi 6.12\narches x86_64\notherwise allow\nlog getpid\n")
        trace = self.path("a.strace", "getpid() = 7\n")
        self.replay(trace, "--profile", policy)
        text = self.replay(trace, "--profile", policy, "--kernel", "4.4", code=1).stdout
        self.assertIn("4.4", text)


def run_denials(log):
    """What `run --json` reported: how often each (call, action, line of the rule)."""
    def read():
        with open(log) as lines:
            return [json.loads(line) for line in lines]

    wait_for(lambda: os.path.exists(log) and any(e["event"] == "counts" for e in read()),
             what="the counts of run")
    lines = {(e["call"], e["action"]): e["rule_line"] for e in read() if e["event"] == "denial"}
    counts = collections.Counter()
    for event in read():
        for kind in event.get("kinds", ()):
            key = kind["call"], kind["action"]
            counts[(*key, lines[key])] += kind["times"]
    return counts


main()
