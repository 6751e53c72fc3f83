"""A draft of a policy, tried on a month that was: its figures beside those in force. Nothing is
written.
"""

from calendar import monthrange
from collections import defaultdict
from datetime import date, timedelta
from typing import NamedTuple

from sqlalchemy import Connection

from central.ratings.dossier import gather
from central.ratings.judge import Judge
from central.ratings.settling import rated_at, settled, whats_of
from central.rules.definitions import Mean, Share, Shown, shown, weighed
from central.rules.policy import Policy
from central.store.judged import facts, standings
from central.store.judged.standings import StandingRow
from central.store.tallies import month_of, number_of

# A draft that begins its limits elsewhere moves a service to another day; so far, to be sure.
_AROUND = timedelta(days=100)

Value = Share | Mean
_Counters = defaultdict[tuple[str, str], list[int]]


class Line(NamedTuple):
    """A figure under the policy in force and under the draft; None where one does not show it."""

    shown: Shown
    before: Value | None
    after: Value | None


class Preview(NamedTuple):
    """services: of the month, in force and under the draft; changed: how many of all that were
    looked at stand otherwise. in_force: the versions that judged them.
    """

    in_force: list[Policy]
    services: tuple[int, int]
    changed: int
    lines: list[Line]


def preview(
    connection: Connection,
    judge: Judge,
    draft: Policy,
    profile: str,
    month: date,
    hall: str | None,
) -> Preview:
    """What the services of a month that `profile` judges would be under `draft`, whatever day it
    is valid from. hall: only this one's.
    """
    last = month.replace(day=monthrange(month.year, month.month)[1])
    days = (number_of(month.replace(day=1) - _AROUND), number_of(last + _AROUND))
    wanted = month_of(number_of(last))
    settled_ms = standings.state(connection).settled_ms
    places = judge.places_now(connection)
    counted: tuple[_Counters, _Counters] = (_counters(), _counters())
    numbers, changed, policies = [0, 0], 0, {}
    for one in facts.halls(connection) if hall is None else [hall]:
        after = (0, "")
        while found := standings.services_of_days(connection, profile, one, days, after):
            after = found[-1]
            services = [(one, service) for _, service in found]
            dossiers = gather(connection, services, places)
            for service in services:
                dossier = dossiers[service]
                rules = places.policies(dossier.row, rated_at(dossier))
                mine = [each for each in rules if each.profile == profile]
                rows: list[StandingRow | None] = []
                for at, those in enumerate((mine, [draft])):
                    told = settled(dossier, places, judge.rules.calendar, settled_ms, those)
                    row = told[0][0] if told else None
                    rows.append(row)
                    if row is not None and month_of(row.day) == wanted:
                        _add(counted[at], row)
                        numbers[at] += row.state != "out"
                        if at == 0:
                            policies[mine[0].sha256] = mine[0]
                changed += _differs(*rows)
    in_force = sorted(policies.values(), key=lambda each: each.valid_from)
    lines = _lines(in_force[-1] if in_force else draft, draft, counted)
    return Preview(in_force, (numbers[0], numbers[1]), changed, lines)


def _counters() -> _Counters:
    return defaultdict(lambda: [0, 0])


def _add(counters: _Counters, row: StandingRow) -> None:
    for what, n in whats_of(row):
        counters[row.mode, what][0] += n
        counters[row.mode, what][1] += n * row.projects


def _differs(before: StandingRow | None, after: StandingRow | None) -> bool:
    if before is None or after is None:
        return before is not after
    names = ("state", "level", "rating", "late", "second", "day")
    return any(getattr(before, name) != getattr(after, name) for name in names)


def _lines(before: Policy, draft: Policy, counted: tuple[_Counters, _Counters]) -> list[Line]:
    values: list[dict[tuple[str, bool], Value]] = []
    order: dict[tuple[str, bool], Shown] = {}
    for policy, counters in zip((before, draft), counted, strict=True):
        counts = weighed({key: (one[0], one[1]) for key, one in counters.items()}, policy)
        values.append({})
        for one in shown(policy):
            key = (one.figure.key, one.with_excluded)
            order.setdefault(key, one)
            values[-1][key] = one.figure.of(counts, policy, one.with_excluded)
    return [Line(one, values[0].get(key), values[1].get(key)) for key, one in order.items()]
