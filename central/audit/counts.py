"""Service documents held against their hashes, and every count against what it counts."""

from collections import Counter
from collections.abc import Iterator

from sqlalchemy import Connection

from central.custody.marks import (
    CLONED_DEVICE,
    FORGED_RECEIPT,
    NOT_COUNTED,
    OLDER_HEAD,
    PROGRESS_DIFFERS,
    REPLAYED,
    TWO_GATEWAYS,
)
from central.store import services, tallies
from central.store.ledger import Row
from central.store.tallies import ALL_DAYS, SERVICES, WHOLE_HALL, day_of, month_of
from protocol.batch import CONFLICT, decode_document
from protocol.field import ProtocolError
from protocol.mac import sha256_hex

Counts = Counter[tuple[object, str, str, object]]  # span or "mark", window, hall, level or mark
Found = Iterator[tuple[str, str, str]]  # name, where, sentence

_MARK = "mark"
_EVENTS = (CLONED_DEVICE, FORGED_RECEIPT, OLDER_HEAD, PROGRESS_DIFFERS, REPLAYED, TWO_GATEWAYS)


def count(counts: Counts, row: Row, is_conflict: bool, is_approved: bool) -> None:
    """Count a record as the ledger should have done. is_approved: its enrolment."""
    window = row.window or WHOLE_HALL
    if is_conflict:
        counts[_MARK, window, row.hall, CONFLICT] += 1
        return
    for mark in row.marks:
        counts[_MARK, window, row.hall, mark] += 1
    if is_approved and row.level is not None and not NOT_COUNTED.intersection(row.marks):
        at_ms = row.stored_at_ms if row.rated_at_ms is None else row.rated_at_ms
        _count(counts, at_ms, window, row.hall, row.level)


def documents(connection: Connection, counts: Counts) -> Found:
    """Service documents that are not what they were, and count the others."""
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
        _count(counts, row.opened_at_ms, document.window, document.hall, SERVICES)


def books(connection: Connection) -> Found:
    """Books that do not say what documents are held."""
    kept, counted = services.all_books(connection)
    for hall, book, *_ in sorted(kept ^ counted):
        yield "book_differs", f"{hall}, book {book}", "its documents are others than it says"


def differences(connection: Connection, counts: Counts) -> Found:
    """Counts that are not what a recount gives."""
    kept: Counts = Counter()
    for place, number in tallies.all_tallies(connection):
        kept[place] = number
    for row in tallies.all_marks(connection):
        kept[_MARK, row.window, row.hall, row.mark] = row._mapping["count"]
    for place in sorted({*kept, *counts}, key=str):
        span, window, hall, what = place
        # What was found out about no record in particular cannot be counted again.
        if kept[place] == counts[place] or (what in _EVENTS and kept[place] > counts[place]):
            continue
        where = f"{hall}/{window or '*'}, {what}"
        name = "mark_count_differs" if span == _MARK else "count_differs"
        yield name, f"{where}, {span}", f"counted are {kept[place]}, there are {counts[place]}"


def _count(counts: Counts, at_ms: int, window: str, hall: str, level: int) -> None:
    for span in (ALL_DAYS, day_of(at_ms), month_of(day_of(at_ms))):
        for place in {window, WHOLE_HALL}:
            counts[span, place, hall, level] += 1
