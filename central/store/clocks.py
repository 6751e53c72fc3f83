"""What is known of the time of each start of a device; the centre's own time, and when it ran."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, insert, select, update

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
    high_ms: int | None
    undated_first: int | None = None
    undated_last: int | None = None


class KeptTime(NamedTuple):
    """The row of `centre_clock` (central/store/tables/records.py)."""

    newest_ms: int
    sure_ms: int = 0
    words: int = 0
    moves: int = 0
    halls: int = 0
    near_steady: int = 0
    near_wall: int = 0


Start = tuple[str, int, int]  # device, epoch, boot

_clock = metadata.tables["boot_clock"]
_running = metadata.tables["running"]
_centre_clock = metadata.tables["centre_clock"]
_STARTS_MS = 60 * 86_400_000  # a device holds what it has not sent for some weeks at most
# Since when something is so, or when it was so last: columns from which time is counted.
_PAST = [
    metadata.tables[table].c[column]
    for table, column in (
        *(("hall", "heard_at_ms"), ("hall", "proven_at_ms"), ("device", "proven_at_ms")),
        *(("chain", "open_since_ms"), ("head", "lacking_since_ms"), ("head", "stored_at_ms")),
        *(("restoring", "head_at_ms"), ("restoring", "at_ms")),
        *(("device", "enrolled_at_ms"), ("window", "rested_at_ms")),
        *(("book", "open_since_ms"), ("awaited", "since_ms"), ("running", "until_ms")),
    )
]
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


def note_running(connection: Connection, now_ms: int, pause_ms: int) -> None:
    """Note that the centre runs now; if it had not for longer than `pause_ms`, it was down."""
    newest = _newest_running(connection)
    if newest is None or now_ms - newest.until_ms > pause_ms:
        connection.execute(insert(_running), {"since_ms": now_ms, "until_ms": now_ms})
    elif now_ms > newest.until_ms:
        is_it = _running.c.since_ms == newest.since_ms
        connection.execute(update(_running).where(is_it).values(until_ms=now_ms))


def write_again(connection: Connection) -> None:
    """Write what was noted last as it is: whether the database takes anything, and no more."""
    newest = select(_running.c.since_ms).order_by(_running.c.since_ms.desc()).limit(1)
    is_it = _running.c.since_ms == newest.scalar_subquery()
    connection.execute(update(_running).where(is_it).values(until_ms=_running.c.until_ms))


def ran(connection: Connection, most: int) -> list[tuple[int, int]]:
    """(since_ms, until_ms) of the times in which the centre ran, the newest first."""
    query = select(_running).order_by(_running.c.since_ms.desc()).limit(most)
    return [(row.since_ms, row.until_ms) for row in connection.execute(query)]


def _newest_running(connection: Connection) -> Any:
    query = select(_running).order_by(_running.c.since_ms.desc()).limit(1)
    return connection.execute(query).first()


def kept_time(connection: Connection, is_locked: bool = False) -> KeptTime | None:
    """The centre's time as it was kept last; None in a database that no centre has run on.

    is_locked: nobody else may change it until this transaction ends.
    """
    query = select(*[_centre_clock.c[name] for name in KeptTime._fields])
    row = connection.execute(query.with_for_update() if is_locked else query).first()
    return None if row is None else KeptTime(*row)


def keep_time(connection: Connection, kept: KeptTime) -> None:
    """Write it."""
    changed = connection.execute(update(_centre_clock).values(kept._asdict()))
    if changed.rowcount == 0:
        connection.execute(insert(_centre_clock), {"id": 1, **kept._asdict()})


def withdrawn_ms(connection: Connection) -> int:
    """The highest instant that was the centre's time and was taken back, 0 for none: nothing that
    was signed before names a later one.
    """
    return connection.execute(select(_centre_clock.c.withdrawn_ms)).scalar() or 0


def move(connection: Connection, by_ms: int, now_ms: int) -> None:
    """The centre's time is another one by `by_ms`, and is `now_ms` now: what is known of the
    starts of which something may still come holds for both, and nothing is due later than now.

    Nobody knows by which of the two a start was seen: its bounds are moved apart, never closer;
    the next record or head of it brings them together again. The caller has locked all halls, so
    that nothing is filed meanwhile.
    """
    bound = _clock.c.high_ms if by_ms > 0 else _clock.c.low_ms
    moved = update(_clock).where(_clock.c.high_ms > now_ms - abs(by_ms) - _STARTS_MS)
    connection.execute(moved.values({bound.name: bound + by_ms}))
    if by_ms < 0:
        highest_ms = max(now_ms - by_ms, withdrawn_ms(connection))
        connection.execute(update(_centre_clock).values(withdrawn_ms=highest_ms))
        connection.execute(delete(_running).where(_running.c.since_ms > now_ms))
    for column in _PAST if by_ms < 0 else ():
        is_ahead = update(column.table).where(column > now_ms)
        connection.execute(is_ahead.values({column.name: now_ms}))
