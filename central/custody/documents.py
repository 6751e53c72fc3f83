"""What a hall says of its services: documents, by the hash that ratings name them with, and what
became of each service.
"""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from central.custody.marks import PROGRESS_DIFFERS, TWO_GATEWAYS
from central.custody.moment import SLACK_MS
from central.custody.offer import SentDocument, SentProgress
from central.store import services
from central.store.ledger import Row, Rows
from central.store.services import BookRow, Facts
from central.store.tallies import Marked
from protocol.batch import DUPLICATE, FACTS_DIFFER, STORED, Progress, ServiceDocument
from protocol.mac import sha256_hex


class Told(NamedTuple):
    """documents, progress: a verdict on each. hashes: of the new documents. events: what was found
    out on the way.
    """

    documents: list[str]
    progress: list[str]
    hashes: list[str]
    events: list[Marked]


def file_told(
    connection: Connection,
    documents: Sequence[SentDocument],
    progress: Sequence[SentProgress],
    now_ms: int,
) -> Told:
    """Store documents and progress that are new."""
    of_documents, hashes, twice = _file_documents(connection, documents, now_ms)
    of_progress, differing = _file_progress(connection, progress, now_ms)
    # No device's doing, so no record's.
    events = [Marked(TWO_GATEWAYS, one.hall, one.window, "", 0, 0) for one in twice]
    events += [Marked(PROGRESS_DIFFERS, one.hall, "", "", 0, 0) for one in differing]
    return Told(of_documents, of_progress, hashes, events)


def _file_documents(
    connection: Connection, sent: Sequence[SentDocument], now_ms: int
) -> tuple[list[str], list[str], list[ServiceDocument]]:
    """The verdicts, the hashes of the new ones, and those whose number another document has."""
    if not sent:
        return [], [], []
    hashes = [sha256_hex(one.content) for one in sent]
    held = services.held(connection, hashes)
    verdicts, documents = [], []
    new = {}
    for name, one in zip(hashes, sent):
        document = one.document
        verdicts.append(DUPLICATE if name in held or name in new else STORED)
        if verdicts[-1] == STORED:
            documents.append(document)
            new[name] = {
                "facts": name,
                "bytes": one.content,
                "hall": document.hall,
                "service": document.service,
                "window": document.window,
                "ticket_no": document.ticket_no,
                "staff_no": document.staff_no,
                "book": document.book,
                "number": document.number,
                "opened_at_ms": one.opened_at_ms,
                "stored_at_ms": now_ms,
            }
    twice = _number(connection, documents, now_ms) if documents else []
    services.add_documents(connection, list(new.values()))
    return verdicts, list(new), twice


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


def _file_progress(
    connection: Connection, sent: Sequence[SentProgress], now_ms: int
) -> tuple[list[str], list[Progress]]:
    """Keep the first word on each kind of progress of a service.

    A verdict on each, and those that say otherwise than the first.
    """
    if not sent:
        return [], []
    known = services.progress(connection, {_progress_key(one.progress) for one in sent})
    verdicts, differing, new = [], [], {}
    for one in sent:
        key = _progress_key(one.progress)
        values = (one.progress.staff_no, json.dumps(one.progress.projects))
        before = known.get(key)
        if before is None:
            known[key] = new[key] = (one.at_ms, *values, now_ms, None)
            verdicts.append(STORED)
            continue
        verdicts.append(DUPLICATE)
        if abs(before[0] - one.at_ms) > SLACK_MS or before[1:3] != values:
            differing.append(one.progress)
    services.add_progress(connection, [(*key, *values) for key, values in new.items()])
    return verdicts, differing


def _progress_key(progress: Progress) -> tuple[str, str, str]:
    return progress.hall, progress.service, progress.what


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
