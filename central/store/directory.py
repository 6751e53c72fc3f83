"""The directory: who is who, and who belonged where on which day."""

from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from sqlalchemy import Connection, exists, func, insert, or_, select, tuple_, update

from central.store import sql
from central.store.judged import standings
from central.store.tables import metadata

EVER = 0  # the first day of what holds as far back as there is anything


class Entry(NamedTuple):
    """A row of `directory` (central/store/tables/places.py): what holds of something from
    first_day on, until the day before the next row of it, or to last_day. Days are numbers,
    20260901.
    """

    kind: str
    id: str
    first_day: int
    last_day: int | None = None
    name: str = ""
    up: str | None = None
    institution: str | None = None
    line: str | None = None
    profiles: str | None = None
    tier: str | None = None
    hours: str | None = None
    sends: str | None = None
    rateable: bool | None = None
    needs_application: bool | None = None
    qualified: bool | None = None

    @property
    def what(self) -> tuple[str, str]:
        """What the row is of: its kind and id."""
        return self.kind, self.id


_directory = metadata.tables["directory"]
_hall = metadata.tables["hall"]
_window = metadata.tables["window"]
_device = metadata.tables["device"]
_COLUMNS = [_directory.c[name] for name in Entry._fields]
_DAYS = ("kind", "id", "first_day")


def entries(connection: Connection, kind: str | None = None) -> list[Entry]:
    """The rows of a kind or of all, by kind, id and first day."""
    query = select(*_COLUMNS).order_by(*[_directory.c[name] for name in _DAYS])
    if kind is not None:
        query = query.where(_directory.c.kind == kind)
    return [Entry(*row) for row in connection.execute(query)]


def of_things(connection: Connection, kind: str, ids: Iterable[str]) -> list[Entry]:
    """The rows of these things of a kind, by id and first day."""
    query = select(*_COLUMNS).where(_directory.c.kind == kind, _directory.c.id.in_([*ids]))
    found = connection.execute(query.order_by(_directory.c.id, _directory.c.first_day))
    return [Entry(*row) for row in found]


def page(
    connection: Connection, kind: str, on: int | None, after: tuple[str, int], limit: int
) -> list[Entry]:
    """Rows of a kind by id and first day, those behind the position `after`: all of them, or
    those that hold on a day.
    """
    key = tuple_(_directory.c.id, _directory.c.first_day)
    query = select(*_COLUMNS).where(_directory.c.kind == kind, key > after)
    if on is not None:
        query = query.where(*_holds(kind, on))
    query = query.order_by(_directory.c.id, _directory.c.first_day).limit(limit)
    return [Entry(*row) for row in connection.execute(query)]


def search(
    connection: Connection, kind: str, on: int, wanted: str, ups: Collection[str] | None
) -> list[Entry]:
    """What holds of a kind on a day, by id: those with `wanted` in their id or name, and of a
    kind whose things lie in one (`up`) those in one of `ups`; None for all.
    """
    query = select(*_COLUMNS).where(_directory.c.kind == kind, *_holds(kind, on))
    if wanted:
        columns = _directory.c.id, _directory.c.name
        has_it = [func.lower(one).contains(wanted.lower(), autoescape=True) for one in columns]
        query = query.where(or_(*has_it))
    if ups is not None:
        query = query.where(_directory.c.up.in_(ups))
    found = connection.execute(query.order_by(_directory.c.id))
    return [Entry(*row) for row in found]


def _holds(kind: str, on: int) -> tuple[Any, ...]:
    """Of rows of a kind that hold on a day."""
    later = _directory.alias()
    is_later = exists().where(
        later.c.kind == kind,
        later.c.id == _directory.c.id,
        later.c.first_day > _directory.c.first_day,
        later.c.first_day <= on,
    )
    has_not_ended = func.coalesce(_directory.c.last_day, on) >= on
    return _directory.c.first_day <= on, ~is_later, has_not_ended


def of_hall(connection: Connection, kind: str, hall: str) -> list[Entry]:
    """The rows of what lies in a hall, of a kind, by id and first day."""
    query = select(*_COLUMNS).where(_directory.c.kind == kind, _directory.c.up == hall)
    found = connection.execute(query.order_by(_directory.c.id, _directory.c.first_day))
    return [Entry(*row) for row in found]


def matters_of(connection: Connection, institutions: Iterable[str]) -> list[Entry]:
    """The rows of the matters that were ever of these institutions, or of none, all rows of each,
    by id and first day.
    """
    is_theirs = _directory.c.institution.in_([*institutions])
    is_one = (_directory.c.kind == "matter") & (is_theirs | _directory.c.institution.is_(None))
    ids = select(_directory.c.id).where(is_one).scalar_subquery()
    query = select(*_COLUMNS).where(_directory.c.kind == "matter", _directory.c.id.in_(ids))
    found = connection.execute(query.order_by(_directory.c.id, _directory.c.first_day))
    return [Entry(*row) for row in found]


def save(connection: Connection, changed: list[Entry], now_ms: int) -> None:
    """Write rows; one with the same kind, id and first day is replaced."""
    if not changed:
        return
    is_it = " AND ".join([f"{sql.name(name)} = ?" for name in _DAYS])
    sql.run(connection, f"DELETE FROM directory WHERE {is_it}", [entry[:3] for entry in changed])
    names = (*Entry._fields, "noted_ms")
    sql.insert_many(connection, _directory, names, [(*entry, now_ms) for entry in changed])
    standings.note_directory(connection)
    _touch(connection, changed, now_ms)


