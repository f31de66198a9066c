"""System call numbers and releases: the kernel's tables, golang.org/x/sys beside them."""
import gzip
import re
import sys

import tsv

X32_BIT = 0x40000000
ARCHES = ["x86_64", "i386", "x32", "aarch64", "arm"]
TABLES = {
    "x86_64": ("arch/x86/entry/syscalls/syscall_64.tbl", ("common", "64")),
    "i386": ("arch/x86/entry/syscalls/syscall_32.tbl", ("i386",)),
    "x32": ("arch/x86/entry/syscalls/syscall_64.tbl", ("common", "x32")),
    # arch/arm64/kernel/Makefile.syscalls names the three extra ABIs.
    "aarch64": ("scripts/syscall.tbl", ("common", "64", "renameat", "rlimit", "memfd_secret")),
    "arm": ("arch/arm/tools/syscall.tbl", ("common", "eabi")),
}
GO_FILES = {"x86_64": "amd64", "i386": "386", "aarch64": "arm64", "arm": "arm"}
# The first release that had the ABI: a call cannot be older there. x86-64: 2.6.0 is the first
# stable series with it; arm: EABI (2.6.16); x32: 3.4; aarch64: 3.7.
FIRST = {"x86_64": "2.6", "i386": "1.0", "x32": "3.4", "aarch64": "3.7", "arm": "2.6.16"}
# arch/arm/include/uapi/asm/unistd.h: __ARM_NR_BASE + 1..6.
ARM_PRIVATE = ["breakpoint", "cacheflush", "usr26", "usr32", "set_tls", "get_tls"]


class Entry:
    """One row of a kernel table: number, name and entry points."""

    def __init__(self, number, name, native=None, compat=None):
        self.number, self.name, self.native, self.compat = number, name, native, compat


def kernel_table(tree, arch):
    path, abis = TABLES[arch]
    flag = X32_BIT if arch == "x32" else 0
    found = {}
    with open(f"{tree}/{path}", encoding="utf-8") as lines:
        for line in lines:
            columns = line.split("#")[0].split()
            if len(columns) < 3 or columns[1] not in abis:
                continue
            points = [None if p == "-" else p for p in columns[3:]] + [None, None]
            number = int(columns[0]) | flag
            found[number] = Entry(number, columns[2], points[0], points[1])
    if arch == "arm":
        for index, name in enumerate(ARM_PRIVATE):
            found[0xf0001 + index] = Entry(0xf0001 + index, name)
    return found


def add_newer(hand, tables):
    """Calls that are younger than the kernel source: entered by hand with their source."""
    for arches, number, name, _, _ in tsv.read(f"{hand}/newer.tsv"):
        for arch in arches.split(","):
            value = int(number) | (X32_BIT if arch == "x32" else 0)
            if value in tables[arch]:
                sys.exit(f"newer.tsv: {arch} {number} is {tables[arch][value].name} already")
            tables[arch][value] = Entry(value, name, "sys_" + name)


def check_go(unix, tables):
    """Every number that golang.org/x/sys knows must be ours, and ours up to its newest its."""
    wrong = []
    for arch, go_arch in GO_FILES.items():
        with open(f"{unix}/zsysnum_linux_{go_arch}.go", encoding="utf-8") as text:
            theirs = {int(number): name.lower() for name, number in
                      re.findall(r"^\s+SYS_(\w+)\s+=\s+(\d+)", text.read(), re.M)}
        ours = {n: e.name for n, e in tables[arch].items()}
        for number in sorted(set(theirs) | set(ours)):
            mine, other = ours.get(number), theirs.get(number)
            # Go leaves out arm's private numbers; the x32 rows of syscall_64.tbl are not its.
            if number < 0xf0000 and mine != other and GO_NAMES.get((arch, other)) != mine:
                wrong.append(f"{arch} {number}: kernel tables say {mine}, golang.org/x/sys {other}")
    return wrong


# Names that golang.org/x/sys spells otherwise, and numbers it leaves out, each seen by hand.
GO_NAMES = {
    ("aarch64", "fstatat"): "newfstatat",
    ("arm", "sync_file_range2"): "arm_sync_file_range",
}


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
    for name, arches, since, source in tsv.read(f"{hand}/releases.tsv"):
        for arch in ARCHES if arches == "*" else arches.split(","):
            stated[name, arch] = (since, source)
    for arches, _, name, since, source in tsv.read(f"{hand}/newer.tsv"):
        for arch in arches.split(","):
            stated[name, arch] = (since, source)
    names = {entry.name for table in tables.values() for entry in table.values()}
    unknown = [f"releases.tsv: no ABI has {name}" for name, _ in stated if name not in names]
    found = {}
    for arch in ARCHES:
        for entry in tables[arch].values():
            name = entry.name
            since, source = stated.get((name, arch)) or (manual.get(name), "syscalls(2)")
            if since is None:
                unknown.append(f"{name} ({arch}): no release known")
                continue
            if key(since) < key(FIRST[arch]):
                since, source = FIRST[arch], f"first release of the ABI; {source}"
            found[name, arch] = (since, source)
    return found, unknown
