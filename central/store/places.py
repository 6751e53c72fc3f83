"""Halls, windows and devices."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import Connection, case, func, insert, select, update

from central.store import sql
from central.store.tables import metadata
from hosting.error import OperatorError

_hall = metadata.tables["hall"]
_window = metadata.tables["window"]
_device = metadata.tables["device"]
_chain = metadata.tables["chain"]
_head = metadata.tables["head"]
_record = metadata.tables["record"]
_ending = metadata.tables["ending"]

_HEARD_EVERY_MS = 60_000


class Enrolment(NamedTuple):
    """Where a device stands in one epoch: `device`, `ending` in central/store/tables/places.py."""

    device: str
    epoch: int
    hall: str
    window: str
    revoked_at_ms: int | None
    revoked_seq: int | None
    proven_at_ms: int | None
    approved_at_ms: int | None
    refused_at_ms: int | None
    enrolled_by: str | None
    stood_at: str | None
    ended_at_ms: int | None
    closed_at_ms: int | None

    @property
    def windows(self) -> tuple[str, ...]:
        """The windows of its hall where it stands or stood."""
        return (self.window, *(self.stood_at or "").split())

    @property
    def is_pending(self) -> bool:
        """Whether nobody has approved or refused it yet."""
        return self.approved_at_ms is None and self.refused_at_ms is None


_OF_ENDING = Enrolment._fields[-2:]
_OF_DEVICE = Enrolment._fields[:-2]
_OF_DEVICES = (
    f"SELECT {', '.join([f'it.{sql.name(one)}' for one in _OF_DEVICE])}, {', '.join(_OF_ENDING)}"
    " FROM device it LEFT JOIN ending ON ending.device = it.device AND ending.epoch = it.epoch"
    " WHERE it.device "
)


def add_hall(connection: Connection, values: dict[str, Any]) -> None:
    """Insert a hall with version 1; `values` are the other columns of `hall`."""
    connection.execute(insert(_hall), {**values, "version": 1, "proven_ms": 0})


def hall(connection: Connection, hall_id: str) -> Any:
    """The hall's row, or None."""
    return connection.execute(select(_hall).where(_hall.c.hall == hall_id)).first()


def require_hall(connection: Connection, hall_id: str) -> Any:
    """The hall's row. Raises OperatorError for an unknown hall."""
    row = hall(connection, hall_id)
    if row is None:
        raise OperatorError(
            f"no hall is named {hall_id}: add it with `pingjia central hall add {hall_id} …`."
        )
    return row


def is_heard(connection: Connection, halls: sql.Halls) -> bool:
    """Whether anything that a device signed has come from one of these halls."""
    query = select(_hall.c.hall).where(_hall.c.heard_at_ms.is_not(None)).limit(1)
    if halls is not None:
        query = query.where(sql.is_one(_hall.c.hall, halls))
    return connection.execute(query).first() is not None


def halls(connection: Connection) -> list[Any]:
    """Rows (hall, name, carry_ms) of all halls, by id."""
    query = select(_hall.c.hall, _hall.c.name, _hall.c.carry_ms)
    return list(connection.execute(query.order_by(_hall.c.hall)))


def count_heard(connection: Connection, since_ms: int) -> int:
    """How many halls have been heard since then."""
    query = select(func.count()).where(_hall.c.heard_at_ms >= since_ms)
    return connection.execute(query).scalar_one()


def set_carry(connection: Connection, hall_id: str, carry_ms: int | None) -> None:
    """Note how often a hall's batches arrive as files; None: it has a network."""
    connection.execute(update(_hall).where(_hall.c.hall == hall_id).values(carry_ms=carry_ms))


def set_further(connection: Connection, hall_id: str, values: dict[str, Any]) -> None:
    """Note another further address of a hall's broker: all columns `further_…`."""
    connection.execute(update(_hall).where(_hall.c.hall == hall_id).values(values))


def version(connection: Connection, hall_id: str) -> int:
    """The version of the hall's document; 0 for an unknown hall."""
    query = "SELECT version FROM hall WHERE hall = ?"
    return sql.run(connection, query, (hall_id,)).scalar() or 0


def lock_halls(connection: Connection, hall_ids: Iterable[str]) -> dict[str, int]:
    """The versions of the halls, which no other transaction can change until this one ends.

    Batches of one hall therefore follow each other, so that a rating and its service document,
    or two ratings of one service, cannot miss each other (SQLite has one writer anyway).
    """
    among, wanted = sql.among(connection, set(hall_ids))
    query = f"SELECT hall, version FROM hall WHERE hall {among} ORDER BY hall"
    found = sql.run(connection, query + sql.for_update(connection), wanted)
    return {row[0]: row[1] for row in found}


def changes(connection: Connection) -> tuple[int, int]:
    """How many halls there are, and how often their documents changed: other numbers whenever a
    hall or a window is added, renamed or closed.
    """
    row = connection.execute(select(func.count(), func.sum(_hall.c.version))).one()
    return int(row[0]), int(row[1] or 0)


