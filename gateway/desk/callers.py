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
    """Who holds a token. window: the one window of a console, else None."""

    name: str
    scope: str
    window: str | None


def caller_of(database: Database, token: str) -> Caller | None:
    """Who holds this token, or None."""
    sha256 = digest(token)
    with database.read() as connection:
        known = tokens.everyone(connection)
    found = [row for row in known if is_same(row.sha256, sha256)]
    return Caller(found[0].name, found[0].scope, found[0].window) if found else None
