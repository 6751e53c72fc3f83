"""Who may call: a token's name and what it is good for."""

import logging
from collections.abc import Callable
from typing import Any, NamedTuple

from sqlalchemy.exc import DatabaseError

from gateway.store import tokens
from gateway.store.database import Database
from hosting import clock
from hosting.tokens import EndedTokenError, digest
from protocol.mac import is_same

log = logging.getLogger(__name__)

API = "api"  # the queue or business system: the HTTP API
PAGES = "pages:read"  # hall IT: reads the overview
CONSOLE = "console"  # one window's console, nothing else
SCOPES = (API, PAGES, CONSOLE)


class Caller(NamedTuple):
    """Who holds a token. window: the one window of a console, else None. windows: those whose
    services an API token may touch; None for all.
    """

    name: str
    scope: str
    window: str | None
    windows: tuple[str, ...] | None = None

    def may_touch(self, window: str | None) -> bool:
        """Whether services and staff at this window are this caller's business."""
        return self.windows is None or window in self.windows


def caller_of(
    database: Database, token: str, now_ms: Callable[[], int] = clock.now_ms
) -> Caller | None:
    """Who holds this token, or None. Raises EndedTokenError, by the machine's clock."""
    return caller_by_hash(database, digest(token), now_ms())


def caller_by_hash(database: Database, sha256: bytes, at_ms: int) -> Caller | None:
    """Who holds the token of this hash, or None. Raises EndedTokenError."""
    with database.read() as connection:
        row = tokens.of_hash(connection, sha256)
    if row is None or not is_same(row.sha256, sha256):
        return None
    if row.ends_at_ms is not None and at_ms >= row.ends_at_ms:
        raise EndedTokenError(row.ends_at_ms, "hall IT")
    _note_used(database, row, int(clock.day(at_ms).strftime("%Y%m%d")))
    if row.scope == API and row.window is not None:
        return Caller(row.name, row.scope, None, tuple(row.window.split()))
    return Caller(row.name, row.scope, row.window)


def _note_used(database: Database, row: Any, today: int) -> None:
    """Once a day, and never at the cost of the request: a full disk is told elsewhere."""
    if row.used_day == today:
        return
    try:
        with database.write() as connection:
            tokens.note_used(connection, row.name, today)
    except DatabaseError as error:
        log.warning("that the token of %s was used is not noted: %s", row.name, error)
