"""Who asks: a session in a cookie, and whether a changing request is our own page's."""

from typing import Protocol, TypeVar
from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from hosting.tokens import SESSION_S

FORM_BYTES = 8192
TOKEN_CHARS = 200
SESSION_CHARS = 64
_SESSIONS = 4  # the newest; one browser may hold a page's and a console's

Holder = TypeVar("Holder", covariant=True)


class Sessions(Protocol[Holder]):
    """What a tier keeps of who has logged in. A session has a secret of its own, which the browser
    keeps: it opens pages and nothing else, and ends with its token, after SESSION_S, or by logging
    out. Called by any thread.
    """

    def log_in(self, token: str) -> tuple[str, Holder] | None:
        """A new session for the holder of this token: its secret. None for a token that is none;
        raises EndedTokenError.
        """
        ...

    def holder(self, secret: str) -> Holder | None:
        """Who has logged in, as their token is now; None if nobody. Raises EndedTokenError."""
        ...

    def log_out(self, secret: str) -> None:
        """Ends a session, if it is one."""
        ...


class PageError(Exception):
    """An error for the person before the screen: `sentence` is a message with its values."""

    def __init__(self, status: int, sentence: str, **values: object):
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence
        self.values = values


class SignInRefusedError(Exception):
    """Somebody who may not sign in, or not now: a sentence for them, with its values."""

    def __init__(self, sentence: str, **values: object) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.values = values


class Accounts(Protocol[Holder]):
    """What a tier with accounts adds to Sessions."""

    def sign_in(self, login: str, password: str, address: str) -> tuple[str, Holder]:
        """A new session for the holder of an account. Raises SignInRefusedError."""
        ...

    def see(self, secret: str) -> None:
        """Somebody has opened a page in this session."""
        ...


def cookie_of(tier: str) -> str:
    """The cookie's name. Browsers do not tell ports apart, so each tier has its own."""
    return f"pingjia_{tier}"


def secrets(request: Request, tier: str) -> list[str]:
    """The secrets of the sessions that the browser keeps, newest first."""
    kept = request.cookies.get(cookie_of(tier), "").split(".")
    return [secret for secret in kept[:_SESSIONS] if 0 < len(secret) <= SESSION_CHARS]


def keep(response: Response, request: Request, tier: str, secret: str) -> list[str]:
    """Let the browser keep one more session; those that it no longer keeps for that."""
    kept = [secret, *secrets(request, tier)]
    _set(response, request, tier, ".".join(kept[:_SESSIONS]), SESSION_S)  # no secret has a dot
    return kept[_SESSIONS:]


def renew(response: Response, request: Request, tier: str) -> None:
    """Let the browser keep what it has for another while: a display on a wall stays logged in."""
    if value := ".".join(secrets(request, tier)):
        _set(response, request, tier, value, SESSION_S)


def forget(response: Response, request: Request, tier: str) -> None:
    """Let the browser forget all sessions of this tier."""
    _set(response, request, tier, "", 0)


def is_from_own_page(request: Request) -> bool:
    """Whether a changing request comes from a page of this very server.

    Besides SameSite=Strict, for which every port of a host is the same site.
    """
    fetch_site = request.headers.get("sec-fetch-site")
    if fetch_site is not None:
        return fetch_site == "same-origin"
    origin = urlsplit(request.headers.get("origin", ""))  # plain http: no Sec-Fetch-Site
    return bool(origin.netloc) and origin.netloc == request.headers.get("host")


def is_local_path(path: str) -> bool:
    """Whether a redirect to `path` stays on this server."""
    return path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()


async def form(request: Request) -> dict[str, str]:
    """The fields of a posted form; empty if it is too large or no form."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > FORM_BYTES:
            return {}
    try:
        fields = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=20)
    except ValueError:
        return {}
    return {name: values[0] for name, values in fields.items()}


def _set(response: Response, request: Request, tier: str, value: str, keep_s: int) -> None:
    response.set_cookie(
        cookie_of(tier),
        value,
        max_age=keep_s,
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
