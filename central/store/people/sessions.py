"""Who has logged in to the pages; only the hashes of what their browsers keep."""

from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from central.store.tables import metadata

_session = metadata.tables["session"]


def put(connection: Connection, **values: Any) -> None:
    """A new session: columns of `session`."""
    connection.execute(insert(_session), values)


def get(connection: Connection, sha256: str):
    """The session's row, or None."""
    return connection.execute(select(_session).where(_session.c.sha256 == sha256)).first()


def of_account(connection: Connection, account_id: str) -> list[Any]:
    """The sessions of an account, the one used last first."""
    query = select(_session).where(_session.c.account == account_id)
    return list(connection.execute(query.order_by(_session.c.seen_ms.desc(), _session.c.id)))


def see(connection: Connection, sha256: str, now_ms: int) -> None:
    """Note when a session was used."""
    statement = update(_session).where(_session.c.sha256 == sha256)
    connection.execute(statement.values(seen_ms=now_ms))


def end(connection: Connection, sha256: str) -> None:
    """End a session."""
    connection.execute(delete(_session).where(_session.c.sha256 == sha256))


def end_of_account(
    connection: Connection, account_id: str, session_id: str | None = None, but: str | None = None
) -> int:
    """End the sessions of an account: all, or the one of this id; not that with the hash `but`.
    How many there were.
    """
    query = delete(_session).where(_session.c.account == account_id)
    if session_id is not None:
        query = query.where(_session.c.id == session_id)
    if but is not None:
        query = query.where(_session.c.sha256 != but)
    return connection.execute(query).rowcount


def end_unseen(connection: Connection, before_ms: int) -> None:
    """End the sessions that nobody has used since then."""
    connection.execute(delete(_session).where(_session.c.seen_ms < before_ms))
