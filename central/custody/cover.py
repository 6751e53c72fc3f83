"""How far each chain is covered, and the receipt that says so (RCT-3).

central/custody/chain.py has the rules of the covered part, links.py those of what may be passed.
central/custody/batch.py saves the chain with its receipt, intake.py commits and answers. The
receipt goes home by gateway/upward/outbox.py, gateway/hall/announcer.py and firmware/link.py to
firmware/journal.py, which frees the record. Next on a rating's way: central/custody/facts.py.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection

from central.custody import chain, links
from central.custody.open import KeyOf
from central.store import covers, ledger, sql
from central.store.covers import ChainRow
from central.store.ledger import Epoch, Row, Rows
from central.store.places import Enrolment
from protocol.envelope import seal, split
from protocol.record import Receipt, decode, encode, parse

FRESH_MS = 3_600_000  # a receipt is signed anew then (RCT-5)


def extend(
    connection: Connection,
    chains: Mapping[Epoch, ChainRow],
    places: Mapping[Epoch, Enrolment],
    head_seqs: Mapping[Epoch, int],
    new: list[Row],
    conflicts: list[Row],
    known: Rows,
    key_of: KeyOf,
    now_ms: int,
) -> dict[Epoch, ChainRow]:
    """The chains after the new records, with a receipt signed where the highest record held in the
    covered part has risen (RCT-3), or the last one is over an hour old (RCT-5), of a time that is
    still to come, or from before the epoch's end (RCT-6): what a device heard tells when it was
    alive. The records are in the ledger, their marks are saved.

    places: where the devices stood, and when their epochs ended. conflicts: a chain that waits
    before a broken link may go on when the record that it names has come. head_seqs: what the
    devices say of themselves. What was signed leaves only after the commit (RCT-1).
    """
    by_epoch: dict[Epoch, list[Row]] = {}
    for row in new:
        by_epoch.setdefault(row.epoch_key, []).append(row)
    for row in conflicts:
        by_epoch.setdefault(row.epoch_key, [])
    extended = {}
    for epoch, before in chains.items():
        after = before
        if epoch in by_epoch:
            after = _extend(connection, before, by_epoch[epoch], known, key_of, now_ms)
        place, signed_ms = places[epoch], after.receipt_at_ms or 0
        ended_ms = place.ended_at_ms if place[:2] == epoch else None
        at_ms = now_ms if ended_ms is None else max(now_ms, ended_ms + 1)
        is_of_another_time = not 0 <= at_ms - signed_ms <= FRESH_MS
        is_before_the_end = ended_ms is not None and signed_ms <= ended_ms
        if after.receipt and (is_of_another_time or is_before_the_end):
            after = _signed_again(after, key_of, at_ms)
        top_seq = max(after.highest_seq, head_seqs.get(epoch, 0))
        since_ms = _open_since(before, after, top_seq, now_ms)
        extended[epoch] = after._replace(open_since_ms=since_ms)
    return extended


def _signed_again(old: ChainRow, key_of: KeyOf, now_ms: int) -> ChainRow:
    """The chain with its receipt signed anew; it says the same."""
    assert old.receipt is not None
    receipt: Any = decode(parse(split(old.receipt)[0]), (Receipt,))
    signed = seal(key_of(old.device, old.epoch), encode(receipt._replace(at=now_ms)))
    return old._replace(receipt=signed, receipt_at_ms=now_ms)


def _open_since(before: ChainRow, after: ChainRow, top_seq: int, now_ms: int) -> int | None:
    """Since when the covered part has stood still below `top_seq`; None if nothing is missing."""
    if after.covered_seq >= top_seq:
        return None
    has_moved = after.covered_seq > before.covered_seq
    return now_ms if has_moved or before.open_since_ms is None else before.open_since_ms


def _extend(
    connection: Connection,
    old: ChainRow,
    rows: list[Row],
    known: Rows,
    key_of: KeyOf,
    now_ms: int,
) -> ChainRow:
    epoch = (old.device, old.epoch)
    gaps = _own_gaps(rows)
    covers.add_gaps(connection, [_gap_values(epoch, *gap) for gap in gaps])
    runs = [(first, last) for _, first, last, _ in gaps]
    # Gaps lie below the boot that names them: with nothing held above the covered part, this
    # batch is all there is to look at.
    is_anything_above = old.highest_seq > old.covered_seq
    if is_anything_above:
        for stored in covers.gaps_above(connection, epoch, old.covered_seq).values():
            runs += stored
    reached, mac16 = _cover(connection, old, rows, known, runs, is_anything_above)
    receipt, receipt_at_ms = old.receipt, old.receipt_at_ms
    if mac16:
        record = Receipt(*epoch, reached.receipt_seq, mac16, now_ms)
        receipt, receipt_at_ms = seal(key_of(*epoch), encode(record)), now_ms
    return old._replace(
        covered_seq=reached.covered_seq,
        highest_seq=reached.highest_seq,
        receipt_seq=reached.receipt_seq,
        receipt=receipt,
        receipt_at_ms=receipt_at_ms,
    )


def _cover(
    connection: Connection,
    old: ChainRow,
    rows: list[Row],
    known: Rows,
    runs: list[chain.Run],
    is_anything_above: bool,
) -> tuple[chain.Cover, str]:
    """The cover as far as it goes now, and the mac16 of a new receipt, empty for none.

    runs: named ones above the covered part. is_anything_above: whether records were held there.
    """
    epoch = (old.device, old.epoch)
    cover, mac16 = chain.Cover(old.covered_seq, old.receipt_seq, old.highest_seq, ""), ""
    own = {row.seq: row.mac16 for row in rows}
    own_doubts = {row.seq for row in rows if links.is_doubtful(row.kind, row.marks)}
    for seq in [seq for seq in own_doubts if seq <= old.covered_seq]:
        if not links.may_pass(connection, (*epoch, seq), known):
            del own[seq]  # a boot named it, so it is passed, but no receipt may speak for it
    # Live ratings may be held far above a backlog: no more is read than the cover has use for.
    limit = len(rows) + 1
    while True:
        before, held, doubts, end_seq = cover.covered_seq, own, own_doubts, None
        if is_anything_above:
            above = ledger.held_above(connection, epoch, before, limit)
            held = own | {one.seq: one.mac16 for one in above}
            doubts = {one.seq for one in above if links.is_doubtful(one.kind, one.marks)}
            if len(above) == limit:
                end_seq = above[-1].seq + 1  # a run may lead past it, over what is not seen yet
        for seq in sorted(seq for seq in doubts if seq > before):
            cover = chain.extend(cover, held, runs, seq)
            mac16 = cover.mac16 or mac16
            is_reached = cover.covered_seq == seq - 1
            if not is_reached or not links.may_pass(connection, (*epoch, seq), known):
                return cover, mac16
        cover = chain.extend(cover, held, runs, end_seq)
        mac16 = cover.mac16 or mac16
        if cover.covered_seq == before or not is_anything_above:
            return cover, mac16
        limit = min(2 * limit, sql.CHUNK)


def _own_gaps(rows: Iterable[Row]) -> list[tuple[int, int, int, str]]:
    """The runs that these boots name: (boot's seq, first, last, cause)."""
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
