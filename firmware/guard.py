"""The journal's file system, with failures of its own: an OSError elsewhere is the network's.

The file system is handed in: `names()`, `open(name)` for reading, `append(name, data)`,
`write(name, data)` and `remove(name)`, the last three complete and closed when they return,
OSError when they fail (firmware/files.py is a board's).
"""


class JournalDamageError(Exception):
    """The flash refuses, or what could be read at the start cannot be read now.

    Only a restart is safe: it opens a later segment, so no seq comes twice whatever was written
    (JRN-3, REC-3).
    """


class Guarded:
    """Files that raise JournalDamageError where `files` raise OSError."""

    def __init__(self, files):
        self._files = files

    def names(self):
        return self._try(self._files.names)

    def read(self, name, most):
        """The file's first `most` bytes."""
        file = self._try(self._files.open, name)
        try:
            return self._try(file.read, most)
        finally:
            file.close()

    def lines(self, name, most, start=0):
        """The file's lines from byte `start` on, line feeds included, none longer than `most`."""
        file = self._try(self._files.open, name)
        try:
            self._try(file.seek, start)
            while True:
                line = self._try(file.readline, most)
                if not line:
                    break
                yield line
        finally:
            file.close()

    def append(self, name, data):
        self._try(self._files.append, name, data)

    def write(self, name, data):
        self._try(self._files.write, name, data)

    def remove(self, name):
        self._try(self._files.remove, name)

    def _try(self, operation, *arguments):
        try:
            return operation(*arguments)
        except OSError as error:
            raise JournalDamageError(f"the flash refuses: {error}")
