"""All that is kept, row by row, to be written into a file and read back."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, LargeBinary, delete, func, insert, select

from central.store.tables import metadata

# What is exported; secrets of callers, and what was never taken in, stay here.
_EXPORTED = (
    *("hall", "window", "directory", "running", "device", "ending", "device_settings"),
    *("document", "progress", "book", "record", "conflict", "gap", "chain"),
    *("mark_tally", "mark_answer"),
    *("boot_clock", "centre_clock", "awaited", "head"),
    *(
        "service",
        "service_project",
        "common_project",
        "rating",
        "reasons",
        "decision",
        "touched",
        "standing",
        "moved_rating",
        "rating_case",
        "case_step",
        "spot_check",
    ),
    *("figure", "judged", "policy_use", "judge", "act", "act_head"),
)
_PEOPLE = ("token", "account", "rater")  # hashes, and what is sealed: to move a centre only
TABLES = [table for table in metadata.sorted_tables if table.name in _EXPORTED]
_OF_PEOPLE = [metadata.tables[name] for name in _PEOPLE]
_BY_NAME = {table.name: table for table in [*TABLES, *_OF_PEOPLE]}
_HIDDEN = {"password_hash": ""}


def all_rows(
    connection: Connection, with_hashes: bool = False
) -> Iterator[tuple[str, dict[str, Any]]]:
    """(table, columns) of everything that is kept, bytes as the text that they are. with_hashes:
    of callers' tokens, of accounts and of devices' passwords, too, and what is sealed.
    """
    hidden = {} if with_hashes else _HIDDEN
    for table in [*TABLES, *(_OF_PEOPLE if with_hashes else [])]:
        query = select(table).order_by(*table.primary_key.columns)
        for row in connection.execution_options(yield_per=1000).execute(query):
            values = dict(row._mapping)
            for name, value in values.items():
                if isinstance(value, bytes):
                    values[name] = value.decode("utf-8", "surrogateescape")
            yield (
                table.name,
                {**values, **{name: hidden[name] for name in hidden if name in values}},
            )


def first_held(connection: Connection) -> str | None:
    """A table that holds anything, callers and their tokens too; None in a new database."""
    for table in metadata.sorted_tables:
        if table.name != "judge" and connection.execute(select(table).limit(1)).first():
            return table.name
    return None


def add_rows(connection: Connection, name: str, rows: list[dict[str, Any]]) -> None:
    """Insert rows that `all_rows` gave. Raises KeyError for an unknown table or column."""
    table = _BY_NAME[name]
    for row in rows:
        for column in table.columns:
            if isinstance(column.type, LargeBinary) and row[column.name] is not None:
                row[column.name] = row[column.name].encode("utf-8", "surrogateescape")
    if name == "judge":  # a new database has one already
        connection.execute(delete(table))
    connection.execute(insert(table), rows)


def go_on(connection: Connection) -> None:
    """Let the next row that is numbered by the database have a number above those taken in."""
    if connection.dialect.name == "sqlite":
        return  # it looks itself
    for table in metadata.sorted_tables:
        for column in table.primary_key.columns:
            name = connection.exec_driver_sql(
                "SELECT pg_get_serial_sequence(%s, %s)", (f'"{table.name}"', column.name)
            ).scalar_one()
            if name is not None:
                newest = select(func.coalesce(func.max(column), 0) + 1).scalar_subquery()
                connection.execute(select(func.setval(name, newest, False)))


def without_password(connection: Connection) -> int:
    """How many devices that are not revoked have no hash of a password."""
    device = metadata.tables["device"]
    lacking = (device.c.password_hash == "") & device.c.revoked_at_ms.is_(None)
    return connection.execute(select(func.count()).where(lacking)).scalar_one()
