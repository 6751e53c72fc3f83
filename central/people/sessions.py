"""Who has logged in to the centre's pages, by a token or by an account; see pages/session.py."""

import logging
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DatabaseError

from central.people.callers import Callers, Holder, UnknownTokenError
from central.people.deeds import place_of_holder, who_of
from central.people.sign_in import ABSOLUTE_MS, IDLE_MS, SignIn
from central.store.database import Database
from central.store.people import accounts, acts, sessions
from hosting.tokens import SESSION_S, digest, new_secret

log = logging.getLogger(__name__)

_SEEN_EVERY_MS = 6 * 3_600_000
_USED_EVERY_MS = 60_000


class PageSessions:
    """The sessions of the centre's pages. now_ms: the centre's time."""

    def __init__(
        self, database: Database, callers: Callers, sign_in: SignIn, now_ms: Callable[[], int]
    ) -> None:
        self._database = database
        self._callers = callers
        self._sign_in = sign_in
        self._now_ms = now_ms
        self._unwritten: dict[str, str] = {}  # sessions: tokens, while the disk is full

    def log_in(self, token: str) -> tuple[str, Holder] | None:
        """A new session for a token's holder. Raises EndedTokenError."""
        try:
            holder = self._callers.holder(token)
        except UnknownTokenError:
            return None
        secret, now_ms = new_secret(), self._now_ms()
        sha256 = digest(secret).hex()
        values = {"sha256": sha256, "id": sha256[:8], "token": holder.id}
        try:
            with self._database.write() as connection:
                sessions.end_unseen(connection, now_ms - SESSION_S * 1000)
                sessions.put(connection, **values, began_ms=now_ms, seen_ms=now_ms)
        except DatabaseError as error:  # who must mend a full disk shall see the pages
            log.warning("a login is kept until the centre stops, no longer: %s", error)
            self._unwritten[sha256] = holder.id
        return secret, holder

    def sign_in(self, login: str, password: str, address: str) -> tuple[str, Holder]:
        """A new session for an account's holder. Raises SignInRefusedError."""
        secret = self._sign_in.begin(login, password, address)
        holder = self.holder(secret)
        assert holder is not None
        return secret, holder

    def holder(self, secret: str) -> Holder | None:
        """Who has logged in, as their token or account is now. Raises EndedTokenError."""
        sha256, now_ms = digest(secret).hex(), self._now_ms()
        with self._database.read() as connection:
            row = sessions.get(connection, sha256)
            if row is not None and row.account is not None:
                return self._of_account(connection, row, now_ms)
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

    def _of_account(self, connection: Connection, row: Any, now_ms: int) -> Holder | None:
        if now_ms - row.seen_ms >= IDLE_MS or now_ms - row.began_ms >= ABSOLUTE_MS:
            return None
        account = accounts.get(connection, row.account)
        if account is None or account.locked_at_ms or account.removed_at_ms:
            return None
        return Holder(account.id, self._sign_in.scopes_of(account), row.id)

    def see(self, secret: str) -> None:
        """Somebody has opened a page: an account's session is used. What renews itself on an open
        page is no use of it.
        """
        sha256, now_ms = digest(secret).hex(), self._now_ms()
        with self._database.read() as connection:
            row = sessions.get(connection, sha256)
        if row is not None and row.account and now_ms - row.seen_ms >= _USED_EVERY_MS:
            self._see(sha256, now_ms)

    def log_out(self, secret: str) -> None:
        """Ends a session, at every page that it has open."""
        sha256, holder = digest(secret).hex(), None
        self._unwritten.pop(sha256, None)
        with self._database.read() as connection:
            row = sessions.get(connection, sha256)
            if row is not None and row.account is not None:
                holder = self._of_account(connection, row, self._now_ms())
        with self._database.write() as connection:
            sessions.end(connection, sha256)
            if holder is not None:
                told = (who_of(holder), "session.end", holder.session, "")
                acts.add(connection, self._now_ms(), *told, place_of_holder(holder))

    def _see(self, sha256: str, now_ms: int) -> None:
        """Now and then, and never at the cost of the request: a full disk is told elsewhere."""
        try:
            with self._database.write() as connection:
                sessions.see(connection, sha256, now_ms)
        except DatabaseError as error:
            log.warning("that a page's session was used is not noted: %s", error)
