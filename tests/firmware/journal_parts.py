"""What the tests of the journal have in common."""

import json

from flash_files import FlashFiles

from firmware.bundle import Identity
from firmware.enrolment import create
from firmware.journal import Journal
from protocol.answer import of_level
from protocol.envelope import NO_MAC16, mac16, seal, split
from protocol.record import Rating, Receipt, encode

KEY = bytes(range(32))
IDENTITY = Identity("xj-0417", 29333341, KEY)
N = 4  # records a segment


def made():
    files = FlashFiles()
    create(files, KEY)
    return files


def start(files, segments=8):
    return Journal(files, IDENTITY, "0.1.0", "power", N, segments)


def rate(journal, service="s1"):
    """Journals a rating; gives its envelope, which from then on was thanked for."""
    return journal.append(
        Rating,
        1000,
        None,
        service=service,
        ticket_no="A017",
        staff_no=None,
        facts="0" * 64,
        answer=of_level(4),
        settings=0,
        took_ms=10,
        shown=1,
        input="key",
    )


def held(journal, seq=0):
    return journal.after(seq, 1000)


def members(envelope):
    return json.loads(str(split(envelope)[0], "utf-8"))


def receipt(journal, seq, key=KEY, **changes):
    envelope = dict(held(journal, seq - 1)).get(seq)
    fields = {
        "device": "xj-0417",
        "epoch": 29333341,
        "seq": seq,
        "mac16": NO_MAC16 if envelope is None else mac16(envelope),
        "at": 1,
    }
    fields.update(changes)
    return seal(key, encode(Receipt(**fields))).decode()
