"""The intersection of OCI profiles by the names of their calls, as opencontainers/runtime-spec#1317 proposes
it and github.com/saschagrunert/security-profiles-merger (August 2026) does it: to hold callgate's merge
against, docs/merge.md. Written anew from what these two say."""

ORDER = ["SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_TRAP", "SCMP_ACT_ERRNO", "SCMP_ACT_NOTIFY",
         "SCMP_ACT_TRACE", "SCMP_ACT_LOG", "SCMP_ACT_ALLOW"]


def rank(action):
    return ORDER.index({"SCMP_ACT_KILL": "SCMP_ACT_KILL_THREAD"}.get(action, action))


def stricter(one, other):
    return one if rank(one) <= rank(other) else other


def looser(one, other):
    return one if rank(one) >= rank(other) else other


def by_index(args):
    groups = {}
    for arg in args:
        groups.setdefault(arg["index"], []).append(arg)
    return {index: sorted(group, key=str) for index, group in groups.items()}


def both_args(one, other):
    """Tests of one entry out of two: None where one argument is tested in two ways."""
    if not one or not other:
        return one or other
    left, right = by_index(one), by_index(other)
    if any(left[index] != right[index] for index in left.keys() & right.keys()):
        return None
    return [arg for _, group in sorted({**right, **left}.items()) for arg in group]


def any_args(one, other):
    """Tests that hold wherever one side's do; none where they differ."""
    return one if one and other and by_index(one) == by_index(other) else []


def pick(one, other, choose, is_intersection):
    action = choose(one["action"], other["action"])
    errno = (one if rank(action) == rank(one["action"]) else other).get("errnoRet")
    args = (both_args if is_intersection else any_args)(one["args"], other["args"])
    if args is None:
        return {"action": "SCMP_ACT_KILL_PROCESS", "args": []}
    return {"action": action, "args": args, **({"errnoRet": errno} if errno is not None else {})}


def one_entry_a_name(profile):
    entries = {}
    for rule in profile.get("syscalls", []):
        for name in rule["names"]:
            entry = {"action": rule["action"], "args": list(rule.get("args", []))}
            if "errnoRet" in rule:
                entry["errnoRet"] = rule["errnoRet"]
            entries[name] = pick(entries[name], entry, looser, False) if name in entries else entry
    return entries


def default_entry(profile):
    entry = {"action": profile["defaultAction"], "args": []}
    if "defaultErrnoRet" in profile:
        entry["errnoRet"] = profile["defaultErrnoRet"]
    return entry


def intersect(left, right):
    one, other = one_entry_a_name(left), one_entry_a_name(right)
    default = pick(default_entry(left), default_entry(right), stricter, True)
    merged = {"defaultAction": default["action"]}
    if "errnoRet" in default:
        merged["defaultErrnoRet"] = default["errnoRet"]
    sides = [profile.get("architectures", []) for profile in (left, right)]
    arches = [arch for arch in sides[0] if arch in sides[1]] if all(sides) else sides[0] or sides[1]
    if arches:
        merged["architectures"] = arches
    merged["syscalls"] = []
    for name in sorted(one.keys() | other.keys()):
        entry = pick(one.get(name, default_entry(left)), other.get(name, default_entry(right)), stricter, True)
        if entry != default:
            merged["syscalls"].append({"names": [name], **{key: value for key, value in entry.items()
                                                           if key != "args" or value}})
    return merged
