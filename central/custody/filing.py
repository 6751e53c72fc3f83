"""Verified records go into the ledger: what is new, and what has another's key.

Next on a rating's way: central/custody/cover.py sees how far the device's records are covered now.
"""

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import Connection

from central.store import fleet, ledger, tallies
from central.store.covers import ChainRow
from central.store.ledger import Epoch, Row, Rows
from central.store.tallies import WHOLE_HALL, Marked
from protocol.batch import CONFLICT, DUPLICATE, STORED


class Filed(NamedTuple):
    """What became of one verified record: its verdict, and the row that holds these bytes."""

    verdict: str
    row: Row


def file_records(
    connection: Connection, candidates: list[Row], chains: Mapping[Epoch, ChainRow], known: Rows
) -> list[Filed]:
    """Insert those whose key is free; a key is taken for ever (BAT-7).

    The same bytes again are a duplicate. chains: before this batch. known: gets all holders.
    """
    # Above the highest that is held every key is free: usually there is nothing to look for.
    known.load([row.key for row in candidates if row.seq <= chains[row.epoch_key].highest_seq])
    filed, new = [], []
    for row in candidates:
        holder = known.get(row.key)
        if holder is None:
            known.add(row)
            new.append(row)
            filed.append(Filed(STORED, row))
        elif holder.envelope == row.envelope:
            filed.append(Filed(DUPLICATE, holder))
        else:
            filed.append(Filed(CONFLICT, row))
    ledger.add_rows(connection, new)
    fleet.note_boots(connection, new)
    return filed


def file_conflicts(connection: Connection, conflicts: list[Row]) -> list[Row]:
    """Keep records whose key another one holds; those that were not kept before."""
    if not conflicts:
        return []
    kept = ledger.conflict_rows(connection, {row.key for row in conflicts})
    fresh = {(*row.key, row.mac16): row for row in conflicts}
    new = [row for key, row in fresh.items() if key not in kept]
    ledger.add_conflicts(connection, new)
    return new


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
