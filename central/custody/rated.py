"""One service, one rating (一次一评): which one counts."""

from sqlalchemy import Connection

from central.custody.counting import count_ratings
from central.custody.marks import SIGNED_AFTER_REVOCATION
from central.store import services
from central.store.ledger import Key, Row, Rows
from protocol.batch import RATED_TWICE


def mark(connection: Connection, new: list[Row], known: Rows) -> list[Row]:
    """Count the first rating of each service, and mark every other one; the rows marked."""
    ratings = [row for row in new if row.facts is not None and row.service is not None]
    ratings = [row for row in ratings if SIGNED_AFTER_REVOCATION not in row.marks]
    if not ratings:
        return []
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
    count_ratings(connection, taken, [known[before[service]] for service in moved])
    return changed


def counts_before(rating: Key, counted: Key) -> bool:
    """Whether `rating` takes the place of the one `counted` so far for the same service.

    On one device the earlier counts, whatever arrived first; between devices, which have no common
    order, the one that arrived first.
    """
    return rating[0] == counted[0] and rating[1:] < counted[1:]
