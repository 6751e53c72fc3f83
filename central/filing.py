"""Verified records go into the ledger: what is new, which marks, how far a device is covered.

Everything happens in the transaction of one batch (BAT-3). Next: central/intake.py commits it and
answers.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from central import chain, links
from central.attribution import Place, counts_before, do_facts_differ
from central.store import coverage, ledger, services
from central.store.coverage import ChainRow
from central.store.ledger import Epoch, Key, Row
from central.verify import KeyOf
from protocol.batch import CONFLICT, DUPLICATE, FACTS_DIFFER, RATED_TWICE, STORED
from protocol.envelope import seal
from protocol.record import Receipt, encode


@dataclass
class Filed:
    """What became of one verified record: its verdict, and the row that holds these bytes."""

    verdict: str
    row: Row


def file_records(
    connection: Connection, candidates: list[Row]
) -> tuple[list[Filed], dict[Key, Row]]:
    """Insert those whose key is free, keep those whose key another record holds as conflicts.

    A key is taken for ever (BAT-7); the same bytes again are a duplicate. Also gives the rows
    that now hold the keys.
    """
    held = ledger.rows(connection, {row.key for row in candidates})
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
    _file_conflicts(connection, others)
    return filed, held


def mark(
    connection: Connection,
    new: list[Row],
    known: dict[Key, Row],
    hashes: list[str],
    chains: dict[Epoch, ChainRow],
    receipts: dict[Epoch, int],
) -> None:
    """Mark the new records, and older ones about which they or new documents tell something.

    known: rows already read; more are added. hashes: of the documents that came with this batch.
    chains: as they were before it. receipts: the highest seq that each device may have one for.
    """
    changed = _mark_facts(connection, new, hashes, known)
    changed += _mark_rated_twice(connection, new, known)
    changed += links.mark(connection, new, chains, receipts, known)
    ledger.save_marks(connection, {row.key: row for row in changed}.values())


def cover(
    connection: Connection,
    chains: dict[Epoch, ChainRow],
    new: list[Row],
    key_of: KeyOf,
    now_ms: int,
) -> None:
    """Extend the chains by the new records, and sign a receipt for each that reaches further.

    Changes `chains` in place. What was signed leaves only after the commit (RCT-1).
    """
    by_epoch: dict[Epoch, list[Row]] = {}
    for row in new:
        by_epoch.setdefault((row.device, row.epoch), []).append(row)
    changed = []
    for epoch, rows in by_epoch.items():
        chains[epoch] = _extend(connection, chains[epoch], rows, key_of, now_ms)
        changed.append(chains[epoch])
    coverage.save_chains(connection, changed)


def _file_conflicts(connection: Connection, others: list[Row]) -> None:
    if others:
        kept = ledger.conflict_rows(connection, {row.key for row in others})
        fresh = {(*row.key, row.mac16): row for row in others}
        ledger.add_conflicts(connection, [row for key, row in fresh.items() if key not in kept])


def _mark_facts(
    connection: Connection, new: list[Row], hashes: list[str], known: dict[Key, Row]
) -> list[Row]:
    ratings = {row.key: row for row in new if row.facts is not None}
    if hashes:  # ratings that arrived before their service document
        for row in ledger.rows_with_facts(connection, hashes):
            ratings.setdefault(row.key, known.setdefault(row.key, row))
    if not ratings:
        return []
    documents = services.facts(connection, {row.facts for row in ratings.values() if row.facts})
    changed = []
    for row in ratings.values():
        told = documents.get(row.facts or "")
        if told and do_facts_differ(told, Place(row.hall, row.window), row.record):
            changed += [row] if row.mark(FACTS_DIFFER) else []
    return changed


def _mark_rated_twice(connection: Connection, new: list[Row], known: dict[Key, Row]) -> list[Row]:
    ratings = [row for row in new if row.facts is not None and row.service is not None]
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
    services.save_rated(
        connection,
        {service: key for service, key in counted.items() if service not in before},
        {service: key for service, key in counted.items() if before.get(service, key) != key},
    )
    return changed


def _extend(
    connection: Connection, old: ChainRow, rows: list[Row], key_of: KeyOf, now_ms: int
) -> ChainRow:
    epoch = (old.device, old.epoch)
    held = {row.seq: row.mac16 for row in rows}
    gaps = _own_gaps(rows)
    coverage.add_gaps(connection, [_gap_values(epoch, *gap) for gap in gaps])
    runs = [(first, last) for _, first, last, _ in gaps]
    cover = chain.Cover(old.covered_seq, old.receipt_seq, old.highest_seq, "")
    # Gaps lie below the boot that names them: with nothing held above the covered part, this
    # batch is all there is to look at.
    is_anything_above = old.highest_seq > old.covered_seq
    if is_anything_above:
        for stored in coverage.gaps_above(connection, epoch, old.covered_seq).values():
            runs += stored
    cover, mac16 = _reach(connection, epoch, cover, held, runs, is_anything_above)
    receipt = old.receipt
    if mac16:
        record = Receipt(*epoch, cover.receipt_seq, mac16, now_ms)
        receipt = seal(key_of(*epoch), encode(record))
    return ChainRow(*epoch, cover.covered_seq, cover.highest_seq, cover.receipt_seq, receipt)


def _reach(
    connection: Connection,
    epoch: Epoch,
    cover: chain.Cover,
    held: dict[int, str],
    runs: list[chain.Run],
    is_anything_above: bool,
) -> tuple[chain.Cover, str]:
    """`cover` extended as far as it goes, and the mac16 of a new receipt, empty for none."""
    if not is_anything_above:
        cover = chain.extend(cover, held, runs)
        return cover, cover.mac16
    mac16, before = "", -1
    held = held | ledger.held_above(connection, epoch, cover.covered_seq)
    while cover.covered_seq != before:
        before = cover.covered_seq
        cover = chain.extend(cover, held, runs)
        mac16 = cover.mac16 or mac16
        held = ledger.held_above(connection, epoch, cover.covered_seq)
    return cover, mac16


def _own_gaps(rows: Iterable[Row]) -> list[tuple[int, int, int, str]]:
    gaps = []
    for row in rows:
        if links.is_readable_boot(row):
            for first, (last, cause) in chain.gaps_below(row.seq, row.record.gaps).items():
                gaps.append((row.seq, first, last, cause))
    return gaps


def _gap_values(epoch: Epoch, boot_seq: int, first: int, last: int, cause: str) -> dict[str, Any]:
    return {
        "device": epoch[0],
        "epoch": epoch[1],
        "boot_seq": boot_seq,
        "first_seq": first,
        "last_seq": last,
        "cause": cause,
    }