def bump_versions(connection: Connection, hall_ids: Iterable[str]) -> None:
    """Count one change of each hall's document."""
    halls = [*lock_halls(connection, hall_ids)]  # in their order: no two wait for each other
    query = update(_hall).where(_hall.c.hall.in_(halls))
    connection.execute(query.values(version=_hall.c.version + 1))


def windows(connection: Connection, hall_id: str) -> list[Any]:
    """The hall's windows that there are today (window, name), by id."""
    is_it = (_window.c.hall == hall_id) & _window.c.is_closed.is_(False)
    return list(connection.execute(select(_window).where(is_it).order_by(_window.c.window)))


def epochs(connection: Connection, device: str) -> list[Enrolment]:
    """Every enrolment of a device, the newest first."""
    query = _enrolments().where(_device.c.device == device).order_by(_device.c.epoch.desc())
    return [Enrolment(*row) for row in connection.execute(query)]


def enrolments(connection: Connection, devices: Iterable[str]) -> list[Enrolment]:
    """Every enrolment of the devices, in every hall."""
    among, wanted = sql.among(connection, set(devices))
    found = sql.run(connection, _OF_DEVICES + among, wanted)
    return [Enrolment(*row) for row in found]


def add_device(connection: Connection, values: dict[str, Any]) -> None:
    """Insert an enrolment and its empty chain."""
    connection.execute(insert(_device), values)
    connection.execute(
        insert(_chain),
        {
            "device": values["device"],
            "epoch": values["epoch"],
            "covered_seq": 0,
            "highest_seq": 0,
            "receipt_seq": 0,
            "receipt": None,
        },
    )


def enrolments_in(connection: Connection, hall_ids: Iterable[str]) -> list[Enrolment]:
    """Every enrolment that there ever was in these halls."""
    query = _enrolments().where(_device.c.hall.in_(list(hall_ids)))
    return [Enrolment(*row) for row in connection.execute(query)]


def all_enrolments(connection: Connection) -> list[Enrolment]:
    """Every enrolment that there ever was."""
    return [Enrolment(*row) for row in connection.execute(_enrolments())]


def newest_enrolments(connection: Connection, devices: Iterable[str]) -> dict[str, Enrolment]:
    """The newest enrolment of each of these devices that was ever enrolled."""
    found = sorted(enrolments(connection, devices), key=lambda one: one.epoch)
    return {one.device: one for one in found}


def has_devices(connection: Connection) -> bool:
    """Whether any device was ever enrolled."""
    return connection.execute(select(_device.c.device).limit(1)).first() is not None


def current_devices(connection: Connection, hall_id: str) -> list[Any]:
    """The newest enrolment of each device whose newest one is in this hall, by device."""
    newest = (
        select(_device.c.device, func.max(_device.c.epoch).label("epoch"))
        .where(
            _device.c.device.in_(
                select(_device.c.device).where(_device.c.hall == hall_id).scalar_subquery()
            )
        )
        .group_by(_device.c.device)
        .subquery()
    )
    query = (
        select(_device)
        .join(
            newest,
            (newest.c.device == _device.c.device) & (newest.c.epoch == _device.c.epoch),
        )
        .where(_device.c.hall == hall_id)
        .order_by(_device.c.device)
    )
    return list(connection.execute(query))


def revoke(
    connection: Connection, device: str, epoch: int, at_ms: int, reason: str, seq: int | None
) -> None:
    """Note when and why an enrolment was revoked, and the lowest seq signed after that."""
    is_it = (_device.c.device == device) & (_device.c.epoch == epoch)
    values = {"revoked_at_ms": at_ms, "revoked_reason": reason, "revoked_seq": seq}
    connection.execute(update(_device).where(is_it).values(values))


def move(connection: Connection, moved: Enrolment, window: str) -> None:
    """Let a device stand at another window of its hall from now on."""
    is_it = (_device.c.device == moved.device) & (_device.c.epoch == moved.epoch)
    before = " ".join(one for one in moved.windows if one != window)
    connection.execute(update(_device).where(is_it).values(window=window, stood_at=before))


def approve(connection: Connection, device: str, epoch: int, now_ms: int) -> None:
    """Note that an enrolment is approved."""
    is_it = (_device.c.device == device) & (_device.c.epoch == epoch)
    connection.execute(update(_device).where(is_it).values(approved_at_ms=now_ms))


def refuse(connection: Connection, device: str, epoch: int, now_ms: int) -> None:
    """Note that an enrolment is refused."""
    is_it = (_device.c.device == device) & (_device.c.epoch == epoch)
    connection.execute(update(_device).where(is_it).values(refused_at_ms=now_ms))


