"""Two boards with one bundle, or a flash that lost what it had: what one device cannot have said.

Two records of one seq are a `conflict`. Here are the traces of a board whose records never
arrive: a head or a record that another board's `boot` calls unused, and a head that names another
record than the one held in its place.
"""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection

from central.store import coverage, ledger
from central.store.coverage import ChainRow
from central.store.ledger import Epoch, Row
from central.verify import VerifiedHead
from protocol.record import DAMAGE, RESTART, Boot

CLONED_DEVICE = "cloned_device"
DAMAGE_NAMED = "damage_named"  # a device tells that it can no longer read what it had written


def mark_boots(
    connection: Connection,
    new: list[Row],
    before: dict[Epoch, ChainRow],
    heads: Iterable[tuple[Epoch, int]],
) -> list[Row]:
    """Mark boots that name damage, and what was called unused though it was written.

    before: the chains before this batch. heads: (epoch, seq) of heads known or new: the device had
    written so many. The rows that got a mark.
    """
    changed = []
    for row in new:
        if row.kind == Boot.kind and row.is_readable and row.record.gaps:
            causes = {cause for _, _, cause in row.record.gaps}
            if DAMAGE in causes and row.mark(DAMAGE_NAMED):
                changed.append(row)
            if _is_contradicted(connection, row, heads) and row.mark(CLONED_DEVICE):
                changed.append(row)
        chain = before[row.device, row.epoch]
        is_late = row.seq < chain.highest_seq
        if is_late and coverage.is_called_unused(connection, row.key[:2], row.seq):
            changed += [row] if row.mark(CLONED_DEVICE) else []
    return changed


def find_in_heads(
    connection: Connection,
    sent: list[VerifiedHead],
    new: list[Row],
    highest: dict[Epoch, Any],
    chains: dict[Epoch, ChainRow],
) -> list[tuple[str, int, int]]:
    """(device, epoch, seq) of heads that name another record than the one held, or one that a
    boot calls unused.
    """
    told = {(item.head.device, item.head.epoch, item.head.seq): item.head for item in sent}
    mac16s = {key: {head.mac16} for key, head in told.items()}
    for row in new:
        values = highest.get((row.device, row.epoch))
        if values is not None and values["seq"] == row.seq:
            mac16s.setdefault(row.key, set()).update((values["mac16"], row.mac16))
    for key, row in ledger.rows(connection, told).items():
        mac16s[key].add(row.mac16)
    found = [key for key, names in mac16s.items() if len(names) > 1]
    for key in told.keys() - found:
        is_behind = key[2] < chains[key[:2]].highest_seq
        if is_behind and coverage.is_called_unused(connection, key[:2], key[2]):
            found.append(key)
    return sorted(found)


def _is_contradicted(
    connection: Connection, boot: Row, heads: Iterable[tuple[Epoch, int]]
) -> bool:
    epoch = (boot.device, boot.epoch)
    told = [seq for name, seq in heads if name == epoch]
    for first, last, cause in boot.record.gaps:
        last = min(last, boot.seq - 1)
        if cause == RESTART and (
            any(first <= seq <= last for seq in told)
            or ledger.count_between(connection, epoch, first, last)
        ):
            return True
    return False
