"""Figures: counts per level and the good rate of the province, a hall, a window.

Pages and API read the same ones. 好评率 is the share of the levels that the region's profile calls
good among all ratings that count: one for each service (一次一评), whatever its marks, but none
that a device signed after it was revoked. The centre makes no default ratings yet, so every one of
them is an active rating (主动评价).
"""

import re
from collections.abc import Callable, Collection, Iterable
from typing import Any, NamedTuple

from sqlalchemy import Connection

from central.ratings.period import Period
from central.rules.profile import Profile
from central.store import places, tallies
from central.store.tallies import WHOLE_HALL

LEVELS: tuple[int, ...] = (5, 4, 3, 2, 1)
_NUMBERS = re.compile(r"(\d+)", re.ASCII)
# From so many ratings on a rate is said. Below it, one rating more moves the rate by over five
# points, which is all that lies between the grades' 95 % and 100 %.
ENOUGH = 20


class Figures(NamedTuple):
    """counts: level -> ratings, for all five; good: those of good levels; total: all."""

    counts: dict[int, int]
    good: int
    total: int

    @property
    def good_rate_per_mille(self) -> int | None:
        """Rounded down, so that no limit looks reached that is not; None below ENOUGH."""
        return self.good * 1000 // self.total if self.total >= ENOUGH else None


class Part(NamedTuple):
    """A hall of the province or a window of a hall."""

    id: str
    name: str
    figures: Figures


class Report(NamedTuple):
    """whole: of the place asked for, named by `hall` and `window`, both empty for the province.

    parts: its halls or windows, in the order of their ids; none for a window.
    """

    hall: str
    hall_name: str
    window: str
    window_name: str
    whole: Figures
    parts: list[Part]


class FiguresReader:
    """Reads figures by the rules of a profile. now_ms: the clock that says which day it is."""

    def __init__(self, profile: Profile, now_ms: Callable[[], int]) -> None:
        self.profile = profile
        self.now_ms = now_ms

    def report(
        self,
        connection: Connection,
        period: Period,
        hall: str | None,
        window: str | None,
        among: Collection[str] | None = None,
    ) -> Report | None:
        """The figures of a place; None if there is no such hall or window.

        hall: None for the province, or for those of its halls that are `among`. window: of that
        hall, None for all of it.
        """
        if hall is None:
            return self._province(connection, period, among)
        row = places.hall(connection, hall)
        if row is None:
            return None
        names = in_order((one.window, one.name) for one in places.windows(connection, hall))
        if window is not None and window not in names:
            return None
        wanted = [WHOLE_HALL, *names] if window is None else [window]
        found = tallies.counts(connection, period.spans(), wanted, hall)
        figures = self._figures((one.window, one) for one in found)
        whole = _of(figures, window or WHOLE_HALL)
        if window is not None:
            return Report(hall, row.name, window, names[window], whole, [])
        parts = [Part(one, name, _of(figures, one)) for one, name in names.items()]
        return Report(hall, row.name, "", "", whole, parts)

    def _province(
        self, connection: Connection, period: Period, among: Collection[str] | None
    ) -> Report:
        names = in_order((row.hall, row.name) for row in places.halls(connection))
        found = tallies.counts(connection, period.spans(), [WHOLE_HALL], None)
        if among is not None:
            names = {hall: name for hall, name in names.items() if hall in among}
            found = [one for one in found if one.hall in among]
        figures = self._figures((one.hall, one) for one in found)
        parts = [Part(hall, name, _of(figures, hall)) for hall, name in names.items()]
        whole = _sum(figures.values())
        return Report("", "", "", "", whole, parts)

    def _figures(self, found: Iterable[tuple[str, Any]]) -> dict[str, Figures]:
        good_levels = self.profile.good_levels.value
        figures = {}
        for name, row in found:
            levels = {level: int(getattr(row, f"level_{level}")) for level in LEVELS}
            good = sum(levels[one] for one in good_levels)
            figures[name] = Figures(levels, good, sum(levels.values()))
        return figures


def in_order(names: Iterable[tuple[str, str]]) -> dict[str, str]:
    """id -> name, numbers in ids as numbers: w2 before w10."""
    return dict(sorted(names, key=lambda pair: _natural(pair[0])))


def _natural(place: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in _NUMBERS.split(place)]


def _of(figures: dict[str, Figures], name: str) -> Figures:
    return figures.get(name) or _sum(())


def _sum(all_figures: Iterable[Figures]) -> Figures:
    counts, good, total = dict.fromkeys(LEVELS, 0), 0, 0
    for figures in all_figures:
        for level, count in figures.counts.items():
            counts[level] += count
        good, total = good + figures.good, total + figures.total
    return Figures(counts, good, total)
