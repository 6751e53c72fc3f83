"""The figures that a place's policies show, each of a unit: two policies, two sets (RULES 7)."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection

from central.figures.key import MOST_WORDS, CountKey, region_of
from central.ratings.period import Period
from central.ratings.places import Places
from central.rules.combined import Part, Total, combined, showing, shown_by, total
from central.rules.definitions import Figure, Mean, Share, Shown, score_over, shown, weighed
from central.rules.policy import Policy
from central.rules.sections import Value
from central.store.judged import counters, standings

Counters = dict[tuple[str, str], tuple[int, int]]  # (mode, what): (services, projects)
Whats = tuple[str, ...]  # the counters that are added up
Words = tuple[Whats, Whats]  # for num, for den


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
    num_key, den_key: what opens into the services behind it; None where there is nothing to open,
    and where versions count other levels: then those of each version open its own.
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
    """The figures of a unit under one profile. policy: the newest version that judged anything in
    it. versions: where several did, what each of them adds, the newest first. total: of the rates
    by weights; None where none were set.
    """

    policy: Policy
    figures: tuple[FigureShown, ...]
    versions: tuple["FigureSet", ...] = ()
    total: Total | None = None


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
            found.append(figure_set(connection, places, policy, period, unit, rows))
    return found


def figure_set(
    connection: Connection,
    places: Places,
    policy: Policy,
    period: Period,
    unit: Unit,
    rows: list[Any] | None = None,
    halls: Collection[str] | None = None,
) -> FigureSet:
    """What a profile shows of a unit: each service counts by the version that judged it.

    policy: by which the place is judged, for what has no services. rows: the counts, if somebody
    has read them; halls: those in them, of a region.
    """
    rows = _counts(connection, policy, period, unit) if rows is None else rows
    parts = _parts(places, policy, rows)
    policies = [part.policy for part in parts]
    newest = policies[0]
    is_of_means = newest.figures.mean is not None and newest.figures.mean.value == "of_means"
    found = []
    for one in shown_by(policies, unit.kind):
        value = combined(one, parts, unit.kind)
        if one.figure.key == "score" and is_of_means and unit.dim == "hall":
            value = _score(connection, places, newest, period, unit, one, halls)
        assert value is not None
        those = showing(one.figure, policies, unit.kind)
        words = {
            each: one.figure.counters(each, one.with_excluded) if each in those else None
            for each in policies
        }
        keys = keys_of(newest.profile, period, unit, one.figure.modes, words)
        sources = {
            (key, source and (source.article, source.because)): (key, source)
            for each in those
            for key, source in one.figure.sources(each)
        }
        found.append(
            FigureShown(
                one.figure, one.with_excluded, value, keys[0], keys[1], tuple(sources.values())
            )
        )
    versions = ()
    if len(parts) > 1:
        versions = tuple(_of_version(part, policies, period, unit) for part in parts)
    rates = {one.figure.key: one.value for one in found if not one.with_excluded}
    return FigureSet(newest, tuple(found), versions, total(rates, newest))


def in_one_key(whats: Mapping[Policy, Whats | None]) -> tuple[Whats, int | None] | None:
    """The counters of the one key that counts what these versions add to a count, and the first
    day of the version if only one adds anything; where they add otherwise each word bears its
    version. None where no key does: two of different places begin on the same day. whats: None
    for a version that adds nothing.
    """
    adding = {policy: told for policy, told in whats.items() if told is not None}
    if len(adding) == len(whats) and len({frozenset(told) for told in adding.values()}) == 1:
        return next(iter(adding.values())), None
    days = [one.valid_from for one in whats]
    if not adding or any(days.count(policy.valid_from) > 1 for policy in adding):
        return None
    if len(adding) == 1:
        ((policy, told),) = adding.items()
        return told, policy.valid_from
    words = [f"{one}@{policy.valid_from}" for policy, told in adding.items() for one in told]
    return (tuple(words), None) if len(words) <= MOST_WORDS else None


def keys_of(
    profile: str,
    period: Period,
    unit: Unit,
    modes: tuple[str, ...],
    words: Mapping[Policy, Words | None],
) -> tuple[CountKey | None, CountKey | None]:
    """The keys of num and den of a figure to which these versions add; see `in_one_key`."""
    keys: list[CountKey | None] = []
    for one in (0, 1):
        found = in_one_key({policy: told and told[one] for policy, told in words.items()})
        whats, policy_from = found or ((), None)
        key = CountKey(profile, period, *unit, modes, whats, policy_from)
        keys.append(key if whats else None)
    return keys[0], keys[1]


def _of_version(part: Part, all_policies: list[Policy], period: Period, unit: Unit) -> FigureSet:
    """What one of several versions adds. Its keys are None where another one, of another place,
    begins on the same day.
    """
    policy, found = part.policy, []
    is_alone = sum(one.valid_from == policy.valid_from for one in all_policies) == 1
    for one in shown(policy, unit.kind):
        value = one.figure.of(part.counts, policy, one.with_excluded)
        words = one.figure.counters(policy, one.with_excluded)
        keys = [
            CountKey(policy.profile, period, *unit, one.figure.modes, whats, policy.valid_from)
            if is_alone and whats
            else None
            for whats in words
        ]
        found.append(
            FigureShown(
                one.figure, one.with_excluded, value, keys[0], keys[1], one.figure.sources(policy)
            )
        )
    return FigureSet(policy, tuple(found))


def _parts(places: Places, policy: Policy, rows: Iterable[Any]) -> list[Part]:
    """Counts by the version that judged them, the newest first; the policy alone if there are
    none.
    """
    by_version: dict[Policy, list[Any]] = {}
    for row in rows:
        version = places.version(policy.profile, row.hall, row.policy_from)
        by_version.setdefault(version, []).append(row)
    parts = [Part(each, weighed(_summed(ones), each)) for each, ones in by_version.items()]
    parts.sort(key=lambda part: (-part.policy.valid_from, part.policy.files))
    return parts or [Part(policy, {})]


def _score(
    connection: Connection,
    places: Places,
    policy: Policy,
    period: Period,
    unit: Unit,
    one: Shown,
    halls: Collection[str] | None,
) -> Mean:
    """The score of halls, as the mean of those of their staff."""
    of_staff: dict[tuple[str, str], list[Any]] = {}
    hall = None if region_of(unit.hall) is not None else unit.hall
    rows = _counts(connection, policy, period, Unit(hall, "staff"))
    for row in [row for row in rows if halls is None or row.hall in halls]:
        of_staff.setdefault((row.hall, row.id), []).append(row)
    scores = [combined(one, _parts(places, policy, rows)) for rows in of_staff.values()]
    return score_over((each for each in scores if isinstance(each, Mean)), policy)


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
