"""How often marks were set: counted in the batch's own transaction."""

from sqlalchemy import Connection

from central.store import tallies
from central.store.ledger import Row
from central.store.tallies import WHOLE_HALL, Marked
from protocol.batch import CONFLICT


def count_marks(
    connection: Connection,
    new: list[Row],
    changed: list[Row],
    conflicts: list[Row],
    events: list[Marked],
    now_ms: int,
) -> None:
    """Count the marks of new records, those added to `changed` older ones, new conflicts, and
    what was found out about no record in particular.
    """
    found = [marked(mark, row) for row in new for mark in row.marks]
    is_new = {row.key for row in new}
    for row in {row.key: row for row in changed}.values():
        if row.key not in is_new:
            found += [marked(mark, row) for mark in row.added_marks]
    found += [marked(CONFLICT, row) for row in conflicts]
    tallies.add_marks(connection, found + events, now_ms)


def marked(mark: str, row: Row) -> Marked:
    """A mark of a record, to be counted."""
    return Marked(mark, row.hall, row.window or WHOLE_HALL, *row.key)
