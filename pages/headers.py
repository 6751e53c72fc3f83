"""What every answer says to the browser: run and load only what this server sends itself. Text of
pages goes compressed; they hold no secret that its length could give away.
"""

from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
)
HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    # Not no-referrer: with that, browsers send `Origin: null` from our own forms.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_PAIRS = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]


class SafeHeaders:
    """ASGI: adds HEADERS to every answer that does not set them itself."""

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on, with the headers."""

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message["headers"]
                names = {name for name, _ in headers}
                headers.extend(pair for pair in _PAIRS if pair[0] not in names)
            await send(message)

        await self._app(scope, receive, send_safely)


class Compressed(GZipMiddleware):
    """ASGI: packs pages and their files for who takes that; what programs get stays as it is."""

    def __init__(self, app: ASGIApp):
        super().__init__(app, minimum_size=1000, compresslevel=5)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on, packed if it is a page's."""
        path = scope.get("path", "")
        takes_pages = path.startswith("/static/") or any(
            name == b"accept" and b"text/html" in value for name, value in scope.get("headers", ())
        )
        await (super().__call__ if takes_pages else self.app)(scope, receive, send)
