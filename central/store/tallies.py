"""Marks counted with every batch, by name and place; the newest ratings; days as numbers.

Days are China's. As a number a day is its date, 20251009, and its month 202510; ALL_DAYS stands
for all together. Each of these is a span, and has its counts.
"""

from collections.abc import Iterator
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import Connection, exists, func, insert, select, text

from central.store import sql
from central.store.sql import Halls
from central.store.tables import metadata
from hosting.clock import day

ALL_DAYS = 0
WHOLE_HALL = ""  # where a window's id would stand


class Marked(NamedTuple):
    """A mark, or a finding, with the place and the record that it is about."""

    mark: str
    hall: str
    window: str
    device: str
    epoch: int
    seq: int


_mark_tally = metadata.tables["mark_tally"]
_answer = metadata.tables["mark_answer"]
_record = metadata.tables["record"]
_document = metadata.tables["document"]
_hall = metadata.tables["hall"]
_window = metadata.tables["window"]
_device = metadata.tables["device"]

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


def month_of(day: int) -> int:
    """The month of a day, both as numbers; ALL_DAYS of ALL_DAYS."""
    return day // 100


def add_marks(connection: Connection, found: list[Marked], now_ms: int) -> None:
    """Count marks, each with the record that has it; the last one of a place is its newest."""
    values: dict[tuple[str, str, str], dict[str, Any]] = {}
    for one in found:
        place = (one.hall, one.window, one.mark)
        count = values[place]["count"] if place in values else 0
        values[place] = {**one._asdict(), "count": count + 1, "at_ms": now_ms}
    if values:
        connection.execute(_ADD_MARK, [values[place] for place in sorted(values)])


def newest_ratings(
    connection: Connection, hall: Halls, window: str | None, limit: int
) -> list[Any]:
    """Ratings by the time they were given, newest first, with what their service was about; none
    of an enrolment that is not approved.

    Rows (hall, window, level, rated_at_ms, marks, hall_name, window_name, document); document is
    the service document's bytes, None until it arrives.
    """
    columns = [_record.c[name] for name in ("hall", "window", "level", "rated_at_ms", "marks")]
    document = _document.c["bytes"].label("document")
    is_not_approved = (
        (_device.c.device == _record.c.device)
        & (_device.c.epoch == _record.c.epoch)
        & _device.c.approved_at_ms.is_(None)
    )
    query = (
        _with_names(_record, *columns, document)
        .outerjoin(_document, _document.c.facts == _record.c.facts)
        .where(_record.c.rated_at_ms.is_not(None), ~exists().where(is_not_approved))
        .order_by(_record.c.rated_at_ms.desc())
        .limit(limit)
    )
    if hall is not None:
        query = query.where(sql.is_one(_record.c.hall, hall))
    if window is not None:
        query = query.where(_record.c.window == window)
    return list(connection.execute(query))


def add_answer(connection: Connection, **columns: Any) -> None:
    """Keep what somebody said to a finding: the columns of `mark_answer` but n."""
    connection.execute(insert(_answer), columns)


def answers(connection: Connection, hall: Halls) -> dict[tuple[str, str, str, str], Any]:
    """(mark, hall, window, device) -> the row of `mark_answer` that was said last."""
    query = select(_answer).order_by(_answer.c.n)
    if hall is not None:
        query = query.where(sql.is_one(_answer.c.hall, hall))
    return {(row.mark, row.hall, row.window, row.device): row for row in connection.execute(query)}


def is_closed(mark: Any, hall: Any, window: Any, last_at_ms: Any) -> Any:
    """Whether somebody has closed a mark or a refusal, of these columns, as it is now."""
    column = _answer.c
    is_it = (column.mark == mark) & (column.hall == hall) & (column.window == window)
    is_after = (column.what == "closed") & (column.until_ms >= last_at_ms)
    return exists().where(is_it & is_after)


def marks(
    connection: Connection, hall: Halls, mark: str | None, limit: int, closed: bool | None = None
) -> list[Any]:
    """Rows of `mark_tally` with hall_name and window_name, the newest first.

    hall, mark, closed: None for all of them.
    """
    chosen = _marks_of(hall, select(_mark_tally), closed)
    if mark is not None:
        chosen = chosen.where(_mark_tally.c.mark == mark)
    # Names are looked up for what is shown only.
    newest = chosen.order_by(_mark_tally.c.last_at_ms.desc()).limit(limit).subquery()
    query = _with_names(newest, *newest.c).order_by(newest.c.last_at_ms.desc())
    return list(connection.execute(query))


def mark_sums(connection: Connection, hall: Halls, closed: bool | None = None) -> list[Any]:
    """Rows (mark, count, places, first_at_ms) of the marks of a hall or of all; places: in how
    many rows of `mark_tally` they stand.
    """
    columns = _mark_tally.c
    query = select(
        columns.mark,
        func.sum(columns["count"]).label("count"),
        func.count().label("places"),
        func.min(columns.first_at_ms).label("first_at_ms"),
    ).group_by(columns.mark)
    return list(connection.execute(_marks_of(hall, query, closed)))


def mark_counts(connection: Connection, hall: Halls) -> dict[str, int]:
    """How many marks each window of a hall has, or each hall."""
    part = _mark_tally.c.window if isinstance(hall, str) else _mark_tally.c.hall
    query = select(part.label("part"), func.sum(_mark_tally.c["count"]).label("count"))
    found: list[Any] = list(connection.execute(_marks_of(hall, query.group_by(part))))
    return {part: int(count) for part, count in found}


def all_marks(connection: Connection) -> Iterator[Any]:
    """Every row of `mark_tally`."""
    return iter(connection.execution_options(yield_per=1000).execute(select(_mark_tally)))


def _marks_of(hall: Halls, query: Any, closed: bool | None = None) -> Any:
    if closed is not None:
        column = _mark_tally.c
        found = is_closed(column.mark, column.hall, column.window, column.last_at_ms)
        query = query.where(found if closed else ~found)
    return query if hall is None else query.where(sql.is_one(_mark_tally.c.hall, hall))


def _with_names(table: Any, *columns: Any) -> Any:
    """Columns of a table that has hall and window, and what people call these."""
    is_window = (_window.c.hall == table.c.hall) & (_window.c.window == table.c.window)
    return (
        select(*columns, _hall.c.name.label("hall_name"), _window.c.name.label("window_name"))
        .select_from(table)
        .outerjoin(_hall, _hall.c.hall == table.c.hall)
        .outerjoin(_window, is_window)
    )
