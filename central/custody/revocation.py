"""What a revoked device signed: stored, marked, and counted only if it was signed before.

A device cannot prove when it signed something, and a thief can set its clock. What the centre knew
of before the revocation, by a record or a head, was signed before. For the rest the device's word
is taken, and marked; after a record that was signed later, by its own time, all are later.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from central.custody.filing import count_marks
from central.custody.marks import ARRIVED_AFTER_REVOCATION, SIGNED_AFTER_REVOCATION
from central.store import covers, ledger
from central.store import places as place_rows
from central.store.judged import facts
from central.store.ledger import Epoch, Row
from central.store.places import Enrolment


def revoke(connection: Connection, device: str, at_ms: int, reason: str, now_ms: int) -> int:
    """Revoke a device in all its epochs; how many records that are held were signed after that.

    Its halls refuse its login from then on; a later enrolment is not concerned.
    """
    # What is filed for its halls meanwhile sees the revocation, or is seen here.
    known = place_rows.epochs(connection, device)
    place_rows.lock_halls(connection, {place.hall for place in known})
    revoked = [place for place in place_rows.epochs(connection, device) if not place.revoked_at_ms]
    return end(connection, revoked, at_ms, reason, now_ms)


def end(
    connection: Connection, revoked: list[Enrolment], at_ms: int, reason: str, now_ms: int
) -> int:
    """Revoke these enrolments, whose halls are locked; see `revoke`."""
    marked = []
    for place in revoked:
        epoch = place[:2]
        seq = ledger.first_rated(connection, epoch, at_ms)
        rows = [] if seq is None else ledger.rows_from(connection, epoch, seq)
        marked += [row for row in rows if row.mark(SIGNED_AFTER_REVOCATION)]
        place_rows.revoke(connection, *epoch, at_ms, reason, seq)
    covers.end_epochs(connection, [place[:2] for place in revoked], now_ms)
    ledger.save_marks(connection, marked)
    facts.set_void(connection, marked, SIGNED_AFTER_REVOCATION, now_ms)
    count_marks(connection, [], marked, [], [], now_ms)
    place_rows.bump_versions(connection, {place.hall for place in revoked})
    return len(marked)


def mark(
    connection: Connection,
    rows: list[Row],
    places: Mapping[Epoch, Enrolment],
    heads: Mapping[Epoch, Mapping[str, Any]],
) -> None:
    """Mark the rows of revoked devices that have just arrived.

    places: where each stood. heads: rows of `head`.
    """
    revoked = {epoch: place for epoch, place in places.items() if place.revoked_at_ms}
    lowest: dict[Epoch, int] = {}
    late = [row for row in rows if row.epoch_key in revoked] if revoked else []
    for row in sorted(late, key=lambda row: row.seq):
        place = revoked[row.epoch_key]
        assert place.revoked_at_ms is not None
        known = lowest.get(row.epoch_key, place.revoked_seq)
        if _is_signed_after(row, place.revoked_at_ms, known):
            row.mark(SIGNED_AFTER_REVOCATION)
            if known is None or row.seq < known:
                lowest[row.epoch_key] = row.seq
        elif row.stored_at_ms >= place.revoked_at_ms and not _was_known(
            row, place.revoked_at_ms, heads.get(row.epoch_key)
        ):
            row.mark(ARRIVED_AFTER_REVOCATION)
    for epoch, seq in lowest.items():
        place_rows.lower_revoked_seq(connection, *epoch, seq)


def _is_signed_after(row: Row, revoked_at_ms: int, revoked_seq: int | None) -> bool:
    """Whether a record was signed after the revocation, by its time or by its place in order."""
    if revoked_seq is not None and row.seq >= revoked_seq:
        return True
    told = row.rated_at_ms
    if told is None and row.is_readable:
        told = row.record.at
    return told is not None and told >= revoked_at_ms


def _was_known(row: Row, revoked_at_ms: int, head: Mapping[str, Any] | None) -> bool:
    return head is not None and head["stored_at_ms"] < revoked_at_ms and row.seq <= head["seq"]
