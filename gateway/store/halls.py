"""The hall's document, and the callers that may use the API."""

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.sqlite import insert

from gateway.store.tables import Row

_hall = Row.metadata.tables["hall"]
_token = Row.metadata.tables["token"]


def get(tx: Connection):
    """The row of the hall's document, or None before the first one came."""
    return tx.execute(select(_hall)).first()


def put(tx: Connection, version: int, document: bytes, received_at_ms: int) -> None:
    """Replace the hall's document."""
    row = {"version": version, "document": document, "received_at_ms": received_at_ms}
    statement = insert(_hall).values(id=1, **row)
    tx.execute(statement.on_conflict_do_update(index_elements=[_hall.c.id], set_=row))


def tokens(tx: Connection):
    """(name, sha256) of every caller."""
    return tx.execute(select(_token.c.name, _token.c.sha256)).all()


def put_token(tx: Connection, name: str, sha256: bytes, now_ms: int) -> None:
    """A caller's token; a new one replaces the old one of that name."""
    tx.execute(delete(_token).where(_token.c.name == name))
    tx.execute(insert(_token).values(name=name, sha256=sha256, created_at_ms=now_ms))
