"""Passwords of people: argon2id by argon2-cffi, with its defaults (RFC 9106, low memory)."""

import secrets
import threading

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from hosting.error import OperatorError

LEAST, MOST = 10, 128  # characters
_AT_ONCE = 2  # 64 MB each: however many sign in
_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"  # none that looks like another
_GROUPS, _GROUP = 4, 4  # 79 bits


class WeakPasswordError(OperatorError):
    """A password that is too easy to guess; the text is a message of the pages."""


class Passwords:
    """Hashes and verifies. hasher: with how much work."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._turn = threading.BoundedSemaphore(_AT_ONCE)
        self._nobody = ""

    def hash(self, password: str) -> str:
        """What is kept of a password."""
        with self._turn:
            return self._hasher.hash(password)

    def is_right(self, kept: str | None, password: str) -> bool:
        """Whether it is the password of which this was kept. None, of nobody, takes as long."""
        if kept is None and not self._nobody:
            self._nobody = self.hash(secrets.token_hex(16))
        with self._turn:
            try:
                is_it = self._hasher.verify(kept or self._nobody, password)
            except (VerificationError, InvalidHashError):
                return False
        return is_it and kept is not None


def first_password() -> str:
    """One that somebody is handed, to be changed at once."""
    groups = ("".join(secrets.choice(_LETTERS) for _ in range(_GROUP)) for _ in range(_GROUPS))
    return "-".join(groups)


def require_strong(password: str, login: str) -> None:
    """Raise WeakPasswordError for one that is short, holds the login or is of few letters."""
    if not LEAST <= len(password) <= MOST:
        raise WeakPasswordError("密码须为 10 至 128 个字符。")
    if login.lower() in password.lower() or password.isdecimal() or len(set(password)) < 5:
        raise WeakPasswordError("密码不能包含登录名，不能全是数字，也不能只有几个不同的字符。")
