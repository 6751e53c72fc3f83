"""Closed months: all that those see who are rated, a hall and an institution (RULES 7).

They know who was served when. So they see no days and no free spans, no level of fewer than 20
ratings, and a month only when it is over and what may still be rated has been; then it is frozen,
or a rating that arrives late would show as the difference between two looks. Each window's month
is a cell; cells are frozen together, a hall at a time, and each is renewed only when at least 20
of its services have changed. Whoever reads, and for whom, sees sums of whole cells, so chosen that
a hall's and its institutions' sums and cells put together tell of no fewer than 20. Whose a cell
is, is frozen with it for ever: a correction of the directory that took a small window out of an
institution's sum would show it as the difference.
"""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import NamedTuple

from sqlalchemy import Connection

from central.directory.sight import Sight, halls_ever, owners_in
from central.figures.report import ENOUGH, LEVELS, NONE, Figures, figures_by, in_order
from central.ratings.judge import Judge
from central.rules.policy import Policy
from central.rules.sections import Limit
from central.store import places, tallies
from central.store.database import Database
from central.store.judged import closed_months, counters, standings
from central.store.judged.closed_months import Cell
from central.store.tallies import WHOLE_HALL
from hosting.clock import day, start_of

# At least: 5 working days (S3 第十七条) are 14 with the longest holidays, and halls may be late.
CLOSED_AFTER_DAYS = 15
MONTHS = 12  # that can be looked at
_WAITED_FOR = 24  # older months are closed, whatever waits in them

Counts = tuple[int, ...]  # ratings by LEVELS, and how many of them are good
_LEVELS = slice(len(LEVELS))


class ClosedPart(NamedTuple):
    """A window of the place. figures: None below ENOUGH, or where they could be computed for
    others below it.
    """

    hall: str
    window: str
    name: str
    figures: Figures | None


class ClosedReport(NamedTuple):
    """A closed month of a hall or an institution. whole: None below ENOUGH. frozen_at_ms: when
    the newest part of it was frozen; None if there is none. policy: of the place in that month.
    """

    first: date
    last: date
    whole: Figures | None
    parts: list[ClosedPart]
    frozen_at_ms: int | None
    policy: Policy


