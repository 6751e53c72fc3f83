"""The JSON messages between device and gateway: state, ticket, ack, clock, find.

Unlike records they are not signed and not kept: they steer, and every promise is in a record or a
receipt. Next: protocol/batch.py, how the hall hands records to the centre.
"""

from collections import namedtuple

from protocol.field import (
    Integer,
    Many,
    Maybe,
    Nested,
    OneOf,
    Raw,
    Text,
    count,
    hex16,
    hex64,
    ms,
    ms_or_null,
    names,
    read,
    seq,
    service,
    staff_no,
    ticket_no,
    truth,
    version,
    word,
    write,
    wrong_whole,
)
from protocol.limits import (
    ENVELOPE_BYTES,
    MESSAGE_BYTES,
    PROBLEMS,
)
from protocol.record import dump_json, parse_json

SERVING = "serving"
INVITING = "inviting"
CLOSED = "closed"

FACES = (
    "standby",
    "serving",
    "inviting",
    "thanking",
    "asking",
    "out_of_service",
    "technician",
)
CLOCK_QUALITIES = ("none", "good", "stale")


_envelope = Maybe(Raw(ENVELOPE_BYTES))
_STAFF = (("staff_no", staff_no), ("name", Text(32)))


class StaffCard(namedtuple("StaffCard", names(_STAFF))):
    """Who serves, as the citizen sees it; null in a ticket when nobody has signed in."""

    fields = _STAFF


_STATE = (
    ("online", truth),
    ("session", hex16),
    ("firmware", version),
    ("epoch", seq),
    ("seq", count),
    ("first", seq),
    ("receipt", _envelope),
    ("head", _envelope),
    ("free", count),
    ("capacity", count),
    ("capacity_days", count),
    ("clock", OneOf(*CLOCK_QUALITIES)),
    ("face", OneOf(*FACES)),
    ("settings", count),
    ("problems", Many(word, 0, PROBLEMS)),
    ("memory", Maybe(count)),
)
_WILL = (("online", truth), ("session", hex16))
_TICKET = (
    ("service", service),
    ("facts", hex64),
    ("ticket_no", ticket_no),
    ("phase", OneOf(SERVING, INVITING, CLOSED)),
    ("matter", Maybe(Text(128))),
    ("staff", Maybe(Nested(StaffCard))),
    ("invite_ms", Integer(1000, 600000)),
    ("until_ms", ms_or_null),
)
_ACK = (("epoch", seq), ("hall", count), ("receipt", _envelope))
_CLOCK = (("now_ms", ms),)
_FIND = (("seconds", Integer(1, 60)),)


class State(namedtuple("State", names(_STATE))):
    """What a device says of itself: every 60 s and on change, retained.

    seq: the last one given out, 0 for none. first: the lowest seq it still holds (seq + 1 for
    none). free: how many ratings still fit. capacity: how many fit into an empty journal;
    capacity_days: how many days that lasts in a busy window. receipt, head: whole envelopes, or
    null. memory: bytes free, null where a device does not count them.
    """

    fields = _STATE


class Will(namedtuple("Will", names(_WILL))):
    """The last will: `online` false and the session that it belongs to, nothing else."""

    fields = _WILL


class Ticket(namedtuple("Ticket", names(_TICKET))):
    """The service at a window and its phase. invite_ms: how long an invitation stands. until_ms:
    when it ends, on the hall's clock; with the service it is the invitation's name, and null in
    every other phase.
    """

    fields = _TICKET


class Ack(namedtuple("Ack", names(_ACK))):
    """How far the hall's database holds this epoch at this moment, and the newest receipt."""

    fields = _ACK


class Clock(namedtuple("Clock", names(_CLOCK))):
    """The hall's time, epoch milliseconds."""

    fields = _CLOCK


class Find(namedtuple("Find", names(_FIND))):
    """The device blinks for so long, so that somebody in the hall finds it (FND-1)."""

    fields = _FIND


def encode_message(message) -> bytes:
    """The message's JSON bytes. Raises ProtocolError for a value out of range or over 4 KB."""
    data = dump_json(write(message))
    if len(data) > MESSAGE_BYTES:
        raise wrong_whole("a message", "bytes", MESSAGE_BYTES, len(data))
    return data


def decode_message(kind, data: bytes):
    """The message of class `kind` in JSON bytes. Raises ProtocolError, never anything else."""
    if len(data) > MESSAGE_BYTES:
        raise wrong_whole("a message", "bytes", MESSAGE_BYTES, len(data))
    return kind(*read(kind.fields, parse_json(data, "a message"), "a message"))
