"""The hall's document: what the centre tells a gateway about its windows, people and devices.

It names no device's key and no password, only password hashes in mosquitto's form
(`$7$101$base64(salt)$base64(PBKDF2-HMAC-SHA512)`), and the centre's own envelopes. `link_key` is
the hall's own secret, and never leaves the gateway.
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
    hex64,
    names,
    place_id,
    read,
    seq,
    truth,
    write,
)
from protocol.limits import ENVELOPE_BYTES, MESSAGE_BYTES
from protocol.message import StaffCard
from protocol.record import dump_json, parse_json

WINDOWS, STAFF, MATTERS, DEVICES = 1000, 4000, 2000, 2000  # of a hall, the most

_WINDOW = (("window", place_id), ("name", Text(64)))


class Window(namedtuple("Window", names(_WINDOW))):
    """A window of the hall, with the name that people read."""

    fields = _WINDOW


_HALL_MATTER = (("task_code", Text(64)), ("task_name", Text(128)), ("rateable", truth))


class HallMatter(namedtuple("HallMatter", names(_HALL_MATTER))):
    """A matter that the hall deals with; a service of one that is not rateable invites nobody."""

    fields = _HALL_MATTER


_INVITES = tuple([(kind, Maybe(truth)) for kind in ("single", "batch", "theme", "agent")])


class Invites(namedtuple("Invites", names(_INVITES))):
    """Whether services of a kind invite at their window; null counts as true."""

    fields = _INVITES


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
    ("windows", Many(Nested(Window), 0, WINDOWS)),
    ("staff", Maybe(Many(Nested(StaffCard), 0, STAFF))),
    ("matters", Maybe(Many(Nested(HallMatter), 0, MATTERS))),
    ("invites", Maybe(Nested(Invites))),
    ("link_key", Maybe(hex64)),
    ("devices", Many(Nested(Device), 0, DEVICES)),
)


class Hall(namedtuple("Hall", names(_HALL))):
    """`GET /v1/halls/{hall}`; `version` is its ETag and grows with every change.

    staff: who may sign in today; none or null: whoever types a number. matters: those of today.
    """

    fields = _HALL


def encode_hall(hall: Hall) -> bytes:
    """The document's JSON bytes. Raises ProtocolError for a value out of range."""
    return dump_json(write(hall))


def decode_hall(data: bytes) -> Hall:
    """The document in JSON bytes. Raises ProtocolError."""
    return Hall(*read(_HALL, parse_json(data, "a hall document"), "a hall document"))
