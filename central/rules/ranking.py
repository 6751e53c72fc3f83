"""Who is to be looked at: concentrated low ratings, and low ranks again and again (钦南
第二十九条, 福建 十六, 鄂州方案 二(三)3). Values in, values out; a person looks.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple, TypeVar

from central.rules.definitions import WINDOW_MODES, Share
from central.rules.figure import Counts
from central.rules.policy import Policy
from central.rules.sections import Watch

T = TypeVar("T")
ENOUGH = 20  # ratings from which on somebody is ranked (RULES 7)


class Watched(NamedTuple):
    """One of the watch list. share: of the ratings that count, those of the list's levels."""

    id: str
    share: Share


def watched(counts: Mapping[str, Counts], policy: Policy) -> list[Watched] | None:
    """Those where ratings of the levels that a policy watches are at least `share` percent and
    `least` in number, the largest share first, then the most of them; None where it has no watch
    list. counts: of each unit, `weighed`. Without ratings there is no share, and nothing to list.
    """
    if policy.figures.watch is None:
        return None
    watch = policy.figures.watch.value
    found = []
    for id, each in counts.items():
        share = _share(each, policy, watch.levels)
        if is_watched(share, watch):
            found.append(Watched(id, share))
    return sorted(found, key=lambda one: (-Fraction(*one.share), -one.share.num, one.id))


def is_watched(share: Share, watch: Watch) -> bool:
    """Is a unit's share of the watched levels large enough, and made of enough ratings of them?"""
    return share.num >= watch.least and share.is_at_least(watch.share)


def low_again(periods: Sequence[Mapping[str, Share]], policy: Policy) -> list[str] | None:
    """Who is among the last `figures.low` in each of so many last periods, by id; None where the
    policy has no such rule. periods: good rates by id, the newest last.

    Ranked is who has ENOUGH ratings. Where more are equal than the last places hold, none of them
    is low: nobody is named by the order of names.
    """
    if policy.figures.low is None:
        return None
    low = policy.figures.low.value
    if len(periods) < low.periods:
        return []
    last = [last_of(one, low.last) for one in periods[-low.periods :]]
    return sorted(set.intersection(*last))


def last_of(rates: Mapping[T, Share], percent: int) -> set[T]:
    """The last so many percent (up to 50) of those with ENOUGH ratings, at least one of two or
    more; see `low_again`.
    """
    ranked = {id: Fraction(*rate) for id, rate in rates.items() if rate.den >= ENOUGH}
    if len(ranked) < 2:
        return set()
    places = -(-percent * len(ranked) // 100)
    first_above = sorted(ranked.values())[places]
    return {id for id, rate in ranked.items() if rate < first_above}


def _share(counts: Counts, policy: Policy, levels: Sequence[int]) -> Share:
    grouped = (policy.levels.good, policy.levels.middle, policy.levels.bad)
    every = [level for group in grouped for level in group.value]
    num, den = (
        sum(counts.get((mode, f"active-{level}"), 0) for mode in WINDOW_MODES for level in some)
        for some in (levels, every)
    )
    return Share(num, den)
