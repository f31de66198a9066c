"""For each call and ABI: names, widths and places of its parameters."""
import re
import sys

import arches
import manpages
import prototypes
import tsv

# Calls whose manual page is another's: the first spelling of these that has a page is taken.
SPELLINGS = [(r"_time64$", ""), (r"^(?:_new|old|_)", ""), (r"^rt_", ""), (r"(?:32|64)$", ""),
             (r"^newf", "f"), (r"^u(?=getrlimit)", ""), (r"4$|2$", "")]


class Hand:
    """What people entered: data/hand/*.tsv."""

    def __init__(self, folder, calls_of):
        self.prototypes, self.names, self.kinds, self.used = {}, {}, {}, set()
        for call, listed, text, source in tsv.read(f"{folder}/prototypes.tsv"):
            for arch in arches.listed(listed):
                if call not in calls_of[arch] and "*" not in listed:
                    sys.exit(f"prototypes.tsv: {arch} has no {call}")
                if (call, arch) in self.prototypes and "*" in listed:
                    sys.exit(f"prototypes.tsv: {call} on {arch} twice; the general row comes first")
                self.prototypes[call, arch] = (text, source)
        for call, text, source in tsv.read(f"{folder}/names.tsv"):
            self.names[call] = (text.split(), source)
        for call, parameter, kind, source in tsv.read(f"{folder}/kinds.tsv"):
            self.kinds[call, parameter] = (kind, source)


def from_text(text, arch):
    """A hand-written prototype, "flags:ulong pad stack:ptr how:u64@mem": placed like any other."""
    word = arches.ALL[arch].word
    plain, memory = [], []
    for item in [] if text == "-" else text.split():
        name, _, type_ = item.partition(":")
        type_, _, where = type_.partition("@")
        type_ = {"ulong": "unsigned long", "uint": "unsigned int"}.get(type_, type_)
        if where == "mem":
            memory.append((name, prototypes.kind_of(type_, word), "mem"))
        else:
            plain.append((type_ or name, name))
    return prototypes.place(plain, arch) + memory


# Where an architecture's own entry points are.
HOMES = {"i386": "x86", "x86_64": "x86", "x32": "x86", "aarch64": "arm64", "arm": "arm",
         "loongarch64": "loongarch", "m68k": "m68k", "parisc": "parisc", "parisc64": "parisc",
         "ppc": "powerpc", "ppc64": "powerpc", "ppc64le": "powerpc", "s390": "s390",
         "s390x": "s390", "riscv64": "riscv", "sheb": "sh", "sh": "sh"}
# 32-bit ABIs whose rows name both the 32-bit kernel's entry point and the 64-bit kernel's.
TWICE_SERVED = ("i386", "mips", "mipsel", "parisc", "ppc")


def defined(known, point, arch):
    """The prototype of an entry point, and its file; None if there is none, or two that differ."""
    if not point or point == "sys_ni_syscall":
        return None
    home = f"arch/{HOMES.get(arch, 'mips')}/"
    plain = [entry for entry in known.get((None, point), []) if entry[0].startswith(home)]
    if len(plain) == 1:
        return plain[0]
    point = re.sub(r"^__sys_", "sys_", re.sub(r"_wrapper$", "", point))
    compat = point.startswith("compat_sys_")
    found = known.get((compat, point[len("compat_sys_" if compat else "sys_"):]), [])
    own = [entry for entry in found if entry[0].startswith(home)]
    others = [entry for entry in found if not entry[0].startswith("arch/")]
    found = own or others or found
    shapes = {tuple(shape(prototypes.place(arguments, arch))) for _, arguments in found}
    return found[0] if len(shapes) == 1 else None


def is_absent(entry, arch):
    """True if the table gives the number an entry point that only says ENOSYS, or none."""
    points = {"s390": [entry.compat], "s390x": [entry.native]}.get(
        arch, [entry.native, entry.compat or "sys_ni_syscall"])
    return all(p == "sys_ni_syscall" or (p is None and arch.startswith("s390")) for p in points)


def kernel_signature(known, entry, arch):
    """(file, placed) by the kernel's source; (None, None) if it does not say."""
    points = [entry.native] + ([entry.compat] if arches.ALL[arch].word == 32 else [])
    for point in points if arch != "s390" else [entry.compat]:
        found = defined(known, point, arch)
        if found:
            return found[0], prototypes.place(found[1], arch)
    return None, None


