"""Tokens of those who call the centre, `pj_<id>_<secret>`, and what each opens.

The database holds the id and SHA-256 of the secret. The secret is 32 random bytes, so a plain
hash cannot be searched.
"""

import hmac
import re
import secrets
from collections.abc import Callable
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
    """The scopes of a token as its holder sent it; None if it is not valid.

    Takes the same time for an unknown id as for a wrong secret.
    """
    parts = _SHAPE.fullmatch(token)
    if parts is None:
        return None
    with database.read() as connection:
        row = tokens.find(connection, parts[1])
    is_same = hmac.compare_digest(digest(parts[2]).hex(), row.secret_sha256 if row else _NO_SECRET)
    return tuple(row.scopes.split()) if row is not None and is_same else None


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
