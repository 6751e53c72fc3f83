"""What time does: alarms about what is missing or silent, gone when it is mended.

Marks stand with records and stay; alarms are about what is not there, and are found when somebody
looks. central/custody/marks.py has the words of both.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import combinations, groupby, pairwise
from typing import Any, NamedTuple

from sqlalchemy import Connection

from central.custody.heads import end_head
from central.custody.marks import (
    CENTRE_CLOCK,
    DOCUMENTS_MISSING,
    FACTS_MISSING,
    GAP,
    JUDGE_LATE,
    LOST_BY_CENTRE,
    OPEN_EPOCH,
    PENDING_ENROLMENT,
    RESTORED,
    SELDOM_RATED,
    SILENT_DEVICE,
    SILENT_HALL,
    TWO_DEVICES,
)
from central.ratings.period import last_days
from central.steady import Doubt, PlainClock
from central.store import alarms, clocks, covers, directory, rejections, tallies
from central.store.judged import counters, standings
from central.store.sql import Halls

SHARES_EVERY_S = 600.0
_DOWN_MS = 600_000  # so long nothing was noted: the centre was down
_MOST_RUNS = 1000
_SHARE_DAYS = 30
_SHARE_SERVICES = 50  # fewer services say nothing about a window


class Limits(NamedTuple):
    """After how long something missing or silent is an alarm, milliseconds, without those in which
    the centre was down. A hall that carries files has more (central/store/alarms.py).

    gap_ms: a missing record, and a service document. device_ms: of a device, while others of its
    hall are proven to be fresh; alone_ms: of a device, whatever the others do, longer than the
    longest holidays. hall_ms: of a whole hall, as long. pending_ms: of an enrolment that nobody
    approves. together_ms: of two devices that speak at one window.
    judge_ms: of what waits for the judge.
    """

    gap_ms: int = 3_600_000
    device_ms: int = 4 * 3_600_000
    alone_ms: int = 10 * 86_400_000
    hall_ms: int = 10 * 86_400_000
    pending_ms: int = 3 * 86_400_000
    together_ms: int = 86_400_000
    judge_ms: int = 600_000


_LIMITS = Limits()


@dataclass(frozen=True)
class Finding:
    """How often a mark was set, or a reason for refusal told, or what an alarm is about.

    mark: a code of central/custody/marks.py. window, window_name: empty if it is not known.
    device, epoch, seq: the newest record; None where it is about no record. last_seq:
    of an alarm about the records from seq to last_seq. services: of an epoch that ended open, how
    many its window had between the last proof and the end. hall: empty if it is about the centre.
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
    services: int | None = None


class Findings(NamedTuple):
    """newest: findings, the newest first; others: how many more there are."""

    newest: list[Finding]
    others: int


@dataclass(frozen=True)
class Found:
    """All findings of one mark: their sum, since when, how many places, and the newest of them."""

    mark: str
    count: int
    first_at_ms: int | None
    places: int
    newest: list[Finding]


