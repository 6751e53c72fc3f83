"""Journals as one would write them at first: the fault tests must see them fail."""

import json

from journal_parts import IDENTITY, KEY

from protocol.answer import NO_ANSWER
from protocol.envelope import NO_MAC16, seal
from protocol.record import encode


class LateFiles:
    """Files whose appends are thanked for before the file is closed.

    The file stays open until something else is done, as an application does that saves closes.
    """

    def __init__(self, files, open, folder):
        self._files = files
        self._open = open
        self._folder = folder
        self._name = None
        self._file = None

    def append(self, name, data):
        if name != self._name:
            self._close()
            self._name, self._file = name, self._open(f"{self._folder}/{name}", "ab")
        self._file.write(data)

    def names(self):
        return self._files.names()

    def open(self, name):
        self._close()
        return self._files.open(name)

    def write(self, name, data):
        self._close()
        self._files.write(name, data)

    def remove(self, name):
        self._close()
        self._files.remove(name)

    def _close(self):
        if self._file:
            self._file.close()
        self._name = self._file = None


class OneFile:
    """One file, trusted as it is read; a start writes anew what it could read of it."""

    NAME = "00000000.seg"

    def __init__(self, files):
        self._files = files
        self._lines = []
        if self.NAME in files.names():
            file = files.open(self.NAME)
            data = file.read()
            file.close()
            lines = [line for line in data.split(b"\n") if line]
            records = zip(lines[::2], lines[1::2])
            self._lines = [b"\n".join(pair) for pair in records if _is_json(pair[0])]
            files.remove(self.NAME)
        files.write(self.NAME, b"".join([line + b"\n" for line in self._lines]))
        self.seq = json.loads(self._lines[-1].split(b"\n")[0])["seq"] if self._lines else 0

    def begin(self, up_ms, at):
        pass

    def append(self, kind, up_ms, at, **fields):
        self.seq += 1
        fields.update({"seq": self.seq, "prev": NO_MAC16, "boot": 1, "up_ms": up_ms, "at": at})
        fields.update({"device": IDENTITY.device, "epoch": IDENTITY.epoch})
        fields["answer"] = NO_ANSWER  # nobody opens it here
        envelope = seal(KEY, encode(kind(**fields)))
        self._files.append(self.NAME, envelope + b"\n")
        self._lines.append(envelope)
        return envelope

    def after(self, seq, most):
        found = [(json.loads(line.split(b"\n")[0])["seq"], line) for line in self._lines]
        return [pair for pair in found if pair[0] > seq][:most]

    def take_receipt(self, text):
        return True


def _is_json(text):
    try:
        return "seq" in json.loads(str(text, "utf-8"))
    except ValueError:
        return False
