"""What became of services, until the centre has it."""

import json
from collections.abc import Sequence

from sqlalchemy import Connection, delete, func, select
from sqlalchemy.dialects.sqlite import insert

from gateway.store.tables import Table
from protocol.batch import EXPIRED

_progress = Table.metadata.tables["progress"]

_UNSENT = (
    "SELECT id, service, what, at_ms, ran_ms, staff_no, projects FROM progress"
    " WHERE verdict IS NULL ORDER BY id LIMIT ?"
)
_JUDGE = "UPDATE progress SET verdict = ?, judged_ran_ms = ? WHERE id = ?"


def put(
    connection: Connection,
    service: str,
    what: str,
    at_ms: int,
    ran_ms: int,
    staff_no: str | None,
    projects: Sequence[str] = (),
) -> None:
    """Note what became of a service; the first word on each thing stays."""
    values = {"service": service, "what": what, "at_ms": at_ms, "ran_ms": ran_ms}
    values |= {"staff_no": staff_no, "projects": json.dumps(projects), "verdict": None}
    connection.execute(insert(_progress).values(values).on_conflict_do_nothing())


def unsent(connection: Connection, limit: int):
    """What the centre does not have, oldest first."""
    return connection.exec_driver_sql(_UNSENT, (limit,)).all()


def is_expired(connection: Connection, service: str) -> bool:
    """Whether an invitation of the service went by without a rating."""
    query = select(_progress.c.id).where(
        _progress.c.service == service, _progress.c.what == EXPIRED
    )
    return connection.execute(query).first() is not None


def newest_id(connection: Connection) -> int:
    """The newest row's id, 0 for none."""
    return connection.execute(select(func.max(_progress.c.id))).scalar() or 0


def judge(connection: Connection, verdicts: Sequence[dict], ran_ms: int) -> None:
    """Write the centre's verdicts: dicts of row_id, verdict."""
    if verdicts:
        values = [(one["verdict"], ran_ms, one["row_id"]) for one in verdicts]
        connection.exec_driver_sql(_JUDGE, values)


def let_go(connection: Connection, before_ran_ms: int) -> int:
    """Delete what the centre has had since before then; how many rows."""
    return connection.execute(
        delete(_progress).where(_progress.c.judged_ran_ms < before_ran_ms)
    ).rowcount
