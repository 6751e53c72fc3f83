"""All that is held, page by page, also what somebody's hand has made unreadable."""

import json
from typing import Any

from sqlalchemy import Connection

from central.store.ledger import Row, after_key, row_of
from central.store.tables import metadata

_record = metadata.tables["record"]
_conflict = metadata.tables["conflict"]
_COLUMNS = tuple(_record.c.keys())
_OR_NULL = type(None)
# What each column holds, but the key: a row whose key is odd has no place in the order.
_KINDS: dict[str, tuple[type, ...]] = {
    "envelope": (bytes,),
    **dict.fromkeys(("received_at_ms", "stored_at_ms"), (int,)),
    **dict.fromkeys(("mac16", "kind", "hall", "marks", "hall_marks"), (str,)),
    **dict.fromkeys(("prev", "window", "service", "facts"), (str, _OR_NULL)),
    **dict.fromkeys(("level", "rated_at_ms", "rated_error_ms"), (int, _OR_NULL)),
}


def page(
    connection: Connection, device: str | None, after: tuple[str, int, int, str], limit: int
) -> list[tuple[Row, bool]]:
    """Up to `limit` records and conflicts after a place, each with whether it is a conflict.

    In the order of (device, epoch, seq), a key's conflicts by mac16 behind its holder; `after`
    is such a place, the holder's mac16 being the empty string. What cannot be read of a row is
    empty, and its `odd` says what stood there: one row does not end the walk.
    """
    held = after_key(_record, device, after[:3]).limit(limit)
    other = after_key(_conflict, device, after).limit(limit)
    found = [((*row.key, ""), row, False) for row in map(_any_row, connection.execute(held))]
    rows = map(_any_row, connection.execute(other))
    found += [((*row.key, row.mac16), row, True) for row in rows]
    found.sort(key=lambda place: place[0])
    return [(row, is_conflict) for _, row, is_conflict in found[:limit]]


def _any_row(row: Any) -> Row:
    """SQLite takes text for numbers and for bytes; `marks` is text on both databases."""
    values = dict(zip(_COLUMNS, row, strict=True))
    odd = []
    for name, kinds in _KINDS.items():
        if not isinstance(values[name], kinds):
            odd.append(f"{name} is {str(values[name])[:40]!r}")
            values[name] = None if _OR_NULL in kinds else kinds[0]()
    for name in ("marks", "hall_marks"):
        if values[name] != "[]" and not _are_marks(values[name]):
            odd.append(f"{name} is {values[name][:40]!r}")
            values[name] = "[]"
    found = row_of(values.values())
    found.odd = "; ".join(odd)
    return found


def _are_marks(text: str) -> bool:
    try:
        marks = json.loads(text)
    except ValueError:
        return False
    return isinstance(marks, list) and all(isinstance(one, str) for one in marks)
