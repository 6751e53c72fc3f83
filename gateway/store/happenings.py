"""What was so for a while, with devices and with the gateway itself."""

from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from gateway.store.tables import Table

_happening = Table.metadata.tables["happening"]


def begin(connection: Connection, device: str, what: str, now_ms: int, note: str) -> int:
    """It is so from now on; its id."""
    row = {"device": device, "what": what, "since_ms": now_ms, "note": note, "seen_by": ""}
    return connection.execute(
        insert(_happening).values(**row).returning(_happening.c.id)
    ).scalar_one()


def end(connection: Connection, id: int, now_ms: int) -> None:
    """It is so no more."""
    connection.execute(update(_happening).where(_happening.c.id == id).values(until_ms=now_ms))


def end_all(connection: Connection, until_ms: int) -> None:
    """Nobody has looked since then: whatever was so is known until then only."""
    is_later = _happening.c.since_ms > until_ms
    of_open = update(_happening).where(_happening.c.until_ms.is_(None))
    connection.execute(of_open.where(is_later).values(until_ms=_happening.c.since_ms))
    connection.execute(of_open.where(~is_later).values(until_ms=until_ms))


def newest(connection: Connection, device: str, limit: int) -> list[Any]:
    """The rows of a device, or of the gateway itself, the newest first."""
    query = select(_happening).where(_happening.c.device == device)
    return list(connection.execute(query.order_by(_happening.c.id.desc()).limit(limit)))


def standing(connection: Connection) -> list[Any]:
    """The rows of what is so now."""
    return list(connection.execute(select(_happening).where(_happening.c.until_ms.is_(None))))


def see(connection: Connection, id: int, now_ms: int, who: str) -> bool:
    """Note that somebody knows of what is so now; whether it is."""
    is_it = (_happening.c.id == id) & _happening.c.until_ms.is_(None)
    change = update(_happening).where(is_it).values(seen_ms=now_ms, seen_by=who)
    return connection.execute(change).rowcount > 0


def forget(connection: Connection, before_ms: int) -> None:
    """Drop what was over before then."""
    connection.execute(delete(_happening).where(_happening.c.until_ms < before_ms))
