"""Parameter names from the SYNOPSIS sections of the manual pages."""
import glob
import gzip
import os
import re

FONT_MACROS = re.compile(r"^\.(BI|BR|IB|IR|RB|RI|B|I)\s+")


def plain_line(line):
    """One line of roff as plain text; requests that print nothing give an empty string."""
    if line.startswith(('.\\"', "'")):
        return ""
    if line.startswith("."):
        match = FONT_MACROS.match(line)
        if not match:
            return ""
        pieces = re.findall(r'"[^"]*"|[^\s"]+', line[match.end():])
        line = "".join(piece.strip('"') for piece in pieces)
    line = re.sub(r"\\f.|\\&|\\~", " ", line)
    return line.replace("\\-", "-").replace("\\ ", " ")


def split_arguments(text):
    """Splits at the commas outside parentheses and brackets."""
    depth, current, found = 0, "", []
    for character in text + ",":
        depth += character in "(["
        depth -= character in ")]"
        if character == "," and depth == 0:
            found.append(" ".join(current.split()))
            current = ""
        else:
            current += character
    return found


def parameter_name(text):
    """The name in a C parameter declaration; '...' for an ellipsis, None for void."""
    if text in ("", "void"):
        return None
    if "..." in text:
        return "..."
    match = re.search(r"\(\s*\*\s*(?:_Nullable\s+|restrict\s+|const\s+)*(\w+)", text)
    if match:
        return match[1]
    text = re.sub(r"\[.*?\]", "", text).strip()
    match = re.search(r"(\w+)$", text)
    return match[1] if match else "..."


def synopsis(page):
    match = re.search(r"^\.SH SYNOPSIS\n(.*?)^\.SH", page.replace("\\\n", ""), re.S | re.M)
    if not match:
        return ""
    text = " ".join(plain_line(line) for line in match[1].split("\n"))
    return re.sub(r"/\*.*?\*/", " ", text)


def prototypes(man2):
    """{function: [(page, [names])]}; syscall(SYS_x, ...) counts as x."""
    found = {}
    for path in sorted(glob.glob(f"{man2}/*.2.gz")):
        with gzip.open(path, "rt", encoding="utf-8", errors="replace") as page:
            content = page.read()
        if content.startswith(".so "):
            continue
        label = os.path.basename(path)[:-len(".2.gz")] + "(2)"
        for name, text in re.findall(r"\b(\w+)\s*\(((?:[^()]|\([^()]*\))*)\)\s*;",
                                     synopsis(content)):
            arguments = split_arguments(text)
            if name == "syscall":
                match = re.search(r"(?:SYS|__NR)_(\w+)$", arguments[0])
                if not match:
                    continue
                name, arguments = match[1], arguments[1:]
            names = [n for n in map(parameter_name, arguments) if n]
            found.setdefault(name, []).append((label, names))
    return found
