"""A journal's file system in memory, for tests on either interpreter; power can be cut."""

import io


class PowerCut(Exception):
    """The power went: nothing after this happened."""


class MemoryFiles:
    """Operations are complete when they return; the one numbered `cut_at` and all later fail."""

    def __init__(self):
        self.files = {}
        self.log = []
        self.cut_at = None

    def names(self):
        return list(self.files)

    def open(self, name):
        if name not in self.files:
            raise OSError(2)
        return io.BytesIO(self.files[name])

    def append(self, name, data):
        self._do("append", name)
        self.files[name] = self.files.get(name, b"") + bytes(data)

    def write(self, name, data):
        self._do("write", name)
        self.files[name] = bytes(data)

    def remove(self, name):
        self._do("remove", name)
        del self.files[name]

    def _do(self, operation, name):
        if self.cut_at is not None and len(self.log) >= self.cut_at:
            raise PowerCut()
        self.log.append((operation, name))
