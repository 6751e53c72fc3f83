"""Service documents go into the ledger by the hash that ratings name them with."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from central.store import services
from central.store.ledger import Row, Rows
from central.store.services import BookRow, Facts
from protocol.batch import DUPLICATE, FACTS_DIFFER, STORED, ServiceDocument
from protocol.mac import sha256_hex


class Documents(NamedTuple):
    """verdicts: one on each document. hashes: of the new ones. twice: new ones whose number in
    their book another document has.
    """

    verdicts: list[str]
    hashes: list[str]
    twice: list[ServiceDocument]


def file_documents(
    connection: Connection, sent: Sequence[tuple[bytes, ServiceDocument]], now_ms: int
) -> Documents:
    """Store those that are new, and note their numbers."""
    if not sent:
        return Documents([], [], [])
    hashes = [sha256_hex(content) for content, _ in sent]
    held = services.held(connection, hashes)
    verdicts, documents = [], []
    new = {}
    for name, (content, document) in zip(hashes, sent):
        verdicts.append(DUPLICATE if name in held or name in new else STORED)
        if verdicts[-1] == STORED:
            documents.append(document)
            new[name] = {
                "facts": name,
                "bytes": content,
                "hall": document.hall,
                "service": document.service,
                "window": document.window,
                "ticket_no": document.ticket_no,
                "staff_no": document.staff_no,
                "book": document.book,
                "number": document.number,
                "stored_at_ms": now_ms,
            }
    twice = _number(connection, documents, now_ms) if documents else []
    services.add_documents(connection, list(new.values()))
    return Documents(verdicts, list(new), twice)


def _number(
    connection: Connection, new: list[ServiceDocument], now_ms: int
) -> list[ServiceDocument]:
    """Note the numbers of new documents in their books; those whose number another one has."""
    taken = services.numbers(connection, {(one.hall, one.book, one.number) for one in new})
    books = services.books(connection, {(one.hall, one.book) for one in new})
    twice = []
    for one in new:
        key = (one.hall, one.book)
        if (*key, one.number) in taken:
            twice.append(one)
            continue
        taken.add((*key, one.number))
        book = books.get(key) or BookRow(*key, 0, 0, None)
        book = book._replace(highest=max(book.highest, one.number), held=book.held + 1)
        since_ms = now_ms if book.open_since_ms is None else book.open_since_ms
        is_whole = book.held == book.highest
        books[key] = book._replace(open_since_ms=None if is_whole else since_ms)
    services.save_books(connection, [books[key] for key in sorted(books)])
    return twice


def mark_ratings(
    connection: Connection, new: list[Row], hashes: list[str], known: Rows, now_ms: int
) -> list[Row]:
    """Mark new ratings, and older ones whose document has just come, if the two do not agree.

    Documents that have not come are awaited. hashes: of those that are new. The rows marked.
    """
    ratings = {row.key: row for row in new if row.facts is not None}
    # Ratings that arrived before their service document.
    if awaiting := services.awaiting(connection, hashes):
        services.stop_awaiting(connection, {name for name, _ in awaiting})
        keys = {key for _, key in awaiting}
        known.load(keys)
        ratings |= {key: known[key] for key in keys}
    if not ratings:
        return []
    found = services.facts(connection, {row.facts for row in ratings.values() if row.facts})
    missing = [row for row in new if row.facts and row.facts not in found]
    services.await_documents(connection, missing, now_ms)
    changed = []
    for row in ratings.values():
        told = found.get(row.facts or "")
        if told and do_facts_differ(told, row.hall, row.window, row.record):
            changed += [row] if row.mark(FACTS_DIFFER) else []
    return changed


def do_facts_differ(facts: Facts, hall: str, window: str | None, rating: Any) -> bool:
    """Whether the document that a rating names tells another story than the rating, and the
    enrolment, by which it was given in this hall and window.
    """
    told = (facts.service, facts.ticket_no, facts.staff_no)
    signed = (rating.service, rating.ticket_no, rating.staff_no)
    return told != signed or (facts.hall, facts.window) != (hall, window)
