"""Which tables there are, and how one is asked for: by a page, by the API, for a spreadsheet."""

from collections.abc import Callable, Iterable, Iterator
from datetime import date, timedelta
from typing import NamedTuple

from sqlalchemy import Connection

from central.directory.sight import Sight
from central.figures.columns import Columns
from central.figures.key import WITHIN
from central.figures.tables import kinds, ranking
from central.figures.tables.kinds import Maker
from central.figures.tables.table import Table
from central.figures.tables.unit import UnitReport, unit_report
from central.figures.tables.units import DIMENSIONS, Asked, Units
from central.ratings.judge import Judge, Lag
from central.ratings.period import ALL, Period, last_days, name_of, named, names_at
from central.rules.policy import Policy
from central.store.judged import standings
from central.store.tallies import number_of
from hosting.clock import day

SPANS = ("month", "quarter", "half", "year")
_DAYS = {"today": 1, "7d": 7, "30d": 30}
_MOST_DAYS = 366
_MANY = 300  # halls to choose among
_WEEK, _MONTH, _YEAR = 8, 32, 366
_DIMS = ("window", "staff", "institution", "line", "matter")


class Kind(NamedTuple):
    """A kind of table. dimensions: of which units it may be."""

    key: str
    zh: str
    en: str
    make: Maker
    dimensions: tuple[str, ...]


_ALL = tuple(DIMENSIONS)
KINDS = {
    one.key: one
    for one in (
        Kind("rates", "各项指标", "Figures", kinds.rates, _ALL),
        Kind("reasons", "差评原因", "Reasons of bad ratings", kinds.reasons, _ALL),
        Kind("reason_levels", "各等级原因", "Reasons by level", kinds.reason_levels, _ALL),
        Kind("invitations", "提示评价", "Invitations", kinds.invitations, _ALL),
        Kind("watch", "重点名单", "Watch list", kinds.watch, _ALL),
        Kind("ranking", "排名", "Ranking", ranking.ranking, _ALL),
    )
}


class WrongQuestionError(ValueError):
    """A table that cannot be asked for so. field: which part of the question; the text says what
    to write.
    """

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


class Answer(NamedTuple):
    """A table, what it was asked for, and how far the judge is. profiles: by which else it could
    be asked for.
    """

    kind: Kind
    asked: Asked
    table: Table
    lag: Lag
    profiles: list[str]


