"""The last `state` of each device."""

import json
from collections.abc import Sequence

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects.sqlite import insert

from gateway.store.tables import Table
from protocol.message import State, Will

_state = Table.metadata.tables["devicestate"]

# Asked for with every rating, see gateway/store/envelopes.py.
_GET = "SELECT * FROM devicestate WHERE device = ?"
_UNSENT_HEADS = (
    "SELECT device, head, receipt, settings FROM devicestate WHERE head IS NOT NULL"
    " AND (head_sent IS NULL OR head_sent <> head)"
    " ORDER BY head_sent_ran_ms, device LIMIT ?"
)
_MARK_SENT = "UPDATE devicestate SET head_sent = ?, head_sent_ran_ms = ? WHERE device = ?"


def get(connection: Connection, device: str):
    """The device's row, or None if it never said anything."""
    return connection.exec_driver_sql(_GET, (device,)).first()


def everyone(connection: Connection):
    """The rows of all devices, by device id."""
    return connection.execute(select(_state).order_by(_state.c.device)).all()


def put(connection: Connection, device: str, state: State, received_at_ms: int) -> None:
    """Replace what is known of the device."""
    row = state._asdict()
    row["problems"] = json.dumps(state.problems)
    row["received_at_ms"] = received_at_ms
    statement = insert(_state).values(device=device, head_sent_ran_ms=0, **row)
    connection.execute(statement.on_conflict_do_update(index_elements=[_state.c.device], set_=row))


def put_will(connection: Connection, device: str, will: Will, received_at_ms: int) -> bool:
    """The device is gone, if the will is of its last session (STA-2); whether it was believed."""
    statement = (
        update(_state)
        .where(_state.c.device == device, _state.c.session == will.session)
        .values(online=False, received_at_ms=received_at_ms)
    )
    return connection.execute(statement).rowcount == 1


def unsent_heads(connection: Connection, limit: int):
    """Devices whose newest head the centre does not have, the one told longest ago first."""
    return connection.exec_driver_sql(_UNSENT_HEADS, (limit,)).all()


def mark_heads_sent(connection: Connection, heads: Sequence[dict], ran_ms: int) -> None:
    """The centre has given its verdict on these heads: dicts of device, text."""
    if heads:
        values = [(head["text"], ran_ms, head["device"]) for head in heads]
        connection.exec_driver_sql(_MARK_SENT, values)
