"""SYSCALL_DEFINE prototypes of the kernel source, and where they put each parameter."""
import os
import re

import arches

FOLDERS = ("kernel fs mm net ipc security io_uring block drivers/char drivers/pci lib "
           "arch/x86 arch/arm arch/arm64 arch/loongarch arch/m68k arch/mips arch/parisc "
           "arch/powerpc arch/s390 arch/sh arch/riscv").split()
DEFINE = re.compile(r"^[ \t]*((?:COMPAT_)?SYSCALL)(?:32)?_DEFINE\d\s*\(", re.M)
# Entry points that are plain functions, and the architectures that have any.
PLAIN = re.compile(r"^asmlinkage\s+(?:notrace\s+)?(?:long|int|ssize_t|unsigned long)\s+"
                   r"((?:sys|sysm|parisc|old|ppc)_\w+)\s*\(", re.M)
PLAIN_FOLDERS = ("arch/m68k/kernel", "arch/mips/kernel", "arch/parisc/kernel", "arch/sh/kernel")
# 32-bit ABIs whose C calling convention starts a 64-bit value at an even word.
EVEN_PAIRS = ("arm", "mips", "mipsel", "ppc")

SIGNED_32 = set("int pid_t clockid_t timer_t key_t mqd_t key_serial_t __s32 s32 rwf_t compat_long_t "
                "compat_off_t compat_pid_t compat_ssize_t compat_int_t".split())
UNSIGNED_32 = set("unsigned uint u32 __u32 uid_t gid_t qid_t compat_size_t compat_ulong_t "
                  "compat_aio_context_t compat_uint_t".split()) | {"unsigned int",
                                                                  "enum landlock_rule_type"}
UNSIGNED_16 = set("umode_t old_uid_t old_gid_t compat_mode_t".split())
SIGNED_WORD = set("long off_t ssize_t".split())
UNSIGNED_WORD = {"unsigned long", "ulong", "size_t", "aio_context_t", "old_sigset_t",
                 "uintptr_t"}
SIGNED_64 = {"loff_t", "s64"}
UNSIGNED_64 = {"u64", "__u64", "SC_ARG64"}
POINTERS = set("cap_user_header_t cap_user_data_t __sighandler_t compat_uptr_t ptr".split())


def balanced(text, start):
    """The text from `start` up to the parenthesis that closes the one before it."""
    depth, at = 1, start
    while depth:
        depth += text[at] == "("
        depth -= text[at] == ")"
        at += 1
    return text[start:at - 1]


def parse(text):
    """[(type, name)] of the arguments of one SYSCALL_DEFINE, after the name."""
    text = re.sub(r"(?:SC_ARG64|compat_arg_u64_dual|arg_u32p)\((\w+)\)", r"u64, \1", text)
    words = [" ".join(word.split()) for word in text.split(",")]
    return words[0], list(zip(words[1::2], words[2::2]))


def read_all(tree):
    """{(is_compat, name): [(file, [(type, name)])]}, each different prototype once."""
    found = {}
    for folder in FOLDERS:
        for root, folders, files in os.walk(f"{tree}/{folder}"):
            folders[:] = sorted(f for f in folders if f not in ("um", "kunit"))
            for name in sorted(files):
                if name.endswith(".c"):
                    read_file(tree, f"{root}/{name}", found)
    return found


def read_file(tree, path, found):
    with open(path, encoding="utf-8", errors="replace") as source:
        text = source.read()
    if "SYSCALL" not in text and "asmlinkage" not in text:
        return
    text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S)
    if os.path.relpath(path, tree).startswith(PLAIN_FOLDERS):
        read_plain(os.path.relpath(path, tree), text, found)
    for match in DEFINE.finditer(text):
        name, arguments = parse(balanced(text, match.end()))
        entry = (os.path.relpath(path, tree), arguments)
        known = found.setdefault((match[1] != "SYSCALL", name), [])
        if all(kinds(arguments) != kinds(other) for _, other in known):
            known.append(entry)


def read_plain(path, text, found):
    """Entry points that no SYSCALL_DEFINE makes, under their whole name."""
    for match in PLAIN.finditer(text):
        arguments = []
        for word in balanced(text, match.end()).split(","):
            declared = re.fullmatch(r"\s*(.*?)(\w+)\s*", " ".join(word.split()))
            if declared and declared[1].strip():
                arguments.append((declared[1].strip(), declared[2]))
        known = found.setdefault((None, match[1]), [])
        if all(kinds(arguments) != kinds(other) for _, other in known):
            known.append((path, arguments))


def kinds(arguments):
    return [(type_.replace("const ", ""), name) for type_, name in arguments]


def kind_of(type_, word):
    """'ptr', 's32', 'u16'... of a C type on an ABI whose long has `word` bits; None if unknown."""
    if "*" in type_:
        return "ptr"
    if type_ == "?":
        return "?"
    type_ = type_.replace("const ", "")
    for names, kind in ((SIGNED_32, "s32"), (UNSIGNED_32, "u32"), (UNSIGNED_16, "u16"),
                        (SIGNED_WORD, f"s{word}"), (UNSIGNED_WORD, f"u{word}"),
                        (SIGNED_64, "s64"), (UNSIGNED_64, "u64"), (POINTERS, "ptr")):
        if type_ in names:
            return kind
    return None


LOW = re.compile(r"^(.+?)_?(?:low|lo|l)$")
HIGH = re.compile(r"^(.+?)_?(?:high|hi|h)$")


def is_split(first, second):
    """True if two parameters are the low and the high half of one."""
    low, high = LOW.match(first[1]), HIGH.match(second[1])
    return bool(low and high and low[1] == high[1] and "*" not in first[0] + second[0])


def pair(first, arch):
    """Where a 64-bit value in the words `first` and the next is: low+high."""
    return f"{first + 1}+{first}" if arches.ALL[arch].is_big else f"{first}+{first + 1}"


def place(arguments, arch):
    """[(kernel name, kind, place)] of a prototype: which argument words hold what.

    A 64-bit value of a 32-bit ABI fills two words, in the order of the ABI's bytes, and starts at an
    even one where the calling convention has it so. A value that the prototype itself splits keeps
    its two words; on a 64-bit ABI its first word is the whole and the second is not looked at
    (fs/read_write.c pos_from_hilo), unless its halves have 32 bits. A filter sees six words: what
    is beyond them is not testable.
    """
    word = arches.ALL[arch].word
    placed, at, index = [], 0, 0
    while index < len(arguments):
        type_, name = arguments[index]
        if type_ == "pad":
            at, index = at + 1, index + 1
            continue
        if index + 1 < len(arguments) and is_split(*arguments[index:index + 2]):
            is_whole = kind_of(type_, word) in ("s64", "u64")
            where = f"{at}" if is_whole else f"{at}+{at + 1}"
            placed.append((LOW.match(name)[1], "s64", where))
            at, index = at + 2, index + 2
            continue
        kind = kind_of(type_, word)
        if kind is None:
            raise ValueError(f"type {type_!r} of {name} is not known")
        if kind[1:] == "64" and word == 32:
            at += at % 2 if arch in EVEN_PAIRS else 0
            placed.append((name, kind, pair(at, arch) if at < 5 else "mem"))
            at += 2
        else:
            placed.append((name, kind, str(at) if at < 6 else "mem"))
            at += 1
        index += 1
    return placed
