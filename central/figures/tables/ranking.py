"""Rankings by the active good rate: N, and beside it what the rate would be with 20 ratings more
as good as the whole (RULES 7), so that few ratings make neither the best nor the worst; and who
was among the last again and again, where the rules have such a list (R99: 连续排名靠后).
"""

from collections.abc import Collection, Mapping, Sequence
from fractions import Fraction

from central.figures.report import ENOUGH
from central.figures.tables.measures import Counted, Measure, Whole, in_use
from central.figures.tables.table import Cell, Column, Row, Table, Value, Where
from central.figures.tables.units import Asked, Parts, Units, page_of
from central.ratings.period import Period
from central.rules.definitions import FIGURES, Share
from central.rules.policy import Policy
from central.rules.ranking import last_of

_MILLION = 1_000_000
_RATE = FIGURES["active_good_rate"]


class _Ranked:
    """Makes the rows (table.Maker). rates: of this period and those before it."""

    def __init__(
        self, asked: Asked, counted: Counted, rates: Sequence[Mapping[Where, Share]], whole: Share
    ) -> None:
        low = asked.policy.figures.low
        self._counted, self._rates, self._whole = counted, rates, whole
        self._ranks = [_ranks(one) for one in rates[:2]]
        self._lows = [last_of(one, low.value.last) for one in rates] if low else []

    def value(self, where: Where, column: int) -> Value:
        """Of one column."""
        share = self._rates[0].get(where, Share(0, 0))
        if column == 0:
            return self._ranks[0].get(where)
        if column == 1:
            return share
        if column == 2:
            return _shrunk(share, self._whole)
        return next((n for n, each in enumerate(self._lows) if where not in each), len(self._lows))

    def load(self, wanted: Collection[Where]) -> None:
        """Read these rows."""
        self._counted.load(wanted)

    def cells(self, where: Where) -> tuple[Cell, ...]:
        """Of all columns."""
        now, was = (*(one.get(where) for one in self._ranks), None)[:2]
        more = [Cell(self.value(where, column)) for column in (2, 3)[: 2 if self._lows else 1]]
        return (Cell(now, was), *self._counted.cells(where), *more)


def ranking(units: Units, asked: Asked) -> Table:
    """The units with at least ENOUGH ratings, the worst first; ranks from the best on, equal rates
    alike. Rows of fewer have none. `low`: in how many of the last periods in a row, this one the
    first, it was among the last, as the policy says what that is.
    """
    ruled = asked.policy.figures.low
    many = 2 if ruled is None else ruled.value.periods
    periods: list[Period] = [asked.period]
    while len(periods) < many and (earlier := periods[-1].before()) is not None:
        periods.append(earlier)
    wholes = [units.whole(asked, one) for one in periods]
    policies = in_use(asked, [part for parts in wholes for part in parts])
    sources = [value for policy in policies for _, value in _RATE.sources(policy)]
    articles = tuple(dict.fromkeys(value and value.article for value in sources))
    column = Column(
        *("active_good_rate", _RATE.zh, _RATE.en, "share"),
        *(_RATE.meaning_zh, _RATE.meaning_en, articles, False),
    )
    rate = Measure(column, _RATE.counters, _RATE.modes)
    whats = {what for policy in policies for what in rate.whats(policy)}
    rates = [_shares(rate.values(units, asked, one, policies, whats)) for one in periods]
    earlier = periods[1] if len(periods) > 1 and wholes[1] else None
    counted = Counted(units, asked, [rate], policies, earlier)
    ranked = _Ranked(asked, counted, rates, _share(rate.value(wholes[0])))
    told = units.names(asked).told
    there = dict.fromkeys(one for each in rates for one in each)
    columns = (_RANK, column, _SHRUNK, *_low(asked.policy, len(periods)))
    whole = _Whole(asked, rate, wholes[0], len(columns))
    page = page_of(asked.dimension)
    return Table(
        columns,
        [Row(one, ranked, told, page) for one in there],
        Row((asked.place, None), whole, lambda _: ("", "")),
        "rank",
    )


class _Whole(Whole):
    """Makes the row of all units: their rate alone."""

    def __init__(self, asked: Asked, rate: Measure, parts: Parts, columns: int) -> None:
        super().__init__(asked, [rate], parts, None)
        self._width = columns

    def cells(self, where: Where) -> tuple[Cell, ...]:
        """Of all columns."""
        return (Cell(None), *super().cells(where), *[Cell(None)] * (self._width - 2))


_RANK = Column("rank", "名次", "Rank", "count", is_bad_high=True)
_SHRUNK = Column(
    *("shrunk", "折算好评率", "Adjusted", "rate"),
    f"另加 {ENOUGH} 条与全体相同的评价后的好评率，条数少的不致排在两端",
    f"the rate with {ENOUGH} ratings more that are as good as the whole",
    *((None,), False),
)


def _low(policy: Policy, periods: int) -> list[Column]:
    """The column of who is low again and again; none where the policy has no such list."""
    ruled = policy.figures.low
    if ruled is None:
        return []
    last = ruled.value.last
    return [
        Column(
            *("low", "连续靠后期数", "Low in a row", "count"),
            f"连续多少期排在最后 {last}%（最多看 {periods} 期）",
            f"in how many periods in a row among the last {last} % (of {periods} looked at)",
            *((ruled.article,), True),
        )
    ]


def _shares(values: Mapping[Where, Value]) -> dict[Where, Share]:
    return {where: _share(value) for where, value in values.items()}


def _share(value: Value) -> Share:
    assert isinstance(value, Share)
    return value


def _ranks(shares: Mapping[Where, Share]) -> dict[Where, int]:
    """From 1, the best; of those with enough."""
    enough = {one: Fraction(*share) for one, share in shares.items() if share.den >= ENOUGH}
    first: dict[Fraction, int] = {}
    for number, rate in enumerate(sorted(enough.values(), reverse=True), start=1):
        first.setdefault(rate, number)
    return {one: first[rate] for one, rate in enough.items()}


def _shrunk(share: Share, whole: Share) -> Share | None:
    """(good + 20·p) / (n + 20), p the rate of the whole, in a million, rounded down."""
    if not share.den or not whole.den:
        return None
    found = (share.num + Fraction(ENOUGH * whole.num, whole.den)) / (share.den + ENOUGH)
    return Share(found.numerator * _MILLION // found.denominator, _MILLION)
