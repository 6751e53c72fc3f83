"""Salvage: a hall starts whatever its disk did to its database, and keeps what can be read of it.

What is needed at once (tokens, the hall's document, services) is taken over before the start; the
envelopes follow beside the running gateway. What is lost the devices send again: `hall` has gone
down (ACK-5).
"""

import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from sqlalchemy.exc import IntegrityError

from gateway.keep.alarms import Alarms
from gateway.store import aside, envelopes
from gateway.store.aside import Found
from gateway.store.database import DamagedError, Database, is_io_error
from gateway.store.tables import Table
from hosting.error import OperatorError
from protocol.field import ProtocolError
from protocol.hall import decode_hall
from protocol.mac import sha256_hex

log = logging.getLogger(__name__)

SALVAGED = "salvaged"  # the hall's mark on a record whose time of receipt is lost
_TRIES, _PAUSE_S = 3, 0.2
_AT_ONCE = 500
_REST_S = 0.2  # how long a stop may have to wait for us

Reread = Callable[[bytes, str, int, str | None, tuple[str, ...]], dict | None]


def open_database(path: Path, now_ms: int) -> Database:
    """The hall's database, a new one if the old one is damaged: that is set aside.

    Raises OperatorError for what is no damage: another program's file, no permission.
    """
    try:
        database = _open(path)
        try:
            database.check()
        except DamagedError:
            database.close()
            raise
    except DamagedError as error:
        damaged = aside.set_aside(path, now_ms)
        log.error("%s was damaged (%s) and is now %s", path, error, damaged)
        database = Database(path)
        _take_over(damaged, database)
    return database


class Salvage:
    """One thread's work: puts the envelopes of set-aside databases into the new one.

    reread: makes the row of an envelope (gateway/hall/intake.py). wake: rows have come.
    Idempotent: a start in the middle begins again. An alarm stands while such a file is there.
    """

    def __init__(
        self,
        path: Path,
        hall: str,
        database: Database,
        alarms: Alarms,
        *,
        reread: Reread,
        now_ms: Callable[[], int],
        wake: Callable[[], None],
    ):
        self._path = path
        self._hall = hall
        self._database = database
        self._alarms = alarms
        self._reread = reread
        self._now_ms = now_ms
        self._wake = wake
        self._found: Iterator[Found] | None = None
        self._count = 0

    def step(self, timeout_s: float = 1.0) -> None:
        """Take over the next records; without any, look now and then whether a person was here."""
        waiting = aside.waiting(self._path)
        if not waiting:
            self._report()
            time.sleep(min(timeout_s, _REST_S))
            return
        if self._found is None:
            self._found, self._count = aside.envelopes(waiting[0]), 0
            self._say(waiting[0], "its records are being salvaged")
        rows = [row for found in _some(self._found) if (row := self._row(found)) is not None]
        if rows:
            with self._database.write() as connection:
                self._count += envelopes.put(connection, rows)
            self._wake()
            return
        self._found = None
        salvaged = aside.mark_done(waiting[0])
        log.warning("%d records were salvaged from %s", self._count, salvaged)

    def _row(self, found: Found) -> dict | None:
        marks = () if found.received_at_ms is not None else (SALVAGED,)
        at_ms = self._now_ms() if found.received_at_ms is None else found.received_at_ms
        return self._reread(found.envelope, self._hall, at_ms, found.window, marks)

    def _report(self) -> None:
        left = aside.done(self._path)
        if left:
            self._say(left[-1], "what could be read is salvaged, the devices send the rest")
        else:
            self._alarms.clear("damage")

    def _say(self, damaged: Path, sentence: str) -> None:
        self._alarms.set(
            "damage",
            f"The database was damaged and set aside as {damaged}: {sentence}. Check the disk; "
            "move that file away to end this alarm.",
        )


def _open(path: Path) -> Database:
    """A disk may fail once: that is no reason not to start."""
    for _ in range(_TRIES - 1):
        try:
            return Database(path)
        except OperatorError as error:
            if not is_io_error(error.__cause__):
                raise
            log.warning("%s Trying again.", error)
        time.sleep(_PAUSE_S)
    return Database(path)


def _some(found: Iterator[Found]) -> Iterator[Found]:
    for _ in range(_AT_ONCE):
        one = next(found, None)
        if one is None:
            return
        yield one


def _take_over(damaged: Path, database: Database) -> None:
    """The small tables that a hall cannot get from anywhere else, or not without the centre."""
    for name, is_sound in _SOUND.items():
        table = Table.metadata.tables[name]
        columns = set(table.columns.keys())
        for row in aside.rows(damaged, name):
            values = {key: value for key, value in row.items() if key in columns}
            if not is_sound(values):
                continue
            values |= {key: 0 for key in values if key.endswith("_ran_ms") and values[key]}
            try:
                with database.write() as connection:
                    connection.execute(table.insert().values(values))
            except IntegrityError as error:
                log.warning("a row of %s was not taken over: %s", name, error.orig)


def _is_hall(row: dict) -> bool:
    try:
        decode_hall(row["document"])
    except (KeyError, TypeError, ProtocolError):
        return False
    return True


def _is_service(row: dict) -> bool:
    document = row.get("document")
    return isinstance(document, bytes) and sha256_hex(document) == row.get("facts")


_SOUND = {
    "hall": _is_hall,
    "token": lambda row: isinstance(row.get("sha256"), bytes) and len(row["sha256"]) == 32,
    "staff": lambda row: isinstance(row.get("staff_no"), str),
    "stood": lambda row: isinstance(row.get("until_ms"), int),
    "service": _is_service,
}
