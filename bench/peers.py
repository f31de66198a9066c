"""The peers of callgate: which of them this machine has, and how each is run.

A peer is a command that bench/filters/generate.h describes. What is not there is told with the
reason; nothing is left out in silence."""
import ctypes
import os
import re
import shutil
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))


class Peer:
    """A generator of filters: a command, or why there is none."""

    def __init__(self, key, label, command=None, absent=None, note=""):
        self.key, self.label = key, label
        self.command, self.absent, self.note = command, absent, note
        self.most_random = None  # how many of the random policies a slow one is asked for


def absent(key, label, reason):
    return Peer(key, label, absent=reason)


def built(key, label, command, product, cwd, note):
    """A peer whose program a command makes."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return absent(key, label, f"does not build here: {last[:200]}")
    return Peer(key, label, command=product, note=note)


def libseccomp_version():
    class Version(ctypes.Structure):
        _fields_ = [(name, ctypes.c_uint) for name in ("major", "minor", "micro")]
    try:
        library = ctypes.CDLL("libseccomp.so.2")
    except OSError:
        return None
    library.seccomp_version.restype = ctypes.POINTER(Version)
    version = library.seccomp_version().contents
    return f"{version.major}.{version.minor}.{version.micro}"


def libseccomp(filters, level):
    key, label = f"libseccomp{level}", f"libseccomp, level {level}"
    version = libseccomp_version()
    if version is None:
        return absent(key, label, "libseccomp.so.2 is not on this machine")
    return Peer(key, label, [filters, "generate", key], note=f"libseccomp {version}")


def seccompiler(folder):
    key, label = "seccompiler", "seccompiler"
    if shutil.which("cargo") is None:
        return absent(key, label, "cargo is not on this machine")
    source = os.path.join(HERE, "peers", "seccompiler")
    with open(os.path.join(source, "Cargo.toml"), encoding="ascii") as manifest:
        version = re.search(r'seccompiler = "=(.*)"', manifest.read()).group(1)
    target = os.path.join(folder, "seccompiler")
    return built(key, label, ["cargo", "build", "--release", "--locked", "--target-dir", target],
                 [os.path.join(target, "release", "seccompiler-peer")], source,
                 f"seccompiler {version} (crates.io)")


def gvisor(folder):
    key, label = "gvisor", "gVisor"
    if shutil.which("go") is None:
        return absent(key, label, "go is not on this machine")
    source = os.path.join(HERE, "peers", "gvisor")
    with open(os.path.join(source, "go.mod"), encoding="ascii") as module:
        version = re.search(r"gvisor.dev/gvisor (\S+)", module.read()).group(1)
    program = os.path.join(folder, "gvisor-peer")
    return built(key, label, ["go", "build", "-mod=readonly", "-o", program, "."], [program],
                 source, f"gVisor's pkg/seccomp {version} (Go modules)")


def commit_of(checkout):
    done = subprocess.run(["git", "-C", checkout, "rev-parse", "--short=12", "HEAD"],
                          capture_output=True, text=True, check=False)
    return done.stdout.strip() or "of no known commit"


def kafel(folder, sources):
    key, label = "kafel", "kafel"
    checkout = os.path.join(sources, "kafel")
    if not os.path.isdir(checkout):
        return absent(key, label, "not on this machine")
    missing = [tool for tool in ("bison", "flex", "gperf", "make") if shutil.which(tool) is None]
    if missing:
        return absent(key, label, "its build needs " + ", ".join(missing))
    copy, program = os.path.join(folder, "kafel"), os.path.join(folder, "kafel-peer")
    shutil.copytree(checkout, copy, dirs_exist_ok=True)
    script = (f"make -C src PROJECT_ROOT=../ && cc -O2 -Iinclude -o {program} "
              f"-I{HERE} {HERE}/peers/kafel/generate.c {HERE}/heap_peak.c libkafel.a")
    return built(key, label, ["sh", "-c", script], [program], copy,
                 f"kafel {commit_of(checkout)} (its sources, built here)")


def minijail(filters, folder, sources):
    key, label = "minijail", "minijail"
    tools = os.path.join(sources, "minijail", "tools")
    if not os.path.isdir(tools):
        return absent(key, label, "not on this machine")
    constants = os.path.join(folder, "constants.json")
    subprocess.run([filters, "constants", constants], check=True)
    commit = commit_of(os.path.dirname(tools))
    peer = Peer(key, label, ["python3", os.path.join(HERE, "peers", "minijail", "generate.py"),
                             tools, constants],
                note=f"minijail {commit} (compile_seccomp_policy, its tree without frequencies, "
                     "in Python)")
    peer.most_random = 20
    return peer


def find_peers(filters, folder, sources, with_foreign=True):
    """callgate first. Foreign peers are built in `folder`; `sources` has checkouts by name."""
    os.makedirs(folder, exist_ok=True)
    all_peers = [Peer("callgate", "callgate", [filters, "generate", "callgate"]),
                 Peer("callgate-unproved", "callgate up to the proof",
                      [filters, "generate", "callgate-unproved"]),
                 libseccomp(filters, 1), libseccomp(filters, 2)]
    if not with_foreign:
        return all_peers
    return all_peers + [seccompiler(folder), gvisor(folder), kafel(folder, sources),
                        minijail(filters, folder, sources),
                        absent("bpf_dsl", "bpf_dsl", "Chromium's sources are not on this machine")]
