"""The hall's document: what the centre tells a gateway about its windows and devices.

It names no key and no password, only password hashes in mosquitto's form
(`$7$101$base64(salt)$base64(PBKDF2-HMAC-SHA512)`), and the centre's own envelopes.
"""

from collections import namedtuple

from protocol.field import (
    Many,
    Maybe,
    Nested,
    Raw,
    Text,
    count,
    device_id,
    names,
    place_id,
    read,
    seq,
    truth,
    write,
)
from protocol.limits import ENVELOPE_BYTES, MESSAGE_BYTES
from protocol.record import dump_json, parse_json

_WINDOW = (("window", place_id), ("name", Text(64)))


class Window(namedtuple("Window", names(_WINDOW))):
    """A window of the hall, with the name that people read."""

    fields = _WINDOW


_DEVICE = (
    ("device", device_id),
    ("window", Maybe(place_id)),
    ("epoch", seq),
    ("password_hash", Raw(256)),
    ("revoked", truth),
    ("settings", Maybe(Raw(MESSAGE_BYTES))),
    ("update", Maybe(Raw(MESSAGE_BYTES))),
    ("receipts", Many(Raw(ENVELOPE_BYTES), 0, 64)),
)


class Device(namedtuple("Device", names(_DEVICE))):
    """A device as its hall knows it; `receipts` are the newest of each of its epochs."""

    fields = _DEVICE


_HALL = (
    ("version", count),
    ("hall", place_id),
    ("windows", Many(Nested(Window), 0, 1000)),
    ("devices", Many(Nested(Device), 0, 2000)),
)


class Hall(namedtuple("Hall", names(_HALL))):
    """`GET /v1/halls/{hall}`; `version` is its ETag and grows with every change."""

    fields = _HALL


def encode_hall(hall: Hall) -> bytes:
    """The document's JSON bytes. Raises ProtocolError for a value out of range."""
    return dump_json(write(hall))


def decode_hall(data: bytes) -> Hall:
    """The document in JSON bytes. Raises ProtocolError."""
    return Hall(*read(_HALL, parse_json(data, "a hall document"), "a hall document"))
