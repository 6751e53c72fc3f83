"""Codes that bind a PC to its window's console: for ten minutes, and for one PC."""

import secrets

from gateway.store import sessions
from gateway.store.database import Database
from hosting.tokens import digest

CODE_MS = 10 * 60_000
_LETTERS = "ABCDEFGHJKMNPQRSTVWXYZ23456789"  # none that looks like another
_PARTS, _PART_CHARS = 3, 4  # 30^12: nobody tries these within ten minutes


def new_code(database: Database, window: str, now_ms: int) -> tuple[str, int]:
    """A code for a window, and until when; the window's earlier one is none any more."""
    parts = ["".join(secrets.choice(_LETTERS) for _ in range(_PART_CHARS)) for _ in range(_PARTS)]
    code, ends_at_ms = "-".join(parts), now_ms + CODE_MS
    with database.write() as connection:
        sessions.put_code(connection, digest(code), window, ends_at_ms)
    return code, ends_at_ms
