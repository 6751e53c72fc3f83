"""What is known of the time of each start of a device."""

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection, select

from central.store import sql
from central.store.ledger import Epoch
from central.store.tables import metadata


class BootClock(NamedTuple):
    """A row of `boot_clock` (central/store/tables/records.py): one start of a device."""

    device: str
    epoch: int
    boot: int
    first_seq: int
    told_seq: int | None
    told_up_ms: int | None
    told_at_ms: int | None
    low_ms: int | None
    high_ms: int
    undated_first: int | None = None
    undated_last: int | None = None


Start = tuple[str, int, int]  # device, epoch, boot

_clock = metadata.tables["boot_clock"]
_SAVE = (
    f"UPDATE boot_clock SET {', '.join([f'{name} = ?' for name in BootClock._fields[3:]])}"
    " WHERE device = ? AND epoch = ? AND boot = ?"
)


def clocks(connection: Connection, starts: Iterable[Start]) -> dict[Start, BootClock]:
    """The clocks of these starts that are known."""
    rows = sql.with_keys(connection, _clock, starts, BootClock._fields[:3])
    found = [BootClock(*row) for row in rows]
    return {clock[:3]: clock for clock in found}


def clocks_from(connection: Connection, epoch: Epoch, boot: int) -> list[BootClock]:
    """The clocks of an epoch from this start on, by boot."""
    query = select(_clock).where(
        _clock.c.device == epoch[0], _clock.c.epoch == epoch[1], _clock.c.boot >= boot
    )
    return [BootClock(*row) for row in connection.execute(query.order_by(_clock.c.boot))]


def clock_before(connection: Connection, epoch: Epoch, boot: int) -> BootClock | None:
    """The clock of the newest start before this one whose time was told."""
    query = (
        select(_clock)
        .where(
            _clock.c.device == epoch[0],
            _clock.c.epoch == epoch[1],
            _clock.c.boot < boot,
            _clock.c.told_at_ms.is_not(None),
        )
        .order_by(_clock.c.boot.desc())
        .limit(1)
    )
    row = connection.execute(query).first()
    return None if row is None else BootClock(*row)


def save_clocks(connection: Connection, new: list[BootClock], changed: list[BootClock]) -> None:
    """Insert clocks, and write those that are already there."""
    if new:
        sql.insert_many(connection, _clock, BootClock._fields, [tuple(clock) for clock in new])
    if changed:
        sql.run(connection, _SAVE, [(*clock[3:], *clock[:3]) for clock in changed])
