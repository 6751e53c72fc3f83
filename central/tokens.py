"""Tokens of those who call the centre: `pj_<id>_<secret>`.

The database holds the id and SHA-256 of the secret. The secret is 32 random bytes, so a plain
hash cannot be searched.
"""

import hmac
import re
import secrets
from hashlib import sha256
from typing import NamedTuple

RECORDS_READ = "records:read"
FIGURES_READ = "figures:read"
PAGES_READ = "pages:read"
READERS = (RECORDS_READ, FIGURES_READ, PAGES_READ)
_HALL = "hall:"
_ENROL = "enrol:"
_SHAPE = re.compile(r"pj_([0-9a-f]{16})_([A-Za-z0-9_-]{43})", re.ASCII)
_NO_SECRET = sha256(b"").hexdigest()


class NewToken(NamedTuple):
    """A token just made: `text` is for its owner's eyes only, the rest for the database."""

    text: str
    id: str
    secret_sha256: str


def make_token() -> NewToken:
    """A new token with a random id and secret."""
    token_id, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
    return NewToken(f"pj_{token_id}_{secret}", token_id, _hash(secret))


def split_token(text: str) -> tuple[str, str] | None:
    """Id and secret of a token as its owner sent it; None if it has not a token's shape."""
    match = _SHAPE.fullmatch(text)
    return (match[1], match[2]) if match else None


def is_secret(secret: str, secret_sha256: str | None) -> bool:
    """Whether `secret` is the one whose hash is stored; None stands for an unknown id.

    Takes the same time for an unknown id as for a wrong secret.
    """
    is_same = hmac.compare_digest(_hash(secret), secret_sha256 or _NO_SECRET)
    return is_same and secret_sha256 is not None


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


def _hash(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
