"""The envelopes: put in once, counted for `hall`, offered upward, judged, kept and let go.

What is done for every rating is written as SQL: putting a statement together takes SQLAlchemy
longer than SQLite takes to carry it out.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    case,
    delete,
    exists,
    func,
    or_,
    select,
    update,
)

from gateway.store.tables import Table
from protocol.batch import REJECTED
from protocol.record import Boot, Rating

_envelope = Table.metadata.tables["envelope"]
_service = Table.metadata.tables["service"]

_PUT_NAMES = (
    *("envelope", "sha256", "device", "epoch", "seq", "kind", "mac16", "received_at_ms"),
    *("received_ran_ms", "window", "service", "marks", "live"),
)
_QUOTED = '", "'.join(_PUT_NAMES)
_PUT = (
    f'INSERT INTO envelope ("{_QUOTED}", tries)'
    f" VALUES ({', '.join('?' * len(_PUT_NAMES))}, 0)"
    # What was given up as falsely signed and comes again is offered once more, in a while.
    f" ON CONFLICT DO UPDATE SET next_try_at_ms = excluded.received_at_ms + {6 * 3_600_000}"
    f" WHERE verdict = '{REJECTED}' AND next_try_at_ms IS NULL AND covered_ran_ms IS NULL"
)
_OFFERED = (
    "SELECT e.id, e.envelope, e.device, e.epoch, e.seq, e.received_at_ms, e.received_ran_ms,"
    " e.window, e.service, e.marks, e.verdict, e.tries, s.id AS document_id, s.document_verdict"
    " FROM envelope e LEFT JOIN service s ON s.service = e.service WHERE "
)
# In the order of the index, so that a flood of them is not sorted for each batch.
_WAITING_LIVE = (
    f"{_OFFERED} e.verdict IS NULL AND e.live = 1 AND e.received_at_ms >= ? AND e.id > ?"
    " ORDER BY e.received_at_ms, e.id LIMIT ?"
)
_WAITING = (
    f"{_OFFERED} e.verdict IS NULL AND e.id > ? AND NOT (e.live = 1 AND e.received_at_ms >= ?)"
    " ORDER BY e.id LIMIT ?"
)
# By id alone SQLite would walk through all that is kept for 30 days, each time.
_WAITING_AGAIN = (
    f"{_OFFERED} (e.next_try_at_ms <= ? OR e.next_try_at_ms > ?) AND e.next_try_at_ms IS NOT NULL"
    " AND e.verdict IS NOT NULL ORDER BY e.next_try_at_ms, e.id LIMIT ?"
)
_HELD_SEQS = (
    "SELECT seq FROM envelope WHERE device = ? AND epoch = ? AND seq > ?"
    " AND (verdict IS NULL OR verdict <> ?) ORDER BY seq"
)
_JUDGE = (
    "UPDATE envelope SET verdict = ?, reason = ?, next_try_at_ms = ?, tries = tries + 1"
    " WHERE id = ?"
)
_COVER = (
    "UPDATE envelope SET covered_ran_ms = ?, next_try_at_ms = NULL WHERE device = ? AND epoch = ?"
    " AND seq <= ? AND covered_ran_ms IS NULL AND verdict IS NOT NULL"
)
# `verdict <> 'rejected'` alone would drop the rows that have no verdict yet.
_IS_HELD = or_(_envelope.c.verdict.is_(None), _envelope.c.verdict != REJECTED)


def put(connection: Connection, rows: Sequence[dict]) -> int:
    """Insert the envelopes that are not there yet, byte for byte (SND-2); how many they were."""
    if not rows:
        return 0
    # Past SQLAlchemy's work for each single value, which costs more than SQLite's own.
    values = [tuple([row[name] for name in _PUT_NAMES]) for row in rows]
    return connection.exec_driver_sql(_PUT, values).rowcount


def held_seqs(connection: Connection, device: str, epoch: int, above: int) -> Iterable[int]:
    """The seqs above `above` of which a record is held that the centre did not reject, rising."""
    return connection.exec_driver_sql(_HELD_SEQS, (device, epoch, above, REJECTED)).scalars()


def held_boots(connection: Connection, device: str, epoch: int, above: int) -> list[bytes]:
    """The envelopes of the boot records above `above` that the centre did not reject."""
    query = select(_envelope.c.envelope).where(
        *_of(device, epoch), _envelope.c.seq > above, _envelope.c.kind == Boot.kind, _IS_HELD
    )
    return list(connection.execute(query).scalars())


def newest_boots(connection: Connection, device: str, limit: int) -> list[Any]:
    """Rows (received_at_ms, envelope) of a device's boot records, the newest first."""
    is_boot = (_envelope.c.device == device) & (_envelope.c.kind == Boot.kind) & _IS_HELD
    query = select(_envelope.c.received_at_ms, _envelope.c.envelope).where(is_boot)
    return list(connection.execute(query.order_by(_envelope.c.id.desc()).limit(limit)))


def is_rated(connection: Connection, service: str) -> bool:
    """Whether a rating of `service` is held; nobody in the hall is told its level."""
    return connection.execute(select(is_rated_service(service))).scalar_one()


def is_rated_service(service: Any) -> ColumnElement[bool]:
    """The same within a query, for an id or a column of ids."""
    is_its = (_envelope.c.service == service, _envelope.c.kind == Rating.kind, _IS_HELD)
    return exists(select(_envelope.c.id).where(*is_its))


