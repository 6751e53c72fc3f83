"""SQL as it is written, for what every batch asks: putting a statement together costs SQLAlchemy
more than the database takes to carry it out.

Written with ? for each value and for both databases; everything rarer is put together.
"""

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql

CHUNK = 1000  # rows read at once
_WANTED = "wanted (device, epoch, last)"
_UNNESTED = "unnest(CAST(? AS text[]), CAST(? AS int[]), CAST(? AS int[]))"
_INSERTS: dict[tuple[str, str, tuple[str, ...]], str] = {}  # (dialect, table, columns): statement


def run(connection: Connection, statement: str, values: Any = ()) -> Any:
    """Carry out a statement with a tuple of values, or once for each of a list of tuples."""
    mark = placeholder(connection)
    return connection.exec_driver_sql(statement.replace("?", mark), values)


def among(connection: Connection, values: Collection[Any]) -> tuple[str, tuple[Any, ...]]:
    """What stands behind a column that must be one of these, and its values.

    On PostgreSQL an array: one statement for any number of them, so that it is prepared once.
    """
    if connection.dialect.name == "sqlite":
        return f"IN ({', '.join('?' * len(values)) or 'NULL'})", tuple(values)
    return "= ANY (?)", ([*values],)


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
    is_sqlite = connection.dialect.name == "sqlite"
    if not is_sqlite:  # the key's beginning once more: it then opens the partitions of these only
        is_it += f" AND found.{names[0]} = ANY (?)"
    found = f"SELECT found.* FROM wanted CROSS JOIN {table.name} found WHERE {is_it}"
    for start in range(0, len(wanted), CHUNK):
        chunk = wanted[start : start + CHUNK]
        if is_sqlite:
            row = f"({', '.join('?' * len(names))})"
            statement = f"WITH wanted ({columns}) AS (VALUES {', '.join([row] * len(chunk))}) "
            values = tuple([part for key in chunk for part in key])
        else:
            arrays = [[*column] for column in zip(*chunk, strict=True)]
            marks = ", ".join([_array_of(table, name) for name in names])
            statement = f"WITH wanted ({columns}) AS (SELECT * FROM unnest({marks})) "
            values = (*arrays, sorted({*arrays[0]}))
        yield from run(connection, statement + found, values)


def _array_of(table: Table, name: str) -> str:
    """The place of an array of a column's values; without its type it would be anything."""
    column = table.c[name].type
    kind = "text" if column.python_type is str else column.compile(postgresql.dialect())
    return f"CAST(? AS {kind}[])"
