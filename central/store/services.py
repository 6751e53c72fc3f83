"""Service documents, and which rating counts for a service."""

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import Connection, delete, insert, select, text, update

from central.attribution import Facts
from central.store.ledger import Key, Row, insert_many
from central.store.tables import metadata

_document = metadata.tables["document"]
_rated = metadata.tables["rated"]
_awaited = metadata.tables["awaited"]

_ADD_AWAITED = text(
    'INSERT INTO awaited (hash16, hall, "window", device, epoch, seq, since_ms)'
    " VALUES (:hash16, :hall, :window, :device, :epoch, :seq, :since_ms)"
    " ON CONFLICT (hash16) DO NOTHING"
)


def add_documents(connection: Connection, values: list[dict[str, Any]]) -> None:
    """Insert service documents (columns of `document`)."""
    if values:
        connection.execute(insert(_document), values)


def document_bytes(connection: Connection, hashes: Iterable[str]) -> dict[str, bytes]:
    """hash16 -> exact bytes of the service documents that are there."""
    query = select(_document.c.hash16, _document.c["bytes"]).where(
        _document.c.hash16.in_(list(hashes))
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def facts(connection: Connection, hashes: Iterable[str]) -> dict[str, Facts]:
    """hash16 -> what ratings are compared with, of the documents that are there."""
    columns = [_document.c[name] for name in ("hash16", *Facts._fields)]
    query = select(*columns).where(_document.c.hash16.in_(list(hashes)))
    return {row[0]: Facts._make(row[1:]) for row in connection.execute(query)}


def await_documents(connection: Connection, ratings: list[Row], now_ms: int) -> None:
    """Note that the documents which these ratings name have not come."""
    values = [
        {
            "hash16": row.facts,
            "hall": row.hall,
            "window": row.window or "",
            "device": row.device,
            "epoch": row.epoch,
            "seq": row.seq,
            "since_ms": now_ms,
        }
        for row in ratings
    ]
    if values:
        connection.execute(_ADD_AWAITED, values)


def awaited(connection: Connection, hashes: Iterable[str]) -> set[str]:
    """Those of the hashes whose documents have not come."""
    wanted = list(hashes)
    if not wanted:
        return set()
    query = select(_awaited.c.hash16).where(_awaited.c.hash16.in_(wanted))
    return set(connection.execute(query).scalars())


def all_documents(connection: Connection) -> Iterator[Any]:
    """Every row of `document`, by hash."""
    query = select(_document).order_by(_document.c.hash16)
    return iter(connection.execution_options(yield_per=1000).execute(query))


def stop_awaiting(connection: Connection, hashes: set[str]) -> None:
    """These documents have come."""
    connection.execute(delete(_awaited).where(_awaited.c.hash16.in_(hashes)))


def rated(
    connection: Connection, services: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], Key]:
    """(hall, service) -> the rating that counts for it."""
    by_hall: dict[str, list[str]] = {}
    for hall, service in sorted(services):
        by_hall.setdefault(hall, []).append(service)
    counted = {}
    for hall, names in by_hall.items():
        query = select(_rated).where(_rated.c.hall == hall, _rated.c.service.in_(names))
        for row in connection.execute(query):
            counted[hall, row.service] = (row.device, row.epoch, row.seq)
    return counted


def save_rated(
    connection: Connection, new: dict[tuple[str, str], Key], moved: dict[tuple[str, str], Key]
) -> None:
    """Note the ratings that count: `new` services are inserted, `moved` ones updated."""
    if new:
        names = [column.name for column in _rated.c]
        rows = [dict(zip(names, (*service, *key))) for service, key in new.items()]
        insert_many(connection, _rated, rows)
    for (hall, service), (device, epoch, seq) in moved.items():
        is_row = (_rated.c.hall == hall) & (_rated.c.service == service)
        change = update(_rated).where(is_row).values(device=device, epoch=epoch, seq=seq)
        connection.execute(change)
