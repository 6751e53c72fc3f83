"""Bodies of requests, bounded while they are read and while they are unpacked."""

import asyncio
import math
import re
import zlib
from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_GZIP = 31  # zlib's window bits for a gzip member
_PIECE = 64 * 1024
_SMALL = 64 * 1024  # uvicorn holds as much before anybody asks for it
_FOR_SMALL = 8  # one part of so many is kept for small bodies
_LATER = {"Retry-After": "2"}


class BoundedBody:
    """ASGI: who reads a body above `most` bytes gets the error 413 instead, and stops reading.

    more: the limits of paths that take more, by a pattern of the whole path. FastAPI's own
    `max_body_size` answers an announced length with plain text, not with a problem.
    held: how many bytes all bodies in progress may have together, from being read to the answer;
    who passes it gets 503. An eighth of it is for bodies of at most 64 KB alone, so that many
    large ones keep no live rating out. within_s: who has not sent all of a body so long after it
    was asked for gets 408, and is hung up on. Used by one event loop.
    """

    def __init__(
        self,
        app: ASGIApp,
        most: int,
        more: Mapping[str, int] = {},
        *,
        held: int = 256 * 1024 * 1024,
        within_s: float = 30.0,
    ) -> None:
        self._app = app
        self._most = most
        self._more = [(re.compile(pattern), size) for pattern, size in more.items()]
        self._room = held
        self._kept = held // _FOR_SMALL
        self._within_s = within_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and count what is read of its body."""
        if scope["type"] != "http" or scope["method"] == "GET":
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        most = next((size for one, size in self._more if one.fullmatch(path)), self._most)
        count, until_s, is_whole = 0, math.inf, False

        async def receive_bounded() -> Message:
            nonlocal count, until_s, is_whole
            if is_whole:  # what comes now is that somebody hangs up
                return await receive()
            if most < announced(Headers(scope=scope)) < math.inf:
                raise too_large(most)
            if until_s == math.inf:
                until_s = asyncio.get_running_loop().time() + self._within_s
            try:
                async with asyncio.timeout_at(until_s):
                    message = await receive()
            except TimeoutError:
                raise _too_slow(self._within_s) from None
            size = len(message.get("body", b""))
            count += size
            self._room -= size
            if count > most:
                raise too_large(most)
            if self._room < (0 if count <= _SMALL else self._kept):
                raise HTTPException(503, "too much is being sent at once; try again", _LATER)
            is_whole = not message.get("more_body", False)
            return message

        try:
            await self._app(scope, receive_bounded, send)
        finally:
            self._room += count


def _too_slow(within_s: float) -> HTTPException:
    sentence = f"a body must come within {within_s:g} seconds; send a smaller one"
    return HTTPException(408, sentence, {"Connection": "close"})


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
