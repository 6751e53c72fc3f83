"""Figures: counts per level and the good rate of the province, a hall, a window.

Pages and API read the same ones: what the judge has counted (central/ratings/judge.py), a
service once (一次一评), under its own day. 好评率 here is 主动评价好评率: the levels that the
place's policy calls good among all ratings that count; defaults stand beside it.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from central.figures.columns import Columns
from central.figures.key import WITHIN
from central.figures.shown import FigureSet, Unit, figure_set, more_sets
from central.ratings.judge import Judge, Lag
from central.ratings.period import Period
from central.ratings.places import Places
from central.rules.policy import Policy
from central.store import places
from central.store.judged import counters
from central.store.judged.facts import SURVEY
from central.store.tallies import day_of, number_of

LEVELS: tuple[int, ...] = (5, 4, 3, 2, 1)
_NUMBERS = re.compile(r"(\d+)", re.ASCII)
# From so many ratings on a rate is said. Below it, one rating more moves the rate by over five
# points, which is all that lies between the grades' 95 % and 100 %.
ENOUGH = 20


class Figures(NamedTuple):
    """counts: level -> ratings that count, for all five; good: those of good levels; total: all.
    defaults, unrated, waiting, excluded: services that stand so (RULES 6.1).
    """

    counts: dict[int, int]
    good: int
    total: int
    defaults: int = 0
    unrated: int = 0
    waiting: int = 0
    excluded: int = 0

    @property
    def good_rate_per_mille(self) -> int | None:
        """Rounded down, so that no limit looks reached that is not; None below ENOUGH."""
        return self.good * 1000 // self.total if self.total >= ENOUGH else None


class Part(NamedTuple):
    """A hall of the province or a window of a hall. profile: by which its figures are counted."""

    id: str
    name: str
    figures: Figures
    profile: str


class Report(NamedTuple):
    """whole: of the place asked for, named by `hall` and `window`, both empty for the province.

    parts: its halls or windows, in the order of their ids; none for a window. policy: by which the
    place is judged on the period's last day: that of all its halls, else the province's own; lag:
    what is not counted yet. sets: all figures that the profiles of the place show, a set for each
    of them. policies: of the province or a region, one for each profile of its halls.
    """

    hall: str
    hall_name: str
    window: str
    window_name: str
    whole: Figures
    parts: list[Part]
    policy: Policy
    lag: Lag
    sets: list[FigureSet]
    policies: Sequence[Policy] = ()


class FiguresReader:
    """Reads figures. judge: who counts, and knows which policies hold where. now_ms: the clock
    that says which day it is. columns: what of the days that are over is in memory.
    """

    def __init__(self, judge: Judge, now_ms: Callable[[], int], columns: Columns) -> None:
        self.judge = judge
        self.now_ms = now_ms
        self._columns = columns

    def report(
        self,
        connection: Connection,
        period: Period,
        hall: str | None,
        window: str | None,
        among: Collection[str] | None = None,
        region: str | None = None,
    ) -> Report | None:
        """The figures of a place; None if there is no such hall or window.

        hall: None for the province, or for those of its halls that are `among`, which are those of
        `region`. window: of that hall, None for all of it. Each hall's counts are those under its
        own profile, which is that of the period's last day; where it has several, the first.
        """
        today = day_of(self.now_ms())
        at = self.judge.places_now(connection)
        lag = self.judge.lag(connection)
        if hall is None:
            whole = Unit(None if region is None else f"{WITHIN}{region}")
            return self._province(connection, period, today, lag, among, whole)
        last = _last_day(period, today)
        hall_name = self.judge.hall_names(connection, today).get(hall)
        if hall_name is None:
            return None
        known = at.windows(hall, today)
        known |= {one.window: one.name for one in places.windows(connection, hall)}
        names = in_order(known.items())
        if window is not None and window not in names:
            return None
        own = at.policies_at(hall, window, last)
        policy = own[0]
        spans = period.spans()
        unit = Unit(hall) if window is None else Unit(hall, "window", window)
        more = [figure_set(connection, at, one, period, unit) for one in own[1:]]
        profiles = [one.profile for one in own]
        more += more_sets(connection, at, period, unit, last, profiles)
        if window is not None:
            found = counters.counts(connection, policy.profile, spans, "window", hall, window)
            whole = figures_by(found, lambda one: one.id, policy.profile, at).get(window, NONE)
            sets = [figure_set(connection, at, policy, period, unit, found), *more]
            return Report(hall, hall_name, window, names[window], whole, [], policy, lag, sets)
        found = counters.counts(connection, policy.profile, spans, "hall", hall)
        whole = figures_by(found, lambda one: one.hall, policy.profile, at).get(hall, NONE)
        sets = [figure_set(connection, at, policy, period, unit, found), *more]
        of_windows: dict[str, tuple[Figures, str]] = {}
        for profile, ones in _grouped(
            (at.policies_at(hall, one, last)[0].profile, one) for one in names
        ).items():
            found = counters.counts(connection, profile, spans, "window", hall)
            figures = figures_by(found, lambda one: one.id, profile, at)
            of_windows |= {one: (figures.get(one, NONE), profile) for one in ones}
        parts = [Part(one, name, *of_windows[one]) for one, name in names.items()]
        return Report(hall, hall_name, "", "", whole, parts, policy, lag, sets)

    def sets(self, connection: Connection, period: Period, unit: Unit) -> list[FigureSet]:
        """The figures that the policies of a part of halls show, a set for each."""
        last = _last_day(period, day_of(self.now_ms()))
        at = self.judge.places_now(connection)
        own = (at.default_policy(last),)
        if unit.hall is not None:
            own = at.policies_at(unit.hall, None, last)
        found = [figure_set(connection, at, policy, period, unit) for policy in own]
        profiles = [policy.profile for policy in own]
        return found + more_sets(connection, at, period, unit, last, profiles)

    def _province(
        self,
        connection: Connection,
        period: Period,
        today: int,
        lag: Lag,
        among: Collection[str] | None,
        whole_unit: Unit,
    ) -> Report:
        at = self.judge.places_now(connection)
        names = in_order(self.judge.hall_names(connection, today).items())
        if among is not None:
            names = {hall: name for hall, name in names.items() if hall in among}
        of_halls: dict[str, tuple[Figures, str]] = {}
        spans, last = period.spans(), _last_day(period, today)
        default = at.default_policy(last)
        sets: dict[str, FigureSet] = {}
        own_policies = {hall: at.policies_at(hall, None, last)[0] for hall in names}
        for profile, halls in _grouped(
            (policy.profile, hall) for hall, policy in own_policies.items()
        ).items():
            found = self._columns.counts(connection, profile, spans)
            found = [one for one in found if one.hall in names]
            figures = figures_by(found, lambda one: one.hall, profile, at)
            of_halls |= {hall: (figures.get(hall, NONE), profile) for hall in halls}
            policy = at.policy(profile, last) or own_policies[halls[0]]
            sets[profile] = figure_set(connection, at, policy, period, whole_unit, found, among)
        policies = {one.profile: one for one in own_policies.values()}
        first = next(iter(policies.values())) if len(policies) == 1 else default
        own = sets.pop(first.profile, None)
        if own is None:
            none = [] if among is not None else None
            own = figure_set(connection, at, first, period, whole_unit, none, among)
        more: list[FigureSet] = []
        if among is None:  # else they are of all halls
            profiles = [first.profile, *sets]
            more = more_sets(connection, at, period, Unit(), last, profiles)
        parts = [Part(hall, name, *of_halls[hall]) for hall, name in names.items()]
        whole = _sum(figures for figures, _ in of_halls.values())
        every = [own, *sets.values(), *more]
        return Report("", "", "", "", whole, parts, first, lag, every, [*policies.values()])


def _last_day(period: Period, today: int) -> int:
    return today if period.last is None else min(number_of(period.last), today)


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for profile, name in pairs:
        found.setdefault(profile, []).append(name)
    return found


def figures_by(
    found: Iterable[Any], name_of: Callable[[Any], str], profile: str, places: Places
) -> dict[str, Figures]:
    """Rows of counts (central/store/judged/counters.py) as figures, by what each is of; what is
    good says the version of the profile that judged it. Forms about a unit or person are no
    ratings of a window (R16).
    """
    whats: defaultdict[str, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
    good: defaultdict[str, int] = defaultdict(int)
    for row in found:
        if row.mode != SURVEY:
            name = name_of(row)
            whats[name][row.what] += int(row.ratings)
            version = places.version(profile, row.hall, row.policy_from)
            is_good = row.what in {f"active-{level}" for level in version.levels.good.value}
            good[name] += int(row.ratings) * is_good
    figures = {}
    for name, counts in whats.items():
        active = {
            int(what.removeprefix("active-")): count
            for what, count in counts.items()
            if what.startswith("active-")
        }
        levels = {level: active.get(level, 0) for level in LEVELS}
        others = [
            _starting(counts, word) for word in ("default-", "unrated", "waiting", "excluded-")
        ]
        figures[name] = Figures(levels, good[name], sum(active.values()), *others)
    return figures


def _starting(counts: dict[str, int], word: str) -> int:
    return sum(count for what, count in counts.items() if what.startswith(word))


def shares(figures: Figures, good: Collection[int]) -> dict[int, int]:
    """Per mille of each level, rounded so that they add up to all, and those of the levels that
    are `good` to the good rate, which is rounded down. None of anything below ENOUGH.
    """
    rate = figures.good_rate_per_mille
    if rate is None:
        return {}
    groups = [(list(figures.counts), 1000)]
    if sum(figures.counts[level] for level in good) == figures.good:  # else several policies count
        others = [level for level in figures.counts if level not in good]
        groups = [([*good], rate), (others, 1000 - rate)]
    found = {}
    for levels, whole in groups:
        exact = {level: figures.counts[level] * 1000 / figures.total for level in levels}
        found |= {level: int(of) for level, of in exact.items()}
        left = whole - sum(found[level] for level in levels)
        for level in sorted(levels, key=lambda one: found[one] - exact[one])[:left]:
            found[level] += 1
    return found


def in_order(names: Iterable[tuple[str, str]]) -> dict[str, str]:
    """id -> name, numbers in ids as numbers: w2 before w10."""
    return dict(sorted(names, key=lambda pair: _natural(pair[0])))


def _natural(place: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in _NUMBERS.split(place)]


def _sum(all_figures: Iterable[Figures]) -> Figures:
    counts, rest = dict.fromkeys(LEVELS, 0), [0] * 6
    for figures in all_figures:
        for level, count in figures.counts.items():
            counts[level] += count
        rest = [one + other for one, other in zip(rest, figures[1:], strict=True)]
    return Figures(counts, *rest)


NONE = _sum(())
