#!/usr/bin/env python3
"""Turns data/*.tsv into the constant C++ tables of src/abi/tables/*.inc.

usage: generate_abi_tables.py [--check] [SOURCE_DIR]

--check writes nothing and exits with 1 if a committed table differs from what data/ says.
Data formats: data/README.md.
"""
import os
import re
import sys


def rows(path):
    """The rows of a TSV file, without comments; each a list of columns."""
    with open(path, encoding="ascii") as lines:
        for number, line in enumerate(lines, 1):
            line = line.rstrip("\n")
            if line and not line.startswith("#"):
                yield number, line.split("\t")


def quoted(text):
    return '"' + text + '"sv'


def release(text):
    parts = text.split(".") + ["0", "0"]
    return "{%s, %s, %s}" % tuple(parts[:3])


class Arch:
    """One row of data/arches.tsv."""

    def __init__(self, row):
        (self.name, self.oci, self.go, self.audit, word, self.order, self.shift, self.flag,
         self.native, self.cache, self.numbers_of) = row
        self.word = int(word)

    def cpp(self):
        return ("    {Arch::%s, %s, %s, %s, %s, %d, %s, {ByteOrder::%s, ShiftRule::%s}, Arch::%s, "
                "%s},\n" % (self.name, quoted(self.name), quoted(self.oci),
                           quoted("" if self.go == "-" else self.go), self.audit, self.word,
                           self.flag, self.order, self.shift, self.native,
                           "true" if self.cache == "yes" else "false"))


def all_arches(data):
    return [Arch(row) for _, row in rows(f"{data}/arches.tsv")]


def arch_table(arches):
    entries = "".join(arch.cpp() for arch in arches)
    return f"constexpr std::array<ArchInfo, all_arches.size()> infos = {{{{\n{entries}}}}};\n"


class Signatures:
    """data/signatures.tsv: parameters of (call, ABI), pooled so that equal lists share storage."""

    def __init__(self, data, arches, sets):
        self.sets = sets
        self.names = [arch.name for arch in arches]
        self.word = {arch.name: arch.word for arch in arches}
        self.of = {}
        self.pool = []
        self.index = {}
        self.constants = {}
        for number, (call, parameter, name, *_) in rows(f"{data}/parameter_constants.tsv"):
            if name not in sets:
                sys.exit(f"parameter_constants.tsv:{number}: no set {name}")
            self.constants[call, parameter] = name
        for number, columns in rows(f"{data}/signatures.tsv"):
            call, arches, parameters = columns[:3]
            for arch in self.names if arches == "*" else arches.split(","):
                if (call, arch) in self.of:
                    sys.exit(f"signatures.tsv:{number}: {call} on {arch} twice")
                self.of[call, arch] = [] if parameters == "-" else parameters.split()

    def cpp(self, call, text, arch):
        match = re.fullmatch(r"(\w+):(ptr|\?|[us]\d+)@(\d|\d\+\d|mem|\?)", text)
        if not match:
            sys.exit(f"signatures.tsv: {call}: malformed parameter {text!r}")
        name, kind, where = match.groups()
        word = self.word[arch]
        bits, signed = (word, False) if kind == "ptr" else (0, False)
        if kind not in ("ptr", "?"):
            bits, signed = int(kind[1:]), kind[0] == "s"
        placement, low, high = "word", 0, 0
        if where == "mem":
            placement = "memory"
        elif where == "?":
            placement = "unknown"
        elif "+" in where:
            placement, (low, high) = "word_pair", where.split("+")
        else:
            low = where
        constants = self.constants.get((call, name), self.constants.get(("*", name)))
        pointer = f"&constant_sets[{self.sets[constants]}]" if constants else "nullptr"
        kinds = {"ptr": "pointer", "?": "unknown"}
        return "{%s, ParameterKind::%s, Placement::%s, %s, %s, %d, %s, %s}" % (
            quoted(name), kinds.get(kind, "integer"), placement, low, high, bits,
            "true" if signed else "false", pointer)

    def span(self, call, arch):
        """C++ for the span of parameters, and whether they are known."""
        texts = self.of.get((call, arch))
        if not texts:
            return "{}", texts is not None
        entry = tuple(self.cpp(call, text, arch) for text in texts)
        if entry not in self.index:
            self.index[entry] = len(self.pool)
            self.pool += entry
        return "{parameters + %d, %d}" % (self.index[entry], len(entry)), True


