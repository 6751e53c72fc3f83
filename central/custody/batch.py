"""What a batch changes in the ledger, in its one transaction (BAT-3), in the order of its steps.

Next: central/custody/filing.py gives records their verdicts.
"""

from collections.abc import Callable
from typing import NamedTuple

from sqlalchemy import Connection

from central.custody import clones, cover, filing, revocation
from central.custody.counting import count_marks
from central.custody.dating import date_later, date_rows
from central.custody.filing import Filed
from central.custody.heads import Heads, file_heads
from central.custody.marks import CLONED_DEVICE, OLDER_HEAD, REPLAYED, RESCUED
from central.custody.open import KeyOf, VerifiedHead
from central.store import covers, ledger, places
from central.store.covers import ChainRow
from central.store.ledger import Epoch, Row
from central.store.places import Enrolment
from central.store.tallies import Marked
from protocol.batch import CONFLICT, DUPLICATE, STORED

_REPLAY_MS = 24 * 3_600_000  # an answer that was lost is asked for again within minutes


class Booked(NamedTuple):
    """What became of each record and head, and the receipts of all devices named."""

    filed: list[Filed]
    heads: list[str]
    receipts: tuple[str, ...]


def book(
    connection: Connection,
    rows: list[Row],
    sent: list[VerifiedHead],
    hashes: list[str],
    place_of: Callable[[Epoch], Enrolment],
    key_of: KeyOf,
    now_ms: int,
) -> Booked:
    """Take verified records and heads into the ledger.

    hashes: of the service documents that came with them. place_of: the enrolment of an epoch.
    """
    epochs = {row.epoch_key for row in rows} | {item.epoch_key for item in sent}
    before = covers.lock_chains(connection, epochs)
    heads = file_heads(connection, epochs, sent, now_ms)
    waiting = date_rows(connection, rows, sent, now_ms)
    revocation.mark(connection, rows, place_of, heads.highest)
    filed, held, others = filing.file_records(connection, rows, before)
    new = [outcome.row for outcome in filed if outcome.verdict == STORED]
    changed = clones.mark_boots(connection, new, before, heads.told)
    ledger.save_marks(connection, changed)
    receipt_seqs = {
        epoch: max(chain.receipt_seq, heads.receipt_seqs.get(epoch, 0))
        for epoch, chain in before.items()
    }
    changed += filing.mark(connection, new, held, hashes, before, receipt_seqs, now_ms)
    conflicts = [outcome.row for outcome in filed if outcome.verdict == CONFLICT]
    chains = {
        epoch: chain._replace(undated_boot=_lower(chain.undated_boot, waiting.get(epoch)))
        for epoch, chain in before.items()
    }
    cover.cover(connection, chains, heads.seqs, new, conflicts, held, key_of, now_ms)
    for epoch, chain in chains.items():
        chains[epoch], dated = date_later(connection, chain)
        changed += dated
    covers.save_chains(connection, [chains[one] for one in chains if chains[one] != before[one]])
    events = _events(connection, rows, filed, sent, heads, before, place_of, now_ms)
    count_marks(connection, new, changed, others, events, now_ms)
    heard = {row.hall for row in new} | {place_of(one).hall for one in heads.newer}
    places.hear(connection, heard, now_ms)
    receipts = tuple(chain.receipt.decode() for chain in chains.values() if chain.receipt)
    return Booked(filed, heads.verdicts, receipts)


def _events(
    connection: Connection,
    rows: list[Row],
    filed: list[Filed],
    sent: list[VerifiedHead],
    heads: Heads,
    before: dict[Epoch, ChainRow],
    place_of: Callable[[Epoch], Enrolment],
    now_ms: int,
) -> list[Marked]:
    """What was found out that is no mark of a record in particular."""
    found = [(OLDER_HEAD, (*item.epoch_key, item.head.seq)) for item in heads.older]
    new = [outcome.row for outcome in filed if outcome.verdict == STORED]
    cloned = clones.find_in_heads(connection, sent, new, heads.told, before)
    found += [(CLONED_DEVICE, key) for key in cloned]
    for row, outcome in zip(rows, filed):
        if outcome.verdict != DUPLICATE or now_ms - outcome.row.stored_at_ms <= _REPLAY_MS:
            continue
        # What no receipt covers is offered again for as long as that lasts (BAT-5).
        if row.seq <= before[row.epoch_key].receipt_seq and RESCUED not in row.hall_marks:
            found.append((REPLAYED, row.key))
    events = []
    for mark, key in found:
        place = place_of(key[:2])
        events.append(Marked(mark, place.hall, place.window, *key))
    return events


def _lower(one: int | None, other: int | None) -> int | None:
    known = [boot for boot in (one, other) if boot is not None]
    return min(known, default=None)
