"""Who has logged in to the pages: by a token, or by a code that binds a PC to its window.

What a code (gateway/desk/codes.py) leaves behind is a token of its own, which nobody
knows and which ends with the session: `pingjia gateway token list` names the PC by it, and `token
revoke` unbinds that PC alone.
"""

import hashlib
import logging
from collections.abc import Callable

from sqlalchemy.exc import DatabaseError

from gateway.desk.callers import CONSOLE, PAGES, Caller, caller_by_hash, caller_of
from gateway.store import sessions, tokens
from gateway.store.database import Database
from hosting import clock
from hosting.tokens import SESSION_S, EndedTokenError, digest, new_secret

log = logging.getLogger(__name__)

_SEEN_EVERY_MS = 6 * 3_600_000


class PageSessions:
    """The sessions of the hall's pages; see pages/session.py."""

    def __init__(self, database: Database, now_ms: Callable[[], int] = clock.now_ms):
        self._database = database
        self._now_ms = now_ms
        self._unwritten: dict[bytes, bytes] = {}  # sessions: tokens, while the disk is full

    def log_in(self, token: str) -> tuple[str, Caller] | None:
        """By a token of pages or of a console, or by a code, which is used up by that."""
        caller = caller_of(self._database, token, self._now_ms)
        sha256 = digest(token)
        secret, now_ms = new_secret(), self._now_ms()
        if caller is None:
            sha256 = self._bind(token.upper(), _own_token(digest(secret)))
        elif caller.scope not in (PAGES, CONSOLE):  # a queue system's token opens no page
            return None
        if sha256 is None:
            return None
        caller = caller_by_hash(self._database, sha256, now_ms)
        if caller is None:
            return None
        try:
            with self._database.write() as connection:
                for over in sessions.over(connection, now_ms - SESSION_S * 1000):
                    sessions.end(connection, over, _own_token(over))
                sessions.put(connection, digest(secret), sha256, now_ms)
        except DatabaseError as error:  # who must mend a full disk shall see the overview
            log.warning("a login is kept until the gateway stops, no longer: %s", error)
            self._unwritten[digest(secret)] = sha256
        return secret, caller

    def holder(self, secret: str) -> Caller | None:
        """Who has logged in, as their token is now. Raises EndedTokenError."""
        sha256, now_ms = digest(secret), self._now_ms()
        with self._database.read() as connection:
            row = sessions.get(connection, sha256)
        token = self._unwritten.get(sha256) if row is None else row.token_sha256
        caller = None if token is None else caller_by_hash(self._database, token, now_ms)
        if row is not None and now_ms - row.seen_ms >= SESSION_S * 1000:
            return None
        if row is not None and now_ms - row.seen_ms >= _SEEN_EVERY_MS:
            self._see(sha256, now_ms)
        return caller

    def log_out(self, secret: str) -> None:
        """Ends a session, at every page that it has open."""
        self._unwritten.pop(digest(secret), None)
        with self._database.write() as connection:
            sessions.end(connection, digest(secret), _own_token(digest(secret)))

    def _bind(self, code: str, own_token: bytes) -> bytes | None:
        """The hash of the token that a code leaves behind, if it is one."""
        now_ms = self._now_ms()
        with self._database.write() as connection:
            row = sessions.code(connection, digest(code))
            if row is None or not sessions.use_code(connection, row.sha256):
                return None
            if now_ms >= row.ends_at_ms:
                raise EndedTokenError(row.ends_at_ms, "hall IT")
            at = clock.china(now_ms).strftime("%Y%m%d-%H%M%S")
            name = f"{row.window}-pc-{at}-{own_token.hex()[:4]}"
            tokens.put(connection, name, own_token, now_ms, CONSOLE, row.window)
        return own_token

    def _see(self, sha256: bytes, now_ms: int) -> None:
        """Now and then, and never at the cost of the request: a full disk is told elsewhere."""
        try:
            with self._database.write() as connection:
                sessions.see(connection, sha256, now_ms)
        except DatabaseError as error:
            log.warning("that a page's session was used is not noted: %s", error)


def _own_token(session_sha256: bytes) -> bytes:
    """What stands as a token's hash for a session that a code has begun; of no token at all."""
    return hashlib.sha256(b"bound by a code" + session_sha256).digest()
