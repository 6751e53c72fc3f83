"""What is missing or silent at this moment."""

from typing import Any

from sqlalchemy import Connection, and_, case, exists, func, not_, or_, select, tuple_, update

from central.store import sql
from central.store.sql import Halls
from central.store.tables import metadata

MOST = 1000  # of one alarm at a time
HOLIDAYS_MS = 10 * 86_400_000

_device = metadata.tables["device"]
_hall = metadata.tables["hall"]
_window = metadata.tables["window"]
_chain = metadata.tables["chain"]
_head = metadata.tables["head"]
_record = metadata.tables["record"]
_awaited = metadata.tables["awaited"]
_book = metadata.tables["book"]
_document = metadata.tables["document"]
_ending = metadata.tables["ending"]
_newer = _device.alias()

Found = list[Any]


def open_chains(connection: Connection, hall: Halls) -> Found:
    """Chains that miss something: their columns, place, head_seq and shown_seq, the highest
    receipt that the device has shown (both None without a head), held_seq, the lowest seq that is
    held above the covered ones (None for none), and grace_ms, what its hall has beside all limits.
    """
    held = select(func.min(_record.c.seq)).where(
        _record.c.device == _chain.c.device,
        _record.c.epoch == _chain.c.epoch,
        _record.c.seq > _chain.c.covered_seq,
    )
    query = (
        _placed(
            *(_chain.c[name] for name in ("device", "epoch", "covered_seq", "highest_seq")),
            *(_chain.c.open_since_ms, _head.c.seq.label("head_seq")),
            _head.c.receipt_seq.label("shown_seq"),
            held.scalar_subquery().label("held_seq"),
            _next_file().label("grace_ms"),
        )
        .where(_chain.c.open_since_ms.is_not(None))
        .order_by(_chain.c.open_since_ms)
    )
    return _of_hall(connection, query, hall)


def silent_devices(connection: Connection, hall: Halls, others_ms: int, before_ms: int) -> Found:
    """Devices since whose last proof others of their hall were proven fresh for others_ms all in
    all, and for its carry interval; or that have given none since `before_ms`. Neither revoked nor
    enrolled anew, nor at a window that rests.
    """
    carry_ms = func.coalesce(_hall.c.carry_ms, 0)
    query = _placed(
        *(_device.c[name] for name in ("device", "epoch", "enrolled_at_ms", "proven_at_ms")),
    ).where(
        *_stands(),
        _window.c.rest_until_ms.is_(None),
        or_(
            _hall.c.proven_ms - _device.c.proven_ms >= others_ms + carry_ms,
            and_(
                func.coalesce(_device.c.proven_at_ms, _device.c.enrolled_at_ms) + _two_files()
                < before_ms,
                _is_in_use(before_ms),
            ),
        ),
    )
    return _of_hall(connection, query, hall)


def crowded_windows(connection: Connection, hall: Halls) -> Found:
    """Devices that stand at a window where another one stands, too; window by window, in the order
    of their enrolments. Those that were never proven fresh are left out.
    """
    place = (_device.c.hall, _device.c.window)
    stands = (*_stands(), _device.c.proven_at_ms.is_not(None))
    crowded = select(*place).where(*stands).group_by(*place).having(func.count() > 1).subquery()
    is_there = and_(crowded.c.hall == _device.c.hall, crowded.c.window == _device.c.window)
    columns = ("device", "epoch", "enrolled_at_ms", "proven_at_ms")
    query = (
        _placed(*(_device.c[name] for name in columns))
        .join(crowded, is_there)
        .where(*stands)
        .order_by(*place, _device.c.enrolled_at_ms, _device.c.device)
    )
    return _of_hall(connection, query, hall)


def pending_enrolments(connection: Connection, hall: Halls, before_ms: int) -> Found:
    """Enrolments of before then that nobody has approved or refused, the oldest first."""
    query = (
        _placed(*(_device.c[name] for name in ("device", "epoch", "enrolled_at_ms")))
        .where(
            _device.c.approved_at_ms.is_(None),
            _device.c.refused_at_ms.is_(None),
            _device.c.enrolled_at_ms < before_ms,
        )
        .order_by(_device.c.enrolled_at_ms)
    )
    return _of_hall(connection, query, hall)


