"""Reads and writes the tables of test/CLAIMS.md and test/claims/RESULTS.md."""

import pathlib
import re
import typing

HEAD = """# Parts switched off, and what failed

Written by `ops/prove claims`; the names are those of [disablings.py](disablings.py). A row counts
if the test began and failed for the reason that the disabling states. `nothing`: with nothing
switched off. Rows that the last run did not choose are of a run before it.
"""
COLUMNS = ("switched off", "edit", "test", "seen", "how it failed", "seconds")
REASON_MAX = 240


class Row(typing.NamedTuple):
    name: str  # of the disabling; "nothing"
    edit: str  # its fingerprint; "-"
    test: str  # "program: case"
    seen: str  # "failed", "passed", "no proof"
    reason: str
    seconds: int


class Part(typing.NamedTuple):
    claim: int
    line: int
    part: str
    files: tuple
    tests: tuple
    off: tuple


def cells(line):
    """The cells of a table's line; a bar within a cell is written \\|."""
    parts = re.split(r"(?<!\\)\|", line.strip())[1:-1]
    return [part.strip().replace("\\|", "|") for part in parts]


def read_results(path):
    path = pathlib.Path(path)
    rows = []
    for line in path.read_text().splitlines() if path.exists() else ():
        found = cells(line) if line.startswith("|") else ()
        if len(found) == len(COLUMNS) and found[0] != COLUMNS[0] and not found[0].startswith("-"):
            rows.append(Row(found[0], found[1], found[2].strip("`"), found[3], found[4].strip("`"),
                            int(found[5])))
    return rows


def _cell(text):
    text = " ".join(text.replace("`", "'").split())
    if len(text) > REASON_MAX:
        text = text[:REASON_MAX] + "..."
    return text.replace("|", "\\|")


def write_results(path, rows, when):
    """`when`: date, commit and machine of the last run."""
    lines = [HEAD, f"Last run: {when}.\n", "| " + " | ".join(COLUMNS) + " |",
             "|" + "---|" * len(COLUMNS)]
    for row in sorted(rows, key=lambda row: (row.name == "nothing", row.name, row.test)):
        reason = f"`{_cell(row.reason)}`" if row.reason else ""
        lines.append(f"| {row.name} | {row.edit} | `{row.test}` | {row.seen} | {reason} | "
                     f"{row.seconds} |")
    pathlib.Path(path).write_text("\n".join(lines) + "\n")


def read_claims(path):
    """(numbers of the claims in order, parts). A claim begins with "## Claim N"."""
    claims, parts = [], []
    for number, line in enumerate(pathlib.Path(path).read_text().splitlines(), 1):
        heading = re.match(r"## Claim (\d+)\b", line)
        if heading:
            claims.append(int(heading[1]))
        elif line.startswith("| ") and claims:
            found = cells(line)
            if found[0] == "part":
                continue
            if len(found) != 4:  # reported as a part without anything
                found = ["not a row of four cells", "", "", ""]
            names = [tuple(re.findall(r"`([^`]+)`", cell)) for cell in found[1:]]
            parts.append(Part(claims[-1], number, found[0], *names))
    return claims, parts
