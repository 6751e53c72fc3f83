"""This database's own row: its name, the number of its newest document, how long it was run."""

from sqlalchemy import Connection, select, update

from gateway.store.tables import Table

_book = Table.metadata.tables["book"]


def next_number(connection: Connection) -> tuple[str, int]:
    """The book's name and the number of the document that is about to be put (BAT-8)."""
    connection.execute(update(_book).values(number=_book.c.number + 1))
    row = connection.execute(select(_book.c.name, _book.c.number)).one()
    return row.name, row.number


def ran_ms(connection: Connection) -> int:
    """How long gateways have run on it, as noted last."""
    return connection.execute(select(_book.c.ran_ms)).scalar_one()


def note_ran_ms(connection: Connection, ran_ms: int) -> None:
    """Note how long they have."""
    connection.execute(update(_book).values(ran_ms=ran_ms))