def endings(connection: Connection, hall: Halls, is_open: bool, limit: int = MOST) -> Found:
    """Epochs that have ended, open ones or the others, the newest first, but behind all others
    those that never spoke and whose window had no service in their time: columns of `ending`,
    covered_seq and highest_seq, head_seq of its newest head (None without one), since_ms, when it
    was proven to be fresh last, else enrolled, and services: how many its window had between that
    and the end.
    """
    since_ms = func.coalesce(_device.c.proven_at_ms, _device.c.enrolled_at_ms)
    services = select(func.count()).where(
        _document.c.hall == _device.c.hall,
        _document.c.window == _device.c.window,
        _document.c.opened_at_ms > since_ms,
        _document.c.opened_at_ms <= _ending.c.ended_at_ms,
    )
    spoke = or_(
        _chain.c.highest_seq > 0,
        func.coalesce(_head.c.seq, 0) > 0,
        services.scalar_subquery() > 0,
    )
    columns = (_chain.c.covered_seq, _chain.c.highest_seq, _head.c.seq.label("head_seq"))
    columns += (since_ms.label("since_ms"), services.scalar_subquery().label("services"))
    columns += (_device.c.revoked_at_ms, _device.c.refused_at_ms)
    is_closed = _ending.c.closed_at_ms.is_not(None)
    query = (
        _placed(*_ending.c, *columns)
        .join(_ending, _same_epoch(_ending))
        .where(~is_closed if is_open else is_closed)
        .order_by(case((spoke, 0), else_=1), _ending.c.ended_at_ms.desc())
        .order_by(_ending.c.device, _ending.c.epoch)
    )
    return _of_hall(connection, query, hall, limit)


def silent_halls(connection: Connection, hall: Halls, before_ms: int) -> Found:
    """Halls of which nothing was heard since `before_ms`, though a window was in use and a device
    stands there.
    """
    in_use = exists().where(_window.c.hall == _hall.c.hall, _is_in_use(before_ms))
    equipped = exists().where(_device.c.hall == _hall.c.hall, *_stands())
    query = select(_hall.c.hall, _hall.c.name, _hall.c.heard_at_ms).where(
        _hall.c.heard_at_ms + _two_files() < before_ms, in_use, equipped
    )
    if hall is not None:
        query = query.where(sql.is_one(_hall.c.hall, hall))
    return list(connection.execute(query.limit(MOST)))


def awaited_documents(connection: Connection, hall: Halls, before_ms: int) -> Found:
    """Ratings that have awaited their service document since before then, by window: count, first
    and last, and the device of one.

    Counted from an index alone: a hall that keeps its documents back for a year has a million.
    """
    query = select(
        *(_awaited.c.hall, _awaited.c.window),
        func.count().label("count"),
        func.min(_awaited.c.since_ms).label("first_at_ms"),
        func.max(_awaited.c.since_ms).label("last_at_ms"),
        func.max(_awaited.c.device).label("device"),
    ).where(_awaited.c.since_ms < before_ms)
    carried = select(_hall.c.hall, _next_file()).where(_hall.c.carry_ms.is_not(None))
    for carrying, grace_ms in connection.execute(carried).all():
        is_within = and_(_awaited.c.hall == carrying, _awaited.c.since_ms >= before_ms - grace_ms)
        query = query.where(not_(is_within))
    if hall is not None:
        query = query.where(sql.is_one(_awaited.c.hall, hall))
    # Names are looked up for what is shown only.
    found = query.group_by(_awaited.c.hall, _awaited.c.window).limit(MOST).subquery()
    is_window = and_(_window.c.hall == found.c.hall, _window.c.window == found.c.window)
    named = (
        select(*found.c, _hall.c.name.label("hall_name"), _window.c.name.label("window_name"))
        .outerjoin(_hall, _hall.c.hall == found.c.hall)
        .outerjoin(_window, is_window)
    )
    return list(connection.execute(named))


