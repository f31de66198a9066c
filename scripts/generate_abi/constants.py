"""Values of named constants, computed by clang for each ABI from the kernel's own headers."""
import hashlib
import os
import re
import subprocess
import sys

import sources
import tsv

# ABI: clang target, ARCH of the kernel's make.
TARGETS = {
    "x86_64": ("x86_64-linux-gnu", "x86"),
    "i386": ("i386-linux-gnu", "x86"),
    "x32": ("x86_64-linux-gnux32", "x86"),
    "aarch64": ("aarch64-linux-gnu", "arm64"),
    "arm": ("arm-linux-gnueabi", "arm"),
}
# What uapi headers take from a C library.
STUBS = {"sys/socket.h": "#include <linux/types.h>\nstruct sockaddr { short f; char d[14]; };\n",
         "sys/time.h": "#include <linux/time.h>\n",
         "unistd.h": "",
         "sys/ioctl.h": "#include <asm/ioctl.h>\n"}


class Headers:
    """The installed headers of each architecture, and clang to read them."""

    def __init__(self, tree, cache):
        self.tree, self.cache = tree, cache
        os.makedirs(f"{cache}/clang", exist_ok=True)
        for name, text in STUBS.items():
            path = f"{cache}/stubs/{name}"
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="ascii") as out:
                out.write(text)
        for arch in sorted({make for _, make in TARGETS.values()}):
            if not os.path.isdir(f"{cache}/headers-{arch}/usr/include/linux"):
                sources.run(["make", "-s", f"O={cache}/headers-{arch}", f"ARCH={arch}", "headers"],
                            tree)

    def clang(self, arch, text, *flags):
        target, make = TARGETS[arch]
        command = [os.environ.get("CLANG", "clang-14"), f"--target={target}", "-nostdlibinc", "-w",
                   "-ferror-limit=0",
                   f"-I{self.cache}/headers-{make}/usr/include", f"-I{self.cache}/stubs", *flags,
                   "-x", "c", "-o", "-", "-"]
        key = hashlib.sha256("\0".join([*command, text]).encode()).hexdigest()
        answer = f"{self.cache}/clang/{key}"
        if os.path.exists(answer):
            with open(answer, encoding="utf-8") as kept:
                return kept.read()
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit("\n".join(line for line in done.stderr.splitlines()
                               if "error:" in line or "// " in line))
        with open(answer, "w", encoding="utf-8") as kept:
            kept.write(done.stdout)
        return done.stdout


class Spec:
    """One row of data/hand/constant_sets.tsv."""

    def __init__(self, row):
        self.name, self.kind, self.mask, headers, members, left_out = row
        headers = [] if headers == "-" else headers.split()
        self.public = [h for h in headers if not h.startswith("kernel:")]
        self.internal = [h[len("kernel:"):] for h in headers if h.startswith("kernel:")]
        self.members = members.split()
        self.left_out = [] if left_out == "-" else left_out.split()
        self.source = " ".join(headers)
        if any("=" in member for member in self.members):
            self.source += " and by hand: hand/constant_sets.tsv"

    def takes(self, name):
        return any(re.fullmatch(m, name) for m in self.members if "=" not in m) and not any(
            re.fullmatch(pattern, name) for pattern in self.left_out)

    def rank(self, name):
        """Members that the row spells out come first, in its order."""
        return next(i for i, m in enumerate(self.members)
                    if m.split("=")[0] == name or ("=" not in m and re.fullmatch(m, name)))


def internal_defines(tree, spec):
    """#define lines and enumerators with a value, of the kernel's own headers."""
    lines = []
    for header in spec.internal:
        with open(f"{tree}/{header}", encoding="utf-8") as text:
            found = re.findall(r"^#[ \t]*define[ \t]+(\w+)[ \t]+([^/\n]+)|"
                               r"^[ \t]+(\w+)[ \t]*=[ \t]*([^,/\n]+)", text.read(), re.M)
            for name, value in (row[:2] if row[0] else row[2:] for row in found):
                if spec.takes(name):
                    lines.append(f"#define {name} {value}")
    return lines


def candidates(text):
    """Names of macros without parameters and of enumerators, in order of appearance."""
    for match in re.finditer(r"^#define (\w+) \S|\benum\b[^{};]*\{([^}]*)\}", text, re.M):
        if match[1]:
            yield match[1]
        else:
            body = re.sub(r"^#.*$", "", match[2], flags=re.M)
            for item in re.split(r",(?![^(]*\))", body):
                name = re.match(r"\s*(\w+)", item)
                if name:
                    yield name[1]


