"""Tokens of those who call the centre, `pj_<id>_<secret>`, and what each opens.

The database holds the id and SHA-256 of the secret. The secret is 32 random bytes, so a plain
hash cannot be searched.
"""

import hmac
import re
import secrets
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection

from central.store import directory, places, standings, tokens
from central.store.database import Database
from hosting.error import OperatorError
from hosting.secret_file import write_new
from hosting.tokens import digest, new_secret

RECORDS_READ = "records:read"
FIGURES_READ = "figures:read"
PAGES_READ = "pages:read"
READERS = (RECORDS_READ, FIGURES_READ, PAGES_READ)
DEVICES_APPROVE = "devices:approve"
REHEARSAL = "rehearsal:write"
_OF_ALL_HALLS = (*READERS, DEVICES_APPROVE)
_HALL = "hall:"
_ENROL = "enrol:"
SERVICES_READ = "services:read:"
SERVICES_WRITE = "services:write:"
_ANYWHERE = "all"
_SHAPE = re.compile(r"pj_([0-9a-f]{16})_([A-Za-z0-9_-]{43})", re.ASCII)
_NO_SECRET = digest("").hex()
_DAY_MS = 86_400_000
_DAYS, _DEVICES = 1, 200  # of a technician's token


class Holder(NamedTuple):
    """Who holds a token: its id, what it opens, and until when; None for no end."""

    id: str
    scopes: tuple[str, ...]
    ends_at_ms: int | None


class Tokens:
    """What `pingjia central token` does. Everything that is refused is an OperatorError."""

    def __init__(self, database: Database, now_ms: Callable[[], int]) -> None:
        self._database = database
        self._now_ms = now_ms

    def add(
        self, scope: str, token_file: Path, days: int | None = None, devices: int | None = None
    ) -> None:
        """Write a new token of one scope.

        days, devices: how long a technician's is good, and for how many enrolments; a day and 200
        unless they are told. Others have no such end.
        """
        with self._database.write() as connection:
            _require_scope(connection, scope)
            now_ms = self._now_ms()
            ends: tuple[int, int] | None = None
            if enrollers_of((scope,)):
                ends = now_ms + (days or _DAYS) * _DAY_MS, devices or _DEVICES
            elif days is not None or devices is not None:
                raise OperatorError(
                    f"days and devices are for technicians' tokens, enrol:<hall>, not for {scope}."
                )
            add_token(connection, scope, token_file, now_ms, ends)

    def every(self) -> Any:
        """All tokens: rows of `token` (central/store/tables/places.py)."""
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


def add_token(
    connection: Connection,
    scope: str,
    token_file: Path,
    now_ms: int,
    ends: tuple[int, int] | None = None,
) -> None:
    """Make a token in a transaction, and write it to a new file. Raises OperatorError.

    ends: of a technician's, until when it is good and for how many enrolments.
    """
    token_id, secret = secrets.token_hex(8), new_secret()
    values = {
        "id": token_id,
        "secret_sha256": digest(secret).hex(),
        "scopes": scope,
        "created_at_ms": now_ms,
        "revoked_at_ms": None,
        "ends_at_ms": ends and ends[0],
        "devices_left": ends and ends[1],
    }
    tokens.add(connection, values)
    write_new(token_file, f"pj_{token_id}_{secret}\n".encode())


def holder_of(database: Database, token: str) -> Holder | None:
    """Who holds a token, as its holder sent it; None if it is not valid."""
    with database.read() as connection:
        return _holders(connection, (token,)).get(token)


def scopes_of(database: Database, token: str) -> tuple[str, ...] | None:
    """The scopes of a token as its holder sent it; None if it is not valid."""
    holder = holder_of(database, token)
    return None if holder is None else holder.scopes


def scopes_in(connection: Connection, sent: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The scopes of those of these tokens that are valid, by the token as its holder sent it."""
    return {token: holder.scopes for token, holder in _holders(connection, sent).items()}


def places_of(scopes: tuple[str, ...], kind: str) -> tuple[str, ...]:
    """The places whose services a token opens; kind: SERVICES_READ or SERVICES_WRITE."""
    return tuple(scope.removeprefix(kind) for scope in scopes if scope.startswith(kind))


def _require_scope(connection: Connection, scope: str) -> None:
    """Raise OperatorError if nothing has this scope."""
    if scope == REHEARSAL:
        if not standings.state(connection).is_rehearsal:
            raise OperatorError(f"{scope} is for a rehearsal, and this is a real centre.")
    elif scope.startswith((SERVICES_READ, SERVICES_WRITE)):
        _require_place(connection, scope)
    elif scope not in _OF_ALL_HALLS:
        halls = halls_of((scope,)) + enrollers_of((scope,))
        if not halls:
            raise OperatorError(
                f"no scope is named {scope}: use {', '.join(_OF_ALL_HALLS)}, hall:<hall>, "
                "enrol:<hall>, services:read:<division> or services:write:<place>."
            )
        places.require_hall(connection, halls[0])


def _require_place(connection: Connection, scope: str) -> None:
    """Raise OperatorError if the directory has no such place: lists of services are opened for a
    division, never for a hall, which would know its raters.
    """
    place = scope.rpartition(":")[2]
    kinds = ["region"]
    if scope.startswith(SERVICES_WRITE):
        kinds += ["hall", "platform"]
    ids = [entry.id for kind in kinds for entry in directory.entries(connection, kind)]
    is_code = place.isdecimal() and any(one.startswith(place) for one in ids)
    if place != _ANYWHERE and place not in ids and not is_code:
        raise OperatorError(
            f"{scope}: the directory has no {', '.join(kinds)} {place or '(nothing)'}: name one "
            f"that it has, the first digits of a division's code, or {_ANYWHERE}."
        )


def _holders(connection: Connection, sent: Iterable[str]) -> dict[str, Holder]:
    """The holders of those of these tokens that are valid.

    Takes the same time for an unknown id as for a wrong secret.
    """
    parts = {token: found for token in sent if (found := _SHAPE.fullmatch(token))}
    rows = tokens.find(connection, {one[1] for one in parts.values()}) if parts else {}
    valid = {}
    for token, one in parts.items():
        row = rows.get(one[1])
        known = row.secret_sha256 if row else _NO_SECRET
        if hmac.compare_digest(digest(one[2]).hex(), known) and row is not None:
            valid[token] = Holder(one[1], tuple(row.scopes.split()), row.ends_at_ms)
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
