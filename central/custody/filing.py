"""Verified records go into the ledger: what is new, and which marks.

Everything happens in the transaction of one batch (BAT-3). Next: central/custody/cover.py
extends the chains by them.
"""

from dataclasses import dataclass

from sqlalchemy import Connection

from central.custody import links
from central.custody.attribution import Place, counts_before, do_facts_differ
from central.custody.counting import count_ratings
from central.custody.marks import SIGNED_AFTER_REVOCATION
from central.store import ledger, services
from central.store.covers import ChainRow
from central.store.ledger import Epoch, Key, Row
from protocol.batch import CONFLICT, DUPLICATE, FACTS_DIFFER, RATED_TWICE, STORED


@dataclass
class Filed:
    """What became of one verified record: its verdict, and the row that holds these bytes."""

    verdict: str
    row: Row


def file_records(
    connection: Connection, candidates: list[Row], chains: dict[Epoch, ChainRow]
) -> tuple[list[Filed], dict[Key, Row], list[Row]]:
    """Insert those whose key is free, keep those whose key another record holds as conflicts.

    A key is taken for ever (BAT-7); the same bytes again are a duplicate. Also gives the rows
    that now hold the keys, and the conflicts that were not known. chains: see `mark`.
    """
    # Above the highest that is held every key is free: usually there is nothing to look for.
    taken = {row.key for row in candidates if row.seq <= chains[row.key[:2]].highest_seq}
    held = ledger.rows(connection, taken)
    filed, new, others = [], [], []
    for row in candidates:
        holder = held.get(row.key)
        if holder is None:
            held[row.key] = row
            new.append(row)
            filed.append(Filed(STORED, row))
        elif holder.envelope == row.envelope:
            filed.append(Filed(DUPLICATE, holder))
        else:
            others.append(row)
            filed.append(Filed(CONFLICT, row))
    ledger.add_rows(connection, new)
    return filed, held, _file_conflicts(connection, others)


def mark(
    connection: Connection,
    new: list[Row],
    known: dict[Key, Row],
    hashes: list[str],
    chains: dict[Epoch, ChainRow],
    receipts: dict[Epoch, int],
    now_ms: int,
) -> list[Row]:
    """Mark the new records, and older ones about which they or new documents tell something.

    Gives the rows that got a mark, some of them more than once. Counts the ratings, too, because
    a rating that is marked as a second one of its service does not count.

    known: rows already read; more are added. hashes: of the documents that came with this batch.
    chains: as they were before it. receipts: the highest seq that each device may have one for.
    """
    changed = _mark_facts(connection, new, hashes, known, now_ms)
    changed += _mark_rated_twice(connection, new, known)
    changed += links.mark(connection, new, chains, receipts, known)
    ledger.save_marks(connection, {row.key: row for row in changed}.values())
    return changed


def _file_conflicts(connection: Connection, others: list[Row]) -> list[Row]:
    if not others:
        return []
    kept = ledger.conflict_rows(connection, {row.key for row in others})
    fresh = {(*row.key, row.mac16): row for row in others}
    new = [row for key, row in fresh.items() if key not in kept]
    ledger.add_conflicts(connection, new)
    return new


def _mark_facts(
    connection: Connection,
    new: list[Row],
    hashes: list[str],
    known: dict[Key, Row],
    now_ms: int,
) -> list[Row]:
    ratings = {row.key: row for row in new if row.facts is not None}
    # Ratings that arrived before their service document.
    if awaiting := services.awaiting(connection, hashes):
        services.stop_awaiting(connection, {name for name, _ in awaiting})
        keys = {key for _, key in awaiting}
        known |= ledger.rows(connection, keys - known.keys())
        ratings |= {key: known[key] for key in keys}
    if not ratings:
        return []
    documents = services.facts(connection, {row.facts for row in ratings.values() if row.facts})
    missing = [row for row in new if row.facts and row.facts not in documents]
    services.await_documents(connection, missing, now_ms)
    changed = []
    for row in ratings.values():
        told = documents.get(row.facts or "")
        if told and do_facts_differ(told, Place(row.hall, row.window), row.record):
            changed += [row] if row.mark(FACTS_DIFFER) else []
    return changed


def _mark_rated_twice(connection: Connection, new: list[Row], known: dict[Key, Row]) -> list[Row]:
    ratings = [row for row in new if row.facts is not None and row.service is not None]
    ratings = [row for row in ratings if SIGNED_AFTER_REVOCATION not in row.marks]
    if not ratings:
        return []
    before = services.rated(connection, {(row.hall, row.service or "") for row in ratings})
    counted, displaced, changed = dict(before), [], []
    for row in ratings:
        service = (row.hall, row.service or "")
        holder = counted.get(service)
        if holder is None:
            counted[service] = row.key
        elif counts_before(row.key, holder):
            counted[service] = row.key
            displaced.append(holder)
        elif row.mark(RATED_TWICE):
            changed.append(row)
    missing = [key for key in displaced if key not in known]
    if missing:
        known |= ledger.rows(connection, missing)
    changed += [known[key] for key in displaced if known[key].mark(RATED_TWICE)]
    fresh = {service: key for service, key in counted.items() if service not in before}
    moved = {service: key for service, key in counted.items() if before.get(service, key) != key}
    services.save_rated(connection, fresh, moved)
    taken = [known[key] for key in (*fresh.values(), *moved.values())]
    count_ratings(connection, taken, [known[before[service]] for service in moved])
    return changed
