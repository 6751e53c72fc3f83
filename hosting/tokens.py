"""Tokens of those who call a server, and what is stored of them."""

import hashlib
import secrets

from hosting.clock import written

# How long a browser's login lasts after the page was last open: longer than a holiday and the
# leave that is joined to it.
SESSION_S = 30 * 86400


def new_secret() -> str:
    """256 random bits as text."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> bytes:
    """What is stored of a secret. Plain SHA-256 is enough for 256 random bits."""
    return hashlib.sha256(secret.encode()).digest()


class EndedTokenError(Exception):
    """A token whose days are over; the text is a sentence for its holder. giver: whom to ask."""

    def __init__(self, ends_at_ms: int, giver: str) -> None:
        super().__init__(
            f"this token was good until {written(ends_at_ms)} (Asia/Shanghai); ask {giver} for a "
            "new one"
        )