class ClosedMonths:
    """Reads closed months, and freezes them when somebody looks for the first time."""

    def __init__(self, database: Database, judge: Judge, now_ms: Callable[[], int]) -> None:
        self._database = database
        self._judge = judge
        self._now_ms = now_ms

    def months(self, sight: Sight) -> list[date]:
        """The first days of the months that are closed for a hall or an institution, the newest
        first: the longest limit of the policies that judge its services is over, and none of those
        that have a limit waits. What was frozen stays closed.
        """
        now_ms = self._now_ms()
        firsts = [day(now_ms).replace(day=1)]
        while len(firsts) <= _WAITED_FOR + MONTHS:
            firsts.append((firsts[-1] - timedelta(days=1)).replace(day=1))
        months = {tallies.month_of(tallies.number_of(first)): first for first in firsts[1:]}
        waited_for = list(months)[:_WAITED_FOR]
        with self._database.read() as connection:
            halls = {sight.place.id}
            if sight.place.kind != "hall":
                halls = halls_ever(connection, sight.place.id)
            at = self._judge.places_now(connection)
            profiles = standings.profiles(connection)
            rows = counters.versions(connection, profiles, waited_for, halls)
            frozen = closed_months.frozen(connection, waited_for, halls)
        still_open = {
            row.span
            for row in rows
            if (row.span, row.hall) not in frozen
            and (limit := at.version(row.profile, row.hall, row.policy_from).time.limit)
            and (row.waiting or now_ms < self._end_ms(months[row.span], limit.value))
        }
        least = timedelta(days=CLOSED_AFTER_DAYS)
        return [
            first
            for month, first in months.items()
            if month not in still_open and last_of(first) + least < day(now_ms)
        ][:MONTHS]

    def report(self, sight: Sight, first: date) -> ClosedReport:
        """The month that begins with this day, one of `months`, of a hall or an institution."""
        last = last_of(first)
        month = tallies.month_of(tallies.number_of(first))
        with self._database.read() as connection:
            days = tallies.number_of(first), tallies.number_of(last)
            if sight.place.kind == "hall":
                halls = {sight.place.id}
            else:
                now = owners_in(connection, halls_ever(connection, sight.place.id), *days)
                halls = {hall for (hall, _), owner in now.items() if owner == sight.place.id}
                halls |= closed_months.halls_of(connection, month, sight.place.id)
            held, owners, frozen_at_ms = _held(connection, month, halls)
            renewed = to_freeze(held, self._live(connection, first, halls))
            owners = {**owners_in(connection, halls, *days), **owners}
            names = _names(connection, halls, is_many=sight.place.kind != "hall")
            policy = self._policy(connection, sight, first)
        if renewed:
            with self._database.write() as connection:  # looked at anew: another one may have
                held, others, frozen_at_ms = _held(connection, month, halls)
                owners |= others
                renewed = to_freeze(held, self._live(connection, first, halls))
                if renewed:
                    frozen_at_ms = self._now_ms()
                    closed_months.freeze(connection, month, renewed, owners, frozen_at_ms)
        cells = {**held, **renewed}
        totals = {cell: sum(one[_LEVELS]) for cell, one in cells.items()}
        told, seen = told_and_seen(totals, owners)
        counted = cells
        if sight.place.kind != "hall":
            cells = {one: cells[one] for one in cells if owners.get(one) == sight.place.id}
            counted = {one: cells[one] for one in cells if one in told}
        is_whole = sum(totals[cell] for cell in counted) >= ENOUGH
        parts = [
            ClosedPart(*cell, name, _figures(cells[cell]) if cell in seen else None)
            for cell, (name, is_closed) in names.items()
            if cell in cells and (cell in seen or not is_closed)
        ]
        total = tuple(map(sum, zip(*counted.values(), strict=True)))
        whole = _figures(total) if is_whole else None
        return ClosedReport(first, last, whole, parts, frozen_at_ms, policy)

    def _end_ms(self, first: date, limit: Limit) -> int:
        """When a limit ends that begins with the last instant of a month."""
        last_ms = start_of(last_of(first) + timedelta(days=1)) - 1
        return self._judge.rules.calendar.end_ms(last_ms, limit).ms

    def _policy(self, connection: Connection, sight: Sight, first: date) -> Policy:
        at, day = self._judge.places_now(connection), tallies.number_of(first)
        if sight.place.kind == "hall":
            return at.policies_at(sight.place.id, None, day)[0]
        return at.default_policy(day)

    def _live(self, connection: Connection, first: date, halls: set[str]) -> dict[Cell, Counts]:
        """What is counted now, of all windows that these halls ever had; WHOLE_HALL: the rest."""
        at, day = self._judge.places_now(connection), tallies.number_of(first)
        month = [tallies.month_of(day)]
        cells = {
            (row.hall, row.window): _counts(NONE)
            for row in closed_months.windows_ever(connection, halls)
        }
        for hall in halls:
            profile = at.policies_at(hall, None, day)[0].profile
            found = counters.counts(connection, profile, month, "window", hall)
            of_windows = figures_by(found, lambda row: row.id, profile, at)
            cells |= {(hall, window): _counts(one) for window, one in of_windows.items()}
            found = counters.counts(connection, profile, month, "hall", hall)
            whole = _counts(figures_by(found, lambda row: row.hall, profile, at).get(hall, NONE))
            parts = [_counts(one) for one in of_windows.values()] or [_counts(NONE)]
            summed = map(sum, zip(*parts, strict=True))
            cells[hall, WHOLE_HALL] = tuple(a - b for a, b in zip(whole, summed, strict=True))
        return cells


