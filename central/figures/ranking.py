"""Rankings by the active good rate: N, and beside it what the rate would be with 20 ratings more
as good as the whole (RULES 7), so that few ratings make neither the best nor the worst; and who
was among the last again and again (R99: 连续排名靠后).
"""

from fractions import Fraction

from central.figures.report import ENOUGH
from central.figures.shown import Counters
from central.figures.table import Cell, Column, Row, Table
from central.figures.units import Asked, Place, Units, page_of
from central.ratings.period import Period
from central.rules.definitions import FIGURES, Share, weighed

PERIODS = 3  # looked at; no text says how often (S1 条16, S3 第二十九条)
_LAST = 10  # of a hundred are the last ones; no text says how many
_MILLION = 1_000_000
_RATE = FIGURES["active_good_rate"]


def ranking(units: Units, asked: Asked) -> Table:
    """The units with at least ENOUGH ratings, the worst first; ranks from the best on, equal rates
    alike. Rows of fewer have none. `low`: in how many of the last periods in a row, this one the
    first, it was among the last tenth.
    """
    policy = asked.policy
    whats = _RATE.counters(policy)
    wanted = {*whats[0], *whats[1]}
    periods: list[Period] = [asked.period]
    while len(periods) < PERIODS and (earlier := periods[-1].before()) is not None:
        periods.append(earlier)
    shares = [_shares(units.counts(asked, one, wanted), asked) for one in periods]
    whole = _RATE.of(weighed(units.whole(asked, asked.period, wanted), policy), policy)
    assert isinstance(whole, Share)
    ranks = [_ranks(one) for one in shares]
    lows = [_lowest(one) for one in ranks]
    names = units.names(asked)
    modes = _RATE.modes
    rows = []
    for where in dict.fromkeys(one for each in shares for one in each):
        share = shares[0].get(where, Share(0, 0))
        before = None if len(shares) < 2 else shares[1].get(where, Share(0, 0))
        keys = [asked.key(where, modes, one) for one in whats]
        low = next((n for n, each in enumerate(lows) if where not in each), len(lows))
        cells = (
            Cell(ranks[0].get(where), None if len(ranks) < 2 else ranks[1].get(where)),
            Cell(share, before, *keys),
            Cell(_shrunk(share, whole)),
            Cell(low),
        )
        rows.append(Row(*where, names.name(where), names.place(where), cells, page_of(where)))
    articles = tuple(dict.fromkeys(value and value.article for _, value in _RATE.sources(policy)))
    columns = (
        Column("rank", "名次", "Rank", "count", is_bad_high=True),
        Column(
            *("active_good_rate", _RATE.zh, _RATE.en, "share"),
            *(_RATE.meaning_zh, _RATE.meaning_en, articles, False),
        ),
        Column(
            *("shrunk", "折算好评率", "Adjusted", "rate"),
            f"另加 {ENOUGH} 份与全体相同的评价后的好评率，份数少的不致排在两端",
            f"the rate with {ENOUGH} ratings more that are as good as the whole",
            *((None,), False),
        ),
        Column(
            *("low", "连续靠后期数", "Low in a row", "count"),
            f"连续多少期排在最后 {_LAST}%（最多看 {len(periods)} 期；期数、比例原文未作规定）",
            f"in how many periods in a row among the last {_LAST} % (of {len(periods)} looked at; "
            "no text says how many)",
            *((None,), True),
        ),
    )
    cells = (Cell(None), Cell(whole), Cell(None), Cell(None))
    return Table(columns, rows, Row(asked.place, None, "", "", cells), "rank")


def _shares(counts: dict[Place, Counters], asked: Asked) -> dict[Place, Share]:
    found = {}
    for where, of in counts.items():
        share = _RATE.of(weighed(of, asked.policy), asked.policy)
        assert isinstance(share, Share)
        found[where] = share
    return found


def _ranks(shares: dict[Place, Share]) -> dict[Place, int]:
    """From 1, the best; of those with enough."""
    enough = {one: Fraction(*share) for one, share in shares.items() if share.den >= ENOUGH}
    first: dict[Fraction, int] = {}
    for number, rate in enumerate(sorted(enough.values(), reverse=True), start=1):
        first.setdefault(rate, number)
    return {one: first[rate] for one, rate in enough.items()}


def _lowest(ranks: dict[Place, int]) -> set[Place]:
    """The last tenth, at least one of two or more; those of the same rank with them."""
    if len(ranks) < 2:
        return set()
    order = sorted(ranks.values())
    bound = order[len(order) - max(1, len(order) * _LAST // 100)]
    return {one for one, rank in ranks.items() if rank >= bound and rank > 1}


def _shrunk(share: Share, whole: Share) -> Share | None:
    """(good + 20·p) / (n + 20), p the rate of the whole, in a million, rounded down."""
    if not share.den or not whole.den:
        return None
    found = (share.num + Fraction(ENOUGH * whole.num, whole.den)) / (share.den + ENOUGH)
    return Share(found.numerator * _MILLION // found.denominator, _MILLION)
