"""Regenerates data/ from pinned sources; what the sources contradict each other in is an error.

usage: python3 scripts/generate_abi [--cache DIR] [--check]

Needs apt-get (Debian's kernel and glibc sources, manual pages), go (golang.org/x/sys by the module proxy) and
clang (constants of each architecture). --check writes nothing and exits with 1 if data/ differs.
"""
import argparse
import os
import sys

import arches
import constants
import numbering
import signatures
import sources
import tsv

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
HAND = os.path.join(ROOT, "data", "hand")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    default = os.path.join(os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")),
                           "callgate-abi")
    parser.add_argument("--cache", default=default, help="folder for the sources (%(default)s)")
    parser.add_argument("--check", action="store_true", help="compare only")
    return parser.parse_args()


def syscall_tables(tree, man2, unix, glibc):
    """{file: (columns, rows)} of numbers and signatures, and what is wrong."""
    tables = {arch: numbering.kernel_table(tree, arch) for arch in arches.TABLES}
    numbering.add_newer(HAND, tables)
    since, unknown = numbering.releases(HAND, man2, tables)
    of_arch = {arch.name: tables[arch.numbers_of] for arch in arches.ALL.values()}
    wrong = numbering.check_go(unix, of_arch) + numbering.check_glibc(glibc, tables)
    rows, contradictions = signatures.all_signatures(HAND, tree, man2, of_arch)
    files = {"signatures.tsv": (["call", "ABIs", "parameters", "source"], rows)}
    for arch, table in tables.items():
        columns = ["number", "call", "since", "source of the release"]
        files[f"syscalls/{arch}.tsv"] = (columns, [
            (hex(n) if n > 0xffff else n, entry.name, *since.get((entry.name, arch), ("?", "?")))
            for n, entry in sorted(table.items())])
    return files, wrong + unknown + contradictions


def constant_tables(tree, unix, cache):
    """{file: (columns, rows)} of constants, and what is wrong."""
    sets, values, errnos, wrong = constants.tables(HAND, tree, unix, cache)
    return {
        "constant_sets.tsv": (["set", "kind", "field mask", "source"], sets),
        "constants.tsv": (["set", "name", "ABIs (*: all)", "value"], values),
        "errno.tsv": (["name", "ABIs (*: all)", "value"], errnos),
    }, wrong


def main():
    options = arguments()
    cache = os.path.abspath(options.cache)
    os.makedirs(cache, exist_ok=True)
    tree, man2, unix, glibc = (fetch(cache) for fetch in
                               (sources.linux_tree, sources.manual_pages, sources.go_sys,
                                sources.glibc_tree))
    files, wrong = syscall_tables(tree, man2, unix, glibc)
    more, more_wrong = constant_tables(tree, unix, cache)
    files.update(more)
    wrong += more_wrong
    if wrong:
        sys.exit("\n".join(wrong))
    status = 0
    for name, (columns, rows) in files.items():
        path = os.path.join(ROOT, "data", name)
        if options.check and tsv.text(columns, rows) != open(path, encoding="ascii").read():
            print(f"data/{name} is not what its sources give")
            status = 1
        elif not options.check:
            tsv.write(path, columns, rows)
    return status


if __name__ == "__main__":
    sys.exit(main())
