"""Closed months: all that those see who are rated, a hall and an institution (RULES 7).

They know who was served when. So they see no days and no free spans, no level of fewer than 20
ratings, and a month only when it is over and what may still be rated has been; then it is frozen,
or a rating that arrives late would show as the difference between two looks. Each window's month
is a cell; cells are frozen together, a hall at a time, and each is renewed only when at least 20
of its services have changed. Whoever reads, and for whom, sees sums of whole cells, so chosen that
a hall's and its institutions' sums and cells put together tell of no fewer than 20.
"""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import NamedTuple

from sqlalchemy import Connection

from central.directory.sight import Sight, owners_in, windows_of
from central.figures.report import ENOUGH, LEVELS, NONE, Figures, figures_by, in_order
from central.ratings.judge import Judge
from central.rules.policy import Policy
from central.store import places, tallies
from central.store.database import Database
from central.store.judged import closed_months, counters
from central.store.judged.closed_months import Cell
from central.store.tallies import WHOLE_HALL
from hosting.clock import day

# No rule gives more time to rate than 7 natural days (S1, S2) or 5 working days (S3 第十七条),
# which the longest holidays make 14.
CLOSED_AFTER_DAYS = 15
MONTHS = 12  # that can be looked at

Levels = tuple[int, ...]  # ratings by LEVELS


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

    def months(self) -> list[date]:
        """The first days of the months that are closed, the newest first."""
        closed = day(self._now_ms()) - timedelta(days=CLOSED_AFTER_DAYS)
        found: list[date] = []
        first = closed.replace(day=1)
        while len(found) < MONTHS:
            first = (first - timedelta(days=1)).replace(day=1)
            found.append(first)
        return found

    def report(self, sight: Sight, first: date) -> ClosedReport:
        """The month that begins with this day, one of `months`, of a hall or an institution."""
        last = last_of(first)
        month = tallies.month_of(tallies.number_of(first))
        with self._database.read() as connection:
            days = tallies.number_of(first), tallies.number_of(last)
            if sight.place.kind == "hall":
                halls, chosen = {sight.place.id}, None
            else:
                chosen = windows_of(connection, sight.place.id, *days)
                halls = {hall for hall, _ in chosen}
            owners = owners_in(connection, halls, *days)
            held, frozen_at_ms = _held(connection, month, halls)
            renewed = to_freeze(held, self._live(connection, first, halls))
            names = _names(connection, halls, is_many=chosen is not None)
            policy = self._policy(connection, sight, first)
        if renewed:
            with self._database.write() as connection:  # looked at anew: another one may have
                held, frozen_at_ms = _held(connection, month, halls)
                renewed = to_freeze(held, self._live(connection, first, halls))
                if renewed:
                    frozen_at_ms = self._now_ms()
                    closed_months.freeze(connection, month, renewed, frozen_at_ms)
        cells = {**held, **renewed}
        totals = {cell: sum(levels) for cell, levels in cells.items()}
        told, seen = told_and_seen(totals, owners)
        names = {one: name for one, name in names.items() if chosen is None or one in chosen}
        counted = cells
        if chosen is not None:
            counted = {cell: cells[cell] for cell in cells if cell in chosen and cell in told}
        is_whole = sum(totals[cell] for cell in counted) >= ENOUGH
        parts = [
            ClosedPart(*cell, name, _figures(cells[cell], policy) if cell in seen else None)
            for cell, (name, is_closed) in names.items()
            if cell in cells and (cell in seen or not is_closed)
        ]
        total = tuple(map(sum, zip(*counted.values(), strict=True)))
        whole = _figures(total, policy) if is_whole else None
        return ClosedReport(first, last, whole, parts, frozen_at_ms, policy)

    def _policy(self, connection: Connection, sight: Sight, first: date) -> Policy:
        at, day = self._judge.places_now(connection), tallies.number_of(first)
        if sight.place.kind == "hall":
            return at.policies_at(sight.place.id, None, day)[0]
        return at.default_policy(day)

    def _live(self, connection: Connection, first: date, halls: set[str]) -> dict[Cell, Levels]:
        """What is counted now, of all windows that these halls ever had; WHOLE_HALL: the rest."""
        at, day = self._judge.places_now(connection), tallies.number_of(first)
        month = [tallies.month_of(day)]
        cells = {
            (row.hall, row.window): _levels(NONE)
            for row in closed_months.windows_ever(connection, halls)
        }
        for hall in halls:
            policy = at.policies_at(hall, None, day)[0]
            found = counters.counts(connection, policy.profile, month, "window", hall)
            of_windows = figures_by(found, lambda row: row.id, policy)
            cells |= {(hall, window): _levels(one) for window, one in of_windows.items()}
            found = counters.counts(connection, policy.profile, month, "hall", hall)
            whole = _levels(figures_by(found, lambda row: row.hall, policy).get(hall, NONE))
            parts = [_levels(one) for one in of_windows.values()] or [_levels(NONE)]
            summed = map(sum, zip(*parts, strict=True))
            cells[hall, WHOLE_HALL] = tuple(a - b for a, b in zip(whole, summed, strict=True))
        return cells


def last_of(first: date) -> date:
    """The last day of the month that begins with this day."""
    return (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def to_freeze(held: Mapping[Cell, Levels], live: Mapping[Cell, Levels]) -> dict[Cell, Levels]:
    """What is to be frozen anew: all cells of a hall of which nothing is held, else those in which
    at least ENOUGH services have changed. One that was frozen with fewer, but some, stays: it is
    part of sums that have been seen.
    """
    known = {hall for hall, _ in held}
    found = {}
    for cell, levels in live.items():
        before = held.get(cell, (0,) * len(LEVELS))
        changes = [one - other for one, other in zip(levels, before, strict=True)]
        more = sum(change for change in changes if change > 0)
        fewer = -sum(change for change in changes if change < 0)
        is_small = 0 < sum(before) < ENOUGH
        if cell[0] not in known or (max(more, fewer) >= ENOUGH and not is_small):
            found[cell] = levels
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
) -> tuple[dict[Cell, Levels], int | None]:
    rows = closed_months.of_month(connection, month, halls)
    cells = {
        (row.hall, row.window): tuple(getattr(row, name) for name in closed_months.LEVELS)
        for row in rows
    }
    return cells, max((row.frozen_at_ms for row in rows), default=None)


def _figures(levels: Levels, policy: Policy) -> Figures:
    counts = dict(zip(LEVELS, levels, strict=True))
    good = sum(counts.get(level, 0) for level in policy.levels.good.value)
    return Figures(counts, good, sum(levels))


def _levels(figures: Figures) -> Levels:
    return tuple(figures.counts[level] for level in LEVELS)


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
