"""SQL as it is written, for what every batch asks: putting a statement together costs SQLAlchemy
more than the database takes to carry it out.

Written with ? for each value and for both databases; everything rarer is put together.
"""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection


def run(connection: Connection, statement: str, values: Any = ()) -> Any:
    """Carry out a statement with a tuple of values, or once for each of a list of tuples."""
    mark = placeholder(connection)
    return connection.exec_driver_sql(statement.replace("?", mark), values)


def some(values: Collection[Any]) -> str:
    """The list of so many values behind IN; none is a list that nothing is in."""
    return f"({', '.join('?' * len(values)) or 'NULL'})"


def name(word: str) -> str:
    """A column's name; `window` is a word of PostgreSQL."""
    return f'"{word}"'


def for_update(connection: Connection) -> str:
    """The words that lock the rows; SQLite has one writer anyway."""
    return "" if connection.dialect.name == "sqlite" else " FOR UPDATE"


def placeholder(connection: Connection) -> str:
    """How the driver wants the place of a value marked."""
    return "?" if connection.dialect.paramstyle == "qmark" else "%s"
