"""The bundle: what enrolment gave this device, written once, apart from the journal.

`pingjia central enrol` makes it: {device, epoch, key (64 hex digits), hall, mqtt {host, port,
username, password, ca}}, and it may have `board`, a folder's name in firmware/boards/, where the
hardware is not the port's own board. The key never leaves the device again.
"""

import binascii
from collections import namedtuple

from protocol.field import (
    Maybe,
    Nested,
    Raw,
    device_id,
    hex64,
    place_id,
    read,
    seq,
    word,
)
from protocol.record import parse_json
from protocol.settings import ADDRESS

IDENTITY = "/identity.json"  # where enrolment writes it on a board

Identity = namedtuple("Identity", "device epoch key")


class Broker(namedtuple("Broker", "host port ca username password")):
    """Where the hall's broker listens; ca in PEM, or None for a hall without TLS."""

    fields = ADDRESS + (("username", device_id), ("password", Raw(128)))


class Bundle(namedtuple("Bundle", "identity hall mqtt board")):
    """identity: (device, epoch, key as 32 bytes); hall: its id; mqtt: a Broker; board: or None."""


_FIELDS = (
    ("device", device_id),
    ("epoch", seq),
    ("key", hex64),
    ("hall", place_id),
    ("mqtt", Nested(Broker)),
    ("board", Maybe(word)),
)


def read_bundle(data: bytes) -> Bundle:
    """The bundle in JSON bytes. Raises ProtocolError that names the field."""
    values = read(_FIELDS, parse_json(data, "the bundle"), "the bundle")
    device, epoch, key, hall, mqtt, board = values
    return Bundle(Identity(device, epoch, binascii.unhexlify(key)), hall, mqtt, board)
