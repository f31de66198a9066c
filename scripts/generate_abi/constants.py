"""Values of named constants, computed by clang for each ABI from the kernel's own headers."""
import hashlib
import os
import re
import subprocess
import sys

import arches
import numbering
import sources
import tsv

# What a C library's headers define for the asm/ioctls.h of some architectures.
PID_T, LOFF_T = "-Dpid_t=int", "-Dloff_t=long long"
# ABI: clang target, ARCH of the kernel's make, and flags. Where clang 14 has no such target, another
# one of the same widths and alignments reads that architecture's headers under its macros.
TARGETS = {
    "x86_64": ("x86_64-linux-gnu", "x86"),
    "i386": ("i386-linux-gnu", "x86"),
    "x32": ("x86_64-linux-gnux32", "x86"),
    "aarch64": ("aarch64-linux-gnu", "arm64"),
    "arm": ("arm-linux-gnueabi", "arm"),
    "loongarch64": ("riscv64-linux-gnu", "loongarch", "-U__riscv", "-D__loongarch__",
                    "-D__loongarch_grlen=64"),
    # m68k aligns nothing beyond two bytes.
    "m68k": ("m68k-linux-gnu", "m68k", "-fpack-struct=2"),
    "mips": ("mips-linux-gnu", "mips", PID_T),
    "mips64": ("mips64-linux-gnuabi64", "mips", PID_T),
    "mips64n32": ("mips64-linux-gnuabin32", "mips", PID_T),
    "mipsel": ("mipsel-linux-gnu", "mips", PID_T),
    "mipsel64": ("mips64el-linux-gnuabi64", "mips", PID_T),
    "mipsel64n32": ("mips64el-linux-gnuabin32", "mips", PID_T),
    "parisc": ("powerpc-linux-gnu", "parisc", "-U__powerpc__", "-D__hppa__"),
    "parisc64": ("powerpc64-linux-gnu", "parisc", "-U__powerpc__", "-U__powerpc64__", "-D__hppa__"),
    "ppc": ("powerpc-linux-gnu", "powerpc", LOFF_T),
    "ppc64": ("powerpc64-linux-gnu", "powerpc", LOFF_T),
    "ppc64le": ("powerpc64le-linux-gnu", "powerpc", LOFF_T),
    "s390": ("powerpc-linux-gnu", "s390", "-U__powerpc__", "-D__s390__"),
    "s390x": ("s390x-linux-gnu", "s390"),
    "riscv64": ("riscv64-linux-gnu", "riscv"),
    # sh aligns nothing beyond four bytes, as i386; no constant depends on the byte order.
    "sheb": ("i386-linux-gnu", "sh", "-U__i386__", "-D__sh__", "-D__BIG_ENDIAN__",
             PID_T, LOFF_T),
    "sh": ("i386-linux-gnu", "sh", "-U__i386__", "-D__sh__", "-D__LITTLE_ENDIAN__",
           PID_T, LOFF_T),
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
        for arch in sorted({target[1] for target in TARGETS.values()}):
            if not os.path.isdir(f"{cache}/headers-{arch}/usr/include/linux"):
                sources.run(["make", "-s", f"O={cache}/headers-{arch}", f"ARCH={arch}", "headers"],
                            tree)

    def clang(self, arch, text, *flags):
        target, make, *macros = TARGETS[arch]
        command = [os.environ.get("CLANG", "clang-14"), f"--target={target}", "-nostdlibinc", "-w",
                   "-ferror-limit=0",
                   f"-I{self.cache}/headers-{make}/usr/include", f"-I{self.cache}/stubs", *macros, *flags,
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
        self.left_out, only = [p for p in self.left_out if ":" not in p], [
            p.split(":") for p in self.left_out if ":" in p]
        self.lacking = {arch: pattern for names, pattern in only for arch in arches.listed(names)}
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


def internal_defines(tree, spec, make):
    """#define lines and enumerators with a value, of the kernel's own headers.

    The first header that gives a name its value wins, and an installed one before them all: so does
    the kernel let an architecture choose (ARCH_HAS_SOCKET_TYPES, SOCK_NONBLOCK of parisc).
    """
    lines, seen = [], set()
    for header in spec.internal:
        header = header.replace("ARCH", make)
        if not os.path.exists(f"{tree}/{header}"):
            continue
        with open(f"{tree}/{header}", encoding="utf-8") as text:
            found = re.findall(r"^#[ \t]*define[ \t]+(\w+)[ \t]+([^/\n]+)|"
                               r"^[ \t]+(\w+)[ \t]*=[ \t]*([^,/\n]+)", text.read(), re.M)
            for name, value in (row[:2] if row[0] else row[2:] for row in found):
                if spec.takes(name) and name not in seen:
                    seen.add(name)
                    lines.append(f"#ifndef {name}\n#define {name} {value}\n#endif")
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
    program = "\n".join(lines + internal_defines(headers.tree, spec, TARGETS[arch][1])) + "\n"
    names = []
    if any("=" not in member for member in spec.members):
        names = [n for n in dict.fromkeys(candidates(headers.clang(arch, program, "-E", "-dD")))
                 if spec.takes(n)]
    expressions = {name: name for name in names}
    expressions.update(m.split("=", 1) for m in spec.members if "=" in m)
    lacking = spec.lacking.get(arch, "")
    expressions = {n: e for n, e in expressions.items() if not re.fullmatch(lacking, n)}
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


# Names that golang.org/x/sys gives the values of glibc's 64-bit file interface, or of its own; MAP_RENAME
# of mips: asm/mman.h says 0x20.
GO_OTHERWISE = {"MAP_RENAME", "F_GETLK", "F_SETLK", "F_SETLKW", "F_GETLK64", "F_SETLK64", "F_SETLKW64",
                "O_LARGEFILE"}


def go_constants(unix, arch):
    found = {}
    for name in ("zerrors_linux.go", f"zerrors_linux_{numbering.GO_FILES[arch]}.go"):
        with open(f"{unix}/{name}", encoding="utf-8") as text:
            for constant, value in re.findall(r"^\t(\w+)\s+= (-?0x[0-9a-f]+|-?\d+)$", text.read(),
                                              re.M):
                found[constant] = int(value, 0)
    return found


def check_go(unix, rows):
    """Where golang.org/x/sys gives a constant another value."""
    wrong = []
    for arch in numbering.GO_FILES:
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
    errnos = [(name, listed, int(value, 0)) for name, listed, value in by_arch(per_arch)]
    return sets, rows, errnos, wrong
