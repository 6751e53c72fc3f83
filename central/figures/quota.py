"""What a tier's evaluation comes to: who took part, by which ways, over its own halls and with
those of the levels below it (新疆消防 第十一条、第十二条). Next: central/rules/quota.py.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from typing import Any, NamedTuple

from sqlalchemy import Connection

from central.ratings.period import Period
from central.ratings.places import Places
from central.rules.definitions import FIGURES, Share, grade_of, is_shown_twice, weighed
from central.rules.figure import Counts
from central.rules.policy import Policy
from central.rules.quota import SummaryRow, Ways, summary_row, ways
from central.store.judged import counters

_ACTIVE = "active-"


class Graded(NamedTuple):
    """An active good rate and its grade; None where the policy has none, or nobody rated."""

    with_excluded: bool
    rate: Share
    grade: str | None


class Evaluated(NamedTuple):
    """The ratings that count, of some halls, whatever their mode: those of forms, call-backs and
    third parties take part, too. known: distinct participants; unknown: ratings by nobody knows
    whom. ways: None where the policy wants no number of them. grades: of the active good rate, in
    which forms are not; a second one with the excluded ratings where no article excludes them.
    """

    halls: tuple[str, ...]
    known: int
    unknown: int
    ways: Ways | None
    row: SummaryRow
    grades: tuple[Graded, ...]


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
    by_level, by_origin, bad_items = Counter(), Counter(), Counter()
    sums: dict[tuple[str, str], tuple[int, int]] = {}
    of_halls = _rows(connection, policy, period, "hall", halls)
    for row in of_halls:
        ratings, projects = sums.get((row.mode, row.what), (0, 0))
        sums[row.mode, row.what] = ratings + int(row.ratings), projects + int(row.projects)
    for level, row in _active(of_halls):
        by_level[level] += int(row.ratings)
    for _, row in _active(_rows(connection, policy, period, "origin", halls)):
        by_origin[row.id] += int(row.ratings)
    for level, row in _active(_rows(connection, policy, period, "matter", halls)):
        bad_items[row.id] += int(row.ratings) if level in policy.levels.bad.value else 0
    spans = period.spans()
    known, theirs = counters.participants(connection, policy.profile, spans, halls)
    return Evaluated(
        tuple(halls),
        known,
        by_level.total() - theirs,
        ways(policy, by_origin),
        summary_row(policy, rated, known, by_origin, by_level, bad_items),
        tuple(_grades(policy, weighed(sums, policy))),
    )


def _grades(policy: Policy, counts: Counts) -> Iterator[Graded]:
    for with_excluded in (False, True)[: 1 + is_shown_twice(policy)]:
        rate = FIGURES["active_good_rate"].of(counts, policy, with_excluded)
        assert isinstance(rate, Share)
        yield Graded(with_excluded, rate, grade_of(rate, policy))


def _rows(
    connection: Connection, policy: Policy, period: Period, dim: str, halls: Collection[str]
) -> list[Any]:
    chosen = set(halls)
    alone = next(iter(chosen)) if len(chosen) == 1 else None
    rows = counters.counts(connection, policy.profile, period.spans(), dim, alone)
    return [row for row in rows if row.hall in chosen]


def _active(rows: Iterable[Any]) -> Iterator[tuple[int, Any]]:
    """Those of ratings that count, of all modes, with their level."""
    for row in rows:
        if row.what.startswith(_ACTIVE):
            yield int(row.what.removeprefix(_ACTIVE)), row
