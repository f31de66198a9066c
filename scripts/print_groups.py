#!/usr/bin/env python3
"""Rewrites the table of groups at the end of docs/policy.md from data/groups.tsv."""
import pathlib

root = pathlib.Path(__file__).resolve().parent.parent
page = root / "docs/policy.md"
ruler = "|---|---|---|\n"
head = page.read_text().split(ruler)[0]
rows = [
    line.split("\t")
    for line in (root / "data/groups.tsv").read_text().splitlines()
    if line and not line.startswith("#")
]
page.write_text(head + ruler + "".join(
    f"| @{name} | {summary} | {', '.join(calls.split())} |\n" for name, summary, calls in rows))
