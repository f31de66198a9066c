"""The ABIs and their facts: data/arches.tsv."""
import os

import tsv

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "data", "arches.tsv")


class Arch:
    """One row of data/arches.tsv."""

    def __init__(self, row):
        self.name, self.word, self.is_big = row[0], int(row[4]), row[5] == "big"
        self.flag, self.native, self.numbers_of = int(row[7], 0), row[8], row[10]


ALL = {row[0]: Arch(row) for row in tsv.read(PATH)}
NAMES = list(ALL)
# The ABIs that have a table of their own; mipsel, say, has that of mips.
TABLES = [arch.name for arch in ALL.values() if arch.numbers_of == arch.name]


def listed(text):
    """The ABIs that a column names: "*" for all, "mips*" for those that start so."""
    found = []
    for pattern in text.split(","):
        names = [n for n in NAMES if n == pattern or (pattern.endswith("*") and
                                                      n.startswith(pattern[:-1]))]
        if not names:
            raise SystemExit(f"no ABI {pattern}")
        found += [name for name in names if name not in found]
    return found