class Alarms:
    """Looks for alarms; values in, findings out.

    Windows that are seldom rated are not looked for in a request, because a month of all windows
    is added up for them: `count_shares` does, and requests tell its newest result.
    """

    def __init__(self, clock: PlainClock, limits: Limits = _LIMITS) -> None:
        self._clock = clock
        self._limits = limits
        self._seldom: tuple[int, list[Finding]] | None = None
        # Why the database takes nothing, None if it does; no row can tell that.
        self.trouble: Callable[[], str | None] = lambda: None

    @property
    def shares_at_ms(self) -> int | None:
        """When `count_shares` was called last; None if it never was: then nobody knows whether
        there are windows that are seldom rated.
        """
        return self._seldom[0] if self._seldom is not None else None

    def doubt(self) -> Doubt | None:
        """What the alarm about the centre's own clock is about."""
        return self._clock.doubt()

    def count_shares(self, connection: Connection) -> None:
        """Find the windows where a service is rated less than half as often as everywhere
        together, for all requests that follow.
        """
        now_ms = self._clock.now_ms()
        spans = last_days(_SHARE_DAYS, now_ms).spans()
        rows = counters.seldom_rated(connection, spans, _SHARE_SERVICES)
        found = []
        for row in rows:
            place = (row.hall, row.hall_name or "", row.window, row.window_name or "")
            unrated = int(row.services - row.ratings)
            found.append(Finding(SELDOM_RATED, *place, unrated, None, now_ms))
        self._seldom = now_ms, found

    def find(self, connection: Connection, hall: Halls) -> list[Finding]:
        """The alarms of a hall, of some or of all, at most alarms.MOST of each kind. A hall that
        is no more, all devices revoked, has but those of epochs that are open: they tell what of
        it is missing.
        """
        now_ms = self._clock.now_ms()
        ran = clocks.ran(connection, _MOST_RUNS)
        if ran and now_ms - ran[0][1] > _DOWN_MS:  # it is up again, or its clock was set
            ran.insert(0, (now_ms, now_ms))
        late_ms = _before(now_ms, self._limits.gap_ms, ran)
        found = self._missing(connection, hall, now_ms, late_ms)
        if hall is None and (doubt := self._clock.doubt()) is not None:
            found.append(Finding(CENTRE_CLOCK, "", "", "", "", 1, doubt.since_ms, now_ms))
        if hall is None and (since_ms := self.judge_late_ms(connection)) is not None:
            found.append(Finding(JUDGE_LATE, "", "", "", "", 1, since_ms, now_ms))
        for row in covers.restoring(connection, hall):
            place = (row.hall, row.name, "", "")
            found.append(Finding(RESTORED, *place, row.devices, row.at_ms, now_ms))
        before_ms = _before(now_ms, self._limits.alone_ms, ran)
        for row in alarms.silent_devices(connection, hall, self._limits.device_ms, before_ms):
            since_ms = row.proven_at_ms or row.enrolled_at_ms
            found.append(_finding(SILENT_DEVICE, row, since_ms, now_ms))
        before_ms = _before(now_ms, self._limits.hall_ms, ran)
        for row in alarms.silent_halls(connection, hall, before_ms):
            place = (row.hall, row.name, "", "")
            found.append(Finding(SILENT_HALL, *place, 1, row.heard_at_ms, now_ms))
        for row in alarms.awaited_documents(connection, hall, late_ms):
            place = (row.hall, row.hall_name or "", row.window, row.window_name or "")
            times = (row.first_at_ms, row.last_at_ms)
            found.append(Finding(FACTS_MISSING, *place, row.count, *times, row.device))
        for row in alarms.open_books(connection, hall, late_ms):
            place = (row.hall, row.hall_name or "", "", "")
            missing = row.highest - row.held
            found.append(Finding(DOCUMENTS_MISSING, *place, missing, row.open_since_ms, now_ms))
        for row in alarms.lacking_documents(connection, hall, late_ms):
            one = _finding(DOCUMENTS_MISSING, row, row.lacking_since_ms, now_ms)
            found.append(replace(one, count=row.lacking))
        for row in alarms.pending_enrolments(connection, hall, now_ms - self._limits.pending_ms):
            found.append(_finding(PENDING_ENROLMENT, row, row.enrolled_at_ms, now_ms))
        found += _open_epochs(connection, hall, now_ms)
        found += self._together(connection, hall, now_ms)
        seldom = self._seldom[1] if self._seldom is not None else []
        found += [one for one in seldom if _is_among(hall, one.hall)][: alarms.MOST]
        closed = directory.closed_halls(connection)
        return [one for one in found if one.mark == OPEN_EPOCH or one.hall not in closed]

    def judge_late_ms(self, connection: Connection) -> int | None:
        """Since when something waits for the judge, or cannot be judged, if for too long."""
        before_ms = self._clock.now_ms() - self._limits.judge_ms
        return standings.behind_since_ms(connection, before_ms, self._clock.doubt() is None)

    def findings(self, connection: Connection, hall: Halls, most: int) -> Findings:
        """Alarms of this moment, marks and refusals since the beginning; `most` of them."""
        found = self.find(connection, hall)
        there = len(found)
        for row in (*tallies.mark_sums(connection, hall), *rejections.sums(connection, hall)):
            there += row.places
        found += _marks(connection, hall, None, most) + _refusals(connection, hall, None, most)
        found = sorted(found, key=_last_at_ms, reverse=True)[:most]
        return Findings(found, there - len(found))

    def by_mark(
        self, connection: Connection, hall: Halls, most: int, closed: bool | None = None
    ) -> list[Found]:
        """The same, put together by mark, the newest first; `most` findings of each. closed: only
        those that somebody has closed, which no alarm is, or only the others.
        """
        alarms_of: dict[str, list[Finding]] = {}
        standing = [] if closed else self.find(connection, hall)
        for one in sorted(standing, key=_last_at_ms, reverse=True):
            alarms_of.setdefault(one.mark, []).append(one)
        found = [_found(mark, ones, most) for mark, ones in alarms_of.items()]
        for row in tallies.mark_sums(connection, hall, closed):
            newest = _marks(connection, hall, row.mark, most, closed)
            found.append(Found(row.mark, int(row.count), row.first_at_ms, row.places, newest))
        for row in rejections.sums(connection, hall, closed):
            newest = _refusals(connection, hall, row.reason, most, closed)
            found.append(Found(row.reason, int(row.count), None, row.places, newest))
        return sorted(found, key=lambda one: _last_at_ms(one.newest[0]), reverse=True)

    def counts(self, connection: Connection, hall: Halls) -> Counter[str]:
        """How often each window of a hall, or each of several halls, is named by findings; under
        "" those that name none.
        """
        counts = Counter(tallies.mark_counts(connection, hall))
        is_one = isinstance(hall, str)
        for row in rejections.counts(connection, hall):
            counts["" if is_one else row.hall] += row.count
        for one in self.find(connection, hall):
            counts[one.window if is_one else one.hall] += one.count
        return counts

    def _missing(
        self, connection: Connection, hall: Halls, now_ms: int, late_ms: int
    ) -> list[Finding]:
        found = []
        for row in alarms.open_chains(connection, hall):
            first = row.covered_seq + 1
            if (row.shown_seq or 0) >= first:
                runs = {"seq": first, "last_seq": row.shown_seq}
                found.append(_finding(LOST_BY_CENTRE, row, row.open_since_ms, now_ms, **runs))
                continue
            if row.open_since_ms + row.grace_ms > late_ms:
                continue
            last = row.head_seq if row.held_seq is None else row.held_seq - 1
            if last >= first:  # else it is held, and its link is broken: that is a mark
                runs = {"seq": first, "last_seq": last}
                found.append(_finding(GAP, row, row.open_since_ms, now_ms, **runs))
        return found

    def _together(self, connection: Connection, hall: Halls, now_ms: int) -> list[Finding]:
        """Windows where two devices have spoken for a day; each told of the newer device."""
        found = []
        rows = alarms.crowded_windows(connection, hall)
        for _, at_window in groupby(rows, lambda row: (row.hall, row.window)):
            for one, other in combinations(at_window, 2):  # the other was enrolled later
                spoke_ms = min(one.proven_at_ms, other.proven_at_ms) - other.enrolled_at_ms
                if spoke_ms >= self._limits.together_ms:
                    found.append(_finding(TWO_DEVICES, other, other.enrolled_at_ms, now_ms))
                    break
        return found