def lacking_documents(connection: Connection, hall: Halls, before_ms: int) -> Found:
    """Devices that have been shown more services since before then than documents are held."""
    query = _placed(
        *(_device.c.device, _device.c.epoch, _head.c.lacking, _head.c.lacking_since_ms)
    ).where(_head.c.lacking_since_ms + _next_file() < before_ms)
    return _of_hall(connection, query, hall)


def open_books(connection: Connection, hall: Halls, before_ms: int) -> Found:
    """Books of service documents of which numbers have been missing since before then."""
    query = (
        select(_book, _hall.c.name.label("hall_name"))
        .outerjoin(_hall, _hall.c.hall == _book.c.hall)
        .where(_book.c.open_since_ms + _next_file() < before_ms)
        .order_by(_book.c.open_since_ms)
    )
    if hall is not None:
        query = query.where(sql.is_one(_book.c.hall, hall))
    return list(connection.execute(query.limit(MOST)))


def begin_anew(connection: Connection, hall: str, now_ms: int) -> None:
    """Let what a hall has not sent be missed from now on: it no longer carries files, and what the
    last one left behind is on its way.
    """
    devices = select(_device.c.device, _device.c.epoch).where(_device.c.hall == hall)
    for table, column in ((_chain, "open_since_ms"), (_head, "lacking_since_ms")):
        is_its = tuple_(table.c.device, table.c.epoch).in_(devices)
        _set_since(connection, table, column, is_its, now_ms)
    for table, column in ((_book, "open_since_ms"), (_awaited, "since_ms")):
        _set_since(connection, table, column, table.c.hall == hall, now_ms)
    is_its = _window.c.hall == hall
    connection.execute(update(_window).where(is_its).values(rested_at_ms=now_ms))
    proven_ms = select(_hall.c.proven_ms).where(_hall.c.hall == hall).scalar_subquery()
    is_its = _device.c.hall == hall
    connection.execute(update(_device).where(is_its).values(proven_ms=proven_ms))


def _set_since(connection: Connection, table: Any, column: str, is_its: Any, now_ms: int) -> None:
    is_open = table.c[column].is_not(None)
    connection.execute(update(table).where(is_its, is_open).values({column: now_ms}))


def _two_files() -> Any:
    """What a hall that carries files has beside the limits of silence: a receipt goes home with
    one file, and what has heard it comes with the next.
    """
    return 2 * func.coalesce(_hall.c.carry_ms, 0)


def _next_file() -> Any:
    """What it has beside the others: what a file leaves behind comes with the next one, which
    holidays may hold up.
    """
    return func.coalesce(_hall.c.carry_ms + HOLIDAYS_MS, 0)


def _is_in_use(before_ms: int) -> Any:
    """Of windows that do not rest, and whose last rest ended before then."""
    has_been = func.coalesce(_window.c.rested_at_ms, 0) + _two_files() < before_ms
    return and_(_window.c.rest_until_ms.is_(None), has_been)


def _stands() -> tuple[Any, ...]:
    """Of devices that are neither revoked nor enrolled anew."""
    is_newer = and_(_newer.c.device == _device.c.device, _newer.c.epoch > _device.c.epoch)
    return _device.c.revoked_at_ms.is_(None), ~exists().where(is_newer)


def _placed(*columns: Any) -> Any:
    """Columns of device, chain and head, with the place and what people call it."""
    names = (_hall.c.name.label("hall_name"), _window.c.name.label("window_name"))
    return (
        select(*columns, _device.c.hall, _device.c.window, *names)
        .select_from(_device)
        .join(_chain, _same_epoch(_chain))
        .outerjoin(_head, _same_epoch(_head))
        .join(_hall, _hall.c.hall == _device.c.hall)
        .join(
            _window,
            and_(_window.c.hall == _device.c.hall, _window.c.window == _device.c.window),
        )
    )


def _same_epoch(table: Any) -> Any:
    return and_(table.c.device == _device.c.device, table.c.epoch == _device.c.epoch)


def _of_hall(connection: Connection, query: Any, hall: Halls, limit: int = MOST) -> Found:
    if hall is not None:
        query = query.where(sql.is_one(_device.c.hall, hall))
    return list(connection.execute(query.limit(limit)))