def listed(connection: Connection, hall_id: str | None, is_pending: bool, limit: int) -> list[Any]:
    """Enrolments of a hall or of all, by hall and the oldest first: columns of `device`,
    hall_name, window_name, and `waiting`, how many ratings of a pending one do not count yet.

    is_pending: only those that nobody has approved or refused.
    """
    pending = _device.c.approved_at_ms.is_(None) & _device.c.refused_at_ms.is_(None)
    is_rating = (
        (_record.c.device == _device.c.device)
        & (_record.c.epoch == _device.c.epoch)
        & _record.c.level.is_not(None)
    )
    ratings = select(func.count()).select_from(_record).where(is_rating).scalar_subquery()
    is_window = (_window.c.hall == _device.c.hall) & (_window.c.window == _device.c.window)
    names = (_hall.c.name.label("hall_name"), _window.c.name.label("window_name"))
    query = (
        select(_device, *names, case((pending, ratings), else_=0).label("waiting"))
        .join(_hall, _hall.c.hall == _device.c.hall)
        .join(_window, is_window)
        .order_by(_device.c.hall, _device.c.enrolled_at_ms, _device.c.device, _device.c.epoch)
        .limit(limit)
    )
    if hall_id is not None:
        query = query.where(_device.c.hall == hall_id)
    if is_pending:
        query = query.where(pending)
    return list(connection.execute(query))


def lower_revoked_seq(connection: Connection, device: str, epoch: int, seq: int) -> None:
    """Note that this seq was signed after the revocation."""
    is_it = (_device.c.device == device) & (_device.c.epoch == epoch)
    is_lower = _device.c.revoked_seq.is_(None) | (_device.c.revoked_seq > seq)
    connection.execute(update(_device).where(is_it, is_lower).values(revoked_seq=seq))


def hear(connection: Connection, hall_ids: Iterable[str], now_ms: int) -> None:
    """Note that devices of these halls spoke; once a minute is enough."""
    halls = set(hall_ids)
    among, wanted = sql.among(connection, halls)
    query = f"SELECT hall, heard_at_ms FROM hall WHERE hall {among} ORDER BY hall"
    for hall_id, heard_at_ms in sql.run(connection, query, wanted).all() if halls else []:
        if heard_at_ms is None or now_ms - heard_at_ms >= _HEARD_EVERY_MS:
            is_it = _hall.c.hall == hall_id
            connection.execute(update(_hall).where(is_it).values(heard_at_ms=now_ms))


def proofs(
    connection: Connection, hall_ids: Iterable[str]
) -> dict[str, tuple[int | None, int, int | None]]:
    """hall -> (proven_at_ms, proven_ms, carry_ms)."""
    among, wanted = sql.among(connection, set(hall_ids))
    query = f"SELECT hall, proven_at_ms, proven_ms, carry_ms FROM hall WHERE hall {among}"
    return {row[0]: (row[1], row[2], row[3]) for row in sql.run(connection, query, wanted)}


def save_proofs(
    connection: Connection,
    halls: dict[str, tuple[int | None, int]],
    devices: dict[tuple[str, int], tuple[int, int]],
) -> None:
    """Write (proven_at_ms, proven_ms) of halls and of enrolments; no proven_ms is made lower."""
    of_halls = [(at_ms, ms, ms, hall) for hall, (at_ms, ms) in sorted(halls.items())]
    of_devices = [(at_ms, ms, ms, *epoch) for epoch, (at_ms, ms) in sorted(devices.items())]
    highest = "CASE WHEN proven_ms > ? THEN proven_ms ELSE ? END"
    set_them = f"SET proven_at_ms = ?, proven_ms = {highest} WHERE"
    sql.run(connection, f"UPDATE hall {set_them} hall = ?", of_halls)
    sql.run(connection, f"UPDATE device {set_them} device = ? AND epoch = ?", of_devices)


def ends(connection: Connection, devices: Iterable[str]) -> list[Any]:
    """Rows (device, epoch, highest_seq, head_seq) of the devices' chains: what is held, and what
    the device's newest head speaks of (None without one).
    """
    is_same = (_head.c.device == _chain.c.device) & (_head.c.epoch == _chain.c.epoch)
    query = (
        select(
            _chain.c.device, _chain.c.epoch, _chain.c.highest_seq, _head.c.seq.label("head_seq")
        )
        .outerjoin(_head, is_same)
        .where(_chain.c.device.in_(list(devices)))
    )
    return list(connection.execute(query))


def receipts(connection: Connection, devices: Iterable[str]) -> list[Any]:
    """Rows (device, epoch, receipt) of the devices' epochs that have one, newest epoch first."""
    query = (
        select(_chain.c.device, _chain.c.epoch, _chain.c.receipt)
        .where(_chain.c.device.in_(list(devices)), _chain.c.receipt.is_not(None))
        .order_by(_chain.c.device, _chain.c.epoch.desc())
    )
    return list(connection.execute(query))


def _enrolments() -> Any:
    columns = [_device.c[name] for name in _OF_DEVICE] + [_ending.c[name] for name in _OF_ENDING]
    is_same = (_ending.c.device == _device.c.device) & (_ending.c.epoch == _device.c.epoch)
    return select(*columns).select_from(_device).outerjoin(_ending, is_same)
