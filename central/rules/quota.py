"""How many took part in an evaluation, by how many ways, over which period, and its row of the
summary table (新疆消防 第十一条、第十二条, 附件3). Values in, values out.
"""

from calendar import monthrange
from collections.abc import Mapping
from datetime import date
from typing import Literal, NamedTuple, TypeVar, get_args

from central.rules.policy import Policy
from central.rules.sections import Tier, Value, Way

T = TypeVar("T")
Outcome = Literal["met", "not_met", "undecided"]
Kind = Literal["quarter", "half", "year"]
_MONTHS: dict[Kind, int] = {"quarter": 3, "half": 6, "year": 12}


class Participation(NamedTuple):
    """How many took part, of how many enforcement acts (执法量). known: distinct participants;
    unknown: ratings by nobody knows whom, each of which may be one more. percent: the least share.
    """

    known: int
    unknown: int
    volume: int
    percent: int

    @property
    def outcome(self) -> Outcome | None:
        """Is the quota met? Who is not known does not fill it (DOMAIN decision 17), so that it may
        be undecided; None where there was nothing to take part in.
        """
        if self.volume == 0:
            return None
        if self._is_enough(self.known):
            return "met"
        return "undecided" if self._is_enough(self.known + self.unknown) else "not_met"

    @property
    def missing(self) -> int:
        """How many more known participants it takes."""
        return max(-(-self.percent * self.volume // 100) - self.known, 0)

    def _is_enough(self, count: int) -> bool:
        return count * 100 >= self.percent * self.volume


class Ways(NamedTuple):
    """The ways by which ratings came that count. others: origins that are none of the text's ways;
    wanted: how many it takes.
    """

    used: tuple[Way, ...]
    others: tuple[str, ...]
    wanted: int

    @property
    def is_enough(self) -> bool:
        """Is the evaluation done by as many ways as it takes?"""
        return len(self.used) >= self.wanted


class Span(NamedTuple):
    """The days of a period, both included."""

    kind: Kind
    first: date
    last: date


class SummaryRow(NamedTuple):
    """A row of the summary table, exactly its columns (附件3): rated, who is rated; participants,
    known ones; ways; the ratings by group; bad_items, matters with bad ratings, the most of them
    first. Who began the evaluation, and when, stands at its head.
    """

    rated: str
    participants: int
    ways: tuple[Way, ...]
    good: int
    middle: int
    bad: int
    bad_items: tuple[tuple[str, int], ...]


def participation(
    policy: Policy, tier: str, known: int, unknown: int, volume: int
) -> Participation | None:
    """The quota of a tier (region, prefecture, county); None where the policy has none for it.

    volume: of the same services as the counts, the tier's own or with those below it.
    """
    percent = _of_tier(policy.quota.share, tier)
    return None if percent is None else Participation(known, unknown, volume, percent)


def ways(policy: Policy, ratings: Mapping[str, int]) -> Ways | None:
    """The ways in use; None where the policy wants no number of them. ratings: how many count, by
    origin.
    """
    if policy.quota.ways is None or policy.quota.origins is None:
        return None
    origins = {one for one, count in ratings.items() if count > 0}
    of_way = policy.quota.origins.value
    used = tuple(way for way in get_args(Way) if origins & {*of_way.get(way, ())})
    named = {origin for some in of_way.values() for origin in some}
    return Ways(used, tuple(sorted(origins - named)), policy.quota.ways.value)


def assessed(policy: Policy, tier: str, day: date) -> Span | None:
    """The period over which a tier is evaluated that a day is in; None where no text says how
    often.
    """
    kind = _of_tier(policy.quota.period, tier)
    if kind is None:
        return None
    months = _MONTHS[kind]
    first = (day.month - 1) // months * months + 1
    last = first + months - 1
    end = date(day.year, last, monthrange(day.year, last)[1])
    return Span(kind, date(day.year, first, 1), end)


def summary_row(
    policy: Policy,
    rated: str,
    participants: int,
    origins: Mapping[str, int],
    levels: Mapping[int, int],
    bad_items: Mapping[str, int],
) -> SummaryRow:
    """A row of the summary table, of ratings that count. levels: ratings by level; bad_items: bad
    ratings by matter.
    """
    groups = (policy.levels.good, policy.levels.middle, policy.levels.bad)
    good, middle, bad = (sum(levels.get(one, 0) for one in group.value) for group in groups)
    found = ways(policy, origins)
    items = sorted(((name, n) for name, n in bad_items.items() if n > 0), key=_most_first)
    used = found.used if found is not None else ()
    return SummaryRow(rated, participants, used, good, middle, bad, tuple(items))


def _of_tier(by_tier: Value[dict[Tier, T]] | None, tier: str) -> T | None:
    if by_tier is None:
        return None
    return next((one for name, one in by_tier.value.items() if name == tier), None)


def _most_first(item: tuple[str, int]) -> tuple[int, str]:
    return -item[1], item[0]
