#!/usr/bin/env python3
"""Turns data/*.tsv into the constant C++ tables of src/abi/tables/*.inc.

usage: generate_abi_tables.py [--check] [SOURCE_DIR]

--check writes nothing and exits with 1 if a committed table differs from what data/ says.
Data formats: data/README.md.
"""
import os
import re
import sys

ARCHES = ["x86_64", "i386", "x32", "aarch64", "arm"]
X32_BIT = 0x40000000


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


class Signatures:
    """data/signatures.tsv: parameters of (call, ABI), pooled so that equal lists share storage."""

    def __init__(self, data, sets):
        self.sets = sets
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
            for arch in arches.split(","):
                if (call, arch) in self.of:
                    sys.exit(f"signatures.tsv:{number}: {call} on {arch} twice")
                self.of[call, arch] = [] if parameters == "-" else parameters.split()

    def cpp(self, call, text, arch):
        match = re.fullmatch(r"(\w+):(ptr|\?|[us]\d+)@(\d|\d\+\d|mem|\?)", text)
        if not match:
            sys.exit(f"signatures.tsv: {call}: malformed parameter {text!r}")
        name, kind, where = match.groups()
        word = 32 if arch in ("i386", "arm") else 64
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


def syscall_tables(data, signatures):
    carried = {}
    for _, (call, selector, name, *_) in rows(f"{data}/multiplexed.tsv"):
        carried.setdefault(call, []).append("    {%s, %s},\n" % (quoted(name), selector))
    out, names = [], set()
    for arch in ARCHES:
        calls = []
        for number, (nr, name, since, *_) in rows(f"{data}/syscalls/{arch}.tsv"):
            nr = int(nr, 0)
            if calls and nr <= calls[-1][0]:
                sys.exit(f"syscalls/{arch}.tsv:{number}: numbers do not ascend")
            calls.append((nr, name, since))
        if len({name for _, name, _ in calls}) != len(calls):
            sys.exit(f"syscalls/{arch}.tsv: a name appears twice")
        names.update(name for _, name, _ in calls)
        out.append(f"constexpr Syscall calls_{arch}[] = {{\n")
        for nr, name, since in calls:
            span, known = signatures.span(name, arch)
            out.append("    {%s, %d, %s, %s, %s, %s},\n" % (
                quoted(name), nr, release(since), "true" if known else "false", span,
                f"multiplexed_{name}" if name in carried else "{}"))
        out.append("};\n\n")
        order = sorted(range(len(calls)), key=lambda i: calls[i][1])
        out.append(f"constexpr std::uint16_t by_name_{arch}[] = {{\n")
        out.append("".join(f"    {i},\n" for i in order) + "};\n\n")
    head = ["constexpr Parameter parameters[] = {\n"]
    head += [f"    {entry},\n" for entry in signatures.pool] + ["};\n\n"]
    for call in sorted(carried):
        head += [f"constexpr Multiplexed multiplexed_{call}[] = {{\n", *carried[call], "};\n\n"]
    tail = ["constexpr std::string_view all_names[] = {\n"]
    tail += [f"    {quoted(name)},\n" for name in sorted(names)] + ["};\n"]
    return "".join(head + out + tail)


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


def constant_tables(sets):
    out, entries = [], []
    for index, (name, (is_flags, mask, values)) in enumerate(sets.items()):
        for arch in ["*"] + ARCHES:
            if arch in values:
                label = "common" if arch == "*" else arch
                out.append(f"constexpr Constant set_{index}_{label}[] = {{\n")
                out += ["    {%s, %s},\n" % (quoted(c), v) for c, v in values[arch]] + ["};\n"]
        spans = [f"set_{index}_{arch}" if arch in values else "{}" for arch in ARCHES]
        entries.append("    {%s, %s, %s, %s, {{%s}}},\n" % (
            quoted(name.replace("_", " ")), "true" if is_flags else "false", mask,
            f"set_{index}_common" if "*" in values else "{}", ", ".join(
                s if s == "{}" else f"std::span<const Constant>({s})" for s in spans)))
    out += ["constinit const ConstantSet constant_sets[constant_set_count] = {\n", *entries, "};\n"]
    return "".join(out)


def errno_table(data):
    out = ["constexpr Constant errnos[] = {\n"]
    out += ["    {%s, %s},\n" % (quoted(name), value)
            for _, (name, value, *_) in rows(f"{data}/errno.tsv")]
    return "".join(out + ["};\n"])


def group_table(data):
    """data/groups.tsv: sorted by name, so that look-up is a binary search."""
    out, entries, last = [], [], ""
    known = {name for arch in ARCHES for _, (_, name, *_) in rows(f"{data}/syscalls/{arch}.tsv")}
    for number, (name, summary, calls) in rows(f"{data}/groups.tsv"):
        strangers = [call for call in calls.split() if call not in known]
        if strangers or name <= last:
            sys.exit(f"groups.tsv:{number}: {name}: {strangers or 'not in order'}")
        last = name
        members = "".join(f"    {quoted(call)},\n" for call in calls.split())
        out.append(f"constexpr std::string_view group_{name}[] = {{\n{members}}};\n")
        entries.append("    {%s, %s, group_%s},\n" % (quoted(name), quoted(summary), name))
    return "".join(out) + "constexpr Group all_groups[] = {\n" + "".join(entries) + "};\n"


def name_tables(data):
    """Every name that a literal may hold (abi/names.h), sorted by bytes, and the ABIs as constants."""
    names = {"call_names": set(), "group_names": set(), "parameter_names": set(),
             "constant_names": set()}
    for arch in ARCHES:
        names["call_names"].update(call for _, (_, call, *_) in rows(f"{data}/syscalls/{arch}.tsv"))
    names["group_names"].update(group for _, (group, *_) in rows(f"{data}/groups.tsv"))
    names["constant_names"].update(name for _, (_, name, *_) in rows(f"{data}/constants.tsv"))
    for _, (_, _, parameters, *_) in rows(f"{data}/signatures.tsv"):
        names["parameter_names"].update(re.findall(r"(\w+):", parameters))
    out = ["#pragma once\n\n#include \"callgate/abi/arch.h\"\n\nnamespace callgate {\n\n"]
    out += [f"inline constexpr Arch {arch} = Arch::{arch};\n" for arch in ARCHES]
    out.append("\nnamespace names {\n\n// clang-format off\n")
    for table, entries in names.items():
        lines = "".join(f'    "{name}",\n' for name in sorted(entries))
        out.append(f"inline constexpr const char* {table}[] = {{\n{lines}}};\n")
    return "".join(out) + "// clang-format on\n\n}  // namespace names\n}  // namespace callgate\n"


def generate(source):
    data = f"{source}/data"
    sets = constant_rows(data)
    signatures = Signatures(data, {name: index for index, name in enumerate(sets)})
    banner = "// Generated by scripts/generate_abi_tables.py from data/; do not edit.\n"
    return {
        "constants.inc": banner + constant_tables(sets),
        "constant_set_count.inc": f"{banner}inline constexpr std::size_t constant_set_count"
                                  f" = {len(sets)};\n",
        "errno.inc": banner + errno_table(data),
        "groups.inc": banner + group_table(data),
        "syscalls.inc": banner + syscall_tables(data, signatures),
        "../../../include/callgate/abi/name_tables.h": banner + name_tables(data),
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
