"""minijail's policy compiler as a peer: see bench/filters/generate.h for the arguments and what is
printed. Before them stand the folder tools/ of its sources and the file of `filters constants`."""
import sys
import time
import tracemalloc


class Inexpressible(Exception):
    """What minijail's language cannot say."""


ALL = (1 << 64) - 1
RELATIONS = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}


def action_text(ret):
    kind, data = ret & 0xffff0000, ret & 0xffff
    names = {0x7fff0000: "allow", 0x80000000: "kill-process", 0: "kill-thread",
             0x30000: "trap", 0x7ffc0000: "log"}
    if kind == 0x50000:
        return f"return {data}"
    if kind not in names:
        raise Inexpressible(f"minijail has no action {ret:#x}")
    return names[kind]


def atom(word):
    """ARGUMENT:BITS:RELATION:MASK:VALUE in minijail's words."""
    argument, bits, relation, mask, value = word.split(":")
    mask, value = int(mask, 16), int(value, 16)
    if bits == "32":
        raise Inexpressible("minijail compares 64 bits")
    if mask == ALL:
        return f"arg{argument} {RELATIONS[relation]} {value:#x}"
    if value == 0 and relation == "eq":
        return f"arg{argument} in {~mask & ALL:#x}"
    if value == 0 and relation == "ne":
        return f"arg{argument} & {mask:#x}"
    raise Inexpressible("minijail has no comparison with a value under a mask")


def policy_text(flat):
    """The policy and its default."""
    calls, otherwise, arches = {}, 0, 0
    for row in flat.splitlines():
        words = row.split(" ")
        if words[0] == "otherwise":
            otherwise = int(words[1], 16)
        elif words[0] == "arch":
            arches += 1
            if arches > 1:
                raise Inexpressible("minijail makes filters for one ABI")
        elif words[0] == "call":
            condition = " && ".join(atom(word) for word in words[4:])
            action = action_text(int(words[3], 16))
            calls.setdefault(words[2], []).append(f"{condition}; {action}" if condition else action)
    lines = []
    for name, filters in calls.items():
        if ";" in filters[-1]:
            filters.append(action_text(otherwise))
        lines.append(f"{name}: {{ {', '.join(filters)} }}" if len(filters) > 1
                     else f"{name}: {filters[0]}")
    return "\n".join(lines) + "\n", action_text(otherwise)


def make_build(modules, arch, path, otherwise):
    """A function that compiles the policy once."""
    compiler, parser, bpf = modules

    def build():
        state = parser.ParserState("<default>")
        override = parser.PolicyParser(arch, kill_action=bpf.KillProcess()).parse_action(
            next(state.tokenize([otherwise])))
        compiled = compiler.PolicyCompiler(arch).compile_file(
            path, optimization_strategy=compiler.OptimizationStrategy.BST,
            kill_action=bpf.KillProcess(), override_default_action=override)
        return compiled.opcodes
    return build


def traced_heap(build):
    """The most bytes at one time; tracing makes it several times slower."""
    tracemalloc.start()
    build()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def generate(modules, arch, folders, rounds, name):
    corpus, out = folders
    with open(f"{corpus}/{name}.flat", encoding="ascii") as flat:
        text, otherwise = policy_text(flat.read())
    path = f"{out}/{name}.minijail"
    with open(path, "w", encoding="ascii") as policy:
        policy.write(text)
    build = make_build(modules, arch, path, otherwise)
    figures = [str(traced_heap(build) if rounds > 1 else 0)]
    for _ in range(rounds):
        began = time.process_time_ns()
        raw = build()
        figures.append(str(time.process_time_ns() - began))
    with open(f"{out}/{name}.bpf", "wb") as program:
        program.write(raw)
    return "\t".join(figures)


def main():
    tools, constants, corpus, out, rounds, *names = sys.argv[1:]
    sys.path.insert(0, tools)
    # pylint: disable=import-outside-toplevel
    import arch
    import bpf
    import compiler
    import parser
    known = arch.Arch.load_from_json(constants)
    for name in names:
        try:
            figures = generate((compiler, parser, bpf), known, (corpus, out), int(rounds), name)
            print(f"{name}\tok\t{figures}", flush=True)
        except (Inexpressible, parser.ParseException, ValueError) as error:
            print(f"{name}\tcannot\t{' '.join(str(error).split())}", flush=True)


if __name__ == "__main__":
    main()
