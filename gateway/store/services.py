"""Services, their documents, and who serves at a window."""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as insert_or

from gateway.store.envelopes import is_rated_service
from gateway.store.tables import Table
from protocol.message import CLOSED, INVITING, SERVING

_service = Table.metadata.tables["service"]
_staff = Table.metadata.tables["staff"]

# Asked for with every rating, see gateway/store/envelopes.py.
_UNSENT = (
    "SELECT id, document, phase FROM service WHERE document_verdict IS NULL"
    " ORDER BY next_try_at_ms, id LIMIT ?"
)


_OPEN = (
    "SELECT id, service, window, staff_no, phase, opened_at_ms, opened_ran_ms FROM service"
    " WHERE phase <> 'closed'"
)
_INVITING = "SELECT id, service, window, until_ms, staff_no FROM service WHERE phase = 'inviting'"


_MOST_A_DAY = 1000  # services at one window


def put(connection: Connection, row: dict) -> None:
    """A new service, with its document's exact bytes (BAT-1)."""
    values = {"document_verdict": None, "judged_ran_ms": None, "reason": None, "tries": 0}
    values |= {"closed_at_ms": None, "ended": None, "until_ms": None}
    connection.execute(insert(_service).values({**values, **row}))


def get(connection: Connection, service: str):
    """The service's row, or None."""
    return connection.execute(select(_service).where(_service.c.service == service)).first()


def by_key(connection: Connection, caller: str, key: str):
    """The service that `caller` opened with this Idempotency-Key, or None."""
    query = select(_service).where(_service.c.caller == caller, _service.c.idempotency_key == key)
    return connection.execute(query).first()


def newest_at(connection: Connection, window: str):
    """The newest service at a window, open or closed, or None."""
    query = select(_service).where(_service.c.window == window)
    return connection.execute(query.order_by(_service.c.id.desc()).limit(1)).first()


def newest_of(connection: Connection, window: str, limit: int):
    """The newest services of a window, the newest first."""
    query = select(_service).where(_service.c.window == window)
    return connection.execute(query.order_by(_service.c.id.desc()).limit(limit)).all()


def outcomes(connection: Connection, window: str, since_ms: int) -> tuple[int, int, int]:
    """(rated, invited and not rated, not invited) of a window's services that were opened since
    then and are over.
    """
    newest = select(_service).where(_service.c.window == window)
    newest = newest.order_by(_service.c.id.desc()).limit(_MOST_A_DAY).subquery()
    is_rated = is_rated_service(newest.c.service)
    query = select(
        func.count().filter(is_rated),
        func.count().filter(~is_rated, newest.c.until_ms.is_not(None)),
        func.count().filter(~is_rated, newest.c.until_ms.is_(None)),
    ).where(newest.c.opened_at_ms >= since_ms, newest.c.phase == CLOSED)
    rated, unrated, uninvited = connection.execute(query).one()
    return rated, unrated, uninvited


def free_key(connection: Connection, service: str) -> None:
    """The service's Idempotency-Key may mean another one."""
    statement = update(_service).where(_service.c.service == service)
    connection.execute(statement.values(idempotency_key=None))


def close(connection: Connection, service: str, now_ms: int, ended: str) -> None:
    """The service is over; ended: a word for how."""
    statement = update(_service).where(_service.c.service == service)
    connection.execute(statement.values(phase=CLOSED, closed_at_ms=now_ms, ended=ended))


def invite(connection: Connection, service: str, until_ms: int) -> None:
    """The service invites a rating until then."""
    statement = update(_service).where(_service.c.service == service)
    connection.execute(statement.values(phase=INVITING, until_ms=until_ms))


def inviting(connection: Connection):
    """The services that invite a rating."""
    return connection.exec_driver_sql(_INVITING).all()


def end_invitation(connection: Connection, service: str, until_ms: int) -> bool:
    """End an invitation, if it is still the newest; whether it was."""
    statement = (
        update(_service)
        .where(_service.c.service == service, _service.c.phase == INVITING)
        .where(_service.c.until_ms == until_ms)
        .values(phase=SERVING)
    )
    return connection.execute(statement).rowcount == 1


def open_at(connection: Connection, window: str):
    """The rows of whatever is open at a window."""
    return [row for row in open_ones(connection) if row.window == window]


def open_ones(connection: Connection):
    """The rows of all that is open; without their documents."""
    return connection.exec_driver_sql(_OPEN).all()


def newest_id(connection: Connection) -> int:
    """The newest row's id, 0 for none."""
    return connection.execute(select(func.max(_service.c.id))).scalar() or 0


def document(connection: Connection, row_id: int) -> bytes:
    """A document's exact bytes."""
    return connection.execute(
        select(_service.c.document).where(_service.c.id == row_id)
    ).scalar_one()


def unsent_documents(connection: Connection, limit: int):
    """Documents that the centre does not have, and their services' phases, oldest first."""
    return connection.exec_driver_sql(_UNSENT, (limit,)).all()


def judge_documents(connection: Connection, verdicts: Sequence[dict], ran_ms: int) -> None:
    """Write the centre's verdicts on documents: dicts of row_id, verdict, reason."""
    if verdicts:
        connection.execute(
            update(_service)
            .where(_service.c.id == bindparam("row_id"))
            .values(
                document_verdict=bindparam("new_verdict"),
                judged_ran_ms=ran_ms,
                reason=bindparam("new_reason"),
                tries=_service.c.tries + 1,
            ),
            [
                {
                    "row_id": row["row_id"],
                    "new_verdict": row["verdict"],
                    "new_reason": row["reason"],
                }
                for row in verdicts
            ],
        )


def unsent_count(connection: Connection) -> int:
    """How many documents the centre does not have."""
    query = select(func.count()).where(_service.c.document_verdict.is_(None))
    return connection.execute(query).scalar_one()


def let_go(connection: Connection, before_ran_ms: int, limit: int = 1000) -> int:
    """Delete closed services whose document the centre has had since before then; how many."""
    old = select(_service.c.id).where(
        _service.c.judged_ran_ms < before_ran_ms,
        _service.c.document_verdict.is_not(None),
        _service.c.phase == CLOSED,
    )
    return connection.execute(delete(_service).where(_service.c.id.in_(old.limit(limit)))).rowcount


def staff_at(connection: Connection, window: str):
    """Who has signed in at a window (present or pausing), or None."""
    return connection.execute(select(_staff).where(_staff.c.window == window)).first()


def all_staff(connection: Connection):
    """Who has signed in anywhere, by window."""
    return connection.execute(select(_staff).order_by(_staff.c.window)).all()


def put_staff(connection: Connection, row: dict) -> None:
    """Somebody signs in or pauses at a window, in the place of whoever was there."""
    statement = insert_or(_staff).values(row)
    connection.execute(statement.on_conflict_do_update(index_elements=[_staff.c.window], set_=row))


def remove_staff(connection: Connection, window: str) -> None:
    """Nobody serves at the window any more."""
    connection.execute(delete(_staff).where(_staff.c.window == window))


def remove_staff_before(connection: Connection, at_ms: int) -> None:
    """Nobody serves any more who has signed in before then."""
    connection.execute(delete(_staff).where(_staff.c.since_ms < at_ms))
