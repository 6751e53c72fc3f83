"""The ends of epochs, and what closed them, held against the enrolments and the records."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from sqlalchemy import Connection

from central.custody.heads import end_head
from central.custody.open import KeyOf
from central.store import covers, ledger
from protocol.envelope import is_signed
from protocol.field import ProtocolError
from protocol.record import Head

Found = Iterator[tuple[str, str, str]]  # name, where, sentence


def endings(connection: Connection, key_of: KeyOf) -> Found:
    """Every enrolment of every device: has it ended, and by right; is it closed by right?"""
    rows = covers.enrolments_with_endings(connection)
    for _, found in groupby(rows, lambda row: row.device):
        newer: Any = None  # the next enrolment of the device; they come the newest first
        for row in found:
            where = f"{row.device}, epoch {row.epoch}"
            for name, sentence in _of_end(row, newer):
                yield name, where, sentence
            for name, sentence in _of_close(connection, row, key_of):
                yield name, where, sentence
            newer = row


def _of_end(row: Any, newer: Any) -> Iterator[tuple[str, str]]:
    since = [row.revoked_at_ms, row.refused_at_ms, newer and newer.enrolled_at_ms]
    since = [one for one in since if one is not None]
    if row.ended_at_ms is None and since:
        yield "end_removed", f"it ended at {min(since)}, and no end is kept"
    elif row.ended_at_ms is not None and not since:
        yield "end_invented", "it was neither revoked nor refused, nor enrolled anew"
    elif row.ended_at_ms is not None and row.ended_at_ms < min(since):
        yield "end_differs", f"it ended at {min(since)}, kept is {row.ended_at_ms}"


def _of_close(connection: Connection, row: Any, key_of: KeyOf) -> Iterator[tuple[str, str]]:
    epoch = (row.device, row.epoch)
    head = None
    if row.head is not None:
        head = _signed(key_of(*epoch), row.head)
        if head is None or (head.device, head.epoch) != epoch:
            yield "bad_end_head", "the head kept with its end is not signed with the device's key"
            return
        if (head.heard or 0) <= row.ended_at_ms:
            yield "bad_end_head", f"it was signed after {head.heard}, the end was later"
            return
    if row.closed_at_ms is None:
        return
    if row.closed_by is not None:
        if not row.closed_reason:
            yield "closed_wrongly", f"{row.closed_by} closed it without a reason"
        return
    if head is None:
        yield "closed_wrongly", "neither a head of its device nor an operator closed it"
        return
    chain = covers.chain(connection, epoch)
    held = ledger.rows(connection, [(*epoch, head.seq)]).get((*epoch, head.seq))
    if chain is None or chain.covered_seq < head.seq or held is None or held.mac16 != head.mac16:
        yield "closed_wrongly", f"not all is covered up to the record {head.seq} of its head"


def _signed(key: bytes, envelope: bytes) -> Any:
    try:
        head = end_head(envelope) if is_signed(key, envelope) else None
    except ProtocolError:
        return None
    return head if isinstance(head, Head) else None