def _touch(connection: Connection, changed: list[Entry], now_ms: int) -> None:
    """Let the judge look again at the services that may belong elsewhere now, or be judged by
    another policy: those of the halls concerned, from the first day on.
    """
    since = min(entry.first_day for entry in changed)
    ids: dict[str, set[str]] = {}
    for entry in changed:
        in_hall = entry.kind in ("window", "staff")
        ids.setdefault(entry.kind, set()).add(entry.id.partition("/")[0] if in_hall else entry.id)
    if "region" in ids:
        standings.touch_from(connection, since, now_ms)
        return
    of_halls = ("hall", "platform", "window", "staff")
    halls = set[str]().union(*[ids.get(kind, ()) for kind in of_halls])
    standings.touch_places(connection, "hall", halls, since, now_ms)
    standings.touch_places(connection, "task_code", ids.get("matter", ()), since, now_ms)
    standings.touch_places(connection, "institution", ids.get("institution", ()), since, now_ms)


def hall_rows(connection: Connection) -> list[Any]:
    """Rows of `hall`: the halls that have a gateway, by id."""
    return list(connection.execute(select(_hall).order_by(_hall.c.hall)))


def counted_halls(connection: Connection, regions: dict[str, str | None]) -> list[Any]:
    """(row of `hall`, its region, windows, devices) of the halls that have a gateway, by id.

    regions: of each hall today.
    """
    windows = select(_window.c.hall, func.count().label("windows"))
    windows = windows.where(_window.c.is_closed.is_(False)).group_by(_window.c.hall).subquery()
    devices = select(_device.c.hall, func.count(_device.c.device.distinct()).label("devices"))
    devices = devices.where(_device.c.revoked_at_ms.is_(None)).group_by(_device.c.hall).subquery()
    query = (
        select(_hall, windows.c.windows, devices.c.devices)
        .outerjoin(windows, windows.c.hall == _hall.c.hall)
        .outerjoin(devices, devices.c.hall == _hall.c.hall)
        .order_by(_hall.c.hall)
    )
    rows = connection.execute(query).all()
    return [(row, regions.get(row.hall), row.windows or 0, row.devices or 0) for row in rows]


def put_broker(connection: Connection, hall: str, broker: dict[str, Any], name: str = "") -> None:
    """Give a hall that has a gateway another broker, or a hall that had none its gateway.

    broker: columns of `hall`. name: of one that had none, until `settle` (central/directory/
    roll.py) gives it the directory's.
    """
    is_it = _hall.c.hall == hall
    if connection.execute(update(_hall).where(is_it).values(**broker)).rowcount == 0:
        values = {"hall": hall, "name": name, "mqtt_ca": None, "version": 1, "proven_ms": 0}
        connection.execute(insert(_hall), {**values, **broker})


def close_hall(connection: Connection, hall: str, is_closed: bool) -> None:
    """Whether a hall that has a gateway is no more."""
    connection.execute(update(_hall).where(_hall.c.hall == hall).values(is_closed=is_closed))


def closed_halls(connection: Connection) -> set[str]:
    """The halls that are no more, and in which no device stands that is not revoked."""
    newer = _device.alias()
    is_newer = exists().where(newer.c.device == _device.c.device, newer.c.epoch > _device.c.epoch)
    stands = exists().where(
        _device.c.hall == _hall.c.hall, _device.c.revoked_at_ms.is_(None), ~is_newer
    )
    query = select(_hall.c.hall).where(_hall.c.is_closed, ~stands)
    return set(connection.execute(query).scalars())


def rename_hall(connection: Connection, hall: str, name: str) -> None:
    """What a hall that has a gateway is called today."""
    connection.execute(update(_hall).where(_hall.c.hall == hall).values(name=name))


def put_roll(connection: Connection, hall: str, roll: str) -> None:
    """The digest of who and what is in a hall's document now."""
    connection.execute(update(_hall).where(_hall.c.hall == hall).values(roll=roll))


def all_windows(connection: Connection) -> list[Any]:
    """Rows of `window`, of all halls that have a gateway."""
    return list(connection.execute(select(_window)))


def put_window(connection: Connection, hall: str, window: str, name: str, is_closed: bool) -> None:
    """A window as it is today."""
    is_it = (_window.c.hall == hall) & (_window.c.window == window)
    values = {"name": name, "is_closed": is_closed}
    if connection.execute(update(_window).where(is_it).values(**values)).rowcount == 0:
        connection.execute(insert(_window), {"hall": hall, "window": window, **values})


def rest(
    connection: Connection, hall_id: str, window: str, until_ms: int, reason: str | None
) -> None:
    """Put a window to rest."""
    is_it = (_window.c.hall == hall_id) & (_window.c.window == window)
    values = {"rest_until_ms": until_ms, "rest_reason": reason}
    connection.execute(update(_window).where(is_it).values(values))


def resting(connection: Connection, until_ms: int | None = None) -> list[Any]:
    """The windows at rest, or those of them whose rest is over by then."""
    query = select(_window).where(_window.c.rest_until_ms.is_not(None))
    if until_ms is not None:
        query = query.where(_window.c.rest_until_ms <= until_ms)
    return list(connection.execute(query.order_by(_window.c.hall, _window.c.window)))


def end_rest(connection: Connection, hall_id: str, window: str, now_ms: int) -> None:
    """Let a window be in use again: its devices are missed from now on."""
    is_it = (_window.c.hall == hall_id) & (_window.c.window == window)
    values = {"rest_until_ms": None, "rest_reason": None, "rested_at_ms": now_ms}
    connection.execute(update(_window).where(is_it).values(values))
    is_there = (_device.c.hall == hall_id) & (_device.c.window == window)
    proven_ms = select(_hall.c.proven_ms).where(_hall.c.hall == hall_id).scalar_subquery()
    connection.execute(update(_device).where(is_there).values(proven_ms=proven_ms))
