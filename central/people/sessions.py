"""Who has logged in to the centre's pages; see pages/session.py."""

import logging
from collections.abc import Callable

from sqlalchemy.exc import DatabaseError

from central.people.callers import Callers, Holder, UnknownTokenError
from central.store import tokens
from central.store.database import Database
from hosting.tokens import SESSION_S, digest, new_secret

log = logging.getLogger(__name__)

_SEEN_EVERY_MS = 6 * 3_600_000


class PageSessions:
    """The sessions of the centre's pages. now_ms: the centre's time."""

    def __init__(self, database: Database, callers: Callers, now_ms: Callable[[], int]) -> None:
        self._database = database
        self._callers = callers
        self._now_ms = now_ms
        self._unwritten: dict[str, str] = {}  # sessions: tokens, while the disk is full

    def log_in(self, token: str) -> tuple[str, Holder] | None:
        """A new session for a token's holder. Raises EndedTokenError."""
        try:
            holder = self._callers.holder(token)
        except UnknownTokenError:
            return None
        secret, now_ms = new_secret(), self._now_ms()
        try:
            with self._database.write() as connection:
                tokens.end_unseen_sessions(connection, now_ms - SESSION_S * 1000)
                tokens.begin_session(connection, digest(secret).hex(), holder.id, now_ms)
        except DatabaseError as error:  # who must mend a full disk shall see the pages
            log.warning("a login is kept until the centre stops, no longer: %s", error)
            self._unwritten[digest(secret).hex()] = holder.id
        return secret, holder

    def holder(self, secret: str) -> Holder | None:
        """Who has logged in, as their token is now. Raises EndedTokenError."""
        sha256, now_ms = digest(secret).hex(), self._now_ms()
        with self._database.read() as connection:
            row = tokens.session(connection, sha256)
            token = self._unwritten.get(sha256) if row is None else row.token
            if token is None:
                return None
            try:
                holder = self._callers.holder_by_id(connection, token)
            except UnknownTokenError:
                return None
        if row is not None and now_ms - row.seen_ms >= SESSION_S * 1000:
            return None
        if row is not None and now_ms - row.seen_ms >= _SEEN_EVERY_MS:
            self._see(sha256, now_ms)
        return holder

    def log_out(self, secret: str) -> None:
        """Ends a session, at every page that it has open."""
        self._unwritten.pop(digest(secret).hex(), None)
        with self._database.write() as connection:
            tokens.end_session(connection, digest(secret).hex())

    def _see(self, sha256: str, now_ms: int) -> None:
        """Now and then, and never at the cost of the request: a full disk is told elsewhere."""
        try:
            with self._database.write() as connection:
                tokens.see_session(connection, sha256, now_ms)
        except DatabaseError as error:
            log.warning("that a page's session was used is not noted: %s", error)
