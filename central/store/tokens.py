"""The tokens of callers: only the hashes of their secrets."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from central.store import sql
from central.store.tables import metadata

_token = metadata.tables["token"]


def add(connection: Connection, values: dict[str, Any]) -> None:
    """Insert a token's row."""
    connection.execute(insert(_token), values)


def every(connection: Connection) -> Any:
    """The rows of all tokens, revoked ones too, the oldest first."""
    return connection.execute(select(_token).order_by(_token.c.created_at_ms)).all()


def revoke(connection: Connection, token_id: str, now_ms: int) -> bool:
    """Whether there was such a token, not revoked yet; now it is."""
    query = update(_token).where(_token.c.id == token_id, _token.c.revoked_at_ms.is_(None))
    return connection.execute(query.values(revoked_at_ms=now_ms)).rowcount > 0


def revoke_of(connection: Connection, scope: str, now_ms: int) -> int:
    """Revoke the tokens that have this one scope; how many there were."""
    query = update(_token).where(_token.c.scopes == scope, _token.c.revoked_at_ms.is_(None))
    return connection.execute(query.values(revoked_at_ms=now_ms)).rowcount


def use(connection: Connection, token_id: str) -> bool:
    """Whether a technician's token may enrol one more device; that is one less now."""
    is_left = (_token.c.id == token_id) & (_token.c.devices_left > 0)
    query = update(_token).where(is_left).values(devices_left=_token.c.devices_left - 1)
    return connection.execute(query).rowcount > 0


def note_used(connection: Connection, token_ids: Iterable[str], day: int) -> None:
    """Note the day on which these were used last; never an earlier one."""
    is_it = _token.c.id.in_([*token_ids])
    is_older = func.coalesce(_token.c.used_day, 0) < day
    connection.execute(update(_token).where(is_it, is_older).values(used_day=day))


def find(connection: Connection, token_ids: Iterable[str]) -> dict[str, Any]:
    """id -> row (id, secret_sha256, scopes, ends_at_ms, used_day) of those not revoked."""
    among, wanted = sql.among(connection, set(token_ids))
    columns = "id, secret_sha256, scopes, ends_at_ms, used_day"
    query = f"SELECT {columns} FROM token WHERE id {among}"
    rows = sql.run(connection, query + " AND revoked_at_ms IS NULL", wanted)
    return {row.id: row for row in rows}


def name_of(connection: Connection, token_id: str) -> str:
    """Who a token is for; its id if that was not said."""
    query = select(_token.c.name).where(_token.c.id == token_id)
    return connection.execute(query).scalar_one_or_none() or token_id
