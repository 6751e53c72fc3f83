"""A device's hand without a device: signs good and bad records, and logs in to the broker."""

import json
from pathlib import Path

import paho.mqtt.client as paho

from protocol.envelope import NO_MAC16, mac16, seal
from protocol.record import Boot, Rating, encode


class Chain:
    """Good and bad records of one enrolled device, in its own name and with its own key."""

    def __init__(self, bundle: Path):
        it = json.loads(bundle.read_text())
        self.key = bytes.fromhex(it["key"])
        self.device = it["device"]
        self.epoch = it["epoch"]
        self.mqtt = it["mqtt"]
        self.seq = 0
        self.prev = NO_MAC16

    def sign(self, record: bytes) -> bytes:
        """The next record's envelope, made of any bytes."""
        envelope = seal(self.key, record)
        self.prev = mac16(envelope)
        return envelope

    def boot(self):
        self.seq += 1
        boot = Boot(self.device, self.epoch, self.seq, self.prev, "0", "power", (), 1, 1, None)
        return self.sign(encode(boot))

    def rating(self, ticket_no) -> bytes:
        """The next rating's record bytes."""
        self.seq += 1
        identity = (self.device, self.epoch, self.seq, self.prev)
        service = (f"svc-{ticket_no}", ticket_no, None, "0" * 16)
        return encode(Rating(*identity, *service, 4, 0, 1, self.seq, None, 1, "key"))


def login(mqtt, username=None, password=None):
    """(client, reason code of CONNACK)."""
    client = paho.Client(
        paho.CallbackAPIVersion.VERSION2,
        client_id=username or mqtt["username"],
        protocol=paho.MQTTv311,
    )
    client.username_pw_set(username or mqtt["username"], password or mqtt["password"])
    answers = []
    client.on_connect = lambda _c, _u, _f, reason, _p: answers.append(reason)
    client.connect(mqtt["host"], mqtt["port"])
    client.loop_start()
    return client, answers
