"""The table program x profile x verdict of docs/compute.md, each row run by `callgate judge` and, but
for the verdict, by `callgate run`."""
import os
import shutil
import subprocess
import unittest

from harness import CALLGATE, SOURCE, main
from judge_support import HOSTILE, JudgeTest, build

NUMBERS = "1 2 3 4 30\n"
SUM = "40\n"

C = """
#include <stdio.h>
#include <stdlib.h>
int main(void) {
  long n, sum = 0;
  while (scanf("%ld", &n) == 1) sum += n;
  char* block = malloc(8 << 20);
  block[1 << 20] = 1;
  free(block);
  printf("%ld\\n", sum);
  return 0;
}
"""
CPP = """
#include <iostream>
#include <map>
#include <stdexcept>
#include <thread>
#include <vector>
int main() {
  std::vector<std::thread> threads;
  std::vector<long> caught(4);
  for (int i = 0; i < 4; ++i) threads.emplace_back([&, i] {
    try { std::vector<int>(10).at(20); } catch (const std::out_of_range&) { caught[i] = 1; }
  });
  for (auto& thread : threads) thread.join();
  std::map<long, long> seen;
  long n, sum = 0;
  while (std::cin >> n) seen[n] += n;
  for (auto [key, value] : seen) sum += value;
  for (long one : caught) sum += one - 1;
  std::cout << sum << std::endl;
}
"""
RUST = """
use std::io::Read;
fn main() {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).unwrap();
    let numbers: Vec<i64> = text.split_whitespace().map(|word| word.parse().unwrap()).collect();
    let sum = std::thread::spawn(move || numbers.iter().sum::<i64>()).join().unwrap();
    let caught = std::panic::catch_unwind(|| panic!("caught")).is_err();
    println!("{}", if caught { sum } else { 0 });
}
"""
GO = """package main
import ("bufio"; "fmt"; "os"; "runtime"; "sync")
func main() {
	var sum int64
	var lock sync.Mutex
	var all sync.WaitGroup
	words := bufio.NewScanner(os.Stdin)
	words.Split(bufio.ScanWords)
	for words.Scan() {
		var n int64
		fmt.Sscan(words.Text(), &n)
		all.Add(1)
		go func() { defer all.Done(); lock.Lock(); sum += n; lock.Unlock() }()
	}
	all.Wait()
	runtime.GC()
	fmt.Println(sum)
}
"""
JAVA = """
import java.util.Scanner;
public class Sum {
  public static void main(String[] words) throws Exception {
    Scanner in = new Scanner(System.in);
    long[] sum = {0};
    Thread adder = new Thread(() -> { while (in.hasNextLong()) sum[0] += in.nextLong(); });
    adder.start();
    adder.join();
    System.out.println(sum[0]);
  }
}
"""
PYTHON = """
import collections, json, random, sys, threading
total = []
adder = threading.Thread(target=lambda: total.append(sum(map(int, sys.stdin.read().split()))))
adder.start()
adder.join()
print(total[0])
"""
PERL = 'use List::Util qw(sum); print sum(map { split } <STDIN>), "\\n";\n'
NODE = """
const words = require("fs").readFileSync(0, "utf8").trim().split(/\\s+/);
console.log(words.map(Number).reduce((a, b) => a + b, 0));
"""

# Programs: how they are made (None: not compiled), what runs them.
PROGRAMS = {
    "C": ("sum.c", C, ["cc", "-O1", "{source}", "-o", "{target}"], ["{target}"]),
    "C, static": ("s.c", C, ["cc", "-O1", "-static", "{source}", "-o", "{target}"], ["{target}"]),
    "C, static musl": ("m.c", C, ["musl-gcc", "-static", "{source}", "-o", "{target}"], ["{target}"]),
    "C++": ("sum.cpp", CPP, ["c++", "-std=c++17", "-pthread", "{source}", "-o", "{target}"],
            ["{target}"]),
    "Rust": ("sum.rs", RUST, ["rustc", "-O", "{source}", "-o", "{target}"], ["{target}"]),
    "Go": ("sum.go", GO, ["go", "build", "-o", "{target}", "{source}"], ["{target}"]),
    "Python": ("sum.py", PYTHON, None, ["/usr/bin/python3", "{source}"]),
    "Perl": ("sum.pl", PERL, None, ["perl", "{source}"]),
    "Java": ("Sum.java", JAVA, ["javac", "-d", "{folder}", "{source}"],
             ["java", "-Xmx128m", "-cp", "{folder}", "Sum"]),
    "Node": ("sum.js", NODE, None, ["node", "{source}"]),
}

# The table. Verdict under compute, verdict under compute-interp; a call's name: refused, and named.
TABLE = [
    ("C", "ok", "ok"),
    ("C, static", "ok", "ok"),
    ("C, static musl", "ok", "ok"),
    ("C++", "ok", "ok"),
    ("Rust", "ok", "ok"),
    ("Go", "ok", "ok"),
    ("Python", "openat", "ok"),
    ("Perl", "openat", "ok"),
    ("Java", "openat", "ok"),
    ("Node", "openat", "ok"),
]
# The same for single attempts of an intruder (tests/support/hostile.c).
ATTEMPTS = [
    (("socket",), "socket", "socket"),
    (("fork-bomb",), "clone", "clone"),
    (("exec",), "execve", "execve"),
    (("open", "/etc/passwd"), "open", "ok"),
    (("create", "/tmp/callgate-compute-test"), "open", "open"),
    (("kill-above",), "kill", "kill"),
    (("ptrace-above",), "ptrace", "ptrace"),
    (("own-signal",), "fcntl", "fcntl"),
    (("memfd",), "memfd_create", "memfd_create"),
    (("uring",), "io_uring_setup", "io_uring_setup"),
    (("namespace",), "unshare", "unshare"),
    (("executable-memory",), "mmap", "ok"),
]
ROOMY = ("--time", "20s", "--wall", "60s", "--memory", "1G")


