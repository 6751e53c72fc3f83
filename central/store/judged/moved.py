"""Bad ratings that a word told afterwards took out of their place (central/ratings/moved.py)."""

from collections.abc import Collection, Iterable
from typing import NamedTuple

from sqlalchemy import Connection

from central.store import sql
from central.store.judged.facts import Service
from central.store.tables import metadata

_moved = metadata.tables["moved_rating"]


class MovedRating(NamedTuple):
    """A row of `moved_rating` (central/store/tables/services.py), its columns in their order."""

    hall: str
    service: str
    rating: str
    window: str | None
    became: str
    day_before: int
    day_now: int
    of_service: str
    what: str
    at_ms: int
    told_ms: int
    told_by: str | None
    noted_ms: int


def of(connection: Connection, services: Iterable[Service]) -> dict[Service, MovedRating]:
    """What was noted of these services."""
    found = sql.with_keys(connection, _moved, set(services), ("hall", "service"))
    return {row[:2]: row for row in map(MovedRating._make, found)}


def add(connection: Connection, rows: Collection[MovedRating]) -> list[MovedRating]:
    """Note these; those of services of which nothing was noted before."""
    if not rows:
        return []
    known = of(connection, {row[:2] for row in rows})
    new = {row[:2]: row for row in sorted(rows, reverse=True) if row[:2] not in known}
    if new:
        sql.insert_many(connection, _moved, MovedRating._fields, [*map(tuple, new.values())])
    return [*new.values()]
