"""Service documents, their books, and what halls said became of services."""

from collections.abc import Collection, Iterable, Iterator
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, func, select, tuple_

from central.store import sql
from central.store.judged.facts import DEVICE, RatingRow, Service, ServiceRow
from central.store.ledger import Key, Row
from central.store.tables import metadata


class Facts(NamedTuple):
    """What of a service document is compared with its ratings."""

    hall: str
    window: str
    service: str
    ticket_no: str
    staff_no: str | None


_document = metadata.tables["document"]
_awaited = metadata.tables["awaited"]
_book = metadata.tables["book"]
_progress = metadata.tables["progress"]

_ADD_AWAITED = (
    'INSERT INTO awaited (facts, hall, "window", device, epoch, seq, since_ms)'
    " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (facts, device, epoch, seq) DO NOTHING"
)
_SAVE_BOOK = (  # both databases know this form; SQLAlchemy has it for each of them apart only
    "INSERT INTO book (hall, book, highest, held, open_since_ms) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (hall, book) DO UPDATE SET highest = excluded.highest, held = excluded.held,"
    " open_since_ms = excluded.open_since_ms"
)
_FACTS = ("facts", *Facts._fields)


def add_documents(connection: Connection, values: list[dict[str, Any]]) -> None:
    """Insert service documents (columns of `document`)."""
    if values:
        rows = [tuple(one.values()) for one in values]
        sql.insert_many(connection, _document, tuple(values[0]), rows)


class BookRow(NamedTuple):
    """A row of `book` (central/store/tables/records.py)."""

    hall: str
    book: str
    highest: int
    held: int
    open_since_ms: int | None


def books(
    connection: Connection, wanted: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], BookRow]:
    """The books with these (hall, book) that are known."""
    found = sql.with_keys(connection, _book, wanted, ("hall", "book"))
    return {row[:2]: row for row in map(BookRow._make, found)}


def save_books(connection: Connection, changed: Iterable[BookRow]) -> None:
    """Insert or update books."""
    sql.run(connection, _SAVE_BOOK, [tuple(one) for one in changed])


def progress(
    connection: Connection, wanted: Iterable[tuple[str, str, str]]
) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """(hall, service, what) -> (at_ms, staff_no, projects, stored_at_ms, told_by) of what is
    known.
    """
    found = sql.with_keys(connection, _progress, wanted, ("hall", "service", "what"))
    return {row[:3]: row[3:] for row in found}


def add_progress(connection: Connection, new: list[tuple[Any, ...]]) -> None:
    """Insert progress: all columns."""
    if new:
        sql.insert_many(connection, _progress, tuple(_progress.c.keys()), new)


def numbers(
    connection: Connection, wanted: Iterable[tuple[str, str, int]]
) -> set[tuple[str, str, int]]:
    """Those of these (hall, book, number) of which a document is held."""
    columns = ("hall", "book", "number")
    rows = sql.with_keys(connection, _document, wanted, columns, select=columns)
    return {(row[0], row[1], row[2]) for row in rows}


def all_books(connection: Connection) -> list[set[Any]]:
    """Rows (hall, book, highest, held), as they are kept and as the documents have them."""
    kept = select(_book.c.hall, _book.c.book, _book.c.highest, _book.c.held)
    number = _document.c.number
    counted = select(
        *(_document.c.hall, _document.c.book),
        *(func.max(number), func.count(number.distinct())),
    ).group_by(_document.c.hall, _document.c.book)
    return [set(map(tuple, connection.execute(query))) for query in (kept, counted)]


def held(connection: Connection, hashes: Iterable[str]) -> set[str]:
    """Those of the service documents with these hashes that are there."""
    keys = {(name,) for name in hashes}
    return {row[0] for row in sql.with_keys(connection, _document, keys, ("facts",), ("facts",))}


def facts(connection: Connection, hashes: Iterable[str]) -> dict[str, Facts]:
    """facts -> what ratings are compared with, of the documents that are there."""
    keys = {(name,) for name in hashes}
    found = sql.with_keys(connection, _document, keys, ("facts",), _FACTS)
    return {row[0]: Facts._make(row[1:]) for row in found}


def await_documents(connection: Connection, ratings: list[Row], now_ms: int) -> None:
    """Note that the documents which these ratings name have not come."""
    values = [(row.facts, row.hall, row.window or "", *row.key, now_ms) for row in ratings]
    if values:
        sql.run(connection, _ADD_AWAITED, values)