def holds(connection: Connection, device: str, epoch: int, seq: int) -> bool:
    """Whether a record with this key is here, whatever the centre says of it."""
    query = select(_envelope.c.id).where(*_of(device, epoch), _envelope.c.seq == seq)
    return connection.execute(query.limit(1)).first() is not None


def waiting_live(connection: Connection, since_ms: int, after_id: int, limit: int):
    """Rows without a verdict behind `after_id` that were made and received lately, oldest
    first.
    """
    return connection.exec_driver_sql(_WAITING_LIVE, (since_ms, after_id, limit)).all()


def waiting(connection: Connection, since_ms: int, after_id: int, limit: int):
    """Rows without a verdict behind `after_id` that `waiting_live` does not give, oldest first."""
    return connection.exec_driver_sql(_WAITING, (after_id, since_ms, limit)).all()


def waiting_again(connection: Connection, now_ms: int, longest_ms: int, limit: int):
    """Rows with a verdict whose next offer is due (BAT-5), oldest first.

    So is one that is due later than the longest pause from now: the wall clock was set back.
    """
    values = (now_ms, now_ms + longest_ms, limit)
    rows = connection.exec_driver_sql(_WAITING_AGAIN, values).all()
    return sorted(rows, key=lambda row: row.id)


def judge(connection: Connection, verdicts: Sequence[dict]) -> None:
    """Write the centre's verdicts: dicts of row_id, verdict, reason, next_try_at_ms.

    A covered row stays covered, unless the centre now rejects what its receipt passed.
    """
    if verdicts:
        names = ("verdict", "reason", "next_try_at_ms", "row_id")
        connection.exec_driver_sql(
            _JUDGE, [tuple([row[name] for name in names]) for row in verdicts]
        )


def drop_rejected(connection: Connection, device: str, kept: int) -> int:
    """Keep the oldest so many records of a device that the centre rejected; how many are gone."""
    rejected = select(_envelope.c.id).where(
        _envelope.c.device == device, _envelope.c.verdict == REJECTED
    )
    more = rejected.order_by(_envelope.c.id).offset(kept).limit(-1)
    return connection.execute(delete(_envelope).where(_envelope.c.id.in_(more))).rowcount


def waiting_of(connection: Connection, device: str) -> int:
    """How many records of a device have no verdict yet."""
    waiting = (_envelope.c.device == device) & _envelope.c.verdict.is_(None)
    return connection.execute(select(func.count()).where(waiting)).scalar_one()


def cover(connection: Connection, device: str, epoch: int, seq: int, ran_ms: int) -> None:
    """The receipt reaches `seq`: judged rows up to it are offered no longer, and go in time."""
    connection.exec_driver_sql(_COVER, (ran_ms, device, epoch, seq))


def uncover(connection: Connection, device: str, epoch: int, above: int, now_ms: int) -> None:
    """The receipt fell back to `above` (a restored centre): offer the rest again, at once.

    So are their service documents, which the centre lost with them. What the centre said before
    is void: a later receipt covers none of them before it has seen that very record again.
    """
    fallen = and_(
        *_of(device, epoch), _envelope.c.seq > above, _envelope.c.covered_ran_ms.is_not(None)
    )
    services = select(_envelope.c.service).where(fallen, _envelope.c.service.is_not(None))
    connection.execute(
        update(_service)
        .where(_service.c.service.in_(services))
        .values(document_verdict=None, next_try_at_ms=now_ms)
    )
    still = case((_envelope.c.verdict == REJECTED, REJECTED))  # else none; `hall` does not rise
    connection.execute(
        update(_envelope)
        .where(fallen)
        .values(verdict=still, covered_ran_ms=None, next_try_at_ms=now_ms, tries=0)
    )


def newest_id(connection: Connection) -> int:
    """The newest row's id, 0 for none."""
    return connection.execute(select(func.max(_envelope.c.id))).scalar() or 0


def let_go(connection: Connection, before_ran_ms: int | None, limit: int = 1000) -> int:
    """Delete rows that a receipt has covered since before then (None: whatever it covers), oldest
    first; how many.
    """
    old = select(_envelope.c.id).where(_envelope.c.covered_ran_ms.is_not(None))
    if before_ran_ms is not None:
        old = old.where(_envelope.c.covered_ran_ms < before_ran_ms)
    old = old.order_by(_envelope.c.covered_ran_ms).limit(limit)
    return connection.execute(delete(_envelope).where(_envelope.c.id.in_(old))).rowcount


def counts(connection: Connection) -> dict[str, int]:
    """How many ratings are held, beside what `waiting_counts` gives. Reads every row."""
    ratings = select(func.count()).where(_envelope.c.kind == Rating.kind, _IS_HELD)
    return {"ratings": connection.execute(ratings).scalar_one(), **waiting_counts(connection)}


def waiting_counts(connection: Connection) -> dict[str, int]:
    """How many envelopes wait for a verdict, and how many were rejected and are still offered."""
    waiting = select(func.count()).where(_envelope.c.verdict.is_(None))
    rejected = select(func.count()).where(
        _envelope.c.next_try_at_ms.is_not(None), _envelope.c.verdict == REJECTED
    )
    return {
        "waiting": connection.execute(waiting).scalar_one(),
        "rejected": connection.execute(rejected).scalar_one(),
    }


def _of(device: str, epoch: int):
    return _envelope.c.device == device, _envelope.c.epoch == epoch
