"""Counts kept with every batch: ratings by day, place and level; marks by name and place.

Days are China's. As a number a day is its date, 20251009; ALL_DAYS stands for all together.
"""

from collections.abc import Collection, Mapping
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import Connection, case, func, select, text

from central.store import sql
from central.store.tables import metadata
from hosting.clock import day

ALL_DAYS = 0
WHOLE_HALL = ""  # where a window's id would stand
SERVICES = 0  # where a level would stand: how many services were opened

Counted = tuple[int, str, str, int]  # what a count is of: day, window, hall, level


class Marked(NamedTuple):
    """A mark, or a finding, with the place and the record that it is about."""

    mark: str
    hall: str
    window: str
    device: str
    epoch: int
    seq: int


_tally = metadata.tables["tally"]
_mark_tally = metadata.tables["mark_tally"]
_record = metadata.tables["record"]
_document = metadata.tables["document"]
_hall = metadata.tables["hall"]
_window = metadata.tables["window"]

# Both databases know this form; SQLAlchemy has it for each of them apart only.
_ADD = (
    'INSERT INTO tally (day, "window", hall, level, count) VALUES (?, ?, ?, ?, ?)'
    ' ON CONFLICT (day, "window", hall, level) DO UPDATE SET count = tally.count + excluded.count'
)
_ADD_MARK = text(
    'INSERT INTO mark_tally (hall, "window", mark, count, first_at_ms, last_at_ms,'
    " device, epoch, seq) VALUES (:hall, :window, :mark, :count, :at_ms, :at_ms,"
    ' :device, :epoch, :seq) ON CONFLICT (hall, "window", mark) DO UPDATE SET'
    " count = mark_tally.count + excluded.count, last_at_ms = excluded.last_at_ms,"
    " device = excluded.device, epoch = excluded.epoch, seq = excluded.seq"
)


def number_of(day: date) -> int:
    """A day as a number."""
    return day.year * 10_000 + day.month * 100 + day.day


def day_of(at_ms: int) -> int:
    """The day of an instant, as a number."""
    return number_of(day(at_ms))


def add(connection: Connection, changes: Mapping[Counted, int]) -> None:
    """Add to counts, or take from them."""
    # In one order, so that no two transactions wait for each other.
    values = [(*place, count) for place, count in sorted(changes.items()) if count]
    if values:
        sql.run(connection, _ADD, values)


def add_marks(connection: Connection, found: list[Marked], now_ms: int) -> None:
    """Count marks, each with the record that has it; the last one of a place is its newest."""
    values: dict[tuple[str, str, str], dict[str, Any]] = {}
    for one in found:
        place = (one.hall, one.window, one.mark)
        count = values[place]["count"] if place in values else 0
        values[place] = {**one._asdict(), "count": count + 1, "at_ms": now_ms}
    if values:
        connection.execute(_ADD_MARK, [values[place] for place in sorted(values)])


def counts(
    connection: Connection, days: Collection[int], windows: Collection[str], hall: str | None
) -> list[Any]:
    """Rows (hall, window, level, count) over these days; WHOLE_HALL is a window here.

    hall: None for all halls. Every member of the primary key before the hall is named, so that
    only rows that are counted are read.
    """
    query = (
        select(
            _tally.c.hall,
            _tally.c.window,
            _tally.c.level,
            func.sum(_tally.c["count"]).label("count"),
        )
        .where(_tally.c.day.in_(days), _tally.c.window.in_(windows), _tally.c.level != SERVICES)
        .group_by(_tally.c.hall, _tally.c.window, _tally.c.level)
    )
    if hall is not None:
        query = query.where(_tally.c.hall == hall)
    return list(connection.execute(query))


def all_tallies(connection: Connection) -> list[Any]:
    """Every row of `tally`."""
    return list(connection.execute(select(_tally)))


def services_and_ratings(connection: Connection, days: Collection[int]) -> list[Any]:
    """Rows (hall, window, services, ratings, hall_name, window_name) of every window where a
    service was opened on one of these days, and of every whole hall (WHOLE_HALL).
    """
    is_service = _tally.c.level == SERVICES
    services = func.sum(case((is_service, _tally.c["count"]), else_=0))
    ratings = func.sum(case((is_service, 0), else_=_tally.c["count"]))
    query = (
        _with_names(
            *(_tally, _tally.c.hall, _tally.c.window),
            *(services.label("services"), ratings.label("ratings")),
        )
        .where(_tally.c.day.in_(days))
        .group_by(_tally.c.hall, _tally.c.window, _hall.c.name, _window.c.name)
        .having(services > 0)
    )
    return list(connection.execute(query))


def newest_ratings(
    connection: Connection, hall: str | None, window: str | None, limit: int
) -> list[Any]:
    """Ratings by the time they were given, newest first, with what their service was about.

    Rows (hall, window, level, rated_at_ms, marks, hall_name, window_name, document); document is
    the service document's bytes, None until it arrives.
    """
    columns = [_record.c[name] for name in ("hall", "window", "level", "rated_at_ms", "marks")]
    document = _document.c["bytes"].label("document")
    query = (
        _with_names(_record, *columns, document)
        .outerjoin(_document, _document.c.hash16 == _record.c.facts)
        .where(_record.c.rated_at_ms.is_not(None))
        .order_by(_record.c.rated_at_ms.desc())
        .limit(limit)
    )
    if hall is not None:
        query = query.where(_record.c.hall == hall)
    if window is not None:
        query = query.where(_record.c.window == window)
    return list(connection.execute(query))


def marks(connection: Connection, hall: str | None) -> list[Any]:
    """Rows of `mark_tally` with hall_name and window_name, of one hall or of all."""
    query = _with_names(_mark_tally, *_mark_tally.c)
    if hall is not None:
        query = query.where(_mark_tally.c.hall == hall)
    return list(connection.execute(query))


def _with_names(table: Any, *columns: Any) -> Any:
    """Columns of a table that has hall and window, and what people call these."""
    is_window = (_window.c.hall == table.c.hall) & (_window.c.window == table.c.window)
    return (
        select(*columns, _hall.c.name.label("hall_name"), _window.c.name.label("window_name"))
        .select_from(table)
        .outerjoin(_hall, _hall.c.hall == table.c.hall)
        .outerjoin(_window, is_window)
    )
