"""Who calls: tokens are looked up here and nowhere else, and each has its end here."""

import hmac
import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from sqlalchemy import Connection

from central.store import tokens
from central.store.database import Database
from hosting.clock import day
from hosting.tokens import EndedTokenError, digest

_SHAPE = re.compile(r"pj_([0-9a-f]{16})_([A-Za-z0-9_-]{43})", re.ASCII)
_NO_SECRET = digest("").hex()
_GIVER = "the centre's operator"


class UnknownTokenError(Exception):
    """A token that is none, or was revoked."""


class Holder(NamedTuple):
    """Who holds a token that is good, or has signed in: the id of the token or the account, what
    it opens, and of an account's holder the session's id.
    """

    id: str
    scopes: tuple[str, ...]
    session: str = ""


Looked = Holder | UnknownTokenError | EndedTokenError


class Callers:
    """Looks tokens up, and remembers which were used: their day is noted now and then
    (`note_used`), so that no request writes for it. now_ms: the centre's time.
    """

    def __init__(self, database: Database, now_ms: Callable[[], int]) -> None:
        self._database = database
        self._now_ms = now_ms
        self._used: set[str] = set()

    def holder(self, token: str) -> Holder:
        """Who holds this token. Raises UnknownTokenError, or EndedTokenError."""
        with self._database.read() as connection:
            return self.holder_in(connection, token)

    def holder_in(self, connection: Connection, token: str) -> Holder:
        """The same, by an open connection."""
        found = self.look_up(connection, (token,))[token]
        if isinstance(found, Exception):
            raise found
        return found

    def look_up(self, connection: Connection, sent: Iterable[str]) -> dict[str, Looked]:
        """The holders of these tokens, or why one is refused.

        Takes the same time for an unknown id as for a wrong secret.
        """
        found: dict[str, Looked] = {token: UnknownTokenError() for token in sent}
        parts = {token: one for token in found if (one := _SHAPE.fullmatch(token))}
        rows = tokens.find(connection, {one[1] for one in parts.values()}) if parts else {}
        for token, one in parts.items():
            row = rows.get(one[1])
            known = row.secret_sha256 if row else _NO_SECRET
            if not hmac.compare_digest(digest(one[2]).hex(), known) or row is None:
                continue
            found[token] = self._holder_in_row(row)
        return found

    def holder_by_id(self, connection: Connection, token_id: str) -> Holder:
        """Who holds the token of this id, which somebody has shown before. Raises
        UnknownTokenError, or EndedTokenError.
        """
        row = tokens.find(connection, {token_id}).get(token_id)
        found = UnknownTokenError() if row is None else self._holder_in_row(row)
        if isinstance(found, Exception):
            raise found
        return found

    def _holder_in_row(self, row: Any) -> Holder | EndedTokenError:
        now_ms = self._now_ms()
        if row.ends_at_ms is not None and now_ms >= row.ends_at_ms:
            return EndedTokenError(row.ends_at_ms, _GIVER)
        if row.used_day != _day_number(now_ms):
            self._used.add(row.id)
        return Holder(row.id, tuple(row.scopes.split()))

    def note_used(self) -> None:
        """Note today as the day on which those were used last that were used since the last
        call.
        """
        used, self._used = self._used, set()
        if used:
            with self._database.write() as connection:
                tokens.note_used(connection, used, _day_number(self._now_ms()))


def _day_number(at_ms: int) -> int:
    return int(day(at_ms).strftime("%Y%m%d"))
