"""The newest receipt of each (device, epoch)."""

from sqlalchemy import Connection, delete

from gateway.store import envelopes
from gateway.store.tables import Table
from protocol.record import Receipt

_receipt = Table.metadata.tables["receipt"]

# Told with every batch for every device, see gateway/store/envelopes.py.
_GET = "SELECT * FROM receipt WHERE device = ? AND epoch = ?"
_PUT = (
    "INSERT OR REPLACE INTO receipt (device, epoch, seq, mac16, at, envelope)"
    " VALUES (?, ?, ?, ?, ?, ?)"
)


def get(connection: Connection, device: str, epoch: int):
    """The newest receipt's row, or None."""
    return connection.exec_driver_sql(_GET, (device, epoch)).first()


def put(
    connection: Connection, receipt: Receipt, envelope: bytes, now_ms: int, ran_ms: int
) -> bool:
    """Take the centre's word as it is, also when it is lower; whether anything changed.

    Rows that it covers are no longer offered, and kept from now on, `ran_ms`; rows that it covers
    no longer are offered.
    """
    before = get(connection, receipt.device, receipt.epoch)
    if before and before.seq > receipt.seq:
        envelopes.uncover(connection, receipt.device, receipt.epoch, receipt.seq, now_ms)
    envelopes.cover(connection, receipt.device, receipt.epoch, receipt.seq, ran_ms)
    if before and before.envelope == envelope:
        return False
    key = (receipt.device, receipt.epoch)
    connection.exec_driver_sql(_PUT, (*key, receipt.seq, receipt.mac16, receipt.at, envelope))
    return True


def drop(connection: Connection, device: str, epoch: int, now_ms: int) -> bool:
    """The centre has no receipt any more (a restored one): offer everything again.

    Whether there was one; a receipt that never was leaves everything as it is.
    """
    dropped = delete(_receipt).where(_receipt.c.device == device, _receipt.c.epoch == epoch)
    if connection.execute(dropped).rowcount == 0:
        return False
    envelopes.uncover(connection, device, epoch, 0, now_ms)
    return True


def put_if_newer(
    connection: Connection, receipt: Receipt, envelope: bytes, now_ms: int, ran_ms: int
) -> bool:
    """The same for a receipt from the hall's document, which may be older than an answer."""
    before = get(connection, receipt.device, receipt.epoch)
    if before and before.at >= receipt.at:
        return False
    return put(connection, receipt, envelope, now_ms, ran_ms)
