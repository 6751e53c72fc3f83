"""Packed bodies of requests, bounded while they are unpacked.

What is read at all is bounded by FastAPI's `max_body_size`: of the application, and of a route
that takes more.
"""

import math
import zlib

from fastapi import HTTPException
from starlette.datastructures import Headers

_GZIP = 31  # zlib's window bits for a gzip member
_PIECE = 64 * 1024


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
                raise HTTPException(413)
        plain += reader.flush()
    except zlib.error:
        raise HTTPException(400, "the body is not gzip, as Content-Encoding says") from None
    if len(plain) > most:
        raise HTTPException(413)
    if not reader.eof or reader.unused_data:
        raise HTTPException(400, "the gzip body ends too early or goes on after its end")
    return bytes(plain)
