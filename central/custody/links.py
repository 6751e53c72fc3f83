"""Chain links in the ledger: each is judged when both its records are there (CHN-2).

A broken link is a mark, and it keeps the receipt back until what it names is held, too (RCT-3).
"""

from typing import Any

from sqlalchemy import Connection

from central.custody import chain
from central.store import covers, ledger
from central.store.covers import ChainRow
from central.store.ledger import Epoch, Key, Row, Rows
from protocol.batch import BROKEN_CHAIN, UNKNOWN_VERSION
from protocol.envelope import NO_MAC16
from protocol.limits import GAPS
from protocol.record import Boot

_SPAN = 512  # seqs looked at together on the way down a branch


def is_readable_boot(row: Row) -> bool:
    """Whether the record is a boot whose gaps can be read."""
    return row.kind == Boot.kind and row.is_readable


def mark(
    connection: Connection,
    new: list[Row],
    chains: dict[Epoch, ChainRow],
    receipts: dict[Epoch, int],
    known: Rows,
) -> list[Row]:
    """Mark broken links of the new records and of those that follow them; the rows changed.

    chains: before this batch. receipts: the highest seq that each device may have one for.
    """
    judged = {row.key: row for row in new} | _followers(connection, new, chains, known)
    seqs = {key: _predecessor_seq(row) for key, row in judged.items()}
    wanted = {(key[0], key[1], seq) for key, seq in seqs.items() if seq}
    known.load(wanted)
    changed = []
    for key, row in judged.items():
        seq = seqs[key]
        holder = known.get((row.device, row.epoch, seq)) if seq else None
        is_there = holder is not None or seq == 0
        if seq is None or row.prev is None or not is_there:
            continue
        if not chain.is_link_broken(row.prev, holder.mac16 if holder else None):
            continue
        receipt_seq = receipts.get((row.device, row.epoch), 0)
        if _may_skip(connection, row, seq, chains, receipt_seq):
            continue
        if row.mark(BROKEN_CHAIN):
            changed.append(row)
    return changed


def is_doubtful(kind: str, marks: list[str]) -> bool:
    """Whether a record has to be judged by `may_pass` before a receipt passes it.

    A boot always: its mark depends on what was known of receipts when it came.
    """
    return BROKEN_CHAIN in marks or kind == Boot.kind


def may_pass(connection: Connection, key: Key, known: Rows) -> bool:
    """Whether a receipt may pass a held record below which all is held or named (RCT-3).

    Not if `prev` names a record that nobody here holds while another holds its place, as two
    boards with one bundle make it: the receipt would free the one for the other. It may if the
    named one is held as a conflict, and so on down that board's branch to where a holder of its
    key is named; and below that nothing may be missing that only the other board's boots name. A
    boot may name an older record or none: what it passes over, its device has a receipt for or
    lost.
    """
    known.load([key])
    row, epoch = known[key], (key[0], key[1])
    branch: list[Row] = []
    others: dict[tuple[Any, ...], Row] = {}
    lowest, span = row.seq, 1
    while seq := _predecessor_seq(row):
        unseen: list[Key] = []
        if seq < lowest:
            lowest, span = max(1, seq - span + 1), min(8 * span, _SPAN)
            unseen = [(*epoch, at) for at in range(lowest, seq + 1)]
            known.load(unseen)
        holder = known.get((*epoch, seq))
        if holder is None or holder.mac16 == row.prev:
            return not branch or not _is_hidden(connection, epoch, seq, branch)
        if unseen:
            others = ledger.conflict_rows(connection, unseen)
        other = others.get((*epoch, seq, row.prev))
        if other is None and is_readable_boot(row) and row.prev:
            if row.prev == NO_MAC16 or ledger.holds_mac16(connection, epoch, seq, row.prev):
                return True
            other = ledger.conflict_below(connection, epoch, seq, row.prev)
        if other is None:
            return False
        row = other
        branch.append(row)
    return True  # it has no predecessor, or we cannot read which


def _is_hidden(connection: Connection, epoch: Epoch, seq: int, branch: list[Row]) -> bool:
    """Whether a record at or below `seq` is not held and only boots above it name it, none of
    which belongs to this branch: they are another board's and speak of its own journal.
    """
    doubtful, trusted = covers.runs_from_above(connection, epoch, seq)
    for boot in branch:
        if is_readable_boot(boot):
            trusted += [(first, last) for first, last, _ in boot.record.gaps]
    return any(
        ledger.count_between(connection, epoch, first, last) < last - first + 1
        for first, last in chain.without(doubtful, trusted)
    )


def _followers(
    connection: Connection, new: list[Row], chains: dict[Epoch, ChainRow], known: Rows
) -> dict[Key, Row]:
    """Records held before, whose predecessor may be one of the new ones."""
    fresh = {row.key for row in new}
    wanted = {
        (row.device, row.epoch, row.seq + 1)
        for row in new
        if row.seq < chains[row.device, row.epoch].highest_seq
    }
    lowest: dict[Epoch, int] = {}
    for row in new:
        epoch = (row.device, row.epoch)
        lowest[epoch] = min(row.seq, lowest.get(epoch, row.seq))
    for epoch, seq in lowest.items():
        if seq < chains[epoch].highest_seq:
            boots = covers.gaps_above(connection, epoch, seq)
            wanted |= {(*epoch, boot_seq) for boot_seq in boots}
    known.load(wanted - fresh)
    found = {key: known.get(key) for key in wanted - fresh}
    return {key: row for key, row in found.items() if row is not None}


def _predecessor_seq(row: Row) -> int | None:
    """The seq that `prev` speaks of: 0 for none, None if this record does not tell."""
    if UNKNOWN_VERSION in row.marks or row.prev is None:
        return None
    if row.kind != Boot.kind:
        return row.seq - 1
    if not is_readable_boot(row):
        return None
    return chain.predecessor(row.seq, [(first, last) for first, last, _ in row.record.gaps])


def _may_skip(
    connection: Connection, row: Row, seq: int, chains: dict[Epoch, ChainRow], receipt_seq: int
) -> bool:
    if not is_readable_boot(row) or row.prev is None:
        return False
    is_full = len(row.record.gaps) == GAPS
    epoch = (row.device, row.epoch)
    # While records below are still to come, one of them may be the one that the boot names.
    is_older_held = chains[epoch].covered_seq < seq - 1 or ledger.holds_mac16(
        connection, epoch, seq, row.prev
    )
    return chain.may_skip(seq, receipt_seq, row.prev, is_older_held, is_full)
