"""Service documents go into the ledger by the hash that ratings name them with."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from central.custody.marks import HASH_TAKEN
from central.custody.open import Rejected, rejected
from central.store import services
from central.store.ledger import Row, Rows
from central.store.services import Facts
from protocol.batch import DUPLICATE, FACTS_DIFFER, STORED, ServiceDocument
from protocol.mac import hash16


def file_documents(
    connection: Connection, sent: Sequence[tuple[bytes, ServiceDocument]], now_ms: int
) -> tuple[list[str | Rejected], list[str]]:
    """Store those that are new. What became of each, and the hashes of the new ones.

    The first holder of a hash keeps it: 16 hex digits are few enough for a hall to prepare two
    documents of one hash, and it must not swap them afterwards.
    """
    if not sent:
        return [], []
    hashes = [hash16(content) for content, _ in sent]
    held = services.document_bytes(connection, set(hashes))
    outcomes: list[str | Rejected] = []
    new = {}
    for name, (content, document) in zip(hashes, sent):
        if name not in held:
            held[name] = content
            new[name] = {
                "hash16": name,
                "bytes": content,
                "hall": document.hall,
                "service": document.service,
                "window": document.window,
                "ticket_no": document.ticket_no,
                "staff_no": document.staff_no,
                "stored_at_ms": now_ms,
            }
            outcomes.append(STORED)
        elif held[name] == content:
            outcomes.append(DUPLICATE)
        else:
            outcomes.append(rejected(HASH_TAKEN, "another service document has this hash"))
    services.add_documents(connection, list(new.values()))
    return outcomes, list(new)


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
