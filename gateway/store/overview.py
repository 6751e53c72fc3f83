"""What the pages show of the hall as a whole. No query here reads a record's bytes."""

import json
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from gateway.store.tables import Table
from protocol.batch import REJECTED

_envelope = Table.metadata.tables["envelope"]
_receipt = Table.metadata.tables["receipt"]
_service = Table.metadata.tables["service"]


class Waiting(NamedTuple):
    """What the centre does not have yet; the times are of the oldest, None for nothing."""

    records: int
    records_since_ms: int | None
    documents: int
    documents_since_ms: int | None
    rejected: int


def waiting(connection: Connection) -> Waiting:
    """What waits for the centre, and since when."""
    unjudged = select(func.count(), func.min(_envelope.c.received_at_ms)).where(
        _envelope.c.verdict.is_(None)
    )
    unsent = select(func.count(), func.min(_service.c.opened_at_ms)).where(
        _service.c.document_verdict.is_(None)
    )
    rejected = select(func.count()).where(
        _envelope.c.next_try_at_ms.is_not(None), _envelope.c.verdict == REJECTED
    )
    records, records_since_ms = connection.execute(unjudged).one()
    documents, documents_since_ms = connection.execute(unsent).one()
    refused = connection.execute(rejected).scalar_one()
    return Waiting(records, records_since_ms, documents, documents_since_ms, refused)


def has_records(connection: Connection) -> bool:
    """Whether devices of this hall ever sent a record here, also one that was let go since."""
    queries = (select(_envelope.c.id).limit(1), select(_receipt.c.device).limit(1))
    return any(connection.execute(query).first() for query in queries)


def newest_services(connection: Connection, windows: Sequence[str]):
    """The newest service at each of the windows, open or closed, by window."""
    wanted = func.json_each(json.dumps(windows)).table_valued("value")
    newest = (
        select(func.max(_service.c.id))
        .where(_service.c.window == wanted.c.value)
        .correlate(wanted)
        .scalar_subquery()
    )
    rows = connection.execute(
        select(_service).where(_service.c.id.in_(select(newest).select_from(wanted)))
    ).all()
    return {row.window: row for row in rows}


def marks(connection: Connection) -> dict[str, int]:
    """How many envelopes the hall has marked, by mark."""
    counted: dict[str, int] = {}
    query = select(_envelope.c.marks, func.count()).where(_envelope.c.marks != "[]")
    for names, count in connection.execute(query.group_by(_envelope.c.marks)):
        for name in json.loads(names):
            counted[name] = counted.get(name, 0) + count
    return counted