class TablesReader:
    """Makes tables from one state of the database. now_ms: the clock that says which day it is.
    columns: what of the days and months that are over is in memory.
    """

    def __init__(self, judge: Judge, now_ms: Callable[[], int], columns: Columns) -> None:
        self.judge = judge
        self.now_ms = now_ms
        self.columns = columns

    def units(self, connection: Connection) -> Units:
        """What reads counters and names in this state of the database."""
        return Units(connection, self.judge, self.columns)

    def today(self) -> date:
        """The day in China."""
        return day(self.now_ms())

    def period(self, name: str, first: date | None = None, last: date | None = None) -> Period:
        """The days meant: from `first` to `last`, else those of a name: 2026-09, 2026Q3, 2026H2,
        2026; month, quarter, half, year: the one that is now; today, 7d, 30d, all; empty: the
        month. Raises WrongQuestionError.
        """
        if first is not None or last is not None:
            if first is None:
                raise WrongQuestionError("from", "from is needed with to")
            last = last or self.today()
            if last < first:
                raise WrongQuestionError("to", "to must not be before from")
            if (last - first).days >= _MOST_DAYS:
                raise WrongQuestionError("from", f"from and to may be {_MOST_DAYS} days apart")
            return Period(first, last)
        if name == "all":
            return ALL
        if name in _DAYS:
            return last_days(_DAYS[name], self.now_ms())
        name = names_at(self.today()).get(name or "month", name)
        try:
            return named(name)
        except ValueError as error:
            raise WrongQuestionError("period", f"{error}") from None

    def answer(
        self,
        connection: Connection,
        sight: Sight,
        kind: str,
        dimension: str,
        period: Period,
        profile: str = "",
        within: str = "",
    ) -> Answer:
        """A table. profile: empty for that of the place. within: a region or hall of the sight,
        empty for all of it. Raises WrongQuestionError.
        """
        if kind not in KINDS:
            raise WrongQuestionError("table", f"there are {', '.join(KINDS)}")
        if dimension not in KINDS[kind].dimensions:
            raise WrongQuestionError("dim", f"there are {', '.join(KINDS[kind].dimensions)}")
        units = self.units(connection)
        today = number_of(self.today())
        place, halls = self._halls(units, sight, within, today)
        policy = self._policy(units, profile, period, place, today)
        asked = Asked(DIMENSIONS[dimension], policy, period, place, halls, today)
        if dimension == "hour":
            _require_hall(asked)
        try:
            table = KINDS[kind].make(units, asked)
        except ValueError as error:
            raise WrongQuestionError("profile", f"{error}") from None
        profiles = [*dict.fromkeys([policy.profile, *standings.profiles(connection)])]
        lag = self.judge.lag(connection)
        return Answer(KINDS[kind], asked, table, lag, sorted(profiles))

    def unit(
        self,
        connection: Connection,
        sight: Sight,
        dimension: str,
        what: str,
        period: Period,
        profile: str = "",
    ) -> tuple[Asked, UnitReport]:
        """One unit; what: its id, of a window or a member of staff with its hall before it,
        demo/w1. Raises WrongQuestionError; `what` for one that is not there, or not seen.
        """
        if dimension not in DIMENSIONS or dimension == "hour":
            raise WrongQuestionError("dim", f"there are {', '.join(DIMENSIONS)}")
        units, kind = self.units(connection), DIMENSIONS[dimension]
        hall, _, thing = what.partition("/")
        within = hall if kind.is_of_hall else ""
        today = number_of(self.today())
        place, halls = self._halls(units, sight, within, today)
        policy = self._policy(units, profile, period, place, today)
        asked = Asked(kind, policy, period, place, halls, today)
        where = (place, what if not kind.is_of_hall else thing or None)
        if kind.is_of_hall and (kind.dim == "hall") == bool(thing):
            raise WrongQuestionError("what", f"no {dimension} is named {what}")
        found = unit_report(units, asked, where)
        is_unknown = found.name == (thing or what) and not found.months
        if is_unknown and kind.key not in ("hall", "platform", "region"):
            raise WrongQuestionError("what", f"no {dimension} is named {what}")
        return asked, found

    def worth_keeping(self, profiles: Iterable[str]) -> Iterator[tuple[str, str, list[int]]]:
        """(profile, dim, spans): what the pages of a year, of last month and of a week read of
        the days and months that are over, for `columns.keep`; each day and month first.
        """
        today = self.today()
        months = dict.fromkeys(f"{today - timedelta(days=28 * n):%Y%m}" for n in range(1, 27))
        near, far = [range(1, _WEEK), range(1, _MONTH)], range(_YEAR - _MONTH, _YEAR + _MONTH)
        periods = [self.period(name) for name in (*SPANS, *_DAYS)]
        both = [one for period in periods for one in (period, period.before()) if one is not None]
        for profile in profiles:
            for dim, days in (("hall", [*near[1], *far]), *((one, near[0]) for one in _DIMS)):
                spans = [number_of(today - timedelta(days=n)) for n in days]
                yield from ((profile, dim, [span]) for span in (*map(int, months), *spans))
                # Thirty days of every window are more than is worth it.
                asked = both if dim == "hall" else [one for one in both if len(one.spans()) < 13]
                yield from ((profile, dim, one.spans()) for one in asked)

    def profiles(self, connection: Connection) -> list[str]:
        """The profiles that anything was judged by."""
        return standings.profiles(connection)

    def around(self, connection: Connection, sight: Sight) -> list[tuple[str, str]]:
        """(id, name) of the regions, then the halls unless there are many, that a table may be
        narrowed to.
        """
        today = number_of(self.today())
        places = self.judge.places_now(connection)
        regions = places.named("region", today).items()
        halls = self.judge.hall_names(connection, today).items()
        found = [one for one in regions if sight.halls is None or one[0] in sight.regions]
        inside = [one for one in sorted(halls) if sight.sees_hall(one[0])]
        return found + inside if len(inside) <= _MANY else found

    def _halls(
        self, units: Units, sight: Sight, within: str, today: int
    ) -> tuple[str | None, frozenset[str] | None]:
        """How a count's key names the place, and its halls."""
        if not within:
            own = None if sight.halls is None else f"{WITHIN}{sight.place.id}"
            return own, sight.halls
        names = units.judge.hall_names(units.connection, today)
        if within in names:
            if not sight.sees_hall(within):
                raise WrongQuestionError("in", "no hall or region of this name is yours to see")
            return within, frozenset({within})
        inside = {hall for hall in names if within in units.places.regions(hall, today)}
        is_region = within in units.places.named("region", today)
        if not is_region or (sight.halls is not None and within not in sight.regions):
            raise WrongQuestionError("in", "no hall or region of this name is yours to see")
        return f"{WITHIN}{within}", frozenset(inside)

    def _policy(
        self, units: Units, profile: str, period: Period, place: str | None, today: int
    ) -> Policy:
        """The version of the period's last day, or of today if that is still to come."""
        last = today if period.last is None else min(number_of(period.last), today)
        if not profile:
            if place is not None and not place.startswith(WITHIN):
                return units.places.policies_at(place, None, last)[0]
            return units.places.default_policy(last)
        found = units.places.policy(profile, last)
        if found is None:
            raise WrongQuestionError(
                "profile", f"no version of a profile {profile} is in force on {last}"
            )
        return found


def _require_hall(asked: Asked) -> None:
    """Hours are read from services, not from counters: of one hall, and of bounded days."""
    if not asked.is_of_a_hall:
        raise WrongQuestionError("in", "hours are of one hall: name it")
    if asked.period.first is None:
        raise WrongQuestionError("period", f"hours are of at most {_MOST_DAYS} days")


def said(period: Period) -> str:
    """The days as they are written."""
    if period.first is None:
        return ""
    return name_of(period) or f"{period.first} – {period.last}"
