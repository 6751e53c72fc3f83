"""Who may use which topic (TOP-1), for brokers and gateways; a device knows only its own."""

from protocol.field import ProtocolError, device_id, place_id
from protocol.topic import ACK, CLOCK, FIND, RECORD, SETTINGS, STATE, TICKET, UPDATE

FROM_DEVICE = (RECORD, STATE)
FROM_GATEWAY = (TICKET, ACK, CLOCK, FIND, SETTINGS, UPDATE)

GATEWAY_USER = "_gateway"  # the underscore keeps it apart from every device id


def parse_topic(value: str) -> "tuple[str, str, str]":
    """Hall, device and name of a topic. Raises ProtocolError if it is none of ours."""
    parts = value.split("/")
    if len(parts) != 5 or parts[0] != "pj" or parts[1] != "1":
        raise ProtocolError("a topic must be pj/1/{hall}/{device}/{name}", rule="topic")
    if parts[4] not in FROM_DEVICE and parts[4] not in FROM_GATEWAY:
        raise ProtocolError(f"no topic is named {parts[4]}", rule="topic")
    return place_id(parts[2], "hall"), device_id(parts[3], "device"), parts[4]
