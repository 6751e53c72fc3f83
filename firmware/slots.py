"""Two alternating slots: what the journal must know even if a segment vanishes.

The newest segment's number (so that no seq can come twice), the newest start's number, and the
last receipt that freed something; and which segments were removed empty before a `boot` had named
them. The slot not in use is the one that is written, so a power cut leaves at least one; both are
sealed with the device's key.
"""

import json

from firmware.guard import JournalDamageError
from protocol.envelope import is_signed, seal, split

_NAMES = ("slot0", "slot1")
_LIMIT = 2048  # a slot holds a whole receipt beside three numbers


class Slots:
    """Reads both slots; `segment` is None if neither can be read.

    files: Guarded. Raises JournalDamageError if they cannot be listed, or not be written.
    """

    def __init__(self, files, key):
        self._files = files
        self._key = key
        self._turn = 0
        self.segment = None
        self.boot = 0
        self.receipt = None
        self.emptied = []  # runs of segments
        names = files.names()
        for name in _NAMES:
            slot = self._read(name) if name in names else None
            if slot is not None and slot["turn"] > self._turn:
                self._turn = slot["turn"]
                self.segment = slot["segment"]
                self.boot = slot["boot"]
                self.receipt = slot["receipt"]
                self.emptied = slot["emptied"]

    def note(self, segment: int, boot: int, receipt, emptied: list):
        """Writes the older slot. receipt: the envelope as a string, or None."""
        self._turn += 1
        slot = {
            "kind": "slot",
            "turn": self._turn,
            "segment": segment,
            "boot": boot,
            "receipt": receipt,
            "emptied": emptied,
        }
        data = seal(self._key, json.dumps(slot).encode(), _LIMIT)
        self._files.write(_NAMES[self._turn % 2], data)
        self.segment, self.boot, self.receipt = segment, boot, receipt

    def _read(self, name):
        try:
            data = self._files.read(name, _LIMIT)
        except JournalDamageError:
            return None
        if not is_signed(self._key, data, _LIMIT):
            return None
        slot = json.loads(str(split(data, _LIMIT)[0], "utf-8"))
        return slot if slot.get("kind") == "slot" else None
