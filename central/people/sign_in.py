"""Signing in with a password: wrong ones make the next try wait, longer each time.

What waits is a login at an address, so that who guesses somebody's password keeps neither that
person out, who sits elsewhere, nor the others of the hall, who share the address (RULES 9).
"""

import hashlib
import hmac
import math
from collections.abc import Callable
from typing import Any

from central.people.passwords import Passwords, require_strong
from central.people.roles import scope_of_account
from central.store.database import Database
from central.store.people import accounts, acts, sessions
from hosting.tokens import digest, new_secret
from pages.session import SignInRefusedError

FREE = 5  # wrong passwords that cost nothing; because: a caps lock and a half-remembered one
FIRST_WAIT_MS = 30_000  # doubled by each further one
LONGEST_WAIT_MS = 15 * 60_000
_FORGET_MS = 86_400_000
FIRST_DAYS = 7  # for which a password that was handed over is good
IDLE_MS = 30 * 60_000  # RULES 9
ABSOLUTE_MS = 12 * 3_600_000  # RULES 9
_WRONG = "登录名或密码不正确。"
_WAIT = "尝试次数过多，请在 {minutes} 分钟后再试。"
_LOCKED = "此账号已停用，请向系统管理员查询。"
_OLD = "首次登录的密码已过期，请向系统管理员申请重设。"


class SignIn:
    """Begins sessions of accounts. key: under which failures are kept. now_ms: the centre's
    time.
    """

    def __init__(
        self, database: Database, key: bytes, now_ms: Callable[[], int], passwords: Passwords
    ) -> None:
        self._database = database
        self._key = key
        self._now_ms = now_ms
        self._passwords = passwords

    def begin(self, login: str, password: str, address: str) -> str:
        """A new session: its secret. Raises SignInRefusedError with what to tell the person."""
        login, now_ms = login.strip().lower(), self._now_ms()
        key = hmac.new(self._key, f"{login}\n{address}".encode(), hashlib.sha256).hexdigest()
        row = self._count(key, login, address, now_ms)
        kept = None if row is None or row.removed_at_ms is not None else row.password_hash
        if not self._passwords.is_right(kept, password) or row is None:
            raise SignInRefusedError(_WRONG)
        if row.locked_at_ms is not None:
            raise SignInRefusedError(_LOCKED)
        if row.is_first and now_ms - row.password_at_ms >= FIRST_DAYS * 86_400_000:
            raise SignInRefusedError(_OLD)
        secret = new_secret()
        values = {"sha256": digest(secret).hex(), "id": digest(secret).hex()[:8]}
        values |= {"account": row.id, "began_ms": now_ms, "seen_ms": now_ms}
        place = "" if row.scope == "all" else row.scope
        with self._database.write() as connection:
            now = accounts.get(connection, row.id)
            if now.password_hash != row.password_hash or now.locked_at_ms is not None:
                raise SignInRefusedError(_WRONG)  # changed while this one was being looked at
            accounts.forget_failures(connection, key)
            sessions.put(connection, **values, address=address[:45])
            about = (f"account:{row.id}", "session.begin", row.login, address[:45], place)
            acts.add(connection, now_ms, *about)
        return secret

    def _count(self, key: str, login: str, address: str, now_ms: int) -> Any:
        """Count this try as a failure before it is known to be one, so that many at a time are no
        way round; the account's row, or None.
        """
        with self._database.write() as connection:
            before = accounts.failure(connection, key)
            if before is not None and now_ms < before.until_ms:
                minutes = math.ceil((before.until_ms - now_ms) / 60_000)
                raise SignInRefusedError(_WAIT, minutes=minutes)
            is_fresh = before is not None and now_ms - before.last_ms < _FORGET_MS
            count = before.failures + 1 if before is not None and is_fresh else 1
            until_ms = now_ms + wait_ms(count)
            accounts.put_failure(connection, key, count, now_ms, until_ms, now_ms - _FORGET_MS)
            row = accounts.by_login(connection, login)
            if row is not None and count == FREE + 1:
                told = (f"account:{row.id}", "session.refused", login, address[:45])
                acts.add(connection, now_ms, *told)
        return row

    def change_password(
        self, account_id: str, session_id: str, before: str, after: str, address: str
    ) -> None:
        """Let somebody who is signed in have another password; their other sessions end. Raises
        SignInRefusedError for a wrong one, WeakPasswordError.
        """
        now_ms = self._now_ms()
        with self._database.read() as connection:
            row = accounts.get(connection, account_id)
        key = hmac.new(self._key, f"{account_id}\n{address}".encode(), hashlib.sha256).hexdigest()
        self._count(key, "", address, now_ms)
        if row is None or not self._passwords.is_right(row.password_hash, before):
            raise SignInRefusedError("现在的密码不正确。")
        require_strong(after, row.login)
        if before == after:
            raise SignInRefusedError("新密码须与现在的不同。")
        kept = self._passwords.hash(after)
        with self._database.write() as connection:
            if accounts.get(connection, account_id).password_hash != row.password_hash:
                raise SignInRefusedError("现在的密码不正确。")
            values = {"password_hash": kept, "password_at_ms": now_ms, "is_first": False}
            accounts.change(connection, account_id, **values)
            accounts.forget_failures(connection, key)
            for one in sessions.of_account(connection, account_id):
                if one.id != session_id:
                    sessions.end(connection, one.sha256)
            place = "" if row.scope == "all" else row.scope
            told = (f"account:{account_id}", "password.change", row.login, "", place)
            acts.add(connection, now_ms, *told)

    def scopes_of(self, row: Any) -> tuple[str, ...]:
        """What an account's row opens now."""
        return (scope_of_account(row.role, row.scope, row.is_first),)


def wait_ms(failures: int) -> int:
    """How long the next try waits after so many wrong ones in a row."""
    if failures < FREE:
        return 0
    return min(FIRST_WAIT_MS * 2 ** min(failures - FREE, 20), LONGEST_WAIT_MS)
