"""What people told about themselves, as it is sealed."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from central.store import sql
from central.store.tables import metadata

_rater = metadata.tables["rater"]


def put(connection: Connection, rater_id: str, noted_ms: int, sealed: bytes, key: bytes) -> None:
    """Keep what was sealed under this id, in the place of what was there."""
    connection.execute(delete(_rater).where(_rater.c.id == rater_id))
    row = {"id": rater_id, "noted_ms": noted_ms, "sealed": sealed, "wrapped_key": key}
    connection.execute(insert(_rater), row)


def get(connection: Connection, rater_id: str) -> Any:
    """The row, or None."""
    return connection.execute(select(_rater).where(_rater.c.id == rater_id)).first()


def has_keys(connection: Connection) -> bool:
    """Whether anything is sealed and can be opened."""
    query = select(_rater.c.id).where(_rater.c.wrapped_key.is_not(None)).limit(1)
    return connection.execute(query).first() is not None


def erase(connection: Connection, rater_ids: Collection[str], now_ms: int) -> int:
    """Delete the keys of these; how many had one."""
    is_kept = _rater.c.wrapped_key.is_not(None)
    count = 0
    for start in range(0, len(ids := sorted(rater_ids)), sql.CHUNK):
        query = update(_rater).where(_rater.c.id.in_(ids[start : start + sql.CHUNK]), is_kept)
        count += connection.execute(query.values(wrapped_key=None, erased_ms=now_ms)).rowcount
    return count
