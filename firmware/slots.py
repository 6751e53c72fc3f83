"""Two alternating slots: what the journal must know even if a segment vanishes.

The newest segment's number (so that no seq can come twice), the newest start's number, and the
last receipt that freed something. The slot not in use is the one that is written, so a power cut
leaves at least one; both are sealed with the device's key.
"""

import json

from protocol.envelope import is_signed, seal, split

_NAMES = ("slot0", "slot1")
_LIMIT = 2048  # a slot holds a whole receipt beside three numbers


class Slots:
    """Reads both slots; `segment` is None if neither can be read."""

    def __init__(self, files, key):
        self._files = files
        self._key = key
        self._turn = 0
        self.segment = None
        self.boot = 0
        self.receipt = None
        for name in _NAMES:
            slot = self._read(name)
            if slot is not None and slot["turn"] > self._turn:
                self._turn = slot["turn"]
                self.segment = slot["segment"]
                self.boot = slot["boot"]
                self.receipt = slot["receipt"]

    def note(self, segment: int, boot: int, receipt):
        """Writes the older slot. receipt: the envelope as a string, or None."""
        self._turn += 1
        slot = {
            "kind": "slot",
            "turn": self._turn,
            "segment": segment,
            "boot": boot,
            "receipt": receipt,
        }
        data = seal(self._key, json.dumps(slot).encode(), _LIMIT)
        self._files.write(_NAMES[self._turn % 2], data)
        self.segment, self.boot, self.receipt = segment, boot, receipt

    def _read(self, name):
        if name not in self._files.names():
            return None
        file = self._files.open(name)
        data = file.read(_LIMIT)
        file.close()
        if not is_signed(self._key, data, _LIMIT):
            return None
        slot = json.loads(str(split(data, _LIMIT)[0], "utf-8"))
        return slot if slot.get("kind") == "slot" else None
