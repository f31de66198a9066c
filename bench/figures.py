"""Builds and measures the filters of all peers, in turns, and keeps every round's value."""
import collections
import os
import re
import statistics
import subprocess
import sys

SLOWEST = 120  # seconds that one run of a peer may take


def progress(text):
    print(text, file=sys.stderr, flush=True)


def quartiles(values):
    """Lower quartile, median, upper quartile."""
    if len(values) < 2:
        return (values[0],) * 3
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


class Ratio:
    """A quantity in all rounds beside another one: the quotients of the same rounds."""

    def __init__(self, values, base):
        pairs = [(v, b) for v, b in zip(values, base) if b > 0]
        self.quartiles = quartiles([v / b for v, b in pairs]) if pairs else None


class Filter:
    """One peer's filter of one policy."""

    def __init__(self):
        self.path = None            # raw BPF
        self.cannot = None          # why there is none
        self.build = []             # nanoseconds, one a round
        self.memory = []            # bytes, one a round
        self.figures = {}           # of `measure_filters measure`
        self.rounds = collections.defaultdict(list)


def make_corpus(filters, folder, policies, shared, random):
    """{name: (state, text)} in order; state: ok, alone (no peer can say it), skipped."""
    os.makedirs(folder, exist_ok=True)
    done = subprocess.run([filters, "corpus", folder, policies, shared, str(random)],
                          stdout=subprocess.PIPE, text=True, check=True)
    return {name: (state, text) for name, state, text in
            (row.split("\t") for row in done.stdout.splitlines())}


def run_peer(peer, corpus, out, rounds, names, seconds=SLOWEST):
    """The rows of one run of a peer, by policy."""
    os.makedirs(out, exist_ok=True)
    try:
        done = subprocess.run([*peer.command, corpus, out, str(rounds), *names],
                              capture_output=True, text=True, timeout=seconds, check=False)
        output, failure = done.stdout, done.stderr.strip() if done.returncode else ""
    except subprocess.TimeoutExpired as error:
        output = (error.stdout or b"").decode()
        failure = f"not within {seconds} s"
    rows = {name: ["cannot", failure or "no answer"] for name in names}
    rows.update({row[0]: row[1:] for row in (line.split("\t") for line in output.splitlines())
                 if len(row) > 2})
    return rows


def run_slow_peer(peer, corpus, out, names):
    """Policy by policy, since some take it minutes: what is not there in 15 seconds is given up."""
    rows = {}
    for name in names:
        rows.update(run_peer(peer, corpus, out, 1, [name], seconds=15))
    return rows


def note_build(one, row, path):
    if row[0] != "ok":
        one.cannot = row[1]
        return
    one.path = path
    if float(row[1]) > 0:
        one.memory.append(float(row[1]))
    one.build.append(statistics.median(float(value) for value in row[2:]))


def build_policy(peers, corpus, out, name, rounds, inner):
    """Every peer's filter of one policy; the peers take turns. {key: Filter}"""
    filters = {peer.key: Filter() for peer in peers if peer.command}
    for _ in range(rounds):
        for peer in peers:
            if peer.command is None or filters[peer.key].cannot:
                continue
            one = filters[peer.key]
            slow = one.build and one.build[0] > 2e8
            folder = os.path.join(out, peer.key)
            row = run_peer(peer, corpus, folder, 1 if slow else inner, [name])[name]
            note_build(one, row, os.path.join(folder, name + ".bpf"))
    return filters


def build_many(peers, corpus, out, names):
    """Every peer's filters of many policies, in turns by packs of policies."""
    all_filters = {name: {} for name in names}
    for first in range(0, len(names), 50):
        pack = names[first:first + 50]
        for peer in peers:
            if peer.command is None:
                continue
            folder = os.path.join(out, peer.key)
            if peer.most_random is None:
                rows = run_peer(peer, corpus, folder, 3, pack)
            else:
                rows = run_slow_peer(peer, corpus, folder, names[first:peer.most_random])
            for name, row in rows.items():
                all_filters[name][peer.key] = one = Filter()
                note_build(one, row, os.path.join(folder, name + ".bpf"))
    return all_filters


def measure(filters_program, corpus, name, filters, rounds, what):
    """Adds the figures of `measure_filters measure` to each filter. `what`: loads or calls."""
    files = [f"{key}={one.path}" for key, one in filters.items()
             if one.path and key != "callgate-unproved"]
    done = subprocess.run([filters_program, "measure", corpus, str(rounds), what, name, *files],
                          stdout=subprocess.PIPE, text=True, check=True)
    for line in done.stdout.splitlines():
        key, figure, *values = line.split("\t")
        one = filters[key]
        if figure == "load" or figure.startswith("run-"):
            one.rounds[figure] = [float(value) for value in values if value]
        elif figure == "executed":
            one.figures[values[0]] = (float(values[1]), int(values[2]))
        else:
            one.figures[figure] = values if len(values) > 1 else values[0]


def count_ranges(flat_path):
    """{ABI: how many ranges of numbers are decided differently from their neighbours}."""
    otherwise, arch, calls = "", "", {}
    with open(flat_path, encoding="ascii") as flat:
        for row in flat:
            words = row.split()
            if words[0] == "otherwise":
                otherwise = words[1]
            elif words[0] == "arch":
                arch = words[1]
                calls[arch] = {}
            elif words[0] == "call":
                is_checked = len(words) > 4 or int(words[1]) in calls[arch]
                calls[arch][int(words[1])] = f"checked {words[1]}" if is_checked else words[3]
    ranges = {}
    for arch, decided in calls.items():
        before, count = otherwise if 0 not in decided else None, int(0 not in decided)
        for number in sorted({n for call in decided for n in (call, call + 1)}):
            now = decided.get(number, otherwise)
            count += now != before
            before = now
        ranges[arch] = count
    return ranges


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        found = re.search(r"model name\s*: (.*)", info.read())
    return found.group(1) if found else "an unknown processor"


def read_setting(path):
    try:
        with open(path, encoding="ascii") as setting:
            return setting.read().strip()
    except OSError:
        return "unknown"
