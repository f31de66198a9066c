"""The tables of docs/benchmarks.md."""
import os
import platform

from figures import Ratio, count_ranges, processor, quartiles, read_setting

TITLES = {
    "docker-default": "Docker's default, x86-64 alone, no capabilities",
    "docker-3-abis": "Docker's default, three ABIs, Docker's default capabilities",
    "docker-builtin": "The built-in `docker-default`, x86-64 alone, no capabilities",
    "containers-common": "containers-common, x86-64 alone, Docker's default capabilities",
    "systemd-denylist": "A systemd-like denylist, x86-64",
    "allowlist30": "The allowlist of 30 calls, ten of them for some values of an argument",
}
DASH = "—"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def number(value):
    """Two decimals; of what is small two digits."""
    return f"{value:.2f}" if value >= 0.1 or value == 0 else f"{value:.2g}"


def spread(found):
    """median (lower..upper quartile)"""
    if found is None:
        return DASH
    low, middle, high = map(number, found)
    return middle if low == high else f"{middle} ({low}..{high})"


def executed(one, outcome):
    if outcome not in one.figures:
        return DASH
    mean, worst = one.figures[outcome]
    return f"{mean:.1f} / {worst}"


def meaning_of(one):
    """Its kind and a witness; empty where there is no filter."""
    return one.figures.get("meaning", ["", ""]) if one is not None else ["", ""]


def meaning(one):
    kind, witness = meaning_of(one)[:2]
    if kind == "equal":
        return "equal"
    if kind == "abi":
        return f"equal for x86-64's own numbers; else `{witness}`"
    return f"{kind}: `{witness}`"


def what_it_is(peers, filters):
    rows = []
    for peer in peers:
        one = filters.get(peer.key)
        if peer.key == "callgate-unproved":
            continue
        if one is None or one.path is None:
            reason = peer.absent or one.cannot
            rows.append([peer.label, DASH, DASH, DASH, DASH, DASH, DASH, DASH,
                         f"none: {reason}"])
            continue
        rows.append([peer.label, one.figures["size"], one.figures["steps"],
                     executed(one, "allowed"), executed(one, "checked_allowed"),
                     executed(one, "denied"), executed(one, "checked_denied"),
                     one.figures["cached"], meaning(one)])
    return table(["", "instructions", "emulated steps", "allowed", "allowed for its arguments",
                  "denied", "denied for its arguments", "cached calls",
                  "meaning, against the proved program"], rows)


def what_it_costs(peers, filters):
    ours = filters["callgate"]
    rows = []
    for peer in peers:
        one = filters.get(peer.key)
        if one is None or one.path is None:
            continue
        load = Ratio(one.rounds["load"], ours.rounds["load"]).quartiles
        runs = [spread(quartiles(one.rounds[key])) if one.rounds[key] else DASH
                for key in ("run-cached", "run-checked", "run-denied")]
        rows.append([peer.label, spread(load), *runs,
                     spread(Ratio(one.build, ours.build).quartiles),
                     spread(Ratio(one.memory, ours.memory).quartiles)])
    return table(["", "load", "cached call", "argument-checked call", "denied call", "build",
                  "memory of the build"], rows)


def absolute_line(filters):
    ours = filters["callgate"]
    load = f"{quartiles(ours.rounds['load'])[1] / 1000:.0f} us" if ours.rounds["load"] else DASH
    heap = f"{quartiles(ours.memory)[1] / 1024:.0f} KiB" if ours.memory else DASH
    return (f"callgate here: build with the proof {quartiles(ours.build)[1] / 1e6:.2f} ms, "
            f"{heap} of heap; load {load}.\n")


def policy_section(name, peers, filters, flat):
    text = f"### {TITLES[name]}\n\n"
    if os.path.exists(flat):
        ranges = count_ranges(flat)
        parts = [f"{arch} {count} ({count + 5} instructions, {4 + (count - 1).bit_length()} "
                 "executed)" for arch, count in ranges.items()]
        text += "Ranges of numbers decided alike: " + ", ".join(parts) + ".\n\n"
    return (text + what_it_is(peers, filters) + "\n" + what_it_costs(peers, filters) + "\n" +
            absolute_line(filters))


# The columns of the random policies: what is taken of a filter, beside callgate's.
RANDOM_COLUMNS = [
    ("instructions", lambda one: float(one.figures["size"])),
    ("emulated steps", lambda one: float(one.figures["steps"])),
    ("executed, mean", lambda one: one.figures["all"][0]),
    ("executed, worst", lambda one: one.figures["all"][1]),
    ("load", lambda one: quartiles(one.rounds["load"])[1] if one.rounds["load"] else 0),
]


def quotients(pairs, find):
    """The spread of find(theirs) / find(ours)."""
    return spread(Ratio([find(one) for one, _ in pairs],
                        [find(ours) for _, ours in pairs]).quartiles)


def random_row(peer, all_filters):
    if peer.command is None:
        return [peer.label, f"none: {peer.absent}"] + [DASH] * (3 + len(RANDOM_COLUMNS))
    asked = [filters for filters in all_filters.values() if peer.key in filters]
    pairs = [(filters[peer.key], filters["callgate"]) for filters in asked
             if filters[peer.key].path and filters["callgate"].path]
    row = [peer.label, f"{len(pairs)} of {len(asked)}"]
    if peer.key == "callgate-unproved" or not pairs:
        row += [DASH] * (2 + len(RANDOM_COLUMNS))
    else:
        row.append(str(sum(meaning_of(one)[0] in ("equal", "abi") for one, _ in pairs)))
        row.append(str(sum(int(one.figures["size"]) < int(ours.figures["size"])
                           for one, ours in pairs)))
        row += [quotients(pairs, find) for _, find in RANDOM_COLUMNS]
    return row + [quotients(pairs, lambda one: one.build[0])]


