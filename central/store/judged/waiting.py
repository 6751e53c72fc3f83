"""What waits for the judge: halls in turn, each from its oldest on, so that none waits behind
another's backlog.
"""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection

from central.store import sql
from central.store.judged.facts import Service

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


def in_turn(
    connection: Connection, most: int, behind: str = "", left: Collection[Service] = ()
) -> list[Any]:
    """Rows (n, hall, service, at_ms) of `touched`, `most` of them if so many wait: the oldest of
    each hall, then the second of each, and so on, beginning with the hall behind `behind`. left:
    services that are not looked at.
    """
    left_of: dict[str, int] = {}
    for hall, _ in left:
        left_of[hall] = left_of.get(hall, 0) + 1
    steps = most + len(left_of)  # a hall may have nothing else
    halls = [row[0] for row in sql.run(connection, _HALLS, (behind, steps))]
    if behind and len(halls) < steps:
        before = [row[0] for row in sql.run(connection, _HALLS, ("", steps - len(halls)))]
        halls = list(dict.fromkeys([*halls, *before]))
    queues: dict[str, list[Any]] = {}
    share, wanted = -(-most // max(1, len(halls))), halls
    while wanted:  # what small halls leave is for those that have more
        asked = {hall: share + left_of.get(hall, 0) for hall in wanted}
        found = _oldest(connection, asked)
        queues |= {
            hall: [row for row in rows if row[1:3] not in left] for hall, rows in found.items()
        }
        lack = most - sum(map(len, queues.values()))
        wanted = [hall for hall in wanted if len(found[hall]) == asked[hall]] if lack > 0 else []
        share += -(-lack // max(1, len(wanted)))
    place = {hall: at for at, hall in enumerate(halls)}
    ranked = [
        (rank, place[hall], row) for hall, rows in queues.items() for rank, row in enumerate(rows)
    ]
    return [row for _, _, row in sorted(ranked)[:most]]


def _oldest(connection: Connection, asked: dict[str, int]) -> dict[str, list[Any]]:
    """The oldest rows of halls, of each as many as are asked for."""
    is_lite = connection.dialect.name == "sqlite"
    query = _OLDEST_ON_SQLITE if is_lite else _OLDEST_ON_POSTGRESQL
    found: dict[str, list[Any]] = {hall: [] for hall in asked}
    for most in set(asked.values()):
        halls = [hall for hall, count in asked.items() if count == most]
        values = (sql.among(connection, halls)[1][0], most)
        for row in sql.run(connection, query, values):
            found[row[1]].append(tuple(row))
    return found
