"""Months that are closed: the ratings of windows as they were frozen."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, delete, insert, select, tuple_

from central.store.tables import metadata

Cell = tuple[str, str]  # hall, window
COUNTS = ("level_5", "level_4", "level_3", "level_2", "level_1", "good")

_month = metadata.tables["closed_month"]
_window = metadata.tables["window"]


def of_month(connection: Connection, month: int, halls: Collection[str]) -> list[Any]:
    """The rows of `closed_month` of a month in these halls."""
    is_it = (_month.c.month == month) & _month.c.hall.in_(halls)
    return list(connection.execute(select(_month).where(is_it)))


def freeze(
    connection: Connection, month: int, cells: dict[Cell, tuple[int, ...]], now_ms: int
) -> None:
    """Write cells, by COUNTS; what was frozen of them before is replaced."""
    is_it = tuple_(_month.c.hall, _month.c.window).in_([*cells])
    connection.execute(delete(_month).where(_month.c.month == month, is_it))
    rows = [
        {"month": month, "hall": hall, "window": window, "frozen_at_ms": now_ms}
        | dict(zip(COUNTS, counts, strict=True))
        for (hall, window), counts in cells.items()
    ]
    connection.execute(insert(_month), rows)


def windows_ever(connection: Connection, halls: Collection[str]) -> list[Any]:
    """Rows of `window` of these halls, those that are no more, too."""
    query = select(_window).where(_window.c.hall.in_(halls))
    return list(connection.execute(query.order_by(_window.c.hall, _window.c.window)))
