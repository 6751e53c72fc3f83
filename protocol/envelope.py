r"""The envelope: a record's exact bytes, one "\n", and the 64 hex digits of its MAC.

It is made once, by the one who has the key, and never made again by anyone: every store and every
hop keeps these bytes (ENV-1). Next: protocol/topic.py names where a device sends it.
"""

from protocol.field import ProtocolError, hex64, wrong_whole
from protocol.limits import ENVELOPE_BYTES
from protocol.mac import hmac_sha256, is_same, to_hex

NO_MAC16 = "0000000000000000"  # `prev` of a device's first record


def seal(key: bytes, record: bytes, limit: int = ENVELOPE_BYTES) -> bytes:
    """The envelope of `record` under a device's 32-byte key.

    Raises ProtocolError if it would be longer than `limit` bytes.
    """
    envelope = record + b"\n" + to_hex(hmac_sha256(key, record)).encode()
    if len(envelope) > limit:
        raise wrong_whole("an envelope", "bytes", limit, len(envelope))
    return envelope


def split(envelope: bytes, limit: int = ENVELOPE_BYTES) -> "tuple[bytes, str]":
    """The record's bytes and the MAC's 64 hex digits. Nothing is verified.

    Raises ProtocolError if the bytes have not the shape of an envelope (ENV-2).
    """
    if len(envelope) > limit:
        raise wrong_whole("an envelope", "bytes", limit, len(envelope))
    record = envelope[:-65]
    if len(envelope) < 66 or envelope[-65:-64] != b"\n" or b"\n" in record:
        raise wrong_whole("an envelope", "envelope")
    try:
        return record, hex64(str(envelope[-64:], "utf-8"), "mac")
    except ValueError:  # no UTF-8, or no hex
        raise wrong_whole("an envelope", "envelope")


def is_signed(key: bytes, envelope: bytes, limit: int = ENVELOPE_BYTES) -> bool:
    """Whether `envelope` has the right shape and a MAC made with `key` (ENV-4)."""
    try:
        record, mac = split(envelope, limit)
    except ProtocolError:
        return False
    return is_mac(key, record, mac)


def is_mac(key: bytes, record: bytes, mac: str) -> bool:
    """Whether `mac`, 64 hex digits as `split` gives them, was made over `record` with `key`."""
    return is_same(to_hex(hmac_sha256(key, record)).encode(), mac.encode())


def mac16(envelope: bytes) -> str:
    """The first 16 hex digits of an envelope's MAC: how a record names another one."""
    return str(envelope[-64:-48], "utf-8")