def values(headers, spec, arch):
    """{name: value} of one set on one ABI, values as 64-bit unsigned numbers."""
    folder = f"{headers.cache}/headers-{TARGETS[arch][1]}/usr/include"
    lines = [f"#include <{header}>" for header in ["stddef.h", "linux/types.h", *spec.public]
             if header == "stddef.h" or os.path.exists(f"{folder}/{header}")]
    program = "\n".join(lines + internal_defines(headers.tree, spec)) + "\n"
    names = []
    if any("=" not in member for member in spec.members):
        names = [n for n in dict.fromkeys(candidates(headers.clang(arch, program, "-E", "-dD")))
                 if spec.takes(n)]
    expressions = {name: name for name in names}
    expressions.update(m.split("=", 1) for m in spec.members if "=" in m)
    program += "".join(f"const unsigned long long v_{name} = (unsigned long long)({text});"
                       f" // {spec.name}\n"
                       for name, text in expressions.items())
    found = dict(re.findall(r"@v_(\w+) = .*constant i64 (-?\d+)",
                            headers.clang(arch, program, "-S", "-emit-llvm")))
    order = sorted(expressions, key=spec.rank)
    return {name: int(found[name]) % 2**64 for name in order}


def spelled(value):
    if value >= 2**63:
        return hex(value)
    return str(value) if value < 10 else hex(value)


def by_arch(per_arch):
    """[(name, ABIs, value)]: '*' where every ABI has the same value."""
    names = list(dict.fromkeys(name for found in per_arch.values() for name in found))
    for name in names:
        groups = {}
        for arch, found in per_arch.items():
            if name in found:
                groups.setdefault(found[name], []).append(arch)
        for value, arches in groups.items():
            text = "*" if len(arches) == len(per_arch) else ",".join(arches)
            yield name, text, spelled(value)


GO_FILES = {"x86_64": "amd64", "i386": "386", "aarch64": "arm64", "arm": "arm"}
# Names that golang.org/x/sys gives the values of glibc's 64-bit file interface, or of its own.
GO_OTHERWISE = {"F_GETLK", "F_SETLK", "F_SETLKW", "F_GETLK64", "F_SETLK64", "F_SETLKW64",
                "O_LARGEFILE"}


def go_constants(unix, arch):
    found = {}
    for name in ("zerrors_linux.go", f"zerrors_linux_{GO_FILES[arch]}.go"):
        with open(f"{unix}/{name}", encoding="utf-8") as text:
            for constant, value in re.findall(r"^\t(\w+)\s+= (-?0x[0-9a-f]+|-?\d+)$", text.read(),
                                              re.M):
                found[constant] = int(value, 0)
    return found


def check_go(unix, rows):
    """Where golang.org/x/sys gives a constant another value."""
    wrong = []
    for arch in GO_FILES:
        theirs = go_constants(unix, arch)
        for set_name, name, arches, value in rows:
            if name not in theirs or name in GO_OTHERWISE or (arches != "*" and
                                                              arch not in arches.split(",")):
                continue
            if (int(value, 0) - theirs[name]) % 2**32:
                wrong.append(f"{set_name} {name} on {arch}: {value}, golang.org/x/sys "
                             f"{theirs[name]:#x}")
    return wrong


def tables(hand, tree, unix, cache):
    """Rows of constant_sets.tsv, constants.tsv and errno.tsv, and what is wrong."""
    headers = Headers(tree, cache)
    sets, rows, wrong = [], [], []
    for row in tsv.read(f"{hand}/constant_sets.tsv"):
        spec = Spec(row)
        per_arch = {arch: values(headers, spec, arch) for arch in TARGETS}
        found = {name for names in per_arch.values() for name in names}
        wrong += [f"constant_sets.tsv: {spec.name}: nothing matches {member}"
                  for member in spec.members
                  if "=" not in member and not any(re.fullmatch(member, n) for n in found)]
        sets.append((spec.name, spec.kind, spec.mask, spec.source))
        rows += [(spec.name, *row) for row in by_arch(per_arch)]
    wrong += check_go(unix, rows)
    errno = Spec(("errno", "enum", "0", "asm/errno.h", "E[A-Z0-9]+ ENOTSUP=EOPNOTSUPP", "-"))
    per_arch = {arch: values(headers, errno, arch) for arch in TARGETS}
    if any(found != per_arch["x86_64"] for found in per_arch.values()):
        wrong.append("errno values differ between ABIs")
    return sets, rows, list(per_arch["x86_64"].items()), wrong
