"""The hall's document."""

from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert

from gateway.store.tables import Table

_hall = Table.metadata.tables["hall"]


def get(connection: Connection):
    """The row of the hall's document, or None before the first one came."""
    return connection.execute(select(_hall)).first()


def put(connection: Connection, version: int, document: bytes, received_at_ms: int) -> None:
    """Replace the hall's document."""
    row = {"version": version, "document": document, "received_at_ms": received_at_ms}
    statement = insert(_hall).values(id=1, **row)
    connection.execute(statement.on_conflict_do_update(index_elements=[_hall.c.id], set_=row))
