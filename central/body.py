"""Bodies of requests, bounded while they are read and while they are unpacked."""

import zlib

from protocol.limits import BATCH_BYTES

_GZIP = 31  # zlib's window bits for a gzip member
_PIECE = 64 * 1024


class BodyError(Exception):
    """The body cannot be taken; `status` is HTTP's word for it, the text a sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


def too_large() -> BodyError:
    """More than BATCH_BYTES, packed or unpacked."""
    return BodyError(413, f"a batch may have {BATCH_BYTES} bytes unpacked; send a smaller one")


def unpack(body: bytes, encoding: str) -> bytes:
    """The body's plain bytes, at most BATCH_BYTES of them are ever made.

    encoding: the Content-Encoding header, empty for none. Raises BodyError.
    """
    if encoding in ("", "identity"):
        return body
    if encoding not in ("gzip", "x-gzip"):
        raise BodyError(415, "Content-Encoding must be gzip or identity")
    reader = zlib.decompressobj(_GZIP)
    plain, rest = bytearray(), body
    try:
        while rest and not reader.eof:
            plain += reader.decompress(rest, _PIECE)
            rest = reader.unconsumed_tail
            if len(plain) > BATCH_BYTES:
                raise too_large()
        plain += reader.flush()
    except zlib.error:
        raise BodyError(400, "the body is not gzip, as Content-Encoding says") from None
    if len(plain) > BATCH_BYTES:
        raise too_large()
    if not reader.eof or reader.unused_data:
        raise BodyError(400, "the gzip body ends too early or goes on after its end")
    return bytes(plain)
