"""The hall's document, and where its devices stood before."""

from sqlalchemy import Connection, delete, select
from sqlalchemy import insert as insert_one
from sqlalchemy.dialects.sqlite import insert

from gateway.store.tables import Table

_hall = Table.metadata.tables["hall"]
_stood = Table.metadata.tables["stood"]

_MOVES = 16  # of a device, that are kept


def get(connection: Connection):
    """The row of the hall's document, or None before the first one came."""
    return connection.execute(select(_hall)).first()


def put(connection: Connection, version: int, document: bytes, received_at_ms: int) -> None:
    """Replace the hall's document."""
    row = {"version": version, "document": document, "received_at_ms": received_at_ms}
    statement = insert(_hall).values(id=1, **row)
    connection.execute(statement.on_conflict_do_update(index_elements=[_hall.c.id], set_=row))


def moves(connection: Connection):
    """Rows (device, window, until_ms): where devices stood before, the oldest first."""
    return connection.execute(select(_stood).order_by(_stood.c.id)).all()


def note_move(connection: Connection, device: str, window: str | None, until_ms: int) -> None:
    """A device stood at a window until then; the newest moves of each are kept."""
    values = {"device": device, "window": window, "until_ms": until_ms}
    connection.execute(insert_one(_stood).values(values))
    is_it = _stood.c.device == device
    kept = select(_stood.c.id).where(is_it).order_by(_stood.c.id.desc()).limit(_MOVES)
    connection.execute(delete(_stood).where(is_it, _stood.c.id.not_in(kept.scalar_subquery())))
