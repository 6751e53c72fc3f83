"""What counts: one rating for each service (一次一评), and what a batch changes in the counts, in
its own transaction: figures never lag behind records.

Next: central/figures/report.py reads the counts.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from sqlalchemy import Connection

from central.custody.marks import SIGNED_AFTER_REVOCATION
from central.store import services, tallies
from central.store.ledger import Epoch, Key, Row, Rows
from central.store.places import Enrolment
from central.store.tallies import ALL_DAYS, SERVICES, WHOLE_HALL, Marked, day_of
from protocol.batch import CONFLICT, RATED_TWICE, ServiceDocument

Changes = Counter[tallies.Counted]


class Second(NamedTuple):
    """taken, left: ratings that now stand for their services, and that no longer do. marked: those
    that got a mark.
    """

    taken: list[Row]
    left: list[Row]
    marked: list[Row]


def approved(rows: Iterable[Row], places: Mapping[Epoch, Enrolment]) -> list[Row]:
    """Those whose enrolment is approved (central/directory/approval.py); until then ratings stand
    for no service. places: where the device of each epoch stood; of one that nobody remembers
    another enrolment, and then they count.
    """
    pending = {
        epoch
        for epoch, place in places.items()
        if place.approved_at_ms is None and place[:2] == epoch
    }
    return [row for row in rows if row.epoch_key not in pending]


def mark_second(connection: Connection, new: list[Row], known: Rows) -> Second:
    """Let the first rating of each service stand for it, and mark every other one."""
    ratings = [row for row in new if row.facts is not None and row.service is not None]
    ratings = [row for row in ratings if SIGNED_AFTER_REVOCATION not in row.marks]
    if not ratings:
        return Second([], [], [])
    before = services.rated(connection, {(row.hall, row.service or "") for row in ratings})
    counted, displaced, changed = dict(before), [], []
    for row in ratings:
        service = (row.hall, row.service or "")
        holder = counted.get(service)
        if holder is None:
            counted[service] = row.key
        elif counts_before(row.key, holder):
            counted[service] = row.key
            displaced.append(holder)
        elif row.mark(RATED_TWICE):
            changed.append(row)
    known.load(displaced)
    changed += [known[key] for key in displaced if known[key].mark(RATED_TWICE)]
    fresh = {service: key for service, key in counted.items() if service not in before}
    moved = {service: key for service, key in counted.items() if before.get(service, key) != key}
    services.save_rated(connection, fresh, moved)
    taken = [known[key] for key in (*fresh.values(), *moved.values())]
    return Second(taken, [known[before[service]] for service in moved], changed)


def counts_before(rating: Key, counted: Key) -> bool:
    """Whether `rating` takes the place of the one `counted` so far for the same service.

    On one device the earlier counts, whatever arrived first; between devices, which have no common
    order, the one that arrived first.
    """
    return rating[0] == counted[0] and rating[1:] < counted[1:]


def of_ratings(taken: Iterable[Row], left: Iterable[Row]) -> Changes:
    """Of the ratings that now stand for their services, and of those that no longer do."""
    changes: Changes = Counter()
    for rows, change in ((taken, 1), (left, -1)):
        for row in rows:
            _add(changes, row, [counted_on(row), ALL_DAYS], change)
    return changes


def counted_on(row: Row) -> int:
    """The day on which a rating counts: when it was given, or arrived, until that is known."""
    return day_of(row.stored_at_ms if row.rated_at_ms is None else row.rated_at_ms)


def of_days(dated: Iterable[Row]) -> Changes:
    """Of ratings that counted on the day of their arrival so far, if they stand for their
    services: from there to their days.
    """
    changes: Changes = Counter()
    for row in dated:
        if RATED_TWICE not in row.marks:
            _add(changes, row, [day_of(row.stored_at_ms)], -1)
            _add(changes, row, [counted_on(row)], 1)
    return changes


def of_services(new: Iterable[tuple[ServiceDocument, int]]) -> Changes:
    """Of services, by the day on which they were opened: with when that was."""
    changes: Changes = Counter()
    for document, opened_at_ms in new:
        for day in (day_of(opened_at_ms), ALL_DAYS):
            for window in (document.window, WHOLE_HALL):
                changes[day, window, document.hall, SERVICES] += 1
    return changes


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


def _add(changes: Changes, row: Row, days: list[int], change: int) -> None:
    if row.level is None or SIGNED_AFTER_REVOCATION in row.marks:
        return
    for day in days:
        for window in {row.window or WHOLE_HALL, WHOLE_HALL}:
            changes[day, window, row.hall, row.level] += change
