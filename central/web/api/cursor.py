"""Cursors of GET /v1/records: a position in the order of the records, opaque to the reader."""

import base64
import binascii
import json

from protocol.field import ProtocolError, count, device_id, hex16

START = ("", 0, 0, "")  # before every record

Position = tuple[str, int, int, str]  # device, epoch, seq, mac16 (empty for the key's holder)


def write_cursor(position: Position) -> str:
    """The cursor of a position."""
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode().rstrip("=")


def read_cursor(text: str) -> Position:
    """The position of a cursor that `write_cursor` made. Raises ProtocolError."""
    try:
        plain = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
        device, epoch, seq, mac16 = json.loads(plain)
    except (binascii.Error, ValueError, TypeError, RecursionError):
        raise ProtocolError("after must be a cursor that `next` gave") from None
    if mac16 != "":
        hex16(mac16, "after")
    return device_id(device, "after"), count(epoch, "after"), count(seq, "after"), mac16