class CallTables:
    """The calls of each ABI as C++; ABIs whose tables are equal share one."""

    def __init__(self, signatures):
        self.signatures, self.shared, self.text = signatures, {}, []
        self.names, self.entries = set(), []

    def add(self, arch, calls, carried):
        self.names.update(name for _, name, _ in calls)
        lines = []
        for nr, name, since in calls:
            span, known = self.signatures.span(name, arch)
            lines.append("    {%s, %d, %s, %s, %s, %s},\n" % (
                quoted(name), nr, release(since), "true" if known else "false", span,
                f"multiplexed_{name}" if name in carried else "{}"))
        table = "".join(lines)
        if table not in self.shared:
            self.shared[table] = arch
            order = sorted(range(len(calls)), key=lambda i: calls[i][1])
            self.text += [f"constexpr Syscall calls_{arch}[] = {{\n", table, "};\n\n",
                          f"constexpr std::uint16_t by_name_{arch}[] = {{\n",
                          *(f"    {i},\n" for i in order), "};\n\n"]
        label = self.shared[table]
        self.entries.append(f"    {{calls_{label}, by_name_{label}}},  // {arch}\n")


def numbered_calls(path):
    """[(number, name, release)] of data/syscalls/<table>.tsv."""
    calls = []
    for number, (nr, name, since, *_) in rows(path):
        nr = int(nr, 0)
        if calls and nr <= calls[-1][0]:
            sys.exit(f"{path}:{number}: numbers do not ascend")
        calls.append((nr, name, since))
    if len({name for _, name, _ in calls}) != len(calls):
        sys.exit(f"{path}: a name appears twice")
    return calls


def syscall_tables(data, arches, signatures):
    carried = {}
    for _, (call, selector, name, *_) in rows(f"{data}/multiplexed.tsv"):
        carried.setdefault(call, []).append("    {%s, %s},\n" % (quoted(name), selector))
    tables = CallTables(signatures)
    for arch in arches:
        calls = numbered_calls(f"{data}/syscalls/{arch.numbers_of}.tsv")
        tables.add(arch.name, calls, carried)
    head = ["constexpr Parameter parameters[] = {\n"]
    head += [f"    {entry},\n" for entry in signatures.pool] + ["};\n\n"]
    for call in sorted(carried):
        head += [f"constexpr Multiplexed multiplexed_{call}[] = {{\n", *carried[call], "};\n\n"]
    tail = ["constexpr std::array<CallTable, all_arches.size()> call_tables = {{\n",
            *tables.entries, "}};\n\n", "constexpr std::string_view all_names[] = {\n"]
    tail += [f"    {quoted(name)},\n" for name in sorted(tables.names)] + ["};\n"]
    return "".join(head + tables.text + tail)


def constant_rows(data):
    """{set: (is_flags, field_mask, {arch or '*': [(name, value)]})}, in order of appearance."""
    sets = {}
    for number, (name, kind, mask, *_) in rows(f"{data}/constant_sets.tsv"):
        if name in sets:
            sys.exit(f"constant_sets.tsv:{number}: {name} twice")
        sets[name] = (kind == "flags", mask, {})
    for number, (name, constant, arches, value, *_) in rows(f"{data}/constants.tsv"):
        if name not in sets:
            sys.exit(f"constants.tsv:{number}: no set {name}")
        for arch in arches.split(","):
            sets[name][2].setdefault(arch, []).append((constant, value))
    return sets


def constant_tables(sets, arches):
    """Each set's constants: those of every ABI, then each ABI's; equal lists are one array."""
    out, entries = [], []
    for index, (name, (is_flags, mask, values)) in enumerate(sets.items()):
        label_of = {}
        for arch in ["*"] + arches:
            key = tuple(values.get(arch, ()))
            if key and key not in label_of:
                label_of[key] = f"set_{index}_{'common' if arch == '*' else arch}"
                out.append(f"constexpr Constant {label_of[key]}[] = {{\n")
                out += ["    {%s, %s},\n" % (quoted(c), v) for c, v in key] + ["};\n"]
        labels = [label_of.get(tuple(values.get(arch, ()))) for arch in ["*"] + arches]
        spans = [f"std::span<const Constant>({label})" if label else "{}" for label in labels]
        entries.append("    {%s, %s, %s, %s, {{%s}}},\n" % (
            quoted(name.replace("_", " ")), "true" if is_flags else "false", mask, spans[0],
            ", ".join(spans[1:])))
    out += ["constinit const ConstantSet constant_sets[constant_set_count] = {\n", *entries, "};\n"]
    return "".join(out)


def errno_table(data, arches):
    """asm-generic's errors, and for each ABI that numbers them otherwise its own."""
    of_arch = {arch: [] for arch in arches}
    for _, (name, listed, value, *_) in rows(f"{data}/errno.tsv"):
        for arch in arches if listed == "*" else listed.split(","):
            of_arch[arch].append((name, int(value)))
    generic, shared, out, entries = of_arch["aarch64"], {}, [], []
    for arch in arches:
        key = tuple(sorted(of_arch[arch]))
        if key not in shared:
            shared[key] = arch
            label = "generic" if of_arch[arch] == generic else arch
            out.append(f"constexpr Constant errnos_{label}[] = {{\n")
            out += ["    {%s, %d},\n" % (quoted(name), value) for name, value in of_arch[arch]]
            out.append("};\n")
        label = "generic" if sorted(generic) == list(key) else shared[key]
        entries.append(f"    errnos_{label},  // {arch}\n")
    head = "constexpr std::array<std::span<const Constant>, all_arches.size()> errnos_of = {{\n"
    return "".join([*out, head, *entries, "}};\n"])


