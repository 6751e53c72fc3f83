"""Acts: who did what, each signed together with the one before it (RULES 9).

`add` is the last statement of the transaction that does what the act is about: then both are
there or neither is, and a lock is taken last that all writers of acts share.

mac is HMAC-SHA256 under the centre's key for acts (central/keys.py) of the JSON array
[n, at_ms, who, place, what, about, detail, prev16], `act\\n` before it; prev16 are the first 16
digits of the mac before, zeros for the first. The head's seal is that of `head\\n`, n, `\\n`, mac.
"""

import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from sqlalchemy import Connection, insert, select, update

from central.store import sql
from central.store.tables import metadata
from hosting.error import OperatorError

COMMAND = "command"  # who: somebody who may run `pingjia central` on the centre's own machine
ZEROS = "0" * 16
_AT_ONCE = 1000
_ABOUT, _DETAIL = 300, 4000  # characters

_act = metadata.tables["act"]
_head = metadata.tables["act_head"]


class Head(NamedTuple):
    """The newest act."""

    n: int
    mac: str


def add(
    connection: Connection,
    at_ms: int,
    who: str,
    what: str,
    about: str = "",
    detail: str = "",
    place: str = "",
) -> int:
    """Note an act; its number. Raises OperatorError where there is no key to sign it with: no act,
    no deed.

    who: COMMAND, `account:<id>` or `token:<id>`. what: of central/people/deeds.py. about: what it
    was done to. place: of the one who did it, as `region:6501`; empty for the whole.
    """
    key = connection.get_execution_options().get("pingjia_acts")
    if key is None:
        raise OperatorError(
            "nothing can be changed without the master secret, which signs what is done here: "
            "put master_secret_file in its place, or make it with `pingjia central init`."
        )
    head = _locked(connection)
    row = {
        "n": 1 if head is None else head.n + 1,
        "at_ms": at_ms,
        "who": who,
        "place": place,
        "what": what,
        "about": about[:_ABOUT],
        "detail": detail[:_DETAIL],
        "prev16": ZEROS if head is None or not head.mac else head.mac[:16],
    }
    row["mac"] = mac_of(key, row)
    connection.execute(insert(_act), row)
    values = {"n": row["n"], "mac": row["mac"], "seal": seal_of(key, row["n"], row["mac"])}
    connection.execute(update(_head).where(_head.c.id == 1).values(**values))
    return row["n"]


def _locked(connection: Connection) -> Any:
    """The head, which nobody else moves until this transaction ends."""
    query = "SELECT n, mac FROM act_head WHERE id = 1" + sql.for_update(connection)
    row = connection.exec_driver_sql(query).first()
    if row is None:
        put = (
            "INSERT INTO act_head (id, n, mac, seal) VALUES (1, 0, '', '') ON CONFLICT DO NOTHING"
        )
        connection.exec_driver_sql(put)
        row = connection.exec_driver_sql(query).first()
    return row


def mac_of(key: bytes, row: Any) -> str:
    """What signs an act: a mapping of its columns."""
    names = ("n", "at_ms", "who", "place", "what", "about", "detail", "prev16")
    told = json.dumps([row[name] for name in names], ensure_ascii=False, separators=(",", ":"))
    return hmac.new(key, b"act\n" + told.encode("utf-8", "replace"), hashlib.sha256).hexdigest()


def seal_of(key: bytes, n: int, mac: str) -> str:
    """What signs the head."""
    return hmac.new(key, f"head\n{n}\n{mac}".encode(), hashlib.sha256).hexdigest()


def head(connection: Connection) -> Head | None:
    """The newest act as the head has it, None before the first."""
    row = connection.execute(select(_head.c.n, _head.c.mac)).first()
    return None if row is None else Head(*row)


def whole_head(connection: Connection) -> Any:
    """The head's row, or None."""
    return connection.execute(select(_head)).mappings().first()


def every(connection: Connection) -> Iterator[Any]:
    """All acts as mappings, by number."""
    last = None
    while True:
        query = select(_act).order_by(_act.c.n).limit(_AT_ONCE)
        rows = connection.execute(query if last is None else query.where(_act.c.n > last))
        found = rows.mappings().all()
        yield from found
        if len(found) < _AT_ONCE:
            return
        last = found[-1]["n"]


def page(
    connection: Connection,
    before: int | None,
    limit: int,
    places: frozenset[str] | None = None,
    who: str | None = None,
    what: str | None = None,
    about: str | None = None,
    span: tuple[int, int] | None = None,
) -> list[Any]:
    """Rows of acts, the newest first. before: below this number. places: only of those who are of
    these; None for all. about: how it begins. span: from this instant on, before that one.
    """
    query = select(_act).order_by(_act.c.n.desc()).limit(limit)
    if before is not None:
        query = query.where(_act.c.n < before)
    if places is not None:
        query = query.where(_act.c.place.in_([*places]))
    if who is not None:
        query = query.where(_act.c.who == who)
    if what is not None:
        query = query.where(_act.c.what == what)
    if about:
        query = query.where(_act.c.about.startswith(about, autoescape=True))
    if span is not None:
        query = query.where(_act.c.at_ms >= span[0], _act.c.at_ms < span[1])
    return list(connection.execute(query))
