"""Services of a hall by the hour in which each began. Nobody counts them so: they are read from
their standings, of one hall and at most a year.
"""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, func, select

from central.store.tables import metadata

_HOUR_MS = 3_600_000
_CHINA_MS = 8 * _HOUR_MS
UNKNOWN = "unknown"

_standing = metadata.tables["standing"]
_service = metadata.tables["service"]
_BEGAN = func.coalesce(
    *(_service.c[f"{one}_at_ms"] for one in ("opened", "accepted", "closed", "finished"))
)
_HOUR: Any = ((_BEGAN + _CHINA_MS) // _HOUR_MS) % 24


def by_hour(connection: Connection, profile: str, hall: str, days: tuple[int, int]) -> list[Any]:
    """Rows (day, hour, mode, whats, policy_from, projects, services) of what stands under a
    profile on these days; hour 0 to 23, in China, null where nobody told when it began.
    """
    columns = _standing.c
    which = (columns.day, _HOUR.label("hour"), columns.mode, columns.whats, columns.policy_from)
    query = (
        select(*which, columns.projects, func.count().label("services"))
        .outerjoin(_service, _is_its())
        .where(columns.profile == profile, columns.hall == hall, columns.day.between(*days))
        .group_by(*which, columns.projects)
    )
    return list(connection.execute(query))


def is_in(hour: int | None, days: Collection[int]) -> Any:
    """Whether a standing is of a service that began in an hour of one of these days."""
    began = select(_service.c.service).where(_is_its(), hour == _HOUR)
    if hour is None:
        began = select(_service.c.service).where(_is_its(), _BEGAN.is_not(None))
        return ~began.exists()
    return began.exists() & _standing.c.day.in_(days)


def _is_its() -> Any:
    is_hall = _service.c.hall == _standing.c.hall
    return is_hall & (_service.c.service == _standing.c.service)
