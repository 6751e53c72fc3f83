"""Closed months: all that those see who are rated, a hall and an institution (RULES 7).

They know who was served when. So they see no days and no free spans, no level of fewer than 20
ratings, and a month only when it is over and what may still be rated has been; then it is frozen,
or a rating that arrives late would show as the difference between two looks. Each window's month
is a cell; cells are frozen together, a hall at a time, and each is renewed only when at least 20
of its services have changed. Whoever reads, and for whom, sees sums of whole cells.
"""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import NamedTuple

from sqlalchemy import Connection

from central.directory.sight import Sight, windows_of
from central.figures.report import ENOUGH, LEVELS, Figures, in_order
from central.rules.profile import Profile
from central.store import closed_months, places, tallies
from central.store.closed_months import Cell
from central.store.database import Database
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
    the newest part of it was frozen; None if there is none.
    """

    first: date
    last: date
    whole: Figures | None
    parts: list[ClosedPart]
    frozen_at_ms: int | None


class ClosedMonths:
    """Reads closed months, and freezes them when somebody looks for the first time."""

    def __init__(self, database: Database, profile: Profile, now_ms: Callable[[], int]) -> None:
        self._database = database
        self._profile = profile
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
            if sight.place.kind == "hall":
                halls, chosen = {sight.place.id}, None
            else:
                days = tallies.number_of(first), tallies.number_of(last)
                chosen = windows_of(connection, sight.place.id, *days)
                halls = {hall for hall, _ in chosen}
            held, frozen_at_ms = _held(connection, month, halls)
            renewed = to_freeze(held, _live(connection, month, halls))
            names = _names(connection, halls, is_many=chosen is not None)
        if renewed:
            with self._database.write() as connection:  # looked at anew: another one may have
                held, frozen_at_ms = _held(connection, month, halls)
                renewed = to_freeze(held, _live(connection, month, halls))
                if renewed:
                    frozen_at_ms = self._now_ms()
                    closed_months.freeze(connection, month, renewed, frozen_at_ms)
        cells = {**held, **renewed}
        if chosen is not None:
            cells = {cell: levels for cell, levels in cells.items() if cell in chosen}
        is_whole, seen = visible({cell: sum(levels) for cell, levels in cells.items()})
        parts = [
            ClosedPart(*cell, name, self._figures(cells[cell]) if cell in seen else None)
            for cell, (name, is_closed) in names.items()
            if cell in cells and (cell in seen or not is_closed)
        ]
        total = tuple(map(sum, zip(*cells.values(), strict=True)))
        whole = self._figures(total) if is_whole else None
        return ClosedReport(first, last, whole, parts, frozen_at_ms)

    def _figures(self, levels: Levels) -> Figures:
        counts = dict(zip(LEVELS, levels, strict=True))
        good = sum(counts[level] for level in self._profile.good_levels.value)
        return Figures(counts, good, sum(levels))


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


def _held(
    connection: Connection, month: int, halls: set[str]
) -> tuple[dict[Cell, Levels], int | None]:
    rows = closed_months.of_month(connection, month, halls)
    cells = {
        (row.hall, row.window): tuple(getattr(row, name) for name in closed_months.LEVELS)
        for row in rows
    }
    return cells, max((row.frozen_at_ms for row in rows), default=None)


def _live(connection: Connection, month: int, halls: set[str]) -> dict[Cell, Levels]:
    """What is counted now, of all windows that these halls ever had; WHOLE_HALL: the rest."""
    cells = {(hall, WHOLE_HALL): (0,) * len(LEVELS) for hall in halls}
    windows = closed_months.windows_ever(connection, halls)
    cells |= {(row.hall, row.window): (0,) * len(LEVELS) for row in windows}
    wanted = {window for _, window in cells}
    for row in tallies.counts(connection, [month], wanted, None):
        if row.hall in halls:
            levels = tuple(int(getattr(row, f"level_{level}")) for level in LEVELS)
            cells[row.hall, row.window] = levels
    for hall in halls:
        parts = [levels for cell, levels in cells.items() if cell[0] == hall and cell[1]]
        summed = map(sum, zip(*parts, strict=True)) if parts else (0,) * len(LEVELS)
        whole = cells[hall, WHOLE_HALL]
        cells[hall, WHOLE_HALL] = tuple(a - b for a, b in zip(whole, summed, strict=True))
    return cells


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
