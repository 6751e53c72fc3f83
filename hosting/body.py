"""Bodies of requests, bounded while they are read and while they are unpacked."""

import math
import re
import zlib
from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_GZIP = 31  # zlib's window bits for a gzip member
_PIECE = 64 * 1024


class BoundedBody:
    """ASGI: who reads a body above `most` bytes gets the error 413 instead, and stops reading.

    more: the limits of paths that take more, by a pattern of the whole path. FastAPI's own
    `max_body_size` answers an announced length with plain text, not with a problem.
    """

    def __init__(self, app: ASGIApp, most: int, more: Mapping[str, int] = {}) -> None:
        self._app = app
        self._most = most
        self._more = [(re.compile(pattern), size) for pattern, size in more.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and count what is read of its body."""
        if scope["type"] != "http" or scope["method"] == "GET":
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        most = next((size for one, size in self._more if one.fullmatch(path)), self._most)
        count = 0

        async def receive_bounded() -> Message:
            nonlocal count
            if most < announced(Headers(scope=scope)) < math.inf:
                raise too_large(most)
            message = await receive()
            count += len(message.get("body", b""))
            if count > most:
                raise too_large(most)
            return message

        await self._app(scope, receive_bounded, send)


def too_large(most: int) -> HTTPException:
    """The error for a body above `most` bytes, packed or unpacked."""
    return HTTPException(413, f"a body may have {most} bytes, unpacked; send a smaller one")


def announced(headers: Headers) -> float:
    """How long a body is by its header; endless if nothing that can be believed is said."""
    length = headers.get("content-length", "")
    is_number = length.isascii() and length.isdigit() and len(length) < 20
    return int(length) if is_number else math.inf


def unpack(body: bytes, encoding: str, most: int) -> bytes:
    """The body's plain bytes; little more than `most` of them are ever made.

    encoding: the Content-Encoding header, empty for none. Raises HTTPException.
    """
    if encoding in ("", "identity"):
        return body
    if encoding not in ("gzip", "x-gzip"):
        raise HTTPException(415, "Content-Encoding must be gzip or identity")
    reader = zlib.decompressobj(_GZIP)
    plain, rest = bytearray(), body
    try:
        while rest and not reader.eof:
            plain += reader.decompress(rest, _PIECE)
            rest = reader.unconsumed_tail
            if len(plain) > most:
                raise too_large(most)
        plain += reader.flush()
    except zlib.error:
        raise HTTPException(400, "the body is not gzip, as Content-Encoding says") from None
    if len(plain) > most:
        raise too_large(most)
    if not reader.eof or reader.unused_data:
        raise HTTPException(400, "the gzip body ends too early or goes on after its end")
    return bytes(plain)
