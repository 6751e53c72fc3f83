"""What was turned away: counted for ever, the newest kept with its first bytes."""

from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from central.store import sql, tallies
from central.store.sql import Halls
from central.store.tables import metadata

KEPT = 10_000  # rows; a flood of nonsense must not fill the disk
FIRST_BYTES = 256

_rejection = metadata.tables["rejection"]
_count = metadata.tables["rejection_count"]
_hall = metadata.tables["hall"]


def add(connection: Connection, rows: list[dict[str, Any]]) -> None:
    """Keep rejections (columns of `rejection` but id), count them, and drop the oldest."""
    if not rows:
        return
    connection.execute(insert(_rejection), rows)
    newest = connection.execute(select(func.max(_rejection.c.id))).scalar_one()
    connection.execute(delete(_rejection).where(_rejection.c.id <= newest - KEPT))
    counts: dict[tuple[str, str], int] = {}
    for row in rows:
        counts[row["hall"], row["reason"]] = counts.get((row["hall"], row["reason"]), 0) + 1
    for (hall, reason), count in sorted(counts.items()):
        _add_count(connection, hall, reason, count, rows[-1]["rejected_at_ms"])


def counts(connection: Connection, hall: Halls = None) -> list[Any]:
    """Rows (hall, reason, count, last_at_ms) of one hall or of all, by hall and reason."""
    query = select(_count).order_by(_count.c.hall, _count.c.reason)
    return list(connection.execute(_counts_of(hall, query)))


def newest_counts(
    connection: Connection,
    hall: Halls,
    reason: str | None,
    limit: int,
    closed: bool | None = None,
) -> list[Any]:
    """Rows (hall, reason, count, last_at_ms, hall_name), the newest first.

    hall, reason, closed: None for all of them.
    """
    query = select(*_count.c, _hall.c.name.label("hall_name"))
    query = query.join(_hall, _hall.c.hall == _count.c.hall)
    if reason is not None:
        query = query.where(_count.c.reason == reason)
    query = query.order_by(_count.c.last_at_ms.desc()).limit(limit)
    return list(connection.execute(_counts_of(hall, query, closed)))


def sums(connection: Connection, hall: Halls, closed: bool | None = None) -> list[Any]:
    """Rows (reason, count, places): how often one hall or all were told it, and how many were."""
    columns = _count.c
    query = select(
        columns.reason, func.sum(columns["count"]).label("count"), func.count().label("places")
    ).group_by(columns.reason)
    return list(connection.execute(_counts_of(hall, query, closed)))


def newest(connection: Connection, limit: int) -> list[Any]:
    """The newest rejections, newest first."""
    query = select(_rejection).order_by(_rejection.c.id.desc()).limit(limit)
    return list(connection.execute(query))


def _counts_of(hall: Halls, query: Any, closed: bool | None = None) -> Any:
    if closed is not None:
        found = tallies.is_closed(_count.c.reason, _count.c.hall, "", _count.c.last_at_ms)
        query = query.where(found if closed else ~found)
    return query if hall is None else query.where(sql.is_one(_count.c.hall, hall))


def _add_count(connection: Connection, hall: str, reason: str, count: int, at_ms: int) -> None:
    is_row = (_count.c.hall == hall) & (_count.c.reason == reason)
    change = update(_count).where(is_row)
    change = change.values(count=_count.c["count"] + count, last_at_ms=at_ms)
    if connection.execute(change).rowcount == 0:
        values = {"hall": hall, "reason": reason, "count": count, "last_at_ms": at_ms}
        connection.execute(insert(_count), values)
