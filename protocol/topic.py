"""Topics: `pj/1/{hall}/{device}/{name}`, MQTT 3.1.1, QoS 1 (protocol/README.md, "MQTT").

Next: protocol/message.py for what travels on them beside envelopes.
"""

from protocol.field import ProtocolError, device_id, place_id

RECORD = "record"
STATE = "state"
TICKET = "ticket"
ACK = "ack"
CLOCK = "clock"
FIND = "find"
SETTINGS = "settings"
UPDATE = "update"

FROM_DEVICE = (RECORD, STATE)
FROM_GATEWAY = (TICKET, ACK, CLOCK, FIND, SETTINGS, UPDATE)

GATEWAY_USER = "_gateway"  # the underscore keeps it apart from every device id


def topic(hall: str, device: str, name: str) -> str:
    """The topic `name` of a device."""
    return f"pj/1/{hall}/{device}/{name}"


def parse_topic(value: str) -> "tuple[str, str, str]":
    """Hall, device and name of a topic. Raises ProtocolError if it is none of ours."""
    parts = value.split("/")
    if len(parts) != 5 or parts[0] != "pj" or parts[1] != "1":
        raise ProtocolError("a topic must be pj/1/{hall}/{device}/{name}", rule="topic")
    if parts[4] not in FROM_DEVICE and parts[4] not in FROM_GATEWAY:
        raise ProtocolError(f"no topic is named {parts[4]}", rule="topic")
    return place_id(parts[2], "hall"), device_id(parts[3], "device"), parts[4]
