"""What was refused: the newest beginnings, and counts that are never dropped."""

from collections.abc import Sequence

from sqlalchemy import Connection, delete, func, select
from sqlalchemy.dialects.sqlite import insert

from gateway.store.tables import Table

_quarantine = Table.metadata.tables["quarantine"]
_refusal = Table.metadata.tables["refusal"]


def put(connection: Connection, rows: Sequence[dict], kept: int) -> None:
    """Count the refusals, and keep the newest `kept` of them."""
    for row in rows:
        count(connection, row["device"], row["reason"], 1, row["received_at_ms"])
    if rows:
        connection.execute(insert(_quarantine), list(rows[-kept:]))
        newest = select(func.max(_quarantine.c.id)).scalar_subquery()
        connection.execute(delete(_quarantine).where(_quarantine.c.id <= newest - kept))


def count(connection: Connection, device: str, reason: str, times: int, at_ms: int) -> None:
    """Count so many refusals, if any, of which nothing is kept."""
    if not times:
        return
    row = {"device": device, "reason": reason, "count": times, "newest_at_ms": at_ms}
    statement = insert(_refusal).values(row)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=[_refusal.c.device, _refusal.c.reason],
            set_={
                "count": _refusal.c.count + statement.excluded.count,
                "newest_at_ms": statement.excluded.newest_at_ms,
            },
        )
    )


def counts(connection: Connection):
    """(device, reason, count, newest_at_ms) of everything that was ever refused."""
    return connection.execute(
        select(_refusal).order_by(_refusal.c.device, _refusal.c.reason)
    ).all()


def get(connection: Connection, row_id: int):
    """One refused payload's row, or None."""
    return connection.execute(select(_quarantine).where(_quarantine.c.id == row_id)).first()


def remove(connection: Connection, row_id: int) -> None:
    """It was taken in after all; the count of refusals stays."""
    connection.execute(delete(_quarantine).where(_quarantine.c.id == row_id))


def newest(connection: Connection, limit: int):
    """The newest refused payloads' rows, newest first."""
    query = select(_quarantine).order_by(_quarantine.c.id.desc()).limit(limit)
    return connection.execute(query).all()
