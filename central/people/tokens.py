"""Tokens of those who call the centre, `pj_<id>_<secret>`, and what each opens.

The database holds the id and SHA-256 of the secret. The secret is 32 random bytes, so a plain
hash cannot be searched.
"""

import hmac
import re
import secrets
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from central.store import places, tokens
from central.store.database import Database
from hosting.error import OperatorError
from hosting.secret_file import write_new
from hosting.tokens import digest, new_secret

RECORDS_READ = "records:read"
FIGURES_READ = "figures:read"
PAGES_READ = "pages:read"
READERS = (RECORDS_READ, FIGURES_READ, PAGES_READ)
_HALL = "hall:"
_ENROL = "enrol:"
_SHAPE = re.compile(r"pj_([0-9a-f]{16})_([A-Za-z0-9_-]{43})", re.ASCII)
_NO_SECRET = digest("").hex()


class Tokens:
    """What `pingjia central token` does. Everything that is refused is an OperatorError."""

    def __init__(self, database: Database, now_ms: Callable[[], int]) -> None:
        self._database = database
        self._now_ms = now_ms

    def add(self, scope: str, token_file: Path) -> None:
        """Write a new token of one scope."""
        with self._database.write() as connection:
            if scope not in READERS:
                halls = halls_of((scope,)) + enrollers_of((scope,))
                if not halls:
                    raise OperatorError(
                        f"no scope is named {scope}: use {', '.join(READERS)}, "
                        "hall:<hall> or enrol:<hall>."
                    )
                places.require_hall(connection, halls[0])
            add_token(connection, scope, token_file, self._now_ms())

    def every(self) -> Any:
        """All tokens: rows with id, scopes, created_at_ms, revoked_at_ms."""
        with self._database.read() as connection:
            return tokens.every(connection)

    def revoke(self, token_id: str) -> None:
        """Take a token back: it opens nothing more."""
        with self._database.write() as connection:
            if not tokens.revoke(connection, token_id, self._now_ms()):
                raise OperatorError(
                    f"no token that is good has the id {token_id}: "
                    "`pingjia central token list` names them."
                )


def add_token(connection: Connection, scope: str, token_file: Path, now_ms: int) -> None:
    """Make a token in a transaction, and write it to a new file. Raises OperatorError."""
    token_id, secret = secrets.token_hex(8), new_secret()
    values = {
        "id": token_id,
        "secret_sha256": digest(secret).hex(),
        "scopes": scope,
        "created_at_ms": now_ms,
        "revoked_at_ms": None,
    }
    tokens.add(connection, values)
    write_new(token_file, f"pj_{token_id}_{secret}\n".encode())


def scopes_of(database: Database, token: str) -> tuple[str, ...] | None:
    """The scopes of a token as its holder sent it; None if it is not valid."""
    with database.read() as connection:
        return scopes_in(connection, (token,)).get(token)


def scopes_in(connection: Connection, sent: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The scopes of those of these tokens that are valid, by the token as its holder sent it.

    Takes the same time for an unknown id as for a wrong secret.
    """
    parts = {token: found for token in sent if (found := _SHAPE.fullmatch(token))}
    rows = tokens.find(connection, {one[1] for one in parts.values()}) if parts else {}
    valid = {}
    for token, one in parts.items():
        row = rows.get(one[1])
        known = row.secret_sha256 if row else _NO_SECRET
        if hmac.compare_digest(digest(one[2]).hex(), known) and row is not None:
            valid[token] = tuple(row.scopes.split())
    return valid


def hall_scope(hall: str) -> str:
    """The scope of the gateway of `hall`."""
    return _HALL + hall


def halls_of(scopes: tuple[str, ...]) -> tuple[str, ...]:
    """The halls whose gateway may use a token with these scopes."""
    return tuple(scope.removeprefix(_HALL) for scope in scopes if scope.startswith(_HALL))


def enrol_scope(hall: str) -> str:
    """The scope of a technician who enrols and replaces devices of `hall`."""
    return _ENROL + hall


def enrollers_of(scopes: tuple[str, ...]) -> tuple[str, ...]:
    """The halls whose devices a token with these scopes may enrol."""
    return tuple(scope.removeprefix(_ENROL) for scope in scopes if scope.startswith(_ENROL))
