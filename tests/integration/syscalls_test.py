"""`callgate syscalls` answers by name, by number and by group, on every ABI."""
import json
import os
import subprocess
import sys

CALLGATE = sys.argv[1] if len(sys.argv) > 1 else os.environ["CALLGATE"]
failures = []


def ask(*arguments):
    done = subprocess.run([CALLGATE, "syscalls", *arguments], capture_output=True, text=True,
                          check=False)
    return done.returncode, done.stdout, done.stderr


def check(what, condition):
    if not condition:
        failures.append(what)


def by_name():
    code, out, _ = ask("clone")
    check("clone is found", code == 0)
    check("clone's words on x86-64", "parameters on x86_64, x32, loongarch64:" in out)
    check("clone's number on arm", "arm         120 " in out)
    check("a flag's name", "CLONE_NEWUSER" in out)
    code, out, _ = ask("open", "--arch", "aarch64")
    check("aarch64 has no open", code == 1 and "no such call" in out)
    code, _, err = ask("opneat")
    check("a misspelt name", code == 2 and "did you mean `openat`?" in err)
    code, out, _ = ask("tuxcall")
    check("what is unknown says so", code == 0 and "unknown: no rule may test them" in out)
    code, out, _ = ask("mmap", "--arch", "i386")
    check("old mmap", code == 0 and "in memory" in out)


def by_number():
    code, out, _ = ask("59")
    check("59 on x86-64", code == 0 and "x86_64      59          execve, since 2.6" in out)
    check("59 on aarch64", "aarch64     59          pipe2, since 3.7" in out)
    code, out, _ = ask("0x40000200", "--arch", "x32")
    check("an x32 number", code == 0 and "rt_sigaction" in out)
    code, out, _ = ask("400", "--arch", "x86_64")
    check("a gap", code == 1 and "not assigned" in out)
    check("a range error", ask("99999999999")[0] == 2)
    check("a number and more", ask("59x")[0] == 2)
    code, out, _ = ask("--", "-1")
    check("minus one", code == 1 and "tracer" in out)


def other_questions():
    code, out, _ = ask("@mmap")
    lines = out.splitlines()
    check("a group", code == 0 and lines[0].startswith("@mmap: ") and len(lines) == 4
          and lines[2].startswith("  mmap  (on x86_64, i386, x32") and lines[3].startswith("  mmap2  (on i386"))
    check("a group on an ABI", ask("@mmap", "--arch", "x86_64")[1].splitlines()[2:] == ["  mmap"])
    code, _, err = ask("@mmpa")
    check("a misspelt group", code == 2 and "did you mean `@mmap`?" in err)
    code, out, _ = ask("--arch", "x86_64")
    lines = out.splitlines()
    check("a whole list", code == 0 and lines[0].split() == ["x86_64", "0", "2.6", "read"]
          and lines[-1].split() == ["x86_64", "469", "6.17", "file_setattr"])
    check("an unknown ABI", ask("read", "--arch", "vax")[0] == 2)


def as_json():
    code, out, _ = ask("openat", "--json")
    calls = {call["arch"]: call for call in json.loads(out)["calls"]}
    check("all ABIs", code == 0 and len(calls) == 23 and {"aarch64", "i386", "s390x"} <= set(calls))
    flags = calls["arm"]["parameters"][2]
    check("openat's flags", flags["name"] == "flags" and flags["words"] == [2]
          and flags["bits"] == 32 and flags["signed"])
    check("arm's O_DIRECTORY", flags["values"]["names"]["O_DIRECTORY"] == "0x4000")
    pair = json.loads(ask("pread64", "--arch", "arm", "--json")[1])["calls"][0]["parameters"][3]
    check("a pair", pair["placement"] == "word_pair" and pair["words"] == [4, 5])
    code, out, _ = ask("400", "--arch", "x86_64", "--json")
    check("nothing", code == 1 and json.loads(out) == {"calls": []})
    group = json.loads(ask("@mmap", "--json", "--arch", "x86_64,arm")[1])
    check("a group", group["calls"] == ["mmap", "mmap2"] and "manual" in group["source"]
          and group["on"] == {"x86_64": ["mmap"], "arm": ["mmap2"]})


by_name()
by_number()
other_questions()
as_json()
print("\n".join(failures) or "all answers as expected")
sys.exit(1 if failures else 0)
