#!/usr/bin/env python3
"""Fails if a file includes a folder that its own folder may not reach.

The table is src/CMakeLists.txt: callgate_library(NAME may-include...). A folder may include itself,
what the table lists, and what those may include. Usage: check_includes.py [ROOT]
"""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")
table = {}
for line in (root / "src/CMakeLists.txt").read_text().splitlines():
    if match := re.match(r"callgate_library\(([^)]*)\)", line):
        name, *direct = match.group(1).split()
        unknown = [d for d in direct if d not in table]
        if unknown:
            sys.exit(f"src/CMakeLists.txt: {name} names {unknown} before it is declared: a cycle?")
        table[name] = {name}.union(*(table[d] for d in direct)) if direct else {name}

bad, edges, files = [], set(), 0
for base in ("include/callgate", "src"):
    for path in sorted((root / base).rglob("*")):
        if path.suffix not in (".h", ".cpp", ".inc"):
            continue
        relative = path.relative_to(root / base)
        if len(relative.parts) < 2:
            continue
        folder = relative.parts[0]
        if folder not in table:
            bad.append(f"{path}: folder {folder} is not in the table of src/CMakeLists.txt")
            continue
        files += 1
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = re.match(r'\s*#\s*include\s*["<](?:callgate/)?([a-z_]+)/[^">]+[">]', line)
            if not match or match.group(1) not in table:
                continue
            edges.add((folder, match.group(1)))
            if match.group(1) not in table[folder]:
                bad.append(f"{path}:{number}: {folder} may not include {match.group(1)}")
if not files:
    bad.append("no source files found")
# Meaning shares nothing with lowering and emission, by the table itself.
for one, other in (("meaning", "compiler"), ("runtime", "compiler"), ("runtime", "policy")):
    if other in table.get(one, ()):
        bad.append(f"src/CMakeLists.txt: {one} must never reach {other}")
print("\n".join(bad) if bad else f"{files} files, {len(edges)} edges, all allowed")
sys.exit(1 if bad else 0)
