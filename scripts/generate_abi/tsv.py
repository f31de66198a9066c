"""Reading and writing the tables of data/."""


def read(path):
    """The rows of a table: lists of columns; comments and empty lines are left out."""
    with open(path, encoding="ascii") as lines:
        stripped = (line.rstrip("\n") for line in lines)
        return [line.split("\t") for line in stripped if line and not line.startswith("#")]


def text(columns, rows):
    lines = ["# " + "\t".join(columns)]
    lines += ["\t".join(str(column) for column in row) for row in rows]
    return "\n".join(lines) + "\n"


def write(path, columns, rows):
    with open(path, "w", encoding="ascii") as out:
        out.write(text(columns, rows))
