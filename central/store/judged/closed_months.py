"""Months that are closed: the ratings of windows as they were frozen."""

from collections.abc import Collection, Mapping
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


def halls_of(connection: Connection, month: int, institution: str) -> set[str]:
    """Halls of which windows were frozen as this institution's in a month."""
    is_it = (_month.c.month == month) & (_month.c.institution == institution)
    return {*connection.execute(select(_month.c.hall).where(is_it)).scalars()}


def frozen(
    connection: Connection, months: Collection[int], halls: Collection[str]
) -> set[tuple[int, str]]:
    """(month, hall) of what is frozen of these."""
    is_it = _month.c.month.in_(months) & _month.c.hall.in_(halls)
    rows = connection.execute(select(_month.c.month, _month.c.hall).where(is_it).distinct())
    return {(month, hall) for month, hall in rows}


def freeze(
    connection: Connection,
    month: int,
    cells: Mapping[Cell, tuple[int, ...]],
    owners: Mapping[Cell, str],
    now_ms: int,
) -> None:
    """Write cells, by COUNTS; what was frozen of them before is replaced. owners: whose they are,
    where they are somebody's.
    """
    is_it = tuple_(_month.c.hall, _month.c.window).in_([*cells])
    connection.execute(delete(_month).where(_month.c.month == month, is_it))
    rows = [
        {"month": month, "hall": cell[0], "window": cell[1], "frozen_at_ms": now_ms}
        | {"institution": owners.get(cell, "")}
        | dict(zip(COUNTS, counts, strict=True))
        for cell, counts in cells.items()
    ]
    connection.execute(insert(_month), rows)


def windows_ever(connection: Connection, halls: Collection[str]) -> list[Any]:
    """Rows of `window` of these halls, those that are no more, too."""
    query = select(_window).where(_window.c.hall.in_(halls))
    return list(connection.execute(query.order_by(_window.c.hall, _window.c.window)))
