"""Spot checks that were drawn, with their seeds; append-only."""

from typing import NamedTuple

from sqlalchemy import Connection

from central.store import sql
from central.store.tables import metadata

_check = metadata.tables["spot_check"]


class SpotCheck(NamedTuple):
    """A row of `spot_check` (central/store/tables/cases.py), its columns in their order."""

    id: str
    place: str
    first_day: int
    last_day: int
    percent: int
    seed: str
    of_cases: int
    sha256: str
    drawn: str
    actor: str
    at_ms: int


_NAMES = ", ".join(SpotCheck._fields)


def add(connection: Connection, made: SpotCheck) -> None:
    """Keep one."""
    sql.insert_many(connection, _check, SpotCheck._fields, [tuple(made)])


def newest(connection: Connection, place: str, most: int) -> list[SpotCheck]:
    """The last ones of a place."""
    query = f"SELECT {_NAMES} FROM spot_check WHERE place = ? ORDER BY at_ms DESC, id LIMIT ?"
    return [SpotCheck._make(row) for row in sql.run(connection, query, (place, most))]
