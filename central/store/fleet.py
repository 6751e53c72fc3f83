"""Devices at work, and what runs on each, for the pages of the fleet and of halls."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, func, select

from central.store import sql
from central.store.ledger import Row
from central.store.tables import metadata
from protocol.record import Boot

_device = metadata.tables["device"]
# Boots may arrive in any order: the highest of an epoch says what runs.
_NOTE = (
    "UPDATE device SET firmware = ?, firmware_seq = ?"
    " WHERE device = ? AND epoch = ? AND firmware_seq < ?"
)


def note_boots(connection: Connection, rows: Iterable[Row]) -> None:
    """Note which firmware started, by the boots among these records, which devices signed."""
    boots = [row for row in rows if row.kind == Boot.kind and row.is_readable]
    values = [
        (row.record.firmware, row.seq, row.device, row.epoch, row.seq)
        for row in sorted(boots, key=lambda row: row.key)
    ]
    if values:
        sql.run(connection, _NOTE, values)


def standing(connection: Connection, hall: str | None = None) -> list[Any]:
    """The newest enrolment of each device that is not revoked, of a hall or of all, by device."""
    newest = select(_device.c.device, func.max(_device.c.epoch).label("epoch"))
    last = newest.group_by(_device.c.device).subquery()
    is_it = (last.c.device == _device.c.device) & (last.c.epoch == _device.c.epoch)
    query = select(_device).join(last, is_it).where(_device.c.revoked_at_ms.is_(None))
    if hall is not None:
        query = query.where(_device.c.hall == hall)
    return list(connection.execute(query.order_by(_device.c.device)))
