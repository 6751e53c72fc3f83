"""The figures that a place's policies show, each of a unit: two policies, two sets (RULES 7)."""

from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from sqlalchemy import Connection

from central.figures.key import CountKey, region_of
from central.ratings.period import Period
from central.ratings.places import Places
from central.rules.definitions import Figure, Mean, Share, score_over, shown, weighed
from central.rules.policy import Policy
from central.rules.sections import Value
from central.store.judged import counters, standings

Counters = dict[tuple[str, str], tuple[int, int]]  # (mode, what): (services, projects)


class Unit(NamedTuple):
    """Of what figures are. hall: None for all of the province, `@` and an id for a region. dim,
    id: a part of halls, `hall` and None for halls themselves.
    """

    hall: str | None = None
    dim: str = "hall"
    id: str | None = None

    @property
    def kind(self) -> str:
        """What a policy calls it."""
        is_one = self.hall is not None and region_of(self.hall) is None
        return "region" if not is_one and self.dim == "hall" else self.dim


class FigureShown(NamedTuple):
    """A figure of a unit. with_excluded: excluded ratings are counted as if they were not.
    num_key, den_key: what opens into the services behind it; None where there is nothing to open.
    sources: the keys of the policy that it stands on; None for one that no key names.
    """

    figure: Figure
    with_excluded: bool
    value: Share | Mean
    num_key: CountKey | None
    den_key: CountKey | None
    sources: tuple[tuple[str, Value[Any] | None], ...]

    @property
    def articles(self) -> list[str | None]:
        """What it stands on, each article once; None for this system's own agreement."""
        return list(dict.fromkeys(value.article if value else None for _, value in self.sources))


class FigureSet(NamedTuple):
    """The figures of a unit under one policy."""

    policy: Policy
    figures: tuple[FigureShown, ...]


def more_sets(
    connection: Connection,
    places: Places,
    period: Period,
    unit: Unit,
    today: int,
    known: Collection[str],
) -> list[FigureSet]:
    """The figures of a unit under all other profiles by which any of its services were judged: a
    window of it may have rules of its own (R46). known: the profiles whose sets are there.
    """
    found = []
    for profile in standings.profiles(connection):
        policy = None if profile in known else places.policy(profile, today)
        if policy is not None and (rows := _counts(connection, policy, period, unit)):
            found.append(figure_set(connection, policy, period, unit, rows))
    return found


def figure_set(
    connection: Connection,
    policy: Policy,
    period: Period,
    unit: Unit,
    rows: list[Any] | None = None,
) -> FigureSet:
    """What a policy shows of a unit. rows: its counts, if somebody has read them."""
    rows = _counts(connection, policy, period, unit) if rows is None else rows
    counts = weighed(_summed(rows), policy)
    found = []
    for figure, with_excluded in shown(policy, unit.kind):
        value = figure.of(counts, policy, with_excluded)
        is_of_means = policy.figures.mean is not None and policy.figures.mean.value == "of_means"
        if figure.key == "score" and is_of_means and unit.dim == "hall":
            value = _score(connection, policy, period, unit, figure, with_excluded)
        keys = [
            CountKey(policy.profile, period, *unit, figure.modes, whats) if whats else None
            for whats in figure.counters(policy, with_excluded)
        ]
        sources = figure.sources(policy)
        found.append(FigureShown(figure, with_excluded, value, keys[0], keys[1], sources))
    return FigureSet(policy, tuple(found))


def _score(
    connection: Connection,
    policy: Policy,
    period: Period,
    unit: Unit,
    figure: Figure,
    with_excluded: bool,
) -> Mean:
    """The score of halls, as the mean of those of their staff."""
    of_staff: dict[tuple[str, str], list[Any]] = {}
    for row in _counts(connection, policy, period, Unit(unit.hall, "staff")):
        of_staff.setdefault((row.hall, row.id), []).append(row)
    scores = [
        figure.of(weighed(_summed(rows), policy), policy, with_excluded)
        for rows in of_staff.values()
    ]
    return score_over((one for one in scores if isinstance(one, Mean)), policy)


def _counts(connection: Connection, policy: Policy, period: Period, unit: Unit) -> list[Any]:
    spans = period.spans()
    return counters.counts(connection, policy.profile, spans, unit.dim, unit.hall, unit.id)


def _summed(rows: Iterable[Any]) -> Counters:
    found: Counters = {}
    for row in rows:
        before = found.get((row.mode, row.what), (0, 0))
        counted = (before[0] + int(row.ratings), before[1] + int(row.projects))
        found[row.mode, row.what] = counted
    return found
