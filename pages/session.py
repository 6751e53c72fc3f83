"""Who asks: access tokens in a cookie, and whether a changing request is our own page's."""

from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request
from starlette.responses import Response

FORM_BYTES = 8192
TOKEN_CHARS = 200
_TOKENS = 4  # the newest; one browser may hold a page's and a console's
_KEEP_S = 12 * 3600  # a working day after the page was last open


def cookie_of(tier: str) -> str:
    """The cookie's name. Browsers do not tell ports apart, so each tier has its own."""
    return f"pingjia_{tier}"


def tokens(request: Request, tier: str) -> list[str]:
    """The tokens that the browser keeps, newest first."""
    kept = request.cookies.get(cookie_of(tier), "").split(".")
    return [token for token in kept[:_TOKENS] if 0 < len(token) <= TOKEN_CHARS]


def keep(response: Response, request: Request, tier: str, token: str) -> None:
    """Let the browser keep one more token."""
    others = [one for one in tokens(request, tier) if one != token]
    value = ".".join([token, *others][:_TOKENS])  # no token has a dot
    _set(response, request, tier, value, _KEEP_S)


def renew(response: Response, request: Request, tier: str) -> None:
    """Let the browser keep what it has for another while: a display on a wall stays logged in."""
    if value := ".".join(tokens(request, tier)):
        _set(response, request, tier, value, _KEEP_S)


def forget(response: Response, request: Request, tier: str) -> None:
    """Let the browser forget all tokens of this tier."""
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