class Table(JudgeTest):
    def make(self, name):
        """The command of a program, or None where its tools are missing or do not work here."""
        file, source, compiler, command = PROGRAMS[name]
        places = {"source": self.path(file), "target": self.path("program-" + file.replace(".", "-")),
                  "folder": self.folder}
        with open(places["source"], "w") as out:
            out.write(source)
        for tool in ([compiler[0]] if compiler else []) + [command[0]]:
            if not tool.startswith("{") and shutil.which(tool) is None:
                self.skipTest(f"{name}: no {tool} here")
        if compiler:
            try:  # Go builds its whole library when it has no cache yet
                made = subprocess.run([word.format(**places) for word in compiler],
                                      capture_output=True, text=True, timeout=90,
                                      env={**os.environ, "GO111MODULE": "off"})
            except subprocess.TimeoutExpired:
                self.skipTest(f"{name}: {compiler[0]} takes too long here")
            if made.returncode != 0:
                self.skipTest(f"{name}: {compiler[0]} does not work here: {made.stderr[:200]}")
        return [word.format(**places) for word in command]

    def run_under(self, profile, *command, text=None):
        return subprocess.run([CALLGATE, "run", "--profile", profile, "--report-file",
                               self.path("report"), "--", *command],
                              input=text, capture_output=True, text=True, timeout=120)

    def check(self, command, profile, expected):
        judged = self.judge(*command, options=ROOMY + ("--profile", profile, "--input",
                                                       self.path("numbers")))
        self.assertIsNotNone(judged.json, judged.err)
        ran = self.run_under(profile, *command, text=NUMBERS)
        if expected == "ok":
            self.assertEqual((judged.verdict, judged.out), ("ok", SUM), judged.json)
            self.assertEqual((ran.returncode, ran.stdout), (0, SUM), ran.stderr)
            return
        self.assertNotEqual(judged.verdict, "ok")
        self.assertNotEqual(ran.returncode, 0)
        self.assertNotEqual(judged.out, SUM)
        with open(self.path("report")) as report:
            self.assertIn(f"denied {expected}(", report.read())

    def test_programs(self):
        with open(self.path("numbers"), "w") as file:
            file.write(NUMBERS)
        for name, compute, interpreter in TABLE:
            with self.subTest(name):
                command = self.make(name)
                for profile, expected in (("compute", compute), ("compute-interp", interpreter)):
                    with self.subTest(profile=profile):
                        self.check(command, profile, expected)

    def test_attempts(self):
        program = build(self.folder, "hostile", HOSTILE)
        for words, *verdicts in ATTEMPTS:
            for profile, expected in zip(("compute", "compute-interp"), verdicts):
                with self.subTest(words=words, profile=profile):
                    judged = self.judge(program, *words, options=ROOMY + ("--profile", profile))
                    self.assertIsNotNone(judged.json, judged.err)
                    if expected == "ok":
                        self.assertEqual(judged.verdict, "ok", judged.json)
                    else:
                        self.assertEqual(judged.verdict, "denied", judged.json)
                        self.assertIn(expected, judged.denied()[0])
                    code = self.run_under(profile, program, *words).returncode
                    self.assertEqual(code == 0, expected == "ok")
        self.assertFalse(os.path.exists("/tmp/callgate-compute-test"))

    def test_the_profiles_have_no_findings_on_any_abi(self):
        with open(os.path.join(SOURCE, "data/arches.tsv")) as table:
            arches = [line.split("\t")[0] for line in table if not line.startswith("#")]
        self.assertGreaterEqual(len(arches), 23)
        for profile in ("compute", "compute-interp"):
            for arch in arches:
                with self.subTest(profile=profile, arch=arch):
                    done = subprocess.run([CALLGATE, "check", profile, "--arch", arch],
                                          capture_output=True, text=True)
                    self.assertEqual(done.returncode, 0, done.stderr)
                    self.assertIn("0 errors, 0 warnings", done.stdout + done.stderr)

    def test_what_may_be_read_can_be_narrowed(self):
        script = self.path("read.py")
        with open(script, "w") as file:
            file.write("print(len(open('/etc/passwd').read()) > 0)\n")
        python = ("/usr/bin/python3", script)
        if shutil.which(python[0]) is None:
            self.skipTest("no python3 here")
        options = ROOMY + ("--profile", "compute-interp")
        self.assertEqual(self.judge(*python, options=options).out, "True\n")
        narrow = self.judge(*python, options=options + ("--readable", self.folder))
        if narrow.json is None and "landlock" in narrow.err:
            self.skipTest("no Landlock here")
        self.assertEqual((narrow.verdict, narrow.out), ("exit", ""), narrow.json)
        self.assertIn("PermissionError", narrow.err)


if __name__ == "__main__":
    main()
