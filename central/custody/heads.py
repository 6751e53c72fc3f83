"""Heads: a device's own word on how far its chain goes. The highest of each epoch is kept."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import Connection

from central.custody.open import VerifiedHead
from central.store import covers
from central.store.ledger import Epoch
from protocol.batch import DUPLICATE, STORED


class Heads(NamedTuple):
    """verdicts: one for each head. highest: of each epoch, as a row of `head`. newer: epochs with
    a head that says something new. older: heads lower than one that came before. claims: of every
    head, before or in this batch, which record its device said it had written last.
    """

    verdicts: list[str]
    highest: dict[Epoch, dict[str, Any]]
    newer: set[Epoch]
    older: list[VerifiedHead]
    claims: set[tuple[Epoch, int, str]]

    @property
    def seqs(self) -> dict[Epoch, int]:
        """How many records each device says it has written."""
        return {epoch: values["seq"] for epoch, values in self.highest.items()}

    @property
    def receipt_seqs(self) -> dict[Epoch, int]:
        """The highest receipt that each device has shown."""
        return {epoch: values["receipt_seq"] for epoch, values in self.highest.items()}


def file_heads(
    connection: Connection, epochs: Iterable[Epoch], sent: list[VerifiedHead], now_ms: int
) -> Heads:
    """Keep the highest head of each epoch.

    A head that is not higher than the one known says nothing new: `duplicate`. epochs: of all
    that came in this batch.
    """
    known = covers.heads(connection, epochs)
    highest = {epoch: dict(row._mapping) for epoch, row in known.items()}
    claims = {(epoch, row.seq, row.mac16) for epoch, row in known.items()}
    claims |= {(item.epoch_key, item.head.seq, item.head.mac16) for item in sent}
    verdicts, newer, older = [], set(), []
    for item in sent:
        values = _values(item, now_ms)
        before = highest.get(item.epoch_key)
        if before is None or _rank(values) > _rank(before):
            highest[item.epoch_key] = values
            verdicts.append(STORED)
            newer.add(item.epoch_key)
        else:
            verdicts.append(DUPLICATE)
            # A start in a full journal has no `boot` of its own, so its up_ms may be lower.
            if _rank(values)[:2] < _rank(before)[:2]:
                older.append(item)
        if before is not None:
            shown = max(item.receipt_seq, before["receipt_seq"])
            highest[item.epoch_key]["receipt_seq"] = shown
    changed = [
        values
        for epoch, values in sorted(highest.items())
        if epoch not in known or values != known[epoch]._mapping
    ]
    covers.save_heads(connection, changed)
    return Heads(verdicts, highest, newer, older, claims)


def _rank(values: dict[str, Any]) -> tuple[int, int, int]:
    return values["seq"], values["boot"], values["up_ms"]


def _values(item: VerifiedHead, now_ms: int) -> dict[str, Any]:
    return {
        "device": item.head.device,
        "epoch": item.head.epoch,
        "seq": item.head.seq,
        "mac16": item.head.mac16,
        "boot": item.head.boot,
        "up_ms": item.head.up_ms,
        "envelope": item.envelope,
        "receipt_seq": item.receipt_seq,
        "stored_at_ms": now_ms,
    }
