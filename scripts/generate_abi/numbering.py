"""System call numbers and releases: the kernel's tables, golang.org/x/sys beside them."""
import gzip
import re
import sys

import arches
import tsv

TABLES = {
    "x86_64": ("arch/x86/entry/syscalls/syscall_64.tbl", ("common", "64")),
    "i386": ("arch/x86/entry/syscalls/syscall_32.tbl", ("i386",)),
    "x32": ("arch/x86/entry/syscalls/syscall_64.tbl", ("common", "x32")),
    # arch/*/kernel/Makefile.syscalls names the extra ABIs of scripts/syscall.tbl.
    "aarch64": ("scripts/syscall.tbl", ("common", "64", "renameat", "rlimit", "memfd_secret")),
    "arm": ("arch/arm/tools/syscall.tbl", ("common", "eabi")),
    "loongarch64": ("scripts/syscall.tbl", ("common", "64")),
    "m68k": ("arch/m68k/kernel/syscalls/syscall.tbl", ("common",)),
    "mips": ("arch/mips/kernel/syscalls/syscall_o32.tbl", ("o32",)),
    "mips64": ("arch/mips/kernel/syscalls/syscall_n64.tbl", ("common", "n64")),
    "mips64n32": ("arch/mips/kernel/syscalls/syscall_n32.tbl", ("n32",)),
    "parisc": ("arch/parisc/kernel/syscalls/syscall.tbl", ("common", "32")),
    "parisc64": ("arch/parisc/kernel/syscalls/syscall.tbl", ("common", "64")),
    "ppc": ("arch/powerpc/kernel/syscalls/syscall.tbl", ("common", "nospu", "32")),
    "ppc64": ("arch/powerpc/kernel/syscalls/syscall.tbl", ("common", "nospu", "64")),
    "s390": ("arch/s390/kernel/syscalls/syscall.tbl", ("common", "32")),
    "s390x": ("arch/s390/kernel/syscalls/syscall.tbl", ("common", "64")),
    "riscv64": ("scripts/syscall.tbl", ("common", "64", "riscv", "rlimit", "memfd_secret")),
    "sh": ("arch/sh/kernel/syscalls/syscall.tbl", ("common",)),
}
# __NR_Linux of arch/mips/include/uapi/asm/unistd.h, and x32's bit: what the tables leave out.
OFFSETS = {"x32": 0x40000000, "mips": 4000, "mips64": 5000, "mips64n32": 6000}
GO_FILES = {"x86_64": "amd64", "i386": "386", "aarch64": "arm64", "arm": "arm",
            "loongarch64": "loong64", "mips": "mips", "mips64": "mips64", "mipsel": "mipsle",
            "mipsel64": "mips64le", "ppc": "ppc", "ppc64": "ppc64", "ppc64le": "ppc64le",
            "s390x": "s390x", "riscv64": "riscv64"}
GLIBC_FOLDERS = {"x86_64": "x86_64/64", "i386": "i386", "x32": "x86_64/x32", "aarch64": "aarch64",
                 "arm": "arm", "loongarch64": "loongarch", "m68k": "m68k", "mips": "mips/mips32",
                 "mips64": "mips/mips64/n64", "mips64n32": "mips/mips64/n32", "parisc": "hppa",
                 "ppc": "powerpc/powerpc32", "ppc64": "powerpc/powerpc64", "s390": "s390/s390-32",
                 "s390x": "s390/s390-64", "riscv64": "riscv/rv64", "sh": "sh"}
# The first release that had the ABI: a call cannot be older there. x86-64: 2.6.0 is the first
# stable series with it, and of the older ABIs nothing before 2.6 is looked at but of i386;
# arm: EABI (2.6.16); x32: 3.4; aarch64: 3.7.
FIRST = {"i386": "1.0", "x32": "3.4", "aarch64": "3.7", "arm": "2.6.16", "ppc64le": "3.13",
         "riscv64": "4.15", "loongarch64": "5.19"}
FIRST_OF_OTHERS = "2.6"
# Names of the mips tables for numbers that no longer have one.
PLACEHOLDER = re.compile(r"(?:unused|reserved)\d+")
# arch/arm/include/uapi/asm/unistd.h: __ARM_NR_BASE + 1..6.
ARM_PRIVATE = ["breakpoint", "cacheflush", "usr26", "usr32", "set_tls", "get_tls"]


class Entry:
    """One row of a kernel table: number, name and entry points."""

    def __init__(self, number, name, native=None, compat=None):
        self.number, self.name, self.native, self.compat = number, name, native, compat


def kernel_table(tree, arch):
    path, abis = TABLES[arch]
    offset = OFFSETS.get(arch, 0)
    found = {}
    with open(f"{tree}/{path}", encoding="utf-8") as lines:
        for line in lines:
            columns = line.split("#")[0].split()
            if len(columns) < 3 or columns[1] not in abis or PLACEHOLDER.fullmatch(columns[2]):
                continue
            points = [None if p == "-" else p for p in columns[3:]] + [None, None]
            number = int(columns[0]) + offset
            found[number] = Entry(number, columns[2], points[0], points[1])
    if arch == "arm":
        for index, name in enumerate(ARM_PRIVATE):
            found[0xf0001 + index] = Entry(0xf0001 + index, name)
    return found


