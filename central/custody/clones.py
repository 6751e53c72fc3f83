"""Two boards with one bundle, or a flash that lost what it had: what one device cannot have said.

Two records of one seq are a `conflict`. Here are the traces of a board whose records never
arrive: a head or a record that another board's `boot` calls unused, and a head that names another
record than the one held in its place.
"""

from collections.abc import Iterable

from sqlalchemy import Connection

from central.custody.marks import CLONED_DEVICE, DAMAGE_NAMED
from central.custody.open import VerifiedHead
from central.store import covers, ledger
from central.store.covers import ChainRow
from central.store.ledger import Epoch, Key, Row
from protocol.record import DAMAGE, RESTART, Boot


def mark_boots(
    connection: Connection,
    new: list[Row],
    before: dict[Epoch, ChainRow],
    heads: Iterable[tuple[Epoch, int, str]],
) -> list[Row]:
    """Mark boots that name damage, and what was called unused though it was written.

    before: the chains before this batch. heads: (epoch, seq, mac16) of heads known or new,
    what the device had written last. The rows that got a mark.
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
        if is_late and covers.is_called_unused(connection, row.key[:2], row.seq):
            changed += [row] if row.mark(CLONED_DEVICE) else []
    return changed


def find_in_heads(
    connection: Connection,
    sent: list[VerifiedHead],
    new: list[Row],
    heads: Iterable[tuple[Epoch, int, str]],
    before: dict[Epoch, ChainRow],
) -> list[Key]:
    """Places about which heads say something else than what is held, another head, or a boot.

    before, heads: see `mark_boots`.
    """
    mac16s: dict[Key, set[str]] = {}
    for epoch, seq, name in heads:
        mac16s.setdefault((*epoch, seq), set()).add(name)
    arrived = {row.key: row for row in new}
    sought = [(*item.epoch_key, item.head.seq) for item in sent]
    held = ledger.rows(connection, sought)
    found = set()
    for key, names in mac16s.items():
        row = arrived.get(key) or held.get(key)
        names |= {row.mac16} if row is not None else set()
        if len(names) > 1 and (key in arrived or key in sought):
            found.add(key)
    for key in {*sought} - found:
        is_behind = key[2] < before[key[:2]].highest_seq
        if is_behind and covers.is_called_unused(connection, key[:2], key[2]):
            found.add(key)
    return sorted(found)


def _is_contradicted(
    connection: Connection, boot: Row, heads: Iterable[tuple[Epoch, int, str]]
) -> bool:
    epoch = (boot.device, boot.epoch)
    told = [seq for name, seq, _ in heads if name == epoch]
    for first, last, cause in boot.record.gaps:
        last = min(last, boot.seq - 1)
        if cause == RESTART and (
            any(first <= seq <= last for seq in told)
            or ledger.count_between(connection, epoch, first, last)
        ):
            return True
    return False
