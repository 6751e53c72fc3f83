"""Chains with their receipts, gaps that boots named, heads and endings: by (device, epoch). And of
which devices a restored centre may lack records: they are offered again.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Connection,
    and_,
    delete,
    exists,
    func,
    insert,
    literal,
    not_,
    select,
    update,
)

from central.store import clocks, sql
from central.store.ledger import Epoch
from central.store.sql import Halls
from central.store.tables import metadata
from protocol.record import RESTART

_chain = metadata.tables["chain"]
_gap = metadata.tables["gap"]
_head = metadata.tables["head"]
_ending = metadata.tables["ending"]
_device = metadata.tables["device"]
_hall = metadata.tables["hall"]
_restoring = metadata.tables["restoring"]
_newer = _device.alias()
_SOONER_MS = 600_000  # central/custody/heads.py: so soon a head that says nothing new is not kept


class ChainRow(NamedTuple):
    """A row of `chain`."""

    device: str
    epoch: int
    covered_seq: int
    highest_seq: int
    receipt_seq: int
    receipt: bytes | None
    open_since_ms: int | None = None
    receipt_at_ms: int | None = None
    undated_boot: int | None = None


_CHAINS = f"SELECT {', '.join(ChainRow._fields)} FROM chain"
_SAVE_CHAIN = (
    f"UPDATE chain SET {', '.join([f'{name} = ?' for name in ChainRow._fields[2:]])}"
    " WHERE device = ? AND epoch = ?"
)
_HEAD = tuple(_head.c.keys())
_SAVE_HEAD = (  # both databases know this form; SQLAlchemy has it for each of them apart only
    f"INSERT INTO head ({', '.join(_HEAD)}) VALUES ({', '.join('?' * len(_HEAD))})"
    " ON CONFLICT (device, epoch) DO UPDATE SET "
    + ", ".join([f"{name} = excluded.{name}" for name in _HEAD[2:]])
)


def gaps_above(connection: Connection, epoch: Epoch, seq: int) -> dict[int, list[tuple[int, int]]]:
    """boot_seq -> runs that end above `seq`."""
    query = select(_gap.c.boot_seq, _gap.c.first_seq, _gap.c.last_seq).where(
        _of(_gap, epoch), _gap.c.last_seq > seq
    )
    runs: dict[int, list[tuple[int, int]]] = {}
    for boot_seq, first, last in connection.execute(query):
        runs.setdefault(boot_seq, []).append((first, last))
    return runs


def gaps(connection: Connection, epoch: Epoch) -> list[Any]:
    """Every row of `gap` of an epoch."""
    return list(connection.execute(select(_gap).where(_of(_gap, epoch))))


def chain(connection: Connection, epoch: Epoch) -> ChainRow | None:
    """The chain of an epoch."""
    row = connection.execute(select(_chain).where(_of(_chain, epoch))).first()
    return None if row is None else ChainRow(*row)


def all_chains(connection: Connection) -> list[ChainRow]:
    """Every chain."""
    return [ChainRow(*row) for row in connection.execute(select(_chain))]


def is_called_unused(connection: Connection, epoch: Epoch, seq: int) -> bool:
    """Whether a boot says that nothing was ever written under this seq."""
    query = select(_gap.c.boot_seq).where(
        _of(_gap, epoch),
        _gap.c.cause == RESTART,
        _gap.c.first_seq <= seq,
        _gap.c.last_seq >= seq,
    )
    return connection.execute(query.limit(1)).first() is not None


def runs_from_above(
    connection: Connection, epoch: Epoch, seq: int
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Runs that reach down to `seq` or below: those that boots above it name, and all others."""
    query = select(_gap).where(_of(_gap, epoch), _gap.c.first_seq <= seq)
    runs: tuple[list[tuple[int, int]], ...] = ([], [])
    for row in connection.execute(query):
        runs[row.boot_seq <= seq].append((row.first_seq, min(row.last_seq, seq)))
    return runs[0], runs[1]


def add_gaps(connection: Connection, values: list[dict[str, Any]]) -> None:
    """Insert named runs (columns of `gap`)."""
    if values:
        connection.execute(insert(_gap), values)


def lock_chains(connection: Connection, epochs: Iterable[Epoch]) -> dict[Epoch, ChainRow]:
    """The chains of these epochs, made if missing, theirs alone until the transaction ends."""
    wanted = sorted(epochs)
    among, devices = sql.among(connection, {device for device, _ in wanted})
    query = f"{_CHAINS} WHERE device {among} ORDER BY device, epoch{sql.for_update(connection)}"
    chains = [ChainRow(*row) for row in sql.run(connection, query, devices)] if wanted else []
    found = {(chain.device, chain.epoch): chain for chain in chains}
    found = {epoch: found[epoch] for epoch in wanted if epoch in found}
    missing = [ChainRow(*epoch, 0, 0, 0, None) for epoch in wanted if epoch not in found]
    if missing:  # enrolled before the backup was made from which this database was restored
        connection.execute(insert(_chain), [chain._asdict() for chain in missing])
    return found | {(chain.device, chain.epoch): chain for chain in missing}


def save_chains(connection: Connection, chains: list[ChainRow]) -> None:
    """Write chains that are already there."""
    if chains:
        sql.run(connection, _SAVE_CHAIN, [(*chain[2:], *chain[:2]) for chain in chains])


def any_receipt(connection: Connection) -> Any:
    """device, epoch and receipt of some epoch that has one, None where nothing was signed for."""
    columns = (_chain.c.device, _chain.c.epoch, _chain.c.receipt)
    query = select(*columns).where(_chain.c.receipt.is_not(None))
    return connection.execute(query.limit(1)).first()


