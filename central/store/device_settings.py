"""The table of what devices were told to say and ask."""

from typing import Any

from sqlalchemy import Connection, func, insert, select

from central.store.tables import metadata

_settings = metadata.tables["device_settings"]
_hall = metadata.tables["hall"]


def newest_version(connection: Connection) -> int:
    """The highest version ever given, in any hall; 0 for none."""
    given = (_settings.c.version, _hall.c.further_version)
    return max(connection.execute(select(func.max(one))).scalar() or 0 for one in given)


def add(connection: Connection, values: dict[str, Any]) -> None:
    """Insert a version; `values` are the columns of `device_settings`."""
    connection.execute(insert(_settings), values)


def counted(connection: Connection) -> dict[str, int]:
    """hall -> how many versions were set there."""
    query = select(_settings.c.hall, func.count()).group_by(_settings.c.hall)
    return {row[0]: row[1] for row in connection.execute(query)}


def of_hall(connection: Connection, hall: str) -> list[Any]:
    """Every version that was set in a hall, the newest first."""
    query = select(_settings).where(_settings.c.hall == hall)
    return list(connection.execute(query.order_by(_settings.c.version.desc())))
