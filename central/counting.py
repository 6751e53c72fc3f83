"""What a batch changes in the counts, in its own transaction: figures never lag behind records.

Next: central/figures.py reads the counts.
"""

from collections import Counter
from collections.abc import Iterable

from sqlalchemy import Connection

from central.period import ALL_DAYS, day_of
from central.store import tallies
from central.store.ledger import Row
from central.store.tallies import WHOLE_HALL
from protocol.batch import CONFLICT


def count_ratings(connection: Connection, taken: Iterable[Row], left: Iterable[Row]) -> None:
    """Count the ratings that now stand for their services, and no longer those that did so."""
    changes: Counter[tallies.Place] = Counter()
    for rows, change in ((taken, 1), (left, -1)):
        for row in rows:
            if row.level is None or row.rated_at_ms is None:
                continue
            for day in (day_of(row.rated_at_ms), ALL_DAYS):
                for window in {row.window or WHOLE_HALL, WHOLE_HALL}:
                    changes[day, window, row.hall, row.level] += change
    tallies.add(connection, changes)


def count_marks(
    connection: Connection, new: list[Row], changed: list[Row], conflicts: list[Row], now_ms: int
) -> None:
    """Count the marks of new records, those added to `changed` older ones, and new conflicts."""
    found = [(mark, row) for row in new for mark in row.marks]
    is_new = {row.key for row in new}
    for row in {row.key: row for row in changed}.values():
        if row.key not in is_new:
            found += [(mark, row) for mark in row.added_marks]
    found += [(CONFLICT, row) for row in conflicts]
    tallies.add_marks(connection, found, now_ms)
