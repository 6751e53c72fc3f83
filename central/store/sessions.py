"""Who has logged in to the pages; only the hashes of what their browsers keep."""

from sqlalchemy import Connection, delete, insert, select, update

from central.store.tables import metadata

_session = metadata.tables["session"]


def put(connection: Connection, sha256: str, token_id: str, now_ms: int) -> None:
    """A new session of a token's holder."""
    row = {"sha256": sha256, "token": token_id, "seen_ms": now_ms}
    connection.execute(insert(_session), row)


def get(connection: Connection, sha256: str):
    """The session's row, or None."""
    return connection.execute(select(_session).where(_session.c.sha256 == sha256)).first()


def see(connection: Connection, sha256: str, now_ms: int) -> None:
    """Note when a session was used."""
    statement = update(_session).where(_session.c.sha256 == sha256)
    connection.execute(statement.values(seen_ms=now_ms))


def end(connection: Connection, sha256: str) -> None:
    """End a session."""
    connection.execute(delete(_session).where(_session.c.sha256 == sha256))


def end_unseen(connection: Connection, before_ms: int) -> None:
    """End the sessions that nobody has used since then."""
    connection.execute(delete(_session).where(_session.c.seen_ms < before_ms))