def shape(placed):
    """What two readings of one call must agree on: words and widths."""
    return [(kind[1:] if kind != "ptr" else "ptr", where) for _, kind, where in placed]


def check_twice_served(known, entry, arch):
    """The 32-bit kernel's prototype and the 64-bit kernel's compat entry must agree."""
    native, compat = defined(known, entry.native, arch), defined(known, entry.compat, arch)
    if not native or not compat:
        return []
    one, other = ([(re.sub("ptr", "32", width), where) for width, where in
                   shape(prototypes.place(found[1], arch))] for found in (native, compat))
    return [] if one == other else [f"{arch} {entry.name}: {native} but {compat}"]


def manual_names(manual, call, count):
    """(names, page) from the manual, or None."""
    spellings = [call]
    for pattern, replacement in SPELLINGS:
        for spelling in list(spellings):
            other = re.sub(pattern, replacement, spelling)
            if other not in spellings:
                spellings.append(other)
    for spelling in spellings:
        entries = sorted(manual.get(spelling, []), key=lambda e: e[0] != f"{spelling}(2)")
        for page, names in entries:
            if len(names) == count and "..." not in names:
                return names, page
    return None


def name_parameters(manual, hand, call, placed):
    """The placed parameters under the names of the manual page, and the source of these."""
    if not placed:
        return [], "no parameters"
    if call in hand.names:
        names, source = hand.names[call]
    else:
        found = manual_names(manual, call, len(placed))
        if found is None:
            return None, None
        names, source = found
    if len(names) != len(placed) or len(set(names)) != len(names):
        sys.exit(f"{call}: {names} for {placed}")
    return [(name, *rest[1:]) for name, rest in zip(names, placed)], source


def with_hand_kinds(hand, call, placed):
    """Narrows parameters that the kernel cuts after entry."""
    hand.used.update((call, name) for name, _, _ in placed)
    return [(name, hand.kinds.get((call, name), (kind,))[0], where)
            for name, kind, where in placed]


def idle_rows(hand, calls_of):
    """Hand-written rows that speak of nothing."""
    calls = set().union(*calls_of.values())
    wrong = [f"prototypes.tsv: no ABI has {call}" for call, _ in hand.prototypes
             if call not in calls]
    wrong += [f"names.tsv: no ABI has {call}" for call in hand.names if call not in calls]
    return wrong + [f"kinds.tsv: {call} has no {parameter}" for call, parameter in hand.kinds
                    if (call, parameter) not in hand.used]


def all_signatures(hand_folder, tree, man2, tables):
    """Rows (call, ABIs, parameters, source) and a list of what is missing or contradictory."""
    calls_of = {arch: {e.name for e in table.values()} for arch, table in tables.items()}
    hand = Hand(hand_folder, calls_of)
    known, manual = prototypes.read_all(tree), manpages.prototypes(man2)
    grouped, wrong, unnamed = {}, [], {}
    for arch, table in tables.items():
        for entry in table.values():
            if arch in TWICE_SERVED and (entry.name, arch) not in hand.prototypes:
                wrong += check_twice_served(known, entry, arch)
            if (entry.name, arch) in hand.prototypes:
                text, source = hand.prototypes[entry.name, arch]
                placed = None if text == "unknown" else from_text(text, arch)
            else:
                source, placed = kernel_signature(known, entry, arch)
                if placed is None and is_absent(entry, arch):
                    continue
                if placed is None:
                    wrong.append(f"{arch} {entry.name}: no prototype ({entry.native}, "
                                 f"{entry.compat})")
                    continue
                named, page = name_parameters(manual, hand, entry.name, placed)
                if named is None:
                    unnamed.setdefault(entry.name, placed)
                    continue
                placed, source = named, f"{source}; {page}"
            if placed is None:
                continue
            placed = with_hand_kinds(hand, entry.name, placed)
            text = " ".join(f"{n}:{k}@{w}" for n, k, w in placed) or "-"
            grouped.setdefault((entry.name, text), ([], []))
            grouped[entry.name, text][0].append(arch)
            if source not in grouped[entry.name, text][1]:
                grouped[entry.name, text][1].append(source)
    wrong += idle_rows(hand, calls_of)
    wrong += [f"{name}: no parameter names for {placed}" for name, placed in unnamed.items()]
    rows = [(name, ",".join(arches), text, " / ".join(sources))
            for (name, text), (arches, sources) in sorted(grouped.items())]
    return rows, wrong
