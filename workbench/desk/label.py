"""The bench's list of what it enrolled (CSV), which `label` reads."""

import csv
import os
import threading
from datetime import date
from pathlib import Path
from typing import NamedTuple

from hosting.error import OperatorError
from workbench.board.ports import plugged

_LEAST = 4  # columns; a list that 0.2.0 began has no more
_WRITING = threading.Lock()  # boards are done at once, each by a thread


class Labelled(NamedTuple):
    """A device as its label and the bench's list have it. date: of the enrolment, ISO. port: where
    its board was plugged in last; serial_number: of that USB port, empty if it has none.
    """

    device: str
    hall: str
    epoch: str
    date: str
    port: str = ""
    serial_number: str = ""


def note(path: Path, device: str, hall: str, epoch: int, port: str) -> None:
    """Adds a device, on the board at this port, to the bench's list. Raises OperatorError."""
    today = date.today().isoformat()
    _append(path, Labelled(device, hall, str(epoch), today, port, _serial_number(port)))


def note_port(path: Path, device: str, port: str) -> None:
    """Notes where a device of the list, if it is one, is plugged in now. Raises OperatorError."""
    known = {row.device: row for row in read_list(path)} if path.exists() else {}
    if device in known:
        moved = known[device]._replace(port=port, serial_number=_serial_number(port))
        if moved != known[device]:
            _append(path, moved)


def read_list(path: Path) -> list[Labelled]:
    """The devices of a bench's list; of one twice in it the newest. Raises OperatorError."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            head, *rows = [row for row in csv.reader(file) if row]
    except (OSError, csv.Error, ValueError) as error:  # also of no UTF-8, or empty
        raise _no_list(path, f"{error}") from None
    columns = Labelled._fields
    if tuple(head) not in (columns, columns[:_LEAST]):
        raise _no_list(path, f"its columns are not {', '.join(columns)}")
    for row in rows:
        if not _LEAST <= len(row) <= len(columns):
            raise _no_list(path, f"a row of {len(row)} columns: {','.join(row):.60}")
    found = [Labelled(*row) for row in rows]
    return list({row.device: row for row in found}.values())


def _no_list(path: Path, reason: str) -> OperatorError:
    return OperatorError(
        f"{path} cannot be read as the bench's list ({reason}): `pingjia workbench flash` and "
        "`enrol` write it; name it with --list."
    )


def _append(path: Path, row: Labelled) -> None:
    try:
        with _WRITING, path.open("a", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            if file.tell() == 0:
                writer.writerow(Labelled._fields)
            writer.writerow(row)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise OperatorError(f"{path} cannot be written: {error.strerror}.") from None


def _serial_number(port: str) -> str:
    found = (one.serial_number for one in plugged() if one.name == port)
    return next(found, None) or ""
