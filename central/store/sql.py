"""SQL as it is written, for what every batch asks: putting a statement together costs SQLAlchemy
more than the database takes to carry it out.

Written with ? for each value and for both databases; everything rarer is put together.
"""

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from sqlalchemy import Connection, Table

CHUNK = 1000  # rows read at once
_INSERTS: dict[tuple[str, str, tuple[str, ...]], str] = {}  # (dialect, table, columns): statement


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


def insert_many(
    connection: Connection, table: Table, names: tuple[str, ...], rows: list[tuple[Any, ...]]
) -> None:
    """Insert rows with these columns, past SQLAlchemy's work for each single value."""
    known = (connection.dialect.name, table.name, names)
    if known not in _INSERTS:
        quote = connection.dialect.identifier_preparer.quote
        columns = ", ".join([quote(name) for name in names])
        marks = ", ".join([placeholder(connection)] * len(names))
        _INSERTS[known] = f"INSERT INTO {quote(table.name)} ({columns}) VALUES ({marks})"
    connection.exec_driver_sql(_INSERTS[known], rows)


def with_keys(
    connection: Connection,
    table: Table,
    keys: Iterable[tuple[Any, ...]],
    names: tuple[str, ...] = ("device", "epoch", "seq"),
) -> Iterator[Any]:
    """The rows of these keys, each found by the primary key, whose columns `names` are.

    A join with the keys as values: `(device, epoch, seq) IN (…)` makes SQLite read the whole
    table, and an OR of conditions costs SQLAlchemy more than the database. CROSS, so that SQLite
    keeps this order.
    """
    wanted = sorted(keys)
    columns = ", ".join(names)
    is_it = " AND ".join([f"found.{name} = wanted.{name}" for name in names])
    for start in range(0, len(wanted), CHUNK):
        some = wanted[start : start + CHUNK]
        values = ", ".join([f"({', '.join('?' * len(names))})"] * len(some))
        statement = (
            f"WITH wanted ({columns}) AS (VALUES {values}) "
            f"SELECT found.* FROM wanted CROSS JOIN {table.name} found WHERE {is_it}"
        )
        flat = tuple([part for key in some for part in key])
        yield from run(connection, statement, flat)
