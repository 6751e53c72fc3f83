"""What time does: alarms about what is missing or silent, gone when it is mended.

Marks stand with records and stay; alarms are about what is not there, and are found when somebody
looks. central/custody/marks.py has the words of both.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection

from central.custody.marks import (
    FACTS_MISSING,
    GAP,
    LOST_BY_CENTRE,
    SELDOM_RATED,
    SILENT_DEVICE,
    SILENT_HALL,
)
from central.ratings.period import last_days
from central.store import alarms, places, rejections, tallies
from central.store.places import PAUSE_MS

SHARES_EVERY_S = 600.0
_SHARE_DAYS = 30
_SHARE_SERVICES = 50  # fewer services say nothing about a window


class Limits(NamedTuple):
    """After how long something missing or silent is an alarm, milliseconds.

    gap_ms: a missing record, and a service document. device_ms: of a device, while its hall
    speaks. hall_ms: of a whole hall; longer than a weekend.
    """

    gap_ms: int = 3_600_000
    device_ms: int = 4 * 3_600_000
    hall_ms: int = 72 * 3_600_000


_LIMITS = Limits()


@dataclass(frozen=True)
class Finding:
    """How often a mark was set, or a reason for refusal told, or what an alarm is about.

    mark: a code of central/custody/marks.py. window, window_name: empty if it is not known.
    device, epoch, seq: the newest record; None for what was refused, which is no record. last_seq:
    of an alarm about the records from seq to last_seq.
    """

    mark: str
    hall: str
    hall_name: str
    window: str
    window_name: str
    count: int
    first_at_ms: int | None
    last_at_ms: int
    device: str | None = None
    epoch: int | None = None
    seq: int | None = None
    last_seq: int | None = None


class Alarms:
    """Looks for alarms; values in, findings out.

    Windows that are seldom rated are not looked for in a request, because a month of all windows
    is added up for them: `count_shares` does, and requests tell its newest result.
    """

    def __init__(self, now_ms: Callable[[], int], limits: Limits = _LIMITS) -> None:
        self._now_ms = now_ms
        self._limits = limits
        self._seldom: tuple[int, list[Finding]] | None = None

    @property
    def shares_at_ms(self) -> int | None:
        """When `count_shares` was called last; None if it never was: then nobody knows whether
        there are windows that are seldom rated.
        """
        return self._seldom[0] if self._seldom is not None else None

    def count_shares(self, connection: Connection) -> None:
        """Find the windows where a service is rated less than half as often as everywhere
        together, for all requests that follow.
        """
        now_ms = self._now_ms()
        spans = last_days(_SHARE_DAYS, now_ms).spans()
        whole = tallies.services_and_ratings(connection, spans)
        rows = tallies.seldom_rated(connection, spans, whole, _SHARE_SERVICES)
        found = []
        for row in rows:
            place = (row.hall, row.hall_name or "", row.window, row.window_name or "")
            unrated = int(row.services - row.ratings)
            found.append(Finding(SELDOM_RATED, *place, unrated, None, now_ms))
        self._seldom = now_ms, found

    def find(self, connection: Connection, hall: str | None) -> list[Finding]:
        """The alarms of a hall or of all, at most alarms.MOST of each kind."""
        now_ms = self._now_ms()
        found = self._missing(connection, hall, now_ms)
        before_ms = now_ms - self._limits.device_ms
        for row in alarms.silent_devices(connection, hall, before_ms, now_ms - PAUSE_MS):
            heard = (row.heard_at_ms or 0, row.stored_at_ms or 0, row.enrolled_at_ms)
            found.append(_finding(SILENT_DEVICE, row, max(heard), now_ms))
        for row in alarms.silent_halls(connection, hall, now_ms - self._limits.hall_ms):
            place = (row.hall, row.name, "", "")
            found.append(Finding(SILENT_HALL, *place, 1, row.heard_at_ms, now_ms))
        for row in alarms.awaited_documents(connection, hall, now_ms - self._limits.gap_ms):
            place = (row.hall, row.hall_name or "", row.window, row.window_name or "")
            times = (row.first_at_ms, row.last_at_ms)
            found.append(Finding(FACTS_MISSING, *place, row.count, *times, row.device))
        seldom = self._seldom[1] if self._seldom is not None else []
        return found + [one for one in seldom if hall in (None, one.hall)][: alarms.MOST]

    def findings(self, connection: Connection, hall: str | None) -> list[Finding]:
        """Alarms of this moment, marks and refusals since the beginning; the newest first."""
        found = self.find(connection, hall)
        found += [Finding(**row._mapping) for row in tallies.marks(connection, hall)]
        refused = rejections.counts(connection, hall)
        names = {row.hall: row.name for row in places.halls(connection)} if refused else {}
        found += [
            Finding(row.reason, row.hall, names[row.hall], "", "", row.count, None, row.last_at_ms)
            for row in refused
        ]
        return sorted(found, key=lambda finding: finding.last_at_ms, reverse=True)

    def _missing(self, connection: Connection, hall: str | None, now_ms: int) -> list[Finding]:
        found = []
        for row in alarms.open_chains(connection, hall):
            first = row.covered_seq + 1
            if (row.shown_seq or 0) >= first:
                runs = {"seq": first, "last_seq": row.shown_seq}
                found.append(_finding(LOST_BY_CENTRE, row, row.open_since_ms, now_ms, **runs))
                continue
            if now_ms - row.open_since_ms < self._limits.gap_ms:
                continue
            held = alarms.first_held(connection, (row.device, row.epoch), row.covered_seq)
            last = row.head_seq if held is None else held - 1
            if last >= first:  # else it is held, and its link is broken: that is a mark
                runs = {"seq": first, "last_seq": last}
                found.append(_finding(GAP, row, row.open_since_ms, now_ms, **runs))
        return found


def _finding(mark: str, row: Any, since_ms: int, now_ms: int, **seqs: int) -> Finding:
    place = (row.hall, row.hall_name, row.window, row.window_name)
    return Finding(mark, *place, 1, since_ms, now_ms, row.device, row.epoch, **seqs)
