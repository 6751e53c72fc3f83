"""This database's own row: its name, the number of its newest document, how long it was run."""

import secrets
from typing import NamedTuple

from sqlalchemy import Connection, select, update

from gateway.store.tables import Table

_book = Table.metadata.tables["book"]


class Restored(NamedTuple):
    """When a database was restored from a copy, by the wall's clock and in running time."""

    at_ms: int
    ran_ms: int


def next_number(connection: Connection) -> tuple[str, int]:
    """The book's name and the number of the document that is about to be put (BAT-8)."""
    connection.execute(update(_book).values(number=_book.c.number + 1))
    row = connection.execute(select(_book.c.name, _book.c.number)).one()
    return row.name, row.number


def name(connection: Connection) -> str:
    """The book's name: another database has another one."""
    return connection.execute(select(_book.c.name)).scalar_one()


def ran_ms(connection: Connection) -> int:
    """How long gateways have run on it, as noted last."""
    return connection.execute(select(_book.c.ran_ms)).scalar_one()


def note_ran_ms(connection: Connection, ran_ms: int) -> None:
    """Note how long they have."""
    connection.execute(update(_book).values(ran_ms=ran_ms))


def begin_anew(connection: Connection, now_ms: int) -> None:
    """It was restored from a copy: another book, as the first one went on after that (BAT-8)."""
    values = {"name": secrets.token_hex(8), "number": 0, "restored_at_ms": now_ms}
    connection.execute(update(_book).values(**values, restored_ran_ms=_book.c.ran_ms))


def restored(connection: Connection) -> Restored | None:
    """When, while something that the copy lacks has not come; else None."""
    row = connection.execute(select(_book.c.restored_at_ms, _book.c.restored_ran_ms)).one()
    return None if row.restored_at_ms is None else Restored(*row)


def note_whole(connection: Connection) -> None:
    """All has come that the copy lacked."""
    connection.execute(update(_book).values(restored_at_ms=None, restored_ran_ms=None))
