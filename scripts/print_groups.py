#!/usr/bin/env python3
"""Rewrites the tables of groups at the end of docs/policy.md from data/groups.tsv."""
import pathlib

root = pathlib.Path(__file__).resolve().parent.parent
page = root / "docs/policy.md"
mark = "<!-- Made by scripts/print_groups.py from data/groups.tsv. -->\n"
head = page.read_text().split(mark)[0]
rows = [
    line.split("\t")
    for line in (root / "data/groups.tsv").read_text().splitlines()
    if line and not line.startswith("#")
]
operations = [row for row in rows if "/" not in row[0]]
foreign = [row for row in rows if "/" in row[0]]
out = mark + "| group | what it does | calls |\n|---|---|---|\n" + "".join(
    f"| @{name} | {summary} | {', '.join(calls.split())} |\n"
    for name, summary, calls, _ in operations)
out += """
The sets of systemd's units (SystemCallFilter=) are groups, too, as systemd 252 has them, with those that they hold resolved. Their names begin with `systemd/`: @chown is an operation, @systemd/chown is a set. `callgate syscalls @systemd/NAME` lists the calls of one on each ABI.

| group | what it holds | calls |
|---|---|---|
""" + "".join(f"| @{name} | {summary} | {len(calls.split())} |\n"
              for name, summary, calls, _ in foreign)
page.write_text(head + out)