def tables_of(listed):
    """The tables of the ABIs that a column of a hand-written file names."""
    return list(dict.fromkeys(arches.ALL[arch].numbers_of for arch in arches.listed(listed)))


def add_newer(hand, tables):
    """Calls that are younger than the kernel source: entered by hand with their source."""
    for listed, number, name, _, _ in tsv.read(f"{hand}/newer.tsv"):
        for arch in tables_of(listed):
            value = int(number) + OFFSETS.get(arch, 0)
            if value in tables[arch]:
                sys.exit(f"newer.tsv: {arch} {number} is {tables[arch][value].name} already")
            tables[arch][value] = Entry(value, name, "sys_" + name)


# The kernel's tables as far as callgate knows them: numbers beyond are of releases to come.
NEWEST = 469


def check_go(unix, tables):
    """Every number that golang.org/x/sys knows must be ours, under the same name."""
    wrong = []
    for arch, go_arch in GO_FILES.items():
        with open(f"{unix}/zsysnum_linux_{go_arch}.go", encoding="utf-8") as text:
            theirs = {int(number): name.lower() for name, number in
                      re.findall(r"^\s+SYS_(\w+)\s+=\s+(\d+)", text.read(), re.M)}
        ours = {n: e.name for n, e in tables[arch].items()}
        newest = NEWEST + OFFSETS.get(arches.ALL[arch].numbers_of, 0)
        for number in sorted(set(theirs) | set(ours)):
            mine, other = ours.get(number), theirs.get(number)
            # Go leaves out arm's private numbers.
            if number > newest or mine == GO_NAMES.get((arch, other), other):
                continue
            if mine is None and (other in GO_ONLY or PLACEHOLDER.fullmatch(other)):
                continue
            wrong.append(f"{arch} {number}: kernel tables say {mine}, golang.org/x/sys {other}")
    return wrong


def check_glibc(glibc, tables):
    """The numbers of glibc's arch-syscall.h, made from its own look at the kernel's headers."""
    wrong = []
    for arch, folder in GLIBC_FOLDERS.items():
        with open(f"{glibc}/{folder}/arch-syscall.h", encoding="ascii") as text:
            theirs = re.findall(r"^#define __NR_(\w+) (\w+)$", text.read(), re.M)
        ours = {entry.name: number for number, entry in tables[arch].items()}
        for name, number in theirs:
            name = GLIBC_NAMES.get((arch, name), name)
            if name and ours.get(name) != int(number, 0):
                wrong.append(f"{arch} {name}: kernel tables say {ours.get(name)}, glibc {number}")
    return wrong


# Names that glibc spells otherwise; "" where its table is wrong or has what the kernel has not.
GLIBC_NAMES = {
    ("arm", "sync_file_range2"): "arm_sync_file_range",
    ("x32", "set_thread_area"): "",
}
# Names that golang.org/x/sys spells otherwise, and what it has where Linux 6.12 has no call, each
# seen by hand: the first number of those that an architecture may give out, and loongarch's
# memfd_secret, whose release is not known.
GO_NAMES = {
    ("aarch64", "fstatat"): "newfstatat",
    ("loongarch64", "fstatat"): "newfstatat",
    ("riscv64", "fstatat"): "newfstatat",
    ("arm", "sync_file_range2"): "arm_sync_file_range",
}
GO_ONLY = ("arch_specific_syscall", "memfd_secret")


def manual_releases(man2):
    """syscalls(2): the release in which each call appeared, whatever the architecture."""
    found = {}
    with gzip.open(f"{man2}/syscalls.2.gz", "rt", encoding="utf-8") as page:
        for line in page:
            match = re.match(r"\\fB(\w+)\\fP\(2\)\t([\d.]+)", line)
            if match:
                found[match[1]] = match[2]
    return found


def key(release):
    return tuple(int(part) for part in release.split("."))


def releases(hand, man2, tables):
    """{(call, arch): (release, source)}; a call with neither source is an error."""
    manual = manual_releases(man2)
    stated = {}
    for name, listed, since, source in tsv.read(f"{hand}/releases.tsv"):
        for arch in tables_of(listed):
            stated[name, arch] = (since, source)
    for listed, _, name, since, source in tsv.read(f"{hand}/newer.tsv"):
        for arch in tables_of(listed):
            stated[name, arch] = (since, source)
    names = {entry.name for table in tables.values() for entry in table.values()}
    unknown = [f"releases.tsv: no ABI has {name}" for name, _ in stated if name not in names]
    found = {}
    for arch in arches.TABLES:
        first = FIRST.get(arch, FIRST_OF_OTHERS)
        for entry in tables[arch].values():
            name = entry.name
            since, source = stated.get((name, arch)) or (manual.get(name), "syscalls(2)")
            if since is None:
                unknown.append(f"{name} ({arch}): no release known")
                continue
            if key(since) < key(first):
                since, source = first, f"first release of the ABI; {source}"
            found[name, arch] = (since, source)
    return found, unknown
