"""Heads: a device's own word on how far its chain goes. The highest of each epoch is kept."""

from typing import Any

from sqlalchemy import Connection

from central.store import coverage
from central.store.ledger import Epoch
from central.verify import VerifiedHead
from protocol.batch import DUPLICATE, STORED


def file_heads(
    connection: Connection, sent: list[VerifiedHead], now_ms: int
) -> tuple[list[str], dict[Epoch, int]]:
    """Keep the highest heads. A verdict for each, and the highest receipt seq each device showed.

    A head that is not higher than the one known says nothing new: `duplicate`.
    """
    if not sent:
        return [], {}
    known = coverage.heads(connection, {_epoch(item) for item in sent})
    highest = {epoch: dict(row._mapping) for epoch, row in known.items()}
    verdicts = []
    for item in sent:
        values = _values(item, now_ms)
        before = highest.get(_epoch(item))
        if before is None or _rank(values) > _rank(before):
            highest[_epoch(item)] = values
            verdicts.append(STORED)
        else:
            verdicts.append(DUPLICATE)
        if before is not None:
            shown = max(item.receipt_seq, before["receipt_seq"])
            highest[_epoch(item)]["receipt_seq"] = shown
    for epoch, values in sorted(highest.items()):
        coverage.save_head(connection, values, is_new=epoch not in known)
    return verdicts, {epoch: values["receipt_seq"] for epoch, values in highest.items()}


def _epoch(item: VerifiedHead) -> Epoch:
    return item.head.device, item.head.epoch


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