def first_difference(peer, all_filters):
    for name, filters in all_filters.items():
        kind, witness = meaning_of(filters.get(peer.key))[:2]
        if kind in ("differs", "undecided"):
            return [f"- {peer.label}, {name}: {kind}, `{witness}`"]
    return []


def reasons_of(peer, all_filters):
    """At most three."""
    found = sorted({filters[peer.key].cannot for filters in all_filters.values()
                    if peer.key in filters and filters[peer.key].cannot})
    return [f"- {peer.label}: {reason}" for reason in found[:3]]


def random_section(peers, all_filters):
    text = (f"## {len(all_filters)} random policies\n\n"
            "Of 5 to 124 calls of x86-64, a third of them for some arguments only: one to three "
            "alternatives of one to three comparisons with 64-bit values (bench/filters/corpus.cpp,"
            " fixed seeds). Ratios to callgate's filter of the same policy: median over the "
            "policies (quartiles).\n\n")
    text += table(["", "expressed", "equal for x86-64's own numbers", "shorter than callgate's",
                   *(title for title, _ in RANDOM_COLUMNS), "build"],
                  [random_row(peer, all_filters) for peer in peers])
    for title, lines in (("The first policy that a peer decides differently:", first_difference),
                         ("Why some are not expressed:", reasons_of)):
        rows = [row for peer in peers for row in lines(peer, all_filters)]
        if rows:
            text += f"\n{title}\n\n" + "\n".join(rows) + "\n"
    return text


# What is aimed at: policy, row, aim, how it is found in a filter.
AIMS = [
    ("docker-default", "instructions", "78", lambda f: f["size"]),
    ("docker-default", "steps emulated at load for x86-64's numbers", "5800",
     lambda f: f["native-steps"]),
    ("docker-default", "instructions before an argument", "5",
     lambda f: "..".join(f.get("before-argument", [DASH]))),
    ("docker-default", "longest path of a denied call", "12", lambda f: str(f["denied"][1])),
    ("docker-3-abis", "instructions", "below 340", lambda f: f["size"]),
    ("docker-3-abis", "executed, mean", "below 9", lambda f: f"{f['all'][0]:.1f}"),
    ("docker-3-abis", "executed, worst", DASH, lambda f: str(f["all"][1])),
    ("allowlist30", "instructions", "below 75", lambda f: f["size"]),
    ("allowlist30", "executed, mean, allowed", "below 7.5", lambda f: f"{f['allowed'][0]:.1f}"),
    ("allowlist30", "executed, mean, allowed for its arguments", "below 12",
     lambda f: f"{f['checked_allowed'][0]:.1f}"),
]


def aims_section(policies):
    def value(filters, key, find):
        one = filters.get(key)
        return find(one.figures) if one is not None and one.figures else DASH
    rows = []
    for name, what, aim, find in AIMS:
        if name not in policies:
            rows.append([TITLES[name], what, aim] + ["not on this machine"] * 3)
            continue
        rows.append([TITLES[name], what, aim] +
                    [value(policies[name], key, find)
                     for key in ("callgate", "libseccomp2", "libseccomp1")])
    return "## Aims\n\n" + table(["policy", "", "aim", "callgate", "libseccomp, level 2",
                                  "level 1"], rows)


def head(peers, rounds, timed, skipped):
    jit = {"0": "off", "1": "on", "2": "on, with diagnostics"}.get(
        read_setting("/proc/sys/net/core/bpf_jit_enable"), "unknown")
    release = ".".join(platform.release().split(".")[:2])
    text = (
        "# Benchmarks\n\n"
        "Written by `bench/run build/release -o docs/benchmarks.md`; nothing here is typed by "
        "hand. Filters are raw BPF: each peer makes its own of the same policy.\n\n"
        f"Linux {release}, {platform.machine()}, {processor()}, {os.cpu_count()} processors, BPF "
        f"JIT {jit}.\n\n")
    text += "| peer | what was measured |\n|---|---|\n"
    for peer in peers:
        text += f"| {peer.label} | {peer.note or peer.absent or 'this tree'} |\n"
    for name, reason in skipped.items():
        text += f"\nNot measured: {name} ({reason}).\n"
    return text + f"""
How to read the tables:

- executed: BPF instructions for one call, the return included, mean / worst. Every call of the ABI's tables counts once; where its arguments decide, it is tried with arguments that meet each of its conditions and with arguments that fail them.
- emulated steps: what the kernel emulates at load to find the calls that it then allows without running the filter ("cached"), over all numbers of x86-64 and of i386.
- load, build, memory: ratios to callgate's, of the same round, median (quartiles) of {rounds} rounds for builds, of {timed} for the others; peers take turns within a round. `load` is seccomp(2). `build` is processor time from a policy in memory to raw BPF; callgate's is compile(), with the proof. Memory is the heap that a build has at most at one time (of gVisor all that it allocates, which is collected later).
- cached, argument-checked, denied call: time of a call under the filter, as a ratio to the same call without one (of a denied call, to getppid). The calls change nothing; denials are made errnos, since a killed process cannot be timed.
- ranges: a tree that compares numbers by order alone has one comparison less than there are ranges, so with the check of the ABI and the returns about 5 instructions more, and executes at most 4 + log2 of them, rounded up, before any argument; equality with single numbers can need fewer instructions.
- meaning: whether callgate's prover finds the peer's program equal to callgate's; else a call that is decided differently, with what the peer's filter does and what the policy asks for.
"""
