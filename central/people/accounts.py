"""Accounts: who signs in, with which role, for which place. Every change of one is an act."""

import re
import secrets
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection

from central.people.passwords import Passwords, first_password
from central.people.roles import KINDS_OF_PLACE, ROLES
from central.people.tokens import known_place
from central.store.database import Database
from central.store.people import accounts, acts, sessions
from central.store.people.acts import COMMAND
from hosting.error import OperatorError
from hosting.toml import meant
from protocol.field import ProtocolError, Text

ALL = "all"
_LOGIN = re.compile(r"[a-z0-9][a-z0-9._-]{1,31}", re.ASCII)


class Accounts:
    """What `pingjia central account` does, and the page of accounts. What is refused is an
    OperatorError. who: as acts name them. now_ms: the centre's time.
    """

    def __init__(
        self, database: Database, now_ms: Callable[[], int], passwords: Passwords | None = None
    ) -> None:
        self._database = database
        self._now_ms = now_ms
        self._passwords = passwords or Passwords()

    def add(self, login: str, name: str, role: str, scope: str, who: str = COMMAND) -> str:
        """Make an account; the password for its first sign-in.

        scope: `all`, or the place, as `6501` or `region:6501`.
        """
        if _LOGIN.fullmatch(login) is None:
            raise OperatorError(
                f"the login {login!r} is not possible: 2 to 32 of a-z, 0-9 and . _ -"
            )
        try:
            name = Text(64)(name, "the name")
        except ProtocolError as error:
            raise OperatorError(f"{error}.") from None
        password, now_ms = first_password(), self._now_ms()
        kept = self._passwords.hash(password)
        with self._database.write() as connection:
            if accounts.by_login(connection, login) is not None:
                raise OperatorError(
                    f"the login {login} is there already, or was: acts name it for ever. Choose "
                    "another one."
                )
            scope = _scope(connection, role, scope)
            values = {
                "id": secrets.token_hex(8),
                "login": login,
                "name": name,
                "password_hash": kept,
                "role": role,
                "scope": scope,
                "created_at_ms": now_ms,
                "password_at_ms": now_ms,
                "is_first": True,
            }
            accounts.add(connection, values)
            acts.add(connection, now_ms, who, "account.add", login, f"{role} {scope}")
        return password

    def set_role(self, login: str, role: str, scope: str, who: str = COMMAND) -> str:
        """Give it another role or place, and end its sessions; the place as it is kept."""
        with self._database.write() as connection:
            row = _found(connection, login)
            scope = _scope(connection, role, scope)
            accounts.change(connection, row.id, role=role, scope=scope)
            sessions.end_of_account(connection, row.id)
            told = f"{row.role} {row.scope} -> {role} {scope}"
            acts.add(connection, self._now_ms(), who, "account.role", login, told)
        return scope

    def reset_password(self, login: str, who: str = COMMAND) -> str:
        """Give it a password for a first sign-in anew, and end its sessions."""
        password, now_ms = first_password(), self._now_ms()
        kept = self._passwords.hash(password)
        with self._database.write() as connection:
            row = _found(connection, login)
            values = {"password_hash": kept, "password_at_ms": now_ms, "is_first": True}
            accounts.change(connection, row.id, **values)
            sessions.end_of_account(connection, row.id)
            acts.add(connection, now_ms, who, "account.password", login)
        return password

    def lock(self, login: str, who: str = COMMAND) -> None:
        """Let nobody in by it, and end its sessions."""
        with self._database.write() as connection:
            row, now_ms = _found(connection, login), self._now_ms()
            if row.locked_at_ms is not None:
                raise OperatorError(f"{login} is locked already.")
            accounts.change(connection, row.id, locked_at_ms=now_ms)
            sessions.end_of_account(connection, row.id)
            acts.add(connection, now_ms, who, "account.lock", login)

    def unlock(self, login: str, who: str = COMMAND) -> None:
        """Let it in again; and whoever mistyped too often need not wait any more."""
        with self._database.write() as connection:
            row = _found(connection, login)
            accounts.change(connection, row.id, locked_at_ms=None)
            accounts.forget_failures(connection)
            acts.add(connection, self._now_ms(), who, "account.unlock", login)

    def remove(self, login: str, who: str = COMMAND) -> None:
        """End it for ever. Its row stays: acts name it, and its login is never given again."""
        with self._database.write() as connection:
            row, now_ms = _found(connection, login), self._now_ms()
            accounts.change(connection, row.id, removed_at_ms=now_ms, password_hash="")
            sessions.end_of_account(connection, row.id)
            acts.add(connection, now_ms, who, "account.remove", login)

    def end_sessions(self, login: str, session_id: str | None = None, who: str = COMMAND) -> int:
        """End all its sessions, or one; how many there were."""
        with self._database.write() as connection:
            row = _found(connection, login)
            count = sessions.end_of_account(connection, row.id, session_id)
            told = f"{count}" if session_id is None else session_id
            acts.add(connection, self._now_ms(), who, "account.sessions", login, told)
        return count

    def every(self) -> list[tuple[Any, list[Any]]]:
        """(row of `account`, rows of its sessions) of all, by login."""
        with self._database.read() as connection:
            rows = accounts.every(connection)
            return [(row, sessions.of_account(connection, row.id)) for row in rows]


def _found(connection: Connection, login: str) -> Any:
    row = accounts.by_login(connection, login)
    if row is None or row.removed_at_ms is not None:
        known = [one.login for one in accounts.every(connection) if one.removed_at_ms is None]
        near = meant(login, known)
        word = "was removed" if row is not None else "is none"
        raise OperatorError(f"the account {login} {word}.{near} `pingjia central account list`.")
    return row


def _scope(connection: Connection, role: str, scope: str) -> str:
    """The scope as it is kept. Raises OperatorError if this role cannot have it."""
    if role not in ROLES:
        raise OperatorError(f"no role is named {role}: use {', '.join(ROLES)}.")
    if scope == ALL:
        if ALL in ROLES[role]:
            return ALL
        raise OperatorError(f"{role} is of one {ROLES[role][0]}: name it, with --scope.")
    place = known_place(connection, scope)
    if place.kind not in ROLES[role]:
        wanted = " or ".join(ROLES[role])
        raise OperatorError(f"{role} is of {wanted}, and {scope} is of kind {place.kind}.")
    assert place.kind in KINDS_OF_PLACE
    return f"{place.kind}:{place.id}"