def _is_among(wanted: Halls, hall: str) -> bool:
    return wanted is None or (hall == wanted if isinstance(wanted, str) else hall in wanted)


def _open_epochs(connection: Connection, hall: Halls, now_ms: int) -> list[Finding]:
    """Epochs that ended open, at once. One that never spoke is none while its window had no
    service in its time: a bundle that no board ever got, and nothing that could have been rated.
    """
    found = []
    for row in alarms.endings(connection, hall, True):
        if not (row.highest_seq or row.head_seq or row.services):
            continue
        one = _finding(OPEN_EPOCH, row, row.ended_at_ms, now_ms)
        last = 0 if row.head is None else end_head(row.head).seq
        if last > row.covered_seq:
            one = replace(one, seq=row.covered_seq + 1, last_seq=last)
        found.append(replace(one, services=row.services))
    return found


def note_running(connection: Connection, now_ms: int) -> None:
    """What the centre does every minute: note that it runs, and end the rests that are over."""
    clocks.note_running(connection, now_ms, _DOWN_MS)
    for row in directory.resting(connection, now_ms):
        directory.end_rest(connection, row.hall, row.window, now_ms)


def _before(now_ms: int, limit_ms: int, ran: list[tuple[int, int]]) -> int:
    """Since when the centre has run for `limit_ms`; ran: (since, until), the newest first."""
    before_ms = now_ms - limit_ms
    for (up_again_ms, _), (_, down_ms) in pairwise(ran):
        if up_again_ms <= before_ms:
            break
        before_ms -= up_again_ms - down_ms
    return before_ms


def _marks(
    connection: Connection, hall: Halls, mark: str | None, most: int, closed: bool | None = None
) -> list[Finding]:
    rows = tallies.marks(connection, hall, mark, most, closed)
    found = [Finding(**row._mapping) for row in rows]
    of_none = {"device": None, "epoch": None, "seq": None}
    return [one if one.device else replace(one, **of_none) for one in found]


def _refusals(
    connection: Connection, hall: Halls, reason: str | None, most: int, closed: bool | None = None
) -> list[Finding]:
    return [
        Finding(row.reason, row.hall, row.hall_name, "", "", row.count, None, row.last_at_ms)
        for row in rejections.newest_counts(connection, hall, reason, most, closed)
    ]


def _found(mark: str, findings: list[Finding], most: int) -> Found:
    first = [one.first_at_ms for one in findings if one.first_at_ms is not None]
    count = sum(one.count for one in findings)
    return Found(mark, count, min(first, default=None), len(findings), findings[:most])


def _last_at_ms(finding: Finding) -> int:
    return finding.last_at_ms


def _finding(mark: str, row: Any, since_ms: int, now_ms: int, **seqs: int) -> Finding:
    place = (row.hall, row.hall_name, row.window, row.window_name)
    return Finding(mark, *place, 1, since_ms, now_ms, row.device, row.epoch, **seqs)
