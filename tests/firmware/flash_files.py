"""A journal's files for tests: on what this interpreter has, with a power that can be cut.

CPython: firmware/files.py on real littlefs. MicroPython: the same on its own `open` and `os`, or,
where a `host` is there, the virtual board's files.
"""

try:
    import host  # noqa: F401  # pyright: ignore[reportMissingImports]

    from firmware.boards.webassembly_five_key.board import HostFiles
except ImportError:
    HostFiles = None
try:
    from littlefs_flash import Disk, Flash
except ImportError:
    Disk = Flash = None
from firmware.files import Files


class PowerCut(Exception):
    """The power went: nothing after this happened."""


class FlashFiles:
    """A new, empty flash, or one with `contents` {name: bytes}.

    `log` is what was done, (operation, name); the operation numbered `cut_at` and all later ones
    fail. `watch`, if set, is called before each one. files[name], files[name] = data and
    del files[name] look at it and damage it.
    """

    count = 0  # of flashes made, so that each has a folder of its own

    def __init__(self, contents=None):
        FlashFiles.count += 1
        self._files = _new_files(FlashFiles.count)
        self.log = []
        self.cut_at = None
        self.watch = None
        for name, data in (contents or {}).items():
            self._files.write(name, data)

    def names(self):
        return self._files.names()

    def open(self, name):
        return self._files.open(name)

    def append(self, name, data):
        self._do("append", name)
        self._files.append(name, data)

    def write(self, name, data):
        if data and name not in self.names():
            # LittleFS commits a new file when it is opened, and its contents when it is closed.
            self._do("create", name)
            self._files.write(name, b"")
        self._do("write", name)
        self._files.write(name, data)

    def remove(self, name):
        self._do("remove", name)
        self._files.remove(name)

    def contents(self):
        """Everything, {name: bytes}."""
        return {name: self[name] for name in self.names()}

    def wipe(self):
        """Removes everything: a test that makes many flashes would fill the disk below them."""
        for name in self.names():
            del self[name]

    def __getitem__(self, name):
        file = self._files.open(name)
        data = file.read()
        file.close()
        return data

    def __setitem__(self, name, data):
        self._files.write(name, data)

    def __delitem__(self, name):
        self._files.remove(name)

    def _do(self, operation, name):
        if self.cut_at is not None and len(self.log) >= self.cut_at:
            raise PowerCut()
        if self.watch:
            self.watch()
        self.log.append((operation, name))


def _new_files(number):
    if HostFiles:
        return _Part(HostFiles(), f"{number}-")
    if Disk:
        disk = Disk(Flash(64), is_new=True)
        return Files("/", disk, disk.open)
    return Files(f"/flash{number}")


class _Part:
    """The files of a flat folder whose names begin with `prefix`, under the rest of them."""

    def __init__(self, files, prefix):
        self._files = files
        self._prefix = prefix

    def names(self):
        names = self._files.names()
        return [name[len(self._prefix) :] for name in names if name.startswith(self._prefix)]

    def open(self, name):
        return self._files.open(self._prefix + name)

    def append(self, name, data):
        self._files.append(self._prefix + name, data)

    def write(self, name, data):
        self._files.write(self._prefix + name, data)

    def remove(self, name):
        self._files.remove(self._prefix + name)
