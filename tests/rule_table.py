"""docs/rules.md, read: which row is proved by what."""

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
_ROW = re.compile(r"^\| (R\d+) \| (.+?) \| (.+?) \| (.+?) \|$")


class Row(NamedTuple):
    """A row of the table. tests: node ids; rest: what closes it later, or why nothing does."""

    name: str
    rule: str
    does: str
    tests: tuple[str, ...]
    rest: tuple[str, ...]


def read_rows(text: str) -> list[Row]:
    """The rows of the table in a text."""
    rows = []
    for line in text.splitlines():
        if found := _ROW.match(line):
            name, rule, does, proof = found.groups()
            tests = tuple(re.findall(r"`(tests/[^`]+)`", proof))
            rest = (part.strip() for part in re.sub(r"`tests/[^`]+`,?", "", proof).split(";"))
            rows.append(Row(name, rule, does, tests, tuple(part for part in rest if part)))
    return rows


ROWS = read_rows((ROOT / "docs" / "rules.md").read_text("utf-8"))
CLOSED = [row.name for row in ROWS if row.tests and not row.rest]
PROVEN = [row.name for row in ROWS if row.tests]  # all of it, or a part
