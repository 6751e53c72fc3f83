"""SQL as it is written, for what every batch asks: putting a statement together costs SQLAlchemy
more than the database takes to carry it out.

Written with ? for each value and for both databases; everything rarer is put together.
"""

import json
from collections.abc import Collection, Iterable, Iterator
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Connection, Integer, Table

CHUNK = 1000  # rows read at once
_INSERTS: dict[tuple[str, str, tuple[str, ...]], str] = {}  # (dialect, table, columns): statement


def run(connection: Connection, statement: str, values: Any = ()) -> Any:
    """Carry out a statement with a tuple of values, or once for each of a list of tuples."""
    mark = placeholder(connection)
    return connection.exec_driver_sql(statement.replace("?", mark), values)


def among(connection: Connection, values: Collection[Any]) -> tuple[str, tuple[Any, ...]]:
    """What stands behind a column that must be one of these, and its values.

    One array: the statement is the same for any number of them, so that it is prepared once.
    """
    if connection.dialect.name == "sqlite":
        return "IN (SELECT value FROM json_each(?))", (json.dumps([*values]),)
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

    A join with an array of keys, for the reason that `among` has: `(device, epoch, seq) IN (…)`
    makes SQLite read the whole table. CROSS, so that SQLite keeps this order.
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
            parts = ", ".join([f"json_extract(value, '$[{at}]')" for at in range(len(names))])
            listed = f"SELECT {parts} FROM json_each(?)"
            values = (json.dumps(chunk),)
        else:
            arrays = [[*column] for column in zip(*chunk, strict=True)]
            listed = f"SELECT * FROM unnest({_arrays_of(table, names)})"
            values = (*arrays, sorted({*arrays[0]}))
        yield from run(connection, f"WITH wanted ({columns}) AS ({listed}) {found}", values)


@cache
def _arrays_of(table: Table, names: tuple[str, ...]) -> str:
    """The places of arrays of the columns' values; without their types they would be anything."""
    return ", ".join([f"CAST(? AS {_kind(table.c[name].type)}[])" for name in names])


def _kind(column: Any) -> str:
    if isinstance(column, BigInteger):
        return "bigint"
    return "int" if isinstance(column, Integer) else "text"
