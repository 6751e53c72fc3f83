"""What waits for the judge: halls in turn, each from its oldest on, so that none waits behind
another's backlog.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection

from central.store import sql
from central.store.judged.facts import Service

_FEW = 10  # services of a hall that wait: it has not to wait for those that have more
_LOOK = 100  # halls at a time that are looked at for that

# Halls behind one, a step of the index (hall, n) for each, whatever waits.
_HALLS = (
    "WITH RECURSIVE waiting (hall) AS (SELECT min(hall) FROM touched WHERE touched.hall > ?"
    " UNION ALL SELECT (SELECT min(hall) FROM touched WHERE touched.hall > waiting.hall)"
    " FROM waiting WHERE waiting.hall IS NOT NULL)"
    " SELECT hall FROM waiting WHERE hall IS NOT NULL LIMIT ?"
)
# SQLite has no LATERAL: up to the one that is too many.
_OLDEST_ON_SQLITE = (
    "SELECT it.n, it.hall, it.service, it.at_ms FROM json_each(?) wanted CROSS JOIN touched it"
    " INDEXED BY ix_touched_hall_n WHERE it.hall = wanted.value AND it.n < COALESCE("
    "(SELECT beyond.n FROM touched beyond WHERE beyond.hall = wanted.value"
    " ORDER BY beyond.n LIMIT 1 OFFSET ?), 9223372036854775807) ORDER BY it.hall, it.n"
)
# Read on into the next hall rather than asked for one alone: PostgreSQL, which does not know that
# it has become so many, would sort all of them.
_OLDEST_ON_POSTGRESQL = (
    "SELECT it.* FROM unnest(CAST(? AS text[])) wanted (hall), LATERAL"
    " (SELECT n, hall, service, at_ms FROM touched"
    " WHERE (touched.hall, touched.n) > (wanted.hall, 0)"
    " ORDER BY touched.hall, touched.n LIMIT ?) it WHERE it.hall = wanted.hall"
)


class Turns(NamedTuple):
    """Whose turn was last: served, of those that fill what is settled at once; looked, of those of
    which few wait.
    """

    served: str = ""
    looked: str = ""


def in_turn(
    connection: Connection, most: int, turns: Turns, left: Collection[Service] = ()
) -> tuple[list[Any], Turns]:
    """Rows (n, hall, service, at_ms) of `touched`, `most` of them if so many wait, and whose turn
    was last then. left: services that are not looked at.

    First all of halls of which few wait, then one hall behind the other, each as far as there is
    room: services of one hall share their figures, and cost half as much as those of many.
    """
    left_of = Counter([hall for hall, _ in left])
    looked = _halls(connection, turns.looked, _LOOK + len(left_of))
    rows: list[Any] = []
    for hall, found in _oldest(connection, looked, _FEW + 1, left_of).items():
        if len(rows) > most // 2:
            break
        if len(found) <= _FEW + left_of[hall]:
            rows += [row for row in found if row[1:3] not in left]
        turns = turns._replace(looked=hall)
    taken = {row[0] for row in rows}
    halls, at_once = _halls(connection, turns.served, most + len(left_of)), 1
    while halls and len(rows) < most:
        asked, halls = halls[:at_once], halls[at_once:]
        at_once *= 2  # small ones, it seems
        for hall, found in _oldest(connection, asked, most, left_of).items():
            if len(rows) < most:
                rows += [row for row in found if row[0] not in taken and row[1:3] not in left]
                turns = turns._replace(served=hall)
    return rows[:most], turns


def _halls(connection: Connection, behind: str, most: int) -> list[str]:
    """Halls of which something waits, in turn."""
    found = [row[0] for row in sql.run(connection, _HALLS, (behind, most))]
    if behind and len(found) < most:
        found += [row[0] for row in sql.run(connection, _HALLS, ("", most - len(found)))]
    return [*dict.fromkeys(found)]


def _oldest(
    connection: Connection, halls: list[str], most: int, more: Mapping[str, int]
) -> dict[str, list[Any]]:
    """The oldest rows of halls, in their order: `most` of each, and of some so many more."""
    is_lite = connection.dialect.name == "sqlite"
    query = _OLDEST_ON_SQLITE if is_lite else _OLDEST_ON_POSTGRESQL
    found: dict[str, list[Any]] = {hall: [] for hall in halls}
    for further in {more.get(hall, 0) for hall in halls}:
        asked = [hall for hall in halls if more.get(hall, 0) == further]
        values = (sql.among(connection, asked)[1][0], most + further)
        for row in sql.run(connection, query, values):
            found[row[1]].append(tuple(row))
    return found
