"""HMAC-SHA256 (RFC 2104) on plain hashlib, and the one comparison in constant time.

Written out because boards have no `hmac` module; where there is one it does the same faster.
Tested against the vectors of RFC 4231 on both.
"""

from binascii import hexlify
from hashlib import sha256

try:
    # 20 times as fast as what follows, and a centre checks 10,000 MACs a second.
    from hmac import compare_digest, digest  # noqa: TID251
except ImportError:
    compare_digest = digest = None

_BLOCK = 64  # bytes, SHA-256's block size (FIPS 180-4)
_newest = None  # (key, its inner pad, its outer pad): a device has one key and 2,000 MACs to check


def hmac_sha256(key: bytes, message: bytes) -> bytes:
    """The 32 bytes of HMAC-SHA256(key, message)."""
    if digest:
        return digest(key, message, "sha256")
    _, inner_pad, outer_pad = _pads(key)
    inner = sha256(inner_pad)
    inner.update(message)
    outer = sha256(outer_pad)
    outer.update(inner.digest())
    return outer.digest()


def _pads(key):
    global _newest
    if _newest is None or _newest[0] != key:
        short = sha256(key).digest() if len(key) > _BLOCK else key
        block = short + bytes(_BLOCK - len(short))
        pads = [bytes([byte ^ pad for byte in block]) for pad in (0x36, 0x5C)]
        _newest = key, pads[0], pads[1]
    return _newest


def is_same(a: bytes, b: bytes) -> bool:
    """Whether two secrets are equal, in a time that does not tell where they differ."""
    if compare_digest:
        return compare_digest(a, b)
    if len(a) != len(b):
        return False
    difference = 0
    for left, right in zip(a, b):
        difference |= left ^ right
    return difference == 0


def to_hex(data: bytes) -> str:
    """Lower-case hex of `data`."""
    return str(hexlify(data), "utf-8")


def sha256_hex(data: bytes) -> str:
    """SHA-256 in hex: how a service document is named in a record."""
    return to_hex(sha256(data).digest())