def heads(connection: Connection, epochs: Iterable[Epoch]) -> dict[Epoch, Any]:
    """The highest heads known of these epochs: rows of `head`."""
    rows = sql.with_keys(connection, _head, set(epochs), ("device", "epoch"))
    return {(row.device, row.epoch): row for row in rows}


def save_heads(connection: Connection, changed: list[dict[str, Any]]) -> None:
    """Insert or update heads (all columns of `head`)."""
    if changed:
        rows = [tuple([values[name] for name in _HEAD]) for values in changed]
        sql.run(connection, _SAVE_HEAD, rows)


def end_epochs(connection: Connection, epochs: Iterable[Epoch], now_ms: int) -> None:
    """Note that these end now, those that have not ended yet; their halls are locked.

    No receipt of theirs that was signed so far is later than the end, whatever the clock did: not
    even one from a time that was taken back.
    """
    least_ms = max(now_ms, clocks.withdrawn_ms(connection))
    for epoch in epochs:
        if ending(connection, epoch) is None:
            known = chain(connection, epoch)
            signed_ms = 0 if known is None else known.receipt_at_ms or 0
            ended_ms = max(least_ms, signed_ms)
            values = {"device": epoch[0], "epoch": epoch[1], "ended_at_ms": ended_ms}
            connection.execute(insert(_ending), values)


def ending(connection: Connection, epoch: Epoch) -> Any:
    """The row of `ending` of an epoch, or None."""
    return connection.execute(select(_ending).where(_of(_ending, epoch))).first()


def enrolments_with_endings(connection: Connection) -> list[Any]:
    """Every enrolment, by device and the newest first: enrolled_at_ms, revoked_at_ms,
    refused_at_ms, and the columns of its ending, None while it has not ended.
    """
    names = ("device", "epoch", "enrolled_at_ms", "revoked_at_ms", "refused_at_ms")
    ends = [column for column in _ending.c if column.name not in names]
    is_same = (_ending.c.device == _device.c.device) & (_ending.c.epoch == _device.c.epoch)
    query = (
        select(*[_device.c[name] for name in names], *ends)
        .outerjoin(_ending, is_same)
        .order_by(_device.c.device, _device.c.epoch.desc())
    )
    return list(connection.execute(query))


def save_ending(connection: Connection, epoch: Epoch, values: dict[str, Any]) -> None:
    """Write columns of an ending that is there."""
    connection.execute(update(_ending).where(_of(_ending, epoch)).values(values))


def _of(table: Any, epoch: Epoch) -> Any:
    return (table.c.device == epoch[0]) & (table.c.epoch == epoch[1])


def begin_restoring(connection: Connection, at_ms: int) -> int:
    """The database was restored: every device that stands somewhere is waited for. How many."""
    connection.execute(delete(_restoring))
    earlier = _head.c.stored_at_ms - _SOONER_MS
    connection.execute(update(_head).values(stored_at_ms=earlier))  # the next one is news
    columns = (_head.c.device, _head.c.epoch, _head.c.stored_at_ms)
    is_its = and_(_device.c.device == _head.c.device, _device.c.epoch == _head.c.epoch)
    standing = select(*columns, literal(at_ms, BigInteger)).join(_device, is_its).where(_stands())
    names = ("device", "epoch", "head_at_ms", "at_ms")
    connection.execute(insert(_restoring).from_select(names, standing))
    return connection.execute(select(func.count()).select_from(_restoring)).scalar_one()


def restoring(connection: Connection, hall: Halls) -> list[Any]:
    """hall, name, devices: how many are waited for, at_ms: since when; a row for each hall."""
    query = (
        select(
            *(_device.c.hall, func.max(_hall.c.name).label("name")),
            *(func.count().label("devices"), func.min(_restoring.c.at_ms).label("at_ms")),
        )
        .select_from(_restoring)
        .join(_device, and_(*_same(_device)))
        .join(_hall, _hall.c.hall == _device.c.hall)
        .group_by(_device.c.hall)
        .order_by(_device.c.hall)
    )
    if hall is not None:
        query = query.where(sql.is_one(_device.c.hall, hall))
    return list(connection.execute(query))


def settle_restoring(connection: Connection, before_ms: int) -> None:
    """Forget the devices that have spoken since, and of which all is here that they told of or
    showed a receipt for; those that stand nowhere any more; and those awaited since before then.
    """
    is_whole = (
        exists()
        .where(*_same(_head), _head.c.stored_at_ms != _restoring.c.head_at_ms)
        .where(*_same(_chain))
        .where(_chain.c.covered_seq >= _head.c.seq, _chain.c.covered_seq >= _head.c.receipt_seq)
    )
    there = exists().where(*_same(_device), _stands())
    late = _restoring.c.at_ms < before_ms
    connection.execute(delete(_restoring).where(is_whole | not_(there) | late))


def is_restoring(connection: Connection) -> bool:
    """Whether a device is waited for."""
    return connection.execute(select(_restoring.c.device).limit(1)).first() is not None


def _same(table: Any) -> tuple[Any, Any]:
    return table.c.device == _restoring.c.device, table.c.epoch == _restoring.c.epoch


def _stands() -> Any:
    """A device's newest epoch, which is not revoked, in a hall that is still one."""
    newer = and_(_newer.c.device == _device.c.device, _newer.c.epoch > _device.c.epoch)
    closed = and_(_hall.c.hall == _device.c.hall, _hall.c.is_closed)
    return and_(
        _device.c.revoked_at_ms.is_(None),
        not_(exists().where(newer).correlate_except(_newer)),
        not_(exists().where(closed).correlate_except(_hall)),
    )
