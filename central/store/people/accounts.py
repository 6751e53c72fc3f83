"""Accounts, and wrong passwords in a row."""

from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from central.store.tables import metadata

_KEPT = 20_000  # failures; a flood of names must not fill the disk

_account = metadata.tables["account"]
_failure = metadata.tables["sign_in_failure"]


def add(connection: Connection, values: dict[str, Any]) -> None:
    """Insert an account's row."""
    connection.execute(insert(_account), values)


def get(connection: Connection, account_id: str) -> Any:
    """The account's row, or None."""
    return connection.execute(select(_account).where(_account.c.id == account_id)).first()


def by_login(connection: Connection, login: str) -> Any:
    """The row of this login, or None."""
    return connection.execute(select(_account).where(_account.c.login == login)).first()


def every(connection: Connection) -> list[Any]:
    """All rows, by login."""
    return list(connection.execute(select(_account).order_by(_account.c.login)))


def change(connection: Connection, account_id: str, **values: Any) -> None:
    """Set columns of an account."""
    connection.execute(update(_account).where(_account.c.id == account_id).values(**values))


def failure(connection: Connection, key: str) -> Any:
    """The row of failures, or None."""
    return connection.execute(select(_failure).where(_failure.c.key == key)).first()


def put_failure(
    connection: Connection, key: str, failures: int, now_ms: int, until_ms: int, forget_ms: int
) -> None:
    """Note how many there were now; those last added to before forget_ms are forgotten."""
    connection.execute(delete(_failure).where(_failure.c.last_ms < forget_ms))
    count = connection.execute(select(func.count()).select_from(_failure)).scalar_one()
    if count >= _KEPT:
        oldest = select(_failure.c.key).order_by(_failure.c.last_ms).limit(count - _KEPT + 1)
        connection.execute(delete(_failure).where(_failure.c.key.in_(oldest)))
    connection.execute(delete(_failure).where(_failure.c.key == key))
    row = {"key": key, "failures": failures, "last_ms": now_ms, "until_ms": until_ms}
    connection.execute(insert(_failure), row)


def forget_failures(connection: Connection, key: str | None = None) -> None:
    """Forget those of a key, or all."""
    query = delete(_failure)
    connection.execute(query if key is None else query.where(_failure.c.key == key))
