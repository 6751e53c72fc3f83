"""The last `state` of each device."""

import json

from sqlalchemy import Connection, or_, select, update
from sqlalchemy.dialects.sqlite import insert

from gateway.store.tables import Row
from protocol.message import State, Will

_state = Row.metadata.tables["devicestate"]


def get(tx: Connection, device: str):
    """The device's row, or None if it never said anything."""
    return tx.execute(select(_state).where(_state.c.device == device)).first()


def everyone(tx: Connection):
    """The rows of all devices, by device id."""
    return tx.execute(select(_state).order_by(_state.c.device)).all()


def put(tx: Connection, device: str, state: State, received_at_ms: int) -> None:
    """Replace what is known of the device."""
    row = state._asdict()
    row["problems"] = json.dumps(state.problems)
    row["received_at_ms"] = received_at_ms
    statement = insert(_state).values(device=device, head_sent_at_ms=0, **row)
    tx.execute(statement.on_conflict_do_update(index_elements=[_state.c.device], set_=row))


def put_will(tx: Connection, device: str, will: Will, received_at_ms: int) -> bool:
    """The device is gone, if the will is of its last session (STA-2); whether it was believed."""
    statement = (
        update(_state)
        .where(_state.c.device == device, _state.c.session == will.session)
        .values(online=False, received_at_ms=received_at_ms)
    )
    return tx.execute(statement).rowcount == 1


def unsent_heads(tx: Connection, sent_before_ms: int, limit: int):
    """Devices whose newest head the centre does not have, unless it got one lately."""
    return tx.execute(
        select(_state.c.device, _state.c.head, _state.c.receipt)
        .where(
            _state.c.head.is_not(None),
            or_(_state.c.head_sent.is_(None), _state.c.head_sent != _state.c.head),
            _state.c.head_sent_at_ms <= sent_before_ms,
        )
        .order_by(_state.c.head_sent_at_ms, _state.c.device)
        .limit(limit)
    ).all()


def mark_head_sent(tx: Connection, device: str, head: str, now_ms: int) -> None:
    """The centre has given its verdict on this head."""
    statement = update(_state).where(_state.c.device == device)
    tx.execute(statement.values(head_sent=head, head_sent_at_ms=now_ms))
