"""What was so for a while, noted: states and problems of devices, alarms, and that we ran.

Looked at every few seconds, so what is shorter is not seen. A time in which the gateway did not
run is in nobody's history: nobody looked.
"""

import json
import threading
from collections.abc import Callable
from contextlib import suppress

from sqlalchemy.exc import DatabaseError

from gateway.hall.hall_book import HallBook
from gateway.hall.presence import NEVER, REVOKED, UNKNOWN, Presence
from gateway.keep.alarms import Alarms
from gateway.store import happenings, states
from gateway.store.database import Database

KEPT_DAYS = 90
STATE, PROBLEM, ALARM, RUN = "state:", "problem:", "alarm:", "run:"
_DAY_MS = 86_400_000
_RUNNING_EVERY_MS = 60_000  # how exactly it is known when we were last there


class History:
    """Notes what begins and what ends. version: the gateway's own. Used by any thread."""

    def __init__(
        self,
        database: Database,
        book: HallBook,
        presence: Presence,
        alarms: Alarms,
        now_ms: Callable[[], int],
        version: str,
    ):
        self._database = database
        self._book = book
        self._presence = presence
        self._alarms = alarms
        self._now_ms = now_ms
        self._run = f"{RUN}{version}"
        self._looking = threading.Lock()
        self._open: dict[tuple[str, str], int] | None = None  # (device, what): id
        self._run_id = 0
        self._noted_ms = 0

    def look(self) -> None:
        """Note what has changed since the last look; a database that takes nothing is said by
        others, and it is noted later.
        """
        with self._looking, suppress(DatabaseError):
            self._look()

    def _look(self) -> None:
        now_ms = self._now_ms()
        if self._open is None:
            self._begin(now_ms)
        known = self._open or {}
        found = self._found()
        ended, begun = known.keys() - found.keys(), found.keys() - known.keys()
        is_due = now_ms - self._noted_ms >= _RUNNING_EVERY_MS
        if not (ended or begun or is_due):
            return
        kept = {one: id for one, id in known.items() if one in found}
        with self._database.write() as connection:
            for one in ended:
                happenings.end(connection, known[one], now_ms)
            for device, what in sorted(begun):
                note = found[device, what]
                kept[device, what] = happenings.begin(connection, device, what, now_ms, note)
            happenings.end(connection, self._run_id, now_ms)
        self._open, self._noted_ms = kept, now_ms

    def _begin(self, now_ms: int) -> None:
        with self._database.write() as connection:
            runs = [
                row for row in happenings.newest(connection, "", 500) if row.what.startswith(RUN)
            ]
            there_ms = max((row.until_ms or row.since_ms for row in runs), default=now_ms)
            happenings.end_all(connection, min(there_ms, now_ms))
            happenings.forget(connection, now_ms - KEPT_DAYS * _DAY_MS)
            self._run_id = happenings.begin(connection, "", self._run, now_ms, "")
            happenings.end(connection, self._run_id, now_ms)
        self._open = {}

    def _found(self) -> dict[tuple[str, str], str]:
        """(device, what) -> a note, of all that is so now."""
        with self._database.read() as connection:
            said = {row.device: row for row in states.everyone(connection)}
        found = {("", f"{ALARM}{name}"): text for name, text in self._alarms.standing().items()}
        for device in [*self._book.devices]:
            state = self._presence.state_of(device, said.get(device))
            if state in (NEVER, REVOKED, UNKNOWN):  # nobody knows anything of it now
                continue
            found[device, f"{STATE}{state}"] = ""
            for word in json.loads(said[device].problems):
                found[device, f"{PROBLEM}{word}"] = ""
        return found
