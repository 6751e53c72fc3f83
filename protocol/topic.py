"""Topics: `pj/1/{hall}/{device}/{name}`, MQTT 3.1.1, QoS 1 (protocol/README.md, "MQTT").

Next: protocol/message.py for what travels on them beside envelopes; protocol/access.py says who
may use them.
"""

RECORD = "record"
STATE = "state"
TICKET = "ticket"
ACK = "ack"
CLOCK = "clock"
FIND = "find"
SETTINGS = "settings"
UPDATE = "update"


def topic(hall: str, device: str, name: str) -> str:
    """The topic `name` of a device."""
    return f"pj/1/{hall}/{device}/{name}"
