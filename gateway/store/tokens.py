"""The tokens of those who call the API or open pages; only their hashes."""

from sqlalchemy import Connection, delete, insert, select, update

from gateway.store.tables import Table

_token = Table.metadata.tables["token"]


def everyone(connection: Connection):
    """The rows of all tokens."""
    return connection.execute(select(_token)).all()


def of_hash(connection: Connection, sha256: bytes):
    """The row of the token with this hash, or None."""
    return connection.execute(select(_token).where(_token.c.sha256 == sha256)).first()


def put(
    connection: Connection,
    name: str,
    sha256: bytes,
    now_ms: int,
    scope: str = "api",
    window: str | None = None,
    ends_at_ms: int | None = None,
) -> None:
    """A caller's token; a new one replaces the old one of that name."""
    row = {"name": name, "sha256": sha256, "created_at_ms": now_ms, "ends_at_ms": ends_at_ms}
    connection.execute(delete(_token).where(_token.c.name == name))
    connection.execute(insert(_token).values(scope=scope, window=window, **row))


def revoke(connection: Connection, name: str) -> bool:
    """Whether there was a token of that name, which now opens nothing more."""
    return connection.execute(delete(_token).where(_token.c.name == name)).rowcount > 0


def note_used(connection: Connection, name: str, day: int) -> None:
    """Note the day on which a caller's token was used last."""
    connection.execute(update(_token).where(_token.c.name == name).values(used_day=day))
