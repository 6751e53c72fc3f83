"""Of which devices a restored centre may lack records: they are offered again."""

from typing import Any

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

from central.store.sql import Halls, is_one
from central.store.tables import metadata

_restoring = metadata.tables["restoring"]
_head = metadata.tables["head"]
_chain = metadata.tables["chain"]
_device = metadata.tables["device"]
_hall = metadata.tables["hall"]
_newer = _device.alias()
_SOONER_MS = 600_000  # central/custody/heads.py: so soon a head that says nothing new is not kept


def begin(connection: Connection, at_ms: int) -> int:
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


def waiting(connection: Connection, hall: Halls) -> list[Any]:
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
        query = query.where(is_one(_device.c.hall, hall))
    return list(connection.execute(query))


def settle(connection: Connection, before_ms: int) -> None:
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


def is_awaiting(connection: Connection) -> bool:
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
