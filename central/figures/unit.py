"""One unit: all its figures, its months one after the other, the reasons of its ratings."""

from typing import Any, NamedTuple

from central.figures.key import CountKey
from central.figures.shown import Counters, FigureSet, Unit, figure_set
from central.figures.table import Cell
from central.figures.units import Asked, Place, Units
from central.ratings.period import Period, name_of, named
from central.rules.calendar import day_of
from central.rules.definitions import FIGURES, Share, weighed
from central.rules.reasons import THEMES, level_of, text_of
from central.store.judged import counters

MONTHS = 13  # this month of last year is among them
_RATE = FIGURES["active_good_rate"]


class Month(NamedTuple):
    """A month of a unit: the active good rate, with its keys, and bad ratings."""

    name: str
    rate: Cell
    bad: Cell


class Reason(NamedTuple):
    """How often a reason was given. themes: what it is about, in both languages."""

    code: int
    text: str
    level: int
    themes: tuple[str, str]
    cell: Cell


class UnitReport(NamedTuple):
    """name, place: what people call the unit and where it is. months: the oldest first."""

    name: str
    place: str
    figures: FigureSet
    months: list[Month]
    reasons: list[Reason]


def unit_report(units: Units, asked: Asked, where: Place) -> UnitReport:
    """All of a unit of `asked.dimension`, in its period."""
    names = units.names(asked)
    unit = Unit(where[0], asked.dimension.dim, where[1])
    now = _total(units, asked, where, asked.period)
    rows = [_Row(mode, what, *both) for (mode, what), both in now.items()]
    figures = figure_set(units.connection, asked.policy, asked.period, unit, rows)
    mean = asked.policy.figures.mean
    if mean is not None and mean.value == "of_means" and asked.dimension.key != "staff":
        # That of a unit's own staff, which no counter of the unit knows.
        kept = tuple(one for one in figures.figures if one.figure.key != "score")
        figures = figures._replace(figures=kept)
    return UnitReport(
        *(names.name(where), names.place(where), figures),
        _months(units, asked, where),
        _reasons(units, asked, where, now),
    )


class _Row(NamedTuple):
    mode: str
    what: str
    ratings: int
    projects: int


def _halls(asked: Asked, where: Place) -> frozenset[str] | None:
    """The halls of a unit: of a region those in `asked`, as of an institution."""
    if asked.dimension.is_of_hall and asked.dimension.key != "region":
        return frozenset({where[0] or ""})
    return asked.halls


def _spans(units: Units, asked: Asked, where: Place, spans: list[int]) -> list[Any]:
    halls = _halls(asked, where)
    told = (asked.policy.profile, spans, asked.dimension.dim, halls, where[1])
    return counters.by_span(units.connection, *told)


def _total(units: Units, asked: Asked, where: Place, period: Period) -> Counters:
    found: Counters = {}
    for row in _spans(units, asked, where, period.spans()):
        before = found.get((row.mode, row.what), (0, 0))
        found[row.mode, row.what] = (before[0] + int(row.ratings), before[1] + int(row.projects))
    return found


def _months(units: Units, asked: Asked, where: Place) -> list[Month]:
    """The months up to the period's last one, from the first in which anything was counted."""
    last = asked.period.last
    today = day_of(asked.today)
    periods = [named(f"{today if last is None else min(last, today):%Y-%m}")]
    while len(periods) < MONTHS and (earlier := periods[-1].before()) is not None:
        periods.append(earlier)
    by_span: dict[int, Counters] = {}
    for row in _spans(units, asked, where, [one.spans()[0] for one in periods]):
        counts = by_span.setdefault(row.span, {})
        counts[row.mode, row.what] = (int(row.ratings), int(row.projects))
    policy = asked.policy
    bad = tuple(f"active-{level}" for level in policy.levels.bad.value)
    found = []
    for one in reversed(periods):
        counts = weighed(by_span.get(one.spans()[0], {}), policy)
        share = _RATE.of(counts, policy)
        assert isinstance(share, Share)
        if not share.den and not found:
            continue
        of = asked._replace(period=one)
        keys = [of.key(where, _RATE.modes, whats) for whats in _RATE.counters(policy)]
        number = sum(counts.get((mode, what), 0) for mode in _RATE.modes for what in bad)
        bad_cell = Cell(number, None, of.key(where, _RATE.modes, bad))
        found.append(Month(name_of(one) or "", Cell(share, None, *keys), bad_cell))
    return found


def _reasons(units: Units, asked: Asked, where: Place, now: Counters) -> list[Reason]:
    """Those given now or in the period before, the bad levels first, the most first."""
    earlier = asked.period.before()
    before = None if earlier is None else _total(units, asked, where, earlier)
    themes = {code: (theme.zh, theme.en) for theme in THEMES for code in theme.codes}
    every = {what for mode, what in (*now, *(before or ())) if mode in _RATE.modes}
    codes = [one for one in every if one.removeprefix("reason-").isdecimal()]
    found = []
    for what in codes:
        code = int(what.removeprefix("reason-"))
        number, was = _of(now, what), None if before is None else _of(before, what)
        key: CountKey = asked.key(where, _RATE.modes, (what,))
        told = (code, text_of(code), level_of(code), themes.get(code, ("", "")))
        found.append(((level_of(code), -number), Reason(*told, Cell(number, was, key))))
    found.sort(key=lambda pair: (pair[0], pair[1].code))
    return [reason for _, reason in found]


def _of(counts: Counters, what: str) -> int:
    return sum(counts.get((mode, what), (0, 0))[0] for mode in _RATE.modes)
