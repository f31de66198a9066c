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


def meaning(one):
    kind, witness = (one.figures.get("meaning") or ["", ""])[:2]
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


def random_rows(peers, all_filters):
    rows = []
    for peer in peers:
        if peer.command is None:
            rows.append([peer.label, f"none: {peer.absent}"] + [DASH] * 7)
            continue
        pairs = [(filters[peer.key], filters["callgate"]) for filters in all_filters.values()
                 if peer.key in filters and filters[peer.key].path and filters["callgate"].path]
        asked = sum(1 for filters in all_filters.values() if peer.key in filters)
        row = [peer.label, f"{len(pairs)} of {asked}"]
        if peer.key == "callgate-unproved" or not pairs:
            row += [DASH] * 6
        else:
            kinds = [one.figures["meaning"][0] for one, _ in pairs]
            row += [f"{kinds.count('equal') + kinds.count('abi')}"]
            row += [spread(Ratio([float(one.figures[key]) for one, _ in pairs],
                                 [float(ours.figures[key]) for _, ours in pairs]).quartiles)
                    for key in ("size", "steps")]
            row += [spread(Ratio([one.figures["all"][0] for one, _ in pairs],
                                 [ours.figures["all"][0] for _, ours in pairs]).quartiles)]
            row += [spread(Ratio([one.figures["all"][1] for one, _ in pairs],
                                 [ours.figures["all"][1] for _, ours in pairs]).quartiles)]
            row += [spread(Ratio([quartiles(one.rounds["load"])[1] for one, _ in pairs],
                                 [quartiles(ours.rounds["load"])[1]
                                  for _, ours in pairs]).quartiles)]
        builds = Ratio([one.build[0] for one, _ in pairs], [ours.build[0] for _, ours in pairs])
        rows.append(row + [spread(builds.quartiles)])
    return rows


def random_section(peers, all_filters):
    head = ["", "expressed", "equal on x86-64's own numbers", "instructions", "emulated steps",
            "executed, mean", "executed, worst", "load", "build"]
    count = len(all_filters)
    witnesses = []
    for peer in peers:
        for name, filters in all_filters.items():
            kind, witness = (filters.get(peer.key) or _NOTHING).figures.get("meaning", ["", ""])[:2]
            if kind in ("differs", "undecided"):
                witnesses.append(f"- {peer.label}, {name}: {kind}, `{witness}`")
                break
    reasons = []
    for peer in peers:
        all_reasons = sorted({f[peer.key].cannot for f in all_filters.values()
                              if peer.key in f and f[peer.key].cannot})
        reasons += [f"- {peer.label}: {reason}" for reason in all_reasons[:3]]
    text = (f"## {count} random policies\n\n"
            "Of 5 to 124 calls of x86-64, a third of them for some arguments only: one to three "
            "alternatives of one to three comparisons with 64-bit values (bench/filters/corpus.cpp,"
            " fixed seeds). Ratios to callgate's filter of the same policy: median over the "
            "policies (quartiles).\n\n" + table(head, random_rows(peers, all_filters)))
    if witnesses:
        text += ("\nThe first policy that a peer decides differently:\n\n" +
                 "\n".join(witnesses) + "\n")
    if reasons:
        text += "\nWhy some are not expressed:\n\n" + "\n".join(reasons) + "\n"
    return text


class _Nothing:
    figures = {}


_NOTHING = _Nothing()

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
