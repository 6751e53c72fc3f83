"""One unit: all its figures, its months one after the other, the reasons of its ratings."""

from typing import Any, NamedTuple

from central.figures.shown import FigureSet, Unit, figure_set
from central.figures.tables.measures import Measure
from central.figures.tables.table import Cell, Column, Where
from central.figures.tables.units import Asked, Parts, Units
from central.ratings.period import name_of, named
from central.rules.calendar import day_of
from central.rules.definitions import FIGURES, Share
from central.rules.policy import Policy
from central.rules.reasons import THEMES, level_of, text_of

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


def unit_report(units: Units, asked: Asked, where: Where) -> UnitReport:
    """All of a unit of `asked.dimension`, in its period."""
    names = units.names(asked)
    unit = Unit(where[0], asked.dimension.dim, where[1])
    rows = units.rows_of(asked, where, asked.period.spans())
    figures = figure_set(
        *(units.connection, units.places, asked.policy, asked.period, unit, rows, asked.halls)
    )
    mean = figures.policy.figures.mean
    if mean is not None and mean.value == "of_means" and unit.dim not in ("hall", "staff"):
        # That of a unit's own staff, which no counter of the unit knows.
        kept = tuple(one for one in figures.figures if one.figure.key != "score")
        figures = figures._replace(figures=kept)
    return UnitReport(
        *(names.name(where), names.place(where), figures),
        _months(units, asked, where),
        _reasons(units, asked, where, units.parts(asked, rows)),
    )


def _months(units: Units, asked: Asked, where: Where) -> list[Month]:
    """The months up to the period's last one, from the first in which anything was counted."""
    last = asked.period.last
    today = day_of(asked.today)
    periods = [named(f"{today if last is None else min(last, today):%Y-%m}")]
    while len(periods) < MONTHS and (earlier := periods[-1].before()) is not None:
        periods.append(earlier)
    rows: dict[int, list[Any]] = {}
    for row in units.rows_of(asked, where, [one.spans()[0] for one in periods], {"span"}):
        rows.setdefault(row.span, []).append(row)
    rate = Measure(_column("share"), _RATE.counters, _RATE.modes)
    bad = Measure(_column("count"), lambda policy: (_bad(policy), ()), _RATE.modes)
    found = []
    for one in reversed(periods):
        parts = units.parts(asked, rows.get(one.spans()[0], []))
        cell = rate.cell(asked._replace(period=one), where, parts, None)
        assert isinstance(cell.value, Share)
        if not cell.value.den and not found:
            continue
        bad_cell = bad.cell(asked._replace(period=one), where, parts, None)
        found.append(Month(name_of(one) or "", cell, bad_cell))
    return found


def _bad(policy: Policy) -> tuple[str, ...]:
    return tuple(f"active-{level}" for level in policy.levels.bad.value)


def _column(kind: str) -> Column:
    return Column("", "", "", kind)


def _reasons(units: Units, asked: Asked, where: Where, now: Parts) -> list[Reason]:
    """Those given now or in the period before, the bad levels first, the most first."""
    earlier = asked.period.before()
    before: Parts | None = None
    if earlier is not None:
        before = units.parts(asked, units.rows_of(asked, where, earlier.spans()))
    themes = {code: (theme.zh, theme.en) for theme in THEMES for code in theme.codes}
    every = {
        what
        for part in (*now, *(before or ()))
        for mode, what in part.counts
        if mode in _RATE.modes and what.removeprefix("reason-").isdecimal()
    }
    found = []
    for what in every:
        code = int(what.removeprefix("reason-"))
        measure = Measure(_column("count"), lambda _, what=what: ((what,), ()), _RATE.modes)
        cell = measure.cell(asked, where, now, before)
        assert isinstance(cell.value, int)
        told = (code, text_of(code), level_of(code), themes.get(code, ("", "")))
        found.append(((level_of(code), -cell.value), Reason(*told, cell)))
    found.sort(key=lambda pair: (pair[0], pair[1].code))
    return [reason for _, reason in found]
