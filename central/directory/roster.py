"""A hall's roster: its windows and devices as a table that somebody wrote, for one import."""

import csv
from pathlib import Path
from typing import NamedTuple

from hosting.error import OperatorError
from hosting.text_file import read_text

COLUMNS = ("window", "name", "device")
_BYTES = 1 << 20


class Line(NamedTuple):
    """A window, what people call it, and the device that stands there."""

    window: str
    name: str
    device: str


def read_roster(path: Path) -> list[Line]:
    """The rows of a CSV file (UTF-8) whose first line is `window,name,device`.

    Raises OperatorError for a file that cannot be read, with the line that is wrong.
    """
    text = read_text(path, _BYTES, f"write it with the columns {','.join(COLUMNS)}.")
    rows = [[cell.strip() for cell in row] for row in csv.reader(text.splitlines())]
    if not rows or tuple(rows[0]) != COLUMNS:
        raise OperatorError(f"{path}, line 1: write the columns {','.join(COLUMNS)}.")
    lines = []
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(COLUMNS) or not all(row):
            raise OperatorError(f"{path}, line {number}: write {', '.join(COLUMNS)}, none empty.")
        lines.append(Line(*row))
    for column in ("window", "device"):
        names = [getattr(line, column) for line in lines]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise OperatorError(f"{path} names the {column} {min(twice)} twice.")
    return lines
