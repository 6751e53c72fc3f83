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
from central.rules.combined import Part, combined, shown_by
from central.rules.definitions import Mean, Share, Shown, weighed
from central.rules.figure import Counts
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
    is valid from. hall: only this one's. Details of a place are tried on its halls alone.
    """
    last = month.replace(day=monthrange(month.year, month.month)[1])
    days = (number_of(month.replace(day=1) - _AROUND), number_of(last + _AROUND))
    wanted = month_of(number_of(last))
    settled_ms = standings.state(connection).settled_ms
    places = judge.places_now(connection)
    before: defaultdict[Policy, _Counters] = defaultdict(_counters)
    after_it = _counters()
    numbers, changed = [0, 0], 0
    halls = facts.halls(connection) if hall is None else [hall]
    if draft.base is not None:
        halls = [one for one in halls if places.lies_in(one, draft.place, number_of(last))]
    for one in halls:
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
                        _add(after_it if at else before[mine[0]], row)
                        numbers[at] += row.state != "out"
                changed += _differs(*rows)
    in_force = sorted(before, key=lambda each: each.valid_from)
    parts = [Part(each, _weighed(before[each], each)) for each in reversed(in_force)]
    lines = _lines(parts or [Part(draft, {})], [Part(draft, _weighed(after_it, draft))])
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


def _weighed(counters: _Counters, policy: Policy) -> Counts:
    return weighed({key: (one[0], one[1]) for key, one in counters.items()}, policy)


def _lines(before: list[Part], after: list[Part]) -> list[Line]:
    """The figures of both, each service by the version that judges it."""
    every = shown_by(part.policy for part in before + after)
    return [Line(one, combined(one, before), combined(one, after)) for one in every]
