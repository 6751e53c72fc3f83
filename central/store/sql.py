"""SQL as it is written, for what every batch asks: putting a statement together costs SQLAlchemy
more than the database takes to carry it out.

Written with ? for each value and for both databases; everything rarer is put together.
"""

import json
from collections.abc import Collection, Iterable, Iterator
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Connection, Integer, Table

Halls = str | Collection[str] | None  # a hall, some, or None for all
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


def is_one(column: Any, wanted: str | Collection[str]) -> Any:
    """Whether a column is this, or one of these."""
    return column == wanted if isinstance(wanted, str) else column.in_([*wanted])


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
    select: tuple[str, ...] = ("*",),
    only: str = "TRUE",
) -> Iterator[Any]:
    """The rows of these keys, each found by the primary key or an index, whose first columns
    `names` are. select: the columns wanted. only: the condition of a partial index. For tables
    that grow: PostgreSQL keeps a plan made while a table was empty, and `among` would then read
    it whole for ever.

    A join with the keys: `(device, epoch, seq) IN (…)` makes SQLite read the whole table. The same
    statement for any number of keys, so that it is prepared once.
    """
    wanted = sorted(keys)
    statement_of = _on_sqlite if connection.dialect.name == "sqlite" else _on_postgresql
    for start in range(0, len(wanted), CHUNK):
        keys = wanted[start : start + CHUNK]
        yield from run(connection, *statement_of(table, keys, names, select, only))


def _on_sqlite(
    table: Table,
    keys: list[tuple[Any, ...]],
    names: tuple[str, ...],
    select: tuple[str, ...],
    only: str,
) -> Any:
    """CROSS, so that it looks for each key, and does not read the table for keys."""
    is_it = " AND ".join([f"found.{one} = wanted.{one}" for one in names])
    parts = ", ".join([f"json_extract(value, '$[{at}]')" for at in range(len(names))])
    statement = (
        f"WITH wanted ({', '.join(names)}) AS (SELECT {parts} FROM json_each(?))"
        f" SELECT {_columns(select)} FROM wanted CROSS JOIN {name(table.name)} found"
        f" WHERE {is_it} AND {only}"
    )
    return statement, (json.dumps(keys),)


def _on_postgresql(
    table: Table,
    keys: list[tuple[Any, ...]],
    names: tuple[str, ...],
    select: tuple[str, ...],
    only: str,
) -> Any:
    """OFFSET 0, so that it looks for each key. Keys that begin alike name that once: of a table in
    partitions only theirs is then opened, and not each for the case that a key lies there.
    """
    arrays = [[*column] for column in zip(*keys, strict=True)]
    quoted = [name(one) for one in names]
    is_it = [f"it.{one} = wanted.{one}" for one in quoted]
    if len(names) > 1 and keys[0][0] == keys[-1][0]:  # they are sorted
        arrays[0] = keys[0][0]
        is_it[0] = f"it.{quoted[0]} = ?"
        names, quoted = names[1:], quoted[1:]
        arrays.append(arrays.pop(0))
    statement = (
        f"SELECT {_columns(select)} FROM"
        f" unnest({_arrays_of(table, names)}) wanted ({', '.join(quoted)}),"
        f" LATERAL (SELECT * FROM {name(table.name)} it"
        f" WHERE {' AND '.join(is_it)} AND {only} OFFSET 0) found"
    )
    return statement, tuple(arrays)


def _columns(select: tuple[str, ...]) -> str:
    return ", ".join(["found.*" if one == "*" else f"found.{name(one)}" for one in select])


@cache
def _arrays_of(table: Table, names: tuple[str, ...]) -> str:
    """The places of arrays of the columns' values; without their types they would be anything."""
    return ", ".join([f"CAST(? AS {_kind(table.c[name].type)}[])" for name in names])


def _kind(column: Any) -> str:
    if isinstance(column, BigInteger):
        return "bigint"
    return "int" if isinstance(column, Integer) else "text"
