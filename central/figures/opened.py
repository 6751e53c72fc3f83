"""A count opens into the services that it counts: its key is the condition (RULES 7)."""

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import Connection

from central.figures.hours import hour_rows
from central.figures.key import CountKey
from central.ratings.places import Places
from central.ratings.settling import whats_of
from central.store.judged import counters, standings
from central.store.judged.standings import StandingRow
from central.store.tallies import number_of

Place = tuple[str, int, str]  # hall, day, service
START: Place = ("", 0, "")
_ALL_DAYS = (0, 99999999)


class Opened(NamedTuple):
    """A count opened for somebody. counts: (services, projects) by hall, of the halls that they
    may open; services: of the list.
    """

    counts: dict[str, tuple[int, int]]
    services: "list[Counted]"


class Counted(NamedTuple):
    """A service in a count, and how often it counts there: a second rating twice, a third …"""

    row: StandingRow
    times: int

    @property
    def place(self) -> Place:
        """Where it stands in the list."""
        return self.row.hall, self.row.day, self.row.service


def open_for(
    connection: Connection,
    places: Places,
    today: int,
    key: CountKey,
    divisions: Collection[str],
    after: Place,
    limit: int,
) -> Opened | None:
    """A count for the holder of services:read of these divisions; None for one of a hall that
    lies in none of them.
    """

    def may_open(hall: str) -> bool:
        return any(places.is_within(hall, one, today) for one in divisions)

    if key.hall is not None and key.region is None and not may_open(key.hall):
        return None
    counts = {
        hall: count
        for hall, count in count_of(connection, key).items()
        if may_open(hall) and (key.region is None or key.region in places.regions(hall, today))
    }
    return Opened(counts, open_count(connection, key, [*counts], after, limit))


def count_of(connection: Connection, key: CountKey) -> dict[str, tuple[int, int]]:
    """(services, projects) that the counters have, by hall; halls with nothing are left out. Of a
    region's key those of all halls: who asks knows which lie in it.
    """
    found: dict[str, tuple[int, int]] = {}
    spans = key.period.spans()
    hall = None if key.region is not None else key.hall
    if key.dim == "hour":
        every = hour_rows(connection, key.profile, key.period, key.hall or "")
        rows = [row for row in every if row.id == key.id]
    else:
        rows = counters.counts(connection, key.profile, spans, key.dim, hall, key.id or "")
    for row in rows:
        if row.mode in key.modes and key.has(row.what, row.policy_from):
            before = found.get(row.hall, (0, 0))
            found[row.hall] = (before[0] + int(row.ratings), before[1] + int(row.projects))
    return {hall: count for hall, count in sorted(found.items()) if any(count)}


def open_count(
    connection: Connection, key: CountKey, halls: list[str], after: Place, limit: int
) -> list[Counted]:
    """The services behind a count in these halls, at most `limit`, by hall, day and service.

    halls: in order, those that `count_of` named.
    """
    days = _ALL_DAYS
    if key.period.first is not None and key.period.last is not None:
        days = (number_of(key.period.first), number_of(key.period.last))
    found: list[Counted] = []
    for hall in halls:
        if hall < after[0] or len(found) >= limit:
            continue
        begin = after[1:] if hall == after[0] else START[1:]
        place = (key.profile, hall, key.dim, key.id)
        words = (key.modes, key.whats)
        most = limit - len(found)
        version = key.policy_from
        rows = standings.counting(connection, place, words, days, begin, most, version)
        found += [Counted(row, _times(row, key)) for row in rows]
    return found


def _times(row: StandingRow, key: CountKey) -> int:
    of_origin = f"{row.state}-{row.level}"
    return sum(
        n
        for what, n in whats_of(row)
        if key.has(what, row.policy_from) and (key.dim != "origin" or what in (of_origin, "named"))
    )
