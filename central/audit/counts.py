"""Service documents held against their hashes, and every count against what it counts."""

from collections import Counter
from collections.abc import Iterator

from sqlalchemy import Connection

from central.custody.marks import (
    CLONED_DEVICE,
    FORGED_RECEIPT,
    OLDER_HEAD,
    PROGRESS_DIFFERS,
    RATING_MOVED,
    REPLAYED,
    TWO_GATEWAYS,
)
from central.store import directory, rejections, services, tallies
from central.store.ledger import Row
from central.store.tallies import WHOLE_HALL
from protocol.batch import CONFLICT, decode_document
from protocol.field import ProtocolError
from protocol.mac import sha256_hex

Counts = Counter[tuple[str, str, str]]  # window, hall, mark
Found = Iterator[tuple[str, str, str]]  # name, where, sentence

_EVENTS = (CLONED_DEVICE, FORGED_RECEIPT, OLDER_HEAD, PROGRESS_DIFFERS, RATING_MOVED)
_EVENTS += (REPLAYED, TWO_GATEWAYS)


def count(counts: Counts, row: Row, is_conflict: bool) -> None:
    """Count a record's marks as the ledger should have done."""
    window = row.window or WHOLE_HALL
    for mark in [CONFLICT] if is_conflict else row.marks:
        counts[window, row.hall, mark] += 1


def documents(connection: Connection) -> Found:
    """Service documents that are not what they were; and of windows, how many there are."""
    held: Counter[tuple[str, str]] = Counter()
    for row in services.all_documents(connection):
        where = f"service document {row.facts}"
        content = row._mapping["bytes"]
        if sha256_hex(content) != row.facts:
            yield "document_differs", where, "its bytes have another hash"
            continue
        try:
            document = decode_document(content)
        except ProtocolError as error:
            yield "document_differs", where, str(error)
            continue
        for name in ("hall", "service", "window", "ticket_no", "staff_no", "book", "number"):
            if getattr(document, name) != getattr(row, name):
                sentence = f"its {name} is {getattr(document, name)}, the column has another"
                yield "document_column_differs", where, sentence
        if row.opened_at_ms > row.stored_at_ms:
            yield "document_column_differs", where, "it was opened after it was stored"
        held[document.hall, document.window] += 1
    for row in directory.all_windows(connection):
        if row.services != held[row.hall, row.window]:
            sentence = f"counted are {row.services}, there are {held[row.hall, row.window]}"
            yield "count_differs", f"service documents of {row.hall}/{row.window}", sentence


def books(connection: Connection) -> Found:
    """Books that do not say what documents are held."""
    kept, counted = services.all_books(connection)
    for hall, book, *_ in sorted(kept ^ counted):
        yield "book_differs", f"{hall}, book {book}", "its documents are others than it says"


def refused(connection: Connection) -> Found:
    """Counts of what was turned away against the newest that are kept; the oldest are dropped."""
    held: Counter[tuple[str, str]] = Counter()
    newest_ms: dict[tuple[str, str], int] = {}
    numbers = []
    for row in rejections.newest(connection, rejections.KEPT):
        place = (row.hall, row.reason)
        held[place] += 1
        newest_ms.setdefault(place, row.rejected_at_ms)
        numbers.append(row.id)
    is_all = not numbers or numbers[0] <= rejections.KEPT  # none was dropped yet
    counted = {(row.hall, row.reason): row for row in rejections.counts(connection)}
    for place in sorted({*held, *counted}):
        row, there = counted.get(place), held[place]
        where = f"rejections of {place[0]}, {place[1]}"
        kept = row._mapping["count"] if row is not None else 0
        if kept < there or (is_all and kept != there):
            yield "rejections_differ", where, f"counted are {kept}, there are {there}"
        elif row is not None and newest_ms.get(place, 0) > row.last_at_ms:
            sentence = f"the newest is of {newest_ms[place]}, the count says {row.last_at_ms}"
            yield "rejections_differ", where, sentence
    # PostgreSQL gives no number again that a failed transaction had.
    is_dense = connection.dialect.name == "sqlite"
    if is_dense and not is_all and len(numbers) < rejections.KEPT:
        sentence = f"the newest {rejections.KEPT} are kept, there are {len(numbers)}"
        yield "rejections_differ", "rejections", sentence


def differences(connection: Connection, counts: Counts) -> Found:
    """Counts of marks that are not what a recount gives."""
    kept: Counts = Counter()
    for row in tallies.all_marks(connection):
        kept[row.window, row.hall, row.mark] = row._mapping["count"]
    for place in sorted({*kept, *counts}):
        window, hall, mark = place
        # What was found out about no record in particular cannot be counted again.
        if kept[place] == counts[place] or (mark in _EVENTS and kept[place] > counts[place]):
            continue
        where = f"{hall}/{window or '*'}, {mark}"
        sentence = f"counted are {kept[place]}, there are {counts[place]}"
        yield "mark_count_differs", where, sentence
