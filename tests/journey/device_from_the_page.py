"""A device written from protocol/README.md alone: the standard library and paho, nothing of ours.

    python device_from_the_page.py BUNDLE.json LEVEL

It journals nothing; it shows that the page is enough. It waits for an inviting ticket, rates it,
sends until the hall's `ack` and the centre's receipt cover the rating, and prints the receipt.
"""

import hashlib
import hmac
import json
import queue
import ssl
import sys
import time

import paho.mqtt.client as paho

PATIENCE_S = 30


def sealed(key, members):
    """Section 2: the record's bytes, a line feed, 64 hex digits."""
    record = json.dumps(members, separators=(",", ":")).encode()
    return record + b"\n" + hmac.new(key, record, hashlib.sha256).hexdigest().encode()


def sealed_answer(key, members, level):
    """SEA-1: the members with their answer."""
    record = json.dumps(members, separators=(",", ":")).encode()
    mask = hmac.new(key, b"answer\n" + record, hashlib.sha256).digest()
    plain = bytes([level]) + bytes(15)
    answer = bytes(one ^ other for one, other in zip(plain, mask))
    return members | {"answer": answer.hex()}


def opened(key, envelope):
    """A signed record's members, if the MAC is good (ENV-4)."""
    record, _, mac = envelope.encode().rpartition(b"\n")
    good = hmac.new(key, record, hashlib.sha256).hexdigest()
    return json.loads(record) if hmac.compare_digest(good, mac.decode()) else None


class Device:
    """Boot and rating, seq 1 and 2, of a device with an empty journal."""

    def __init__(self, bundle):
        self.bundle = bundle
        self.key = bytes.fromhex(bundle["key"])
        self.messages = queue.Queue()
        self.start = time.monotonic()
        self.records = []
        self.append("boot", firmware="0.0.1", cause="power", gaps=[])

    def topic(self, name):
        return f"pj/1/{self.bundle['hall']}/{self.bundle['device']}/{name}"

    def up_ms(self):
        return int((time.monotonic() - self.start) * 1000)

    def append(self, kind, at=None, **fields):
        """Section 1: members in the table's order; section 2: `prev` names the record before."""
        prev = self.records[-1][-64:-48].decode() if self.records else "0" * 16
        members = {"v": 1, "kind": kind, **self.identity(len(self.records) + 1), "prev": prev}
        last = ("took_ms", "shown", "input")
        after = {name: fields.pop(name) for name in last if name in fields}
        when = {"boot": 1, "up_ms": self.up_ms(), "at": at}
        level = fields.pop("level", None)
        members |= fields | when | after
        if level is not None:
            members = sealed_answer(self.key, members, level)
        self.records.append(sealed(self.key, members))

    def identity(self, seq):
        return {"device": self.bundle["device"], "epoch": self.bundle["epoch"], "seq": seq}

    def state(self):
        """Section 4."""
        head = {"v": 1, "kind": "head", **self.identity(len(self.records))}
        head |= {"mac16": self.records[-1][-64:-48].decode(), "boot": 1, "up_ms": self.up_ms()}
        head |= {"heard": None, "shown": 0, "invited": 0}
        return json.dumps(
            {
                "online": True,
                "session": "0123456789abcdef",
                "firmware": "0.0.1",
                "epoch": self.bundle["epoch"],
                "seq": len(self.records),
                "first": 1,
                "receipt": None,
                "head": sealed(self.key, head).decode(),
                "free": 1000,
                "capacity": 2015,
                "capacity_days": 10,
                "clock": "none",
                "face": "standby",
                "settings": 0,
                "problems": [],
            }
        )

    def connect(self):
        mqtt = self.bundle["mqtt"]
        client = paho.Client(
            paho.CallbackAPIVersion.VERSION2, client_id=mqtt["username"], protocol=paho.MQTTv311
        )
        client.username_pw_set(mqtt["username"], mqtt["password"])
        if mqtt["ca"]:
            client.tls_set_context(ssl.create_default_context(cadata=mqtt["ca"]))
        will = json.dumps({"online": False, "session": "0123456789abcdef"})
        client.will_set(self.topic("state"), will, qos=1, retain=True)
        client.on_message = lambda _, __, message: self.messages.put(message)
        client.connect(mqtt["host"], mqtt["port"])
        client.loop_start()
        client.subscribe([(self.topic(name), 1) for name in ("ticket", "ack", "clock")])
        client.publish(self.topic("state"), self.state(), qos=1, retain=True)
        return client

    def until(self, is_wanted):
        """The first message that is wanted, as (name, members)."""
        end = time.monotonic() + PATIENCE_S
        while True:
            message = self.messages.get(timeout=max(0.01, end - time.monotonic()))
            name = message.topic.split("/")[-1]
            members = json.loads(message.payload or b'{"phase": "closed"}')
            if is_wanted(name, members):
                return members


def main():
    with open(sys.argv[1]) as file:
        device = Device(json.load(file))
    client = device.connect()
    print("online", flush=True)
    ticket = device.until(lambda name, it: name == "ticket" and it["phase"] == "inviting")
    device.append(
        "rating",
        service=ticket["service"],
        ticket_no=ticket["ticket_no"],
        staff_no=(ticket["staff"] or {}).get("staff_no"),
        facts=ticket["facts"],
        answer="0" * 32,
        level=int(sys.argv[2]),
        settings=0,
        took_ms=1000,
        shown=0,
        input="key",
    )
    for record in device.records:
        client.publish(device.topic("record"), record, qos=1)
    device.until(lambda name, it: name == "ack" and it["hall"] == 2)

    def is_covered(name, members):
        if name != "ack" or members["receipt"] is None:
            return False
        receipt = opened(device.key, members["receipt"])
        return (
            receipt is not None
            and receipt["kind"] == "receipt"
            and receipt["device"] == device.bundle["device"]
            and receipt["epoch"] == device.bundle["epoch"]
            and receipt["seq"] == 2
            and receipt["mac16"] == device.records[1][-64:-48].decode()
        )

    print(device.until(is_covered)["receipt"].split("\n")[0], flush=True)
    client.disconnect()


if __name__ == "__main__":
    main()
