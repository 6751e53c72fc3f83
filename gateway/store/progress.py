"""What became of services, until the centre has it."""

import json
from collections.abc import Sequence

from sqlalchemy import Connection, delete
from sqlalchemy.dialects.sqlite import insert

from gateway.store.tables import Table

_progress = Table.metadata.tables["progress"]

_UNSENT = (
    "SELECT id, service, what, at_ms, staff_no, projects FROM progress WHERE verdict IS NULL"
    " ORDER BY id LIMIT ?"
)
_JUDGE = "UPDATE progress SET verdict = ? WHERE id = ?"


def put(
    connection: Connection,
    service: str,
    what: str,
    at_ms: int,
    staff_no: str | None,
    projects: Sequence[str] = (),
) -> None:
    """Note what became of a service; the first word on each thing stays."""
    values = {"service": service, "what": what, "at_ms": at_ms, "staff_no": staff_no}
    values |= {"projects": json.dumps(projects), "verdict": None}
    connection.execute(insert(_progress).values(values).on_conflict_do_nothing())


def unsent(connection: Connection, limit: int):
    """What the centre does not have, oldest first."""
    return connection.exec_driver_sql(_UNSENT, (limit,)).all()


def judge(connection: Connection, verdicts: Sequence[dict]) -> None:
    """Write the centre's verdicts: dicts of row_id, verdict."""
    if verdicts:
        values = [(one["verdict"], one["row_id"]) for one in verdicts]
        connection.exec_driver_sql(_JUDGE, values)


def let_go(connection: Connection, before_ms: int) -> int:
    """Delete what the centre has and is older; how many rows."""
    old = (_progress.c.at_ms < before_ms) & _progress.c.verdict.is_not(None)
    return connection.execute(delete(_progress).where(old)).rowcount