def last_of(first: date) -> date:
    """The last day of the month that begins with this day."""
    return (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def to_freeze(held: Mapping[Cell, Counts], live: Mapping[Cell, Counts]) -> dict[Cell, Counts]:
    """What is to be frozen anew: all cells of a hall of which nothing is held, else those in which
    at least ENOUGH services have changed. One that was frozen with fewer, but some, stays: it is
    part of sums that have been seen.
    """
    known = {hall for hall, _ in held}
    found = {}
    for cell, counts in live.items():
        now, before = counts[_LEVELS], held.get(cell, (0,) * len(LEVELS))[_LEVELS]
        changes = [one - other for one, other in zip(now, before, strict=True)]
        more = sum(change for change in changes if change > 0)
        fewer = -sum(change for change in changes if change < 0)
        is_small = 0 < sum(before) < ENOUGH
        if cell[0] not in known or (max(more, fewer) >= ENOUGH and not is_small):
            found[cell] = counts
    return found


def visible(totals: Mapping[Cell, int]) -> tuple[bool, set[Cell]]:
    """Whether the sum may be seen, and which cells: none with fewer than ENOUGH ratings, and none
    that would leave fewer as the difference of the sum and all that is seen.
    """
    total = sum(totals.values())
    seen = sorted(
        (cell for cell, count in totals.items() if count >= ENOUGH and cell[1] != WHOLE_HALL),
        key=lambda cell: (totals[cell], cell),
    )
    while seen and 0 < total - sum(totals[cell] for cell in seen) < ENOUGH:
        seen.pop(0)
    return total >= ENOUGH, set(seen)


def told_and_seen(
    totals: Mapping[Cell, int], owners: Mapping[Cell, str]
) -> tuple[set[Cell], set[Cell]]:
    """Which cells are in sums that are told to their owners, and which are seen themselves.

    A hall's whole, the sums of those who have windows in it, and cells are told to different
    people who may put them together; so in each hall what no owner is told, and of each owner
    what is not seen, is nothing or at least ENOUGH. owners: of cells; empty where there is none.
    """
    halls: dict[str, dict[str, dict[Cell, int]]] = {}
    for cell, count in totals.items():
        of_hall = halls.setdefault(cell[0], {})
        of_hall.setdefault(owners.get(cell, ""), {})[cell] = count
    told: set[Cell] = set()
    seen: set[Cell] = set()
    for hall, groups in halls.items():
        sums = {(hall, f"of {owner}"): sum(one.values()) for owner, one in groups.items()}
        shown = visible(sums)[1]
        for owner, one in groups.items():
            if (hall, f"of {owner}") in shown:
                told |= one.keys()
                seen |= visible(one)[1]
    return told, seen


def _held(
    connection: Connection, month: int, halls: set[str]
) -> tuple[dict[Cell, Counts], dict[Cell, str], int | None]:
    """What is frozen of these halls, whose each cell is (empty: nobody's), and since when."""
    rows = closed_months.of_month(connection, month, halls)
    cells = {
        (row.hall, row.window): tuple(getattr(row, name) for name in closed_months.COUNTS)
        for row in rows
    }
    owners = {(row.hall, row.window): row.institution for row in rows}
    return cells, owners, max((row.frozen_at_ms for row in rows), default=None)


def _figures(counts: Counts) -> Figures:
    *levels, good = counts
    return Figures(dict(zip(LEVELS, levels, strict=True)), good, sum(levels))


def _counts(figures: Figures) -> Counts:
    return *(figures.counts[level] for level in LEVELS), figures.good


def _names(connection: Connection, halls: set[str], is_many: bool) -> dict[Cell, tuple[str, bool]]:
    """What people call each window, and whether it is no more; of several halls with the hall's
    name before it.
    """
    hall_names = {row.hall: row.name for row in places.halls(connection)} if is_many else {}
    rows = {(row.hall, row.window): row for row in closed_months.windows_ever(connection, halls)}
    names: dict[Cell, tuple[str, bool]] = {}
    for hall in sorted(halls):
        for window, name in in_order(
            (window, row.name) for (its_hall, window), row in rows.items() if its_hall == hall
        ).items():
            called = f"{hall_names[hall]} · {name}" if is_many else name
            names[hall, window] = called, rows[hall, window].is_closed
    return names
