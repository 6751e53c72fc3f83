"""Who calls, by token, and what the token opens: each scope one kind of door, and no other."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Header, HTTPException

from central import tokens
from central.store import places
from central.store.database import Database

Scopes = tuple[str, ...]


def scopes_of(database: Database, token: str) -> Scopes | None:
    """The scopes of a token as its holder sent it; None if it is not valid."""
    parts = tokens.split_token(token)
    if parts is None:
        return None
    with database.read() as connection:
        row = places.token(connection, parts[0])
    if not tokens.is_secret(parts[1], row.secret_sha256 if row else None):
        return None
    return tuple(row.scopes.split())


def bearer_of(database: Database) -> Callable[[str], Scopes]:
    """The dependency that gives the scopes of a request's bearer token, or answers 401."""

    def bearer(authorization: Annotated[str, Header()] = "") -> Scopes:
        scheme, _, text = authorization.partition(" ")
        scopes = scopes_of(database, text.strip()) if scheme.lower() == "bearer" else None
        if scopes is None:
            raise HTTPException(
                401,
                "a token is needed: Authorization: Bearer pj_…",
                {"WWW-Authenticate": "Bearer"},
            )
        return scopes

    return bearer


def require(scopes: Scopes, scope: str) -> None:
    """Raise the 403 that names the scope if it is not among these."""
    if scope not in scopes:
        raise HTTPException(403, f"this token has not the scope {scope}")
