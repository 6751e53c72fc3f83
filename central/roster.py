"""A hall's roster: its windows and devices as a table that somebody wrote, for one import."""

import csv
from pathlib import Path
from typing import NamedTuple

from central.error import CentralError

COLUMNS = ("window", "name", "device")
_BYTES = 1 << 20


class Place(NamedTuple):
    """A window, what people call it, and the device that stands there."""

    window: str
    name: str
    device: str


def read_roster(path: Path) -> list[Place]:
    """The rows of a CSV file (UTF-8) whose first line is `window,name,device`.

    Raises CentralError for a file that cannot be read, with the line that is wrong.
    """
    try:
        with path.open("rb") as file:
            text = file.read(_BYTES + 1).decode("utf-8-sig")  # Excel writes a byte order mark
    except (OSError, UnicodeDecodeError) as error:
        raise CentralError(f"{path} cannot be read as CSV in UTF-8: {error}.") from None
    if len(text) > _BYTES:
        raise CentralError(f"{path} has over {_BYTES} bytes: a hall has at most 1,000 windows.")
    rows = [[cell.strip() for cell in row] for row in csv.reader(text.splitlines())]
    if not rows or tuple(rows[0]) != COLUMNS:
        raise CentralError(f"{path}, line 1: write the columns {','.join(COLUMNS)}.")
    places = []
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(COLUMNS) or not all(row):
            raise CentralError(f"{path}, line {number}: write {', '.join(COLUMNS)}, none empty.")
        places.append(Place(*row))
    for column in ("window", "device"):
        names = [getattr(place, column) for place in places]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise CentralError(f"{path} names the {column} {min(twice)} twice.")
    return places
