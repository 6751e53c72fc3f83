"""What was refused: the newest beginnings, of no device more than its part, and counts that are
never dropped.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.sqlite import insert

from gateway.store.tables import Table

_quarantine = Table.metadata.tables["quarantine"]
_refusal = Table.metadata.tables["refusal"]

_PARTS = 10


def put(connection: Connection, rows: Sequence[dict], kept: int) -> None:
    """Count the refusals, and keep the newest `kept` of them; of one device, or of all that are
    none of ours, at most a tenth, so that nobody drives out what others sent.
    """
    for row in rows:
        count(connection, row["device"], row["reason"], 1, row["received_at_ms"])
    if rows:
        connection.execute(insert(_quarantine), list(rows[-kept:]))
        ids = select(_quarantine.c.id).order_by(_quarantine.c.id.desc())
        oldest = ids.offset(kept).limit(1).scalar_subquery()
        connection.execute(delete(_quarantine).where(_quarantine.c.id <= oldest))
        for device in {row["device"] for row in rows}:
            is_its = _quarantine.c.device == device
            ids = select(_quarantine.c.id).where(is_its).order_by(_quarantine.c.id.desc())
            oldest = ids.offset(max(kept // _PARTS, 1)).limit(1).scalar_subquery()
            connection.execute(delete(_quarantine).where(is_its, _quarantine.c.id <= oldest))


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
