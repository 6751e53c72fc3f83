"""The pen: makes and signs a device's records where there is no device, for tests and benches.

Nothing else outside the firmware and the centre does, but tests/journey/device_from_the_page.py,
which is made from protocol/README.md alone and shares nothing on purpose.
"""

import json
from pathlib import Path
from typing import Self

from protocol.answer import NO_ANSWER, of_codes, of_level, seal_answer
from protocol.envelope import NO_MAC16, mac16, seal
from protocol.message import State
from protocol.record import Boot, Head, Rating, Reasons, Receipt, SelfTest, encode

# What a record of a kind says unless it is told otherwise.
_USUAL = {
    Rating: {
        "staff_no": "0231",
        "facts": "0" * 64,
        "level": 5,
        "settings": 0,
        "took_ms": 900,
        "shown": 0,
        "input": "key",
    },
    Reasons: {"codes": (108,), "catalogue": 1},
    Boot: {"firmware": "0.1.0", "cause": "power", "gaps": ()},
    SelfTest: {"passed": ("sound", "contacts"), "failed": ()},
}


class Pen:
    """One device's pen. Its records are one chain, as its journal would keep them.

    `seq` and `prev` are the number of its newest record and the 16 digits by which the next one
    names it; whoever sets them breaks the chain on purpose, and another `key` makes a forger.
    `changes` are the members of a record that shall not be the usual ones; with `seq` a record
    stands at that number, and the chain goes on from there. Raises ProtocolError for a value that
    no record can hold: see `sign` for those.
    """

    def __init__(self, device: str, epoch: int, key: bytes, mqtt: dict | None = None):
        self.device = device
        self.epoch = epoch
        self.key = key
        self.mqtt = mqtt or {}
        self.seq = 0
        self.prev = NO_MAC16

    @classmethod
    def of_bundle(cls, bundle: Path) -> Self:
        """The pen of an enrolled device; `mqtt` is how it logs in (firmware/bundle.py)."""
        members = json.loads(bundle.read_text())
        key = bytes.fromhex(members["key"])
        return cls(members["device"], members["epoch"], key, members["mqtt"])

    def rating(self, **changes) -> bytes:
        """The next record, a rating; its service and its ticket are no other rating's."""
        return self.write(self.record(Rating, **changes))

    def reasons(self, of: int, **changes) -> bytes:
        """The next record: the reasons given for the rating with seq `of`."""
        return self.write(self.record(Reasons, of=of, **changes))

    def boot(self, **changes) -> bytes:
        """The next record: a start of the device."""
        return self.write(self.record(Boot, **changes))

    def selftest(self, **changes) -> bytes:
        """The next record: what a technician's self-test found."""
        return self.write(self.record(SelfTest, **changes))

    def record(self, kind, **changes):
        """What the next record of a kind would be, not signed and not in the chain.

        `level` of a rating and `codes` of reasons are sealed in its `answer`.
        """
        seq = changes.get("seq", self.seq + 1)
        values = {"device": self.device, "epoch": self.epoch, "seq": seq, "prev": self.prev}
        values |= {"boot": 1, "up_ms": seq * 1000, "at": None, **_USUAL[kind]}
        if kind is Rating:
            values |= {"service": f"{self.device}-S{seq}", "ticket_no": f"A{seq}"}
        values |= changes
        if "answer" in values:
            return kind(**{name: values[name] for name in kind._fields})
        if kind is Rating:
            plain = of_level(values.pop("level"))
        elif kind is Reasons:
            plain = of_codes(values.pop("codes"))
        else:
            return kind(**values)
        record = kind(**values, answer=NO_ANSWER)
        sealed = json.loads(seal_answer(self.key, encode(record), plain))
        return record._replace(answer=sealed["answer"])

    def write(self, record) -> bytes:
        """Signs a record as the chain's newest; gives the envelope."""
        envelope = seal(self.key, encode(record))
        self.seq, self.prev = record.seq, mac16(envelope)
        return envelope

    def append(self, record: bytes) -> bytes:
        """The same for any bytes, whatever they say: they take the next place in the chain."""
        envelope = seal(self.key, record)
        self.seq, self.prev = self.seq + 1, mac16(envelope)
        return envelope

    def sign(self, record: bytes) -> bytes:
        """The envelope of any bytes; the chain stays as it is."""
        return seal(self.key, record)

    def head(self, **changes) -> str:
        """The device's word on its newest record, as text: it only stands in JSON (ENV-3)."""
        values = {"device": self.device, "epoch": self.epoch, "seq": max(self.seq, 1)}
        values |= {"mac16": self.prev, "boot": 1, "up_ms": 5}
        values |= {"heard": None, "shown": 0, "invited": 0}
        return seal(self.key, encode(Head(**values | changes))).decode()

    def receipt(self, **changes) -> str:
        """The centre's word that it holds all records up to the newest one, as text."""
        values = {"device": self.device, "epoch": self.epoch, "seq": max(self.seq, 1)}
        values |= {"mac16": self.prev, "at": 1}
        return seal(self.key, encode(Receipt(**values | changes))).decode()

    def state(self, **changes) -> State:
        """What the device says of itself: online, idle, and nothing of its journal freed."""
        values = {
            "online": True,
            "session": "0" * 16,
            "firmware": "0.1.0",
            "epoch": self.epoch,
            "seq": self.seq,
            "first": 1,
            "receipt": None,
            "head": None,
            "free": 100,
            "capacity": 2015,
            "capacity_days": 10,
            "clock": "good",
            "face": "standby",
            "settings": 0,
            "problems": (),
            "memory": None,
        }
        return State(**values | changes)