def awaiting(connection: Connection, hashes: Iterable[str]) -> list[tuple[str, Key]]:
    """(hash, rating) for every rating that names one of these documents and awaits it."""
    names = set(hashes)
    if not names:
        return []
    among, wanted = sql.among(connection, names)
    query = f"SELECT facts, device, epoch, seq FROM awaited WHERE facts {among}"
    return [(row[0], tuple(row[1:])) for row in sql.run(connection, query, wanted)]


def all_documents(connection: Connection) -> Iterator[Any]:
    """Every row of `document`, by hash."""
    query = select(_document).order_by(_document.c.facts)
    return iter(connection.execution_options(yield_per=1000).execute(query))


def stop_awaiting(connection: Connection, hashes: set[str]) -> None:
    """These documents have come."""
    connection.execute(delete(_awaited).where(_awaited.c.facts.in_(hashes)))


def contents(connection: Connection, hashes: Iterable[str]) -> dict[str, tuple[bytes, int]]:
    """facts -> the exact bytes of the documents that are there, and when they were opened."""
    keys = {(name,) for name in hashes}
    names = ("facts", "bytes", "opened_at_ms")
    found = sql.with_keys(connection, _document, keys, ("facts",), names)
    return {row[0]: (bytes(row[1]), row[2]) for row in found}


def documents_after(connection: Connection, facts: str, limit: int) -> list[Any]:
    """Rows of `document` behind a hash, by hash; `content` is the bytes."""
    columns = [_document.c[name] for name in ("facts", "opened_at_ms", "stored_at_ms")]
    query = select(*columns, _document.c["bytes"].label("content"))
    query = query.where(_document.c.facts > facts).order_by(_document.c.facts).limit(limit)
    return list(connection.execute(query))


def progress_after(connection: Connection, place: list[Any], limit: int) -> list[Any]:
    """Rows of `progress` behind (hall, service, what), in that order."""
    columns = list(_progress.primary_key.columns)
    query = select(_progress).where(tuple_(*columns) > tuple_(*place))
    return list(connection.execute(query.order_by(*columns).limit(limit)))


# What is told of services by other ways than a hall's batches.
_TOLD = ("facts", "mode", "kind", "channel", "window", "staff_no", "project_no", "task_code")
_TOLD += ("part_of", "projects", "opened_at_ms", "due_day", "participant")
_PUT_TOLD = (  # completes what was only spoken of; a document, or what was told first, stays
    f"INSERT INTO service (hall, service, {', '.join([sql.name(one) for one in _TOLD])},"
    f" stored_at_ms) VALUES ({', '.join('?' * (len(_TOLD) + 3))})"
    " ON CONFLICT (hall, service) DO UPDATE SET "
    + ", ".join(
        [f"{one} = COALESCE(excluded.{one}, service.{one})" for one in map(sql.name, _TOLD)]
    )
    + " WHERE service.facts IS NULL"
)


def put_told(connection: Connection, told: Collection[ServiceRow]) -> None:
    """Note services as business systems tell them: `facts` is the hash of what was told."""
    values = [(*row[:2], *[getattr(row, one) for one in _TOLD], row.stored_at_ms) for row in told]
    if values:
        sql.run(connection, _PUT_TOLD, values)


def put_due_day(connection: Connection, service: Service, due_day: int) -> None:
    """Move the last day of the time promised (补正、延期)."""
    query = "UPDATE service SET due_day = ? WHERE hall = ? AND service = ?"
    sql.run(connection, query, (due_day, *service))


def ratings_by_id(connection: Connection, ids: Iterable[str]) -> dict[str, RatingRow]:
    """Those of these ratings that are known."""
    table = metadata.tables["rating"]
    found = sql.with_keys(connection, table, {(one,) for one in ids}, ("id",))
    return {row.id: row for row in map(RatingRow._make, found)}


def key_of_rating(row: RatingRow) -> Key | None:
    """The record that a rating's id names; None for a rating that no device signed."""
    parts = row.id.split(".")
    if row.origin != DEVICE or len(parts) != 3 or not (parts[1] + parts[2]).isdecimal():
        return None
    return parts[0], int(parts[1]), int(parts[2])


def add_decisions(connection: Connection, new: list[tuple[Any, ...]]) -> None:
    """Append decisions: (hall, service, rating, what, at_ms, noted_ms, who)."""
    names = ("hall", "service", "rating", "what", "at_ms", "noted_ms", "who")
    if new:
        sql.insert_many(connection, metadata.tables["decision"], names, new)
