"""Who may call: a token's name and what it is good for."""

from typing import NamedTuple

from gateway.store import tokens
from gateway.store.database import Database
from hosting.tokens import digest
from protocol.mac import is_same

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


def caller_of(database: Database, token: str) -> Caller | None:
    """Who holds this token, or None."""
    sha256 = digest(token)
    with database.read() as connection:
        known = tokens.everyone(connection)
    found = [row for row in known if is_same(row.sha256, sha256)]
    if not found:
        return None
    row = found[0]
    if row.scope == API and row.window is not None:
        return Caller(row.name, row.scope, None, tuple(row.window.split()))
    return Caller(row.name, row.scope, row.window)
