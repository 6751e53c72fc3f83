"""Tokens of those who call the centre, `pj_<id>_<secret>`, and what each opens.

The database holds the id and SHA-256 of the secret. The secret is 32 random bytes, so a plain
hash cannot be searched. central/people/callers.py looks them up; docs/scopes.md is the table of
all scopes.
"""

import difflib
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from central.people.roles import KINDS_OF_PLACE, Place
from central.store import directory, places, tokens
from central.store.database import Database
from central.store.judged import standings
from central.store.people import acts
from central.store.people.acts import COMMAND
from hosting.error import OperatorError
from hosting.secret_file import write_new
from hosting.tokens import digest, new_secret
from protocol.field import ProtocolError, Text

RECORDS_READ = "records:read"
FIGURES_READ = "figures:read"
PAGES_READ = "pages:read"
READERS = (RECORDS_READ, FIGURES_READ, PAGES_READ)
DIRECTORY_READ = "directory:read"
DIRECTORY_WRITE = "directory:write"
DEVICES_APPROVE = "devices:approve"
CASES = "cases"
_OF_ALL_HALLS = (*READERS, CASES, DIRECTORY_READ, DIRECTORY_WRITE, DEVICES_APPROVE)
_HALL = "hall:"
_ENROL = "enrol:"
SERVICES_READ = "services:read:"
SERVICES_WRITE = "services:write:"
REHEARSAL = "rehearsal:write"
ANYWHERE = "all"
_BY_PLACE = (PAGES_READ, FIGURES_READ, CASES)
# Every scope as docs/scopes.md writes it.
SCOPES = (
    *_OF_ALL_HALLS,
    *(f"{reading}:{kind}:<id>" for reading in _BY_PLACE[:2] for kind in KINDS_OF_PLACE),
    *(f"{CASES}:{kind}:<id>" for kind in ("region", "institution")),
    "services:read:<division>",
    "services:write:<place>",
    "hall:<hall>",
    "enrol:<hall>",
    REHEARSAL,
)
_DAY_MS = 86_400_000
_DAYS, _DEVICES = 1, 200  # of a technician's token


class Tokens:
    """What `pingjia central token` does. Everything that is refused is an OperatorError."""

    def __init__(self, database: Database, now_ms: Callable[[], int]) -> None:
        self._database = database
        self._now_ms = now_ms

    def add(
        self,
        scope: str,
        token_file: Path,
        days: int | None = None,
        devices: int | None = None,
        name: str | None = None,
    ) -> str:
        """Write a new token of one scope; the scope as it is kept, which tells the kind of a
        place.

        days: how long it is good; a technician's a day, others for ever unless they are told.
        devices: how many a technician's enrols, 200. name: who it is for, else the file's name.
        """
        try:
            name = Text(64)(token_file.stem if name is None else name, "the name")
        except ProtocolError as error:
            raise OperatorError(f"{error}.") from None
        with self._database.write() as connection:
            scope = _known(connection, scope)
            is_technician = bool(enrollers_of((scope,)))
            if devices is not None and not is_technician:
                raise OperatorError(
                    f"devices are for technicians' tokens, enrol:<hall>, not for {scope}."
                )
            now_ms = self._now_ms()
            days = days or (_DAYS if is_technician else None)
            ends_at_ms = None if days is None else now_ms + days * _DAY_MS
            left = (devices or _DEVICES) if is_technician else None
            add_token(connection, scope, token_file, now_ms, name, ends_at_ms, left)
            acts.add(connection, now_ms, COMMAND, "token.add", scope, name)
        return scope

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
            acts.add(connection, self._now_ms(), COMMAND, "token.revoke", token_id)


def add_token(
    connection: Connection,
    scope: str,
    token_file: Path,
    now_ms: int,
    name: str,
    ends_at_ms: int | None = None,
    devices_left: int | None = None,
) -> None:
    """Make a token in a transaction, and write it to a new file. Raises OperatorError."""
    token_id, secret = secrets.token_hex(8), new_secret()
    values = {
        "id": token_id,
        "secret_sha256": digest(secret).hex(),
        "scopes": scope,
        "created_at_ms": now_ms,
        "revoked_at_ms": None,
        "ends_at_ms": ends_at_ms,
        "devices_left": devices_left,
        "name": name,
    }
    tokens.add(connection, values)
    write_new(token_file, f"pj_{token_id}_{secret}\n".encode())


def places_of(scopes: tuple[str, ...], kind: str) -> tuple[str, ...]:
    """The places whose services a token opens; kind: SERVICES_READ or SERVICES_WRITE."""
    return tuple(scope.removeprefix(kind) for scope in scopes if scope.startswith(kind))


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


def _known(connection: Connection, scope: str) -> str:
    """The scope as it is kept. Raises OperatorError if there is none of this name, or no such
    place.
    """
    if scope in _OF_ALL_HALLS:
        return scope
    if scope == REHEARSAL:
        if not standings.state(connection).is_rehearsal:
            raise OperatorError(f"{scope} is for a rehearsal, and this is a real centre.")
        return scope
    if scope.startswith((SERVICES_READ, SERVICES_WRITE)):
        _require_division(connection, scope)
        return scope
    reading = next((one for one in _BY_PLACE if scope.startswith(f"{one}:")), None)
    if reading is not None:
        place = known_place(connection, scope.removeprefix(f"{reading}:"))
        if reading == CASES and place.kind == "hall":
            raise OperatorError("cases are for a region or an institution, not for a hall.")
        return f"{reading}:{place.kind}:{place.id}"
    halls = halls_of((scope,)) + enrollers_of((scope,))
    if not halls:
        raise OperatorError(f"no scope is named {scope}: use {', '.join(SCOPES)}.")
    places.require_hall(connection, halls[0])
    return scope


def _require_division(connection: Connection, scope: str) -> None:
    """Raise OperatorError if the directory has no such place: lists of services are opened for a
    division, never for a hall, which would know its raters.
    """
    place = scope.rpartition(":")[2]
    kinds = ["region"]
    if scope.startswith(SERVICES_WRITE):
        kinds += ["hall", "platform"]
    ids = [entry.id for kind in kinds for entry in directory.entries(connection, kind)]
    is_code = place.isdecimal() and any(one.startswith(place) for one in ids)
    if place != ANYWHERE and place not in ids and not is_code:
        raise OperatorError(
            f"{scope}: the directory has no {', '.join(kinds)} {place or '(nothing)'}: name one "
            f"that it has, the first digits of a division's code, or {ANYWHERE}."
        )


def known_place(connection: Connection, told: str) -> Place:
    """told: the id of a region, institution or hall, or its kind and id, `region:6501`."""
    kind, _, name = told.rpartition(":")
    kinds = (kind,) if kind in KINDS_OF_PLACE else KINDS_OF_PLACE
    if kind and kind not in KINDS_OF_PLACE:
        raise OperatorError(f"{kind} is no place: one of {', '.join(KINDS_OF_PLACE)}.")
    found = [one for one in kinds if directory.of_things(connection, one, [name])]
    if len(found) > 1:
        both = " or ".join([f"{one}:{name}" for one in found])
        raise OperatorError(f"{name} is the id of several places: write {both}.")
    if not found:
        ids = [entry.id for one in kinds for entry in directory.entries(connection, one)]
        nearest = difflib.get_close_matches(name, ids, 1, 0.5)
        meant = f" Did you mean {nearest[0]}?" if nearest else ""
        raise OperatorError(
            f"the directory has no {' or '.join(kinds)} named {name}.{meant} `pingjia central "
            "directory export` shows what it has."
        )
    return Place(found[0], name)