def group_table(data, arches):
    """data/groups.tsv: sorted by name, so that look-up is a binary search."""
    out, entries, last = [], [], ""
    known = {name for arch in arches
             for _, name, _ in numbered_calls(f"{data}/syscalls/{arch.numbers_of}.tsv")}
    for number, (name, summary, calls, source) in rows(f"{data}/groups.tsv"):
        strangers = [call for call in calls.split() if call not in known]
        is_foreign = name.startswith("systemd/")
        if (strangers and not is_foreign) or name <= last:
            sys.exit(f"groups.tsv:{number}: {name}: {strangers or 'not in order'}")
        last = name
        symbol = re.sub(r"\W", "_", name)

        def table(prefix, members):
            if not members:
                return "{}"
            lines = "".join(f"    {quoted(call)},\n" for call in members)
            out.append(f"constexpr std::string_view {prefix}_{symbol}[] = {{\n{lines}}};\n")
            return f"{prefix}_{symbol}"

        calls = table("group", [call for call in calls.split() if call in known])
        entries.append("    {%s, %s, %s, GroupKind::%s, %s, %s},\n" % (
            quoted(name), quoted(summary), quoted(source),
            "systemd" if is_foreign else "operation", calls, table("unnumbered", strangers)))
    return "".join(out) + "constexpr Group all_groups[] = {\n" + "".join(entries) + "};\n"


def name_tables(data, arches):
    """Every name that a literal may hold (abi/names.h), sorted by bytes, and the ABIs as constants."""
    names = {"call_names": set(), "group_names": set(), "parameter_names": set(),
             "constant_names": set()}
    for arch in arches:
        names["call_names"].update(
            call for _, call, _ in numbered_calls(f"{data}/syscalls/{arch.numbers_of}.tsv"))
    names["group_names"].update(group for _, (group, *_) in rows(f"{data}/groups.tsv"))
    names["constant_names"].update(name for _, (_, name, *_) in rows(f"{data}/constants.tsv"))
    for _, (_, _, parameters, *_) in rows(f"{data}/signatures.tsv"):
        names["parameter_names"].update(re.findall(r"(\w+):", parameters))
    out = ["#pragma once\n\n#include \"callgate/abi/arch.h\"\n\nnamespace callgate {\n\n"]
    out += [f"inline constexpr Arch {arch.name} = Arch::{arch.name};\n" for arch in arches]
    out.append("\nnamespace names {\n\n// clang-format off\n")
    for table, entries in names.items():
        lines = "".join(f'    "{name}",\n' for name in sorted(entries))
        out.append(f"inline constexpr const char* {table}[] = {{\n{lines}}};\n")
    return "".join(out) + "// clang-format on\n\n}  // namespace names\n}  // namespace callgate\n"


def generate(source):
    data = f"{source}/data"
    arches, sets = all_arches(data), constant_rows(data)
    signatures = Signatures(data, arches, {name: index for index, name in enumerate(sets)})
    banner = "// Generated by scripts/generate_abi_tables.py from data/; do not edit.\n"
    return {
        "arches.inc": banner + arch_table(arches),
        "constants.inc": banner + constant_tables(sets, [arch.name for arch in arches]),
        "constant_set_count.inc": f"{banner}inline constexpr std::size_t constant_set_count"
                                  f" = {len(sets)};\n",
        "errno.inc": banner + errno_table(data, [arch.name for arch in arches]),
        "groups.inc": banner + group_table(data, arches),
        "syscalls.inc": banner + syscall_tables(data, arches, signatures),
        "../../../include/callgate/abi/name_tables.h": banner + name_tables(data, arches),
    }


def main():
    arguments = [a for a in sys.argv[1:] if a != "--check"]
    source = arguments[0] if arguments else os.path.join(os.path.dirname(__file__), "..")
    status = 0
    for name, text in generate(source).items():
        path = os.path.normpath(f"{source}/src/abi/tables/{name}")
        old = open(path, encoding="ascii").read() if os.path.exists(path) else ""
        if text == old:
            continue
        if "--check" in sys.argv:
            print(f"{path} is not what data/ generates; run scripts/generate_abi_tables.py")
            status = 1
        else:
            with open(path, "w", encoding="ascii") as out:
                out.write(text)
    return status


if __name__ == "__main__":
    sys.exit(main())
