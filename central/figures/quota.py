"""What a tier's evaluation comes to: who took part, by which ways, over its own halls and with
those of the levels below it (新疆消防 第十一条、第十二条). Next: central/rules/quota.py.
"""

from collections import Counter
from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import Connection

from central.ratings.period import Period
from central.ratings.places import Places
from central.rules.policy import Policy
from central.rules.quota import SummaryRow, Ways, summary_row, ways
from central.store.judged import counters

_ACTIVE = "active-"


class Evaluated(NamedTuple):
    """The ratings that count, of some halls, whatever their mode: those of forms, call-backs and
    third parties take part, too. known: distinct participants; unknown: ratings by nobody knows
    whom. ways: None where the policy wants no number of them.
    """

    halls: tuple[str, ...]
    known: int
    unknown: int
    ways: Ways | None
    row: SummaryRow


class Halls(NamedTuple):
    """The halls and platforms of a region: its own, and those of the regions below it."""

    own: tuple[str, ...]
    lower: tuple[str, ...]


def halls_of(places: Places, region: str, day: int) -> Halls:
    """Which lie in a region on a day."""
    above = {hall: places.regions(hall, day) for hall in places.halls(day)}
    own = sorted(hall for hall, regions in above.items() if regions[:1] == (region,))
    lower = sorted(hall for hall, regions in above.items() if region in regions[1:])
    return Halls(tuple(own), tuple(lower))


def evaluated(
    connection: Connection, policy: Policy, period: Period, halls: Collection[str], rated: str
) -> Evaluated:
    """What these halls' services under a policy come to. rated: who is rated, as the summary table
    names it.
    """
    spans = period.spans()
    levels = _active(connection, policy, spans, "hall", halls)
    origins = _active(connection, policy, spans, "origin", halls)
    matters = _active(connection, policy, spans, "matter", halls)
    by_level, by_origin, bad_items = Counter(), Counter(), Counter()
    for (_, level), count in levels.items():
        by_level[level] += count
    for (origin, _), count in origins.items():
        by_origin[origin] += count
    for (matter, level), count in matters.items():
        bad_items[matter] += count if level in policy.levels.bad.value else 0
    known, theirs = counters.participants(connection, policy.profile, spans, halls)
    unknown = sum(levels.values()) - theirs
    row = summary_row(policy, rated, known, by_origin, by_level, bad_items)
    return Evaluated(tuple(halls), known, unknown, ways(policy, by_origin), row)


def _active(
    connection: Connection, policy: Policy, spans: list[int], dim: str, halls: Collection[str]
) -> Counter[tuple[str, int]]:
    """(id, level): ratings that count, of all modes."""
    found: Counter[tuple[str, int]] = Counter()
    for row in counters.counts(connection, policy.profile, spans, dim):
        if row.hall in halls and row.what.startswith(_ACTIVE):
            found[row.id, int(row.what.removeprefix(_ACTIVE))] += int(row.ratings)
    return found
