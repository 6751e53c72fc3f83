"""Accounts as tests hold them: signed in by their password, with a hasher that works little."""

from argon2 import PasswordHasher

from central.people.passwords import Passwords

CHEAP = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
PASSWORD = "correct horse 电池"
COOKIE = "pingjia_centre"
OWN_PAGE = {"sec-fetch-site": "same-origin", "accept": "text/html"}


def made(hall, role: str, scope: str = "all", login: str | None = None) -> str:
    """The login of an account that has changed its first password."""
    login = login or f"{role}-{scope}".replace(":", "-")
    first = hall.accounts.add(login, "王芳", role, scope)
    secret, holder = hall.sessions.sign_in(login, first, "10.0.0.1")
    hall.people.sign_in.change_password(holder.id, holder.session, first, PASSWORD, "10.0.0.1")
    hall.sessions.log_out(secret)
    return login


def signed_in(hall, role: str, scope: str = "all") -> dict[str, str]:
    """The cookie of a browser in which an account of this role has signed in."""
    login = f"{role}-{scope}".replace(":", "-")
    if all(row.login != login for row, _ in hall.accounts.every()):
        made(hall, role, scope, login)
    return {COOKIE: hall.sessions.sign_in(login, PASSWORD, "10.0.0.1")[0]}
