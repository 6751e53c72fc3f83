"""Who has logged in to the pages, and the codes that let a window's PC in; only their hashes."""

from sqlalchemy import Connection, delete, insert, select, update

from gateway.store.tables import Table

_session = Table.metadata.tables["session"]
_token = Table.metadata.tables["token"]
_code = Table.metadata.tables["login_code"]


def put(connection: Connection, sha256: bytes, token_sha256: bytes, now_ms: int) -> None:
    """A new session of a token's holder."""
    row = {"sha256": sha256, "token_sha256": token_sha256, "seen_ms": now_ms}
    connection.execute(insert(_session).values(row))


def get(connection: Connection, sha256: bytes):
    """The session's row, or None."""
    return connection.execute(select(_session).where(_session.c.sha256 == sha256)).first()


def see(connection: Connection, sha256: bytes, now_ms: int) -> None:
    """Note when a session was used."""
    statement = update(_session).where(_session.c.sha256 == sha256)
    connection.execute(statement.values(seen_ms=now_ms))


def end(connection: Connection, sha256: bytes, own_token: bytes) -> None:
    """End a session, and the token of this hash, which is good for it alone if it is there."""
    connection.execute(delete(_session).where(_session.c.sha256 == sha256))
    connection.execute(delete(_token).where(_token.c.sha256 == own_token))


def over(connection: Connection, before_ms: int) -> list[bytes]:
    """The sessions that nobody has used since then, and those whose token is gone."""
    tokens = select(_token.c.sha256)
    is_over = (_session.c.seen_ms < before_ms) | _session.c.token_sha256.not_in(tokens)
    return list(connection.execute(select(_session.c.sha256).where(is_over)).scalars())


def put_code(connection: Connection, sha256: bytes, window: str, ends_at_ms: int) -> None:
    """A code for a window; those that it had before are none any more."""
    connection.execute(delete(_code).where(_code.c.window == window))
    row = {"sha256": sha256, "window": window, "ends_at_ms": ends_at_ms}
    connection.execute(insert(_code).values(row))


def code(connection: Connection, sha256: bytes):
    """The row of a code that nobody has used yet, or None."""
    return connection.execute(select(_code).where(_code.c.sha256 == sha256)).first()


def use_code(connection: Connection, sha256: bytes) -> bool:
    """Whether the code was still there, which now it is no more."""
    return connection.execute(delete(_code).where(_code.c.sha256 == sha256)).rowcount == 1
