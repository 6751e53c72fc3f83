"""The journal's file system, with failures of its own: an OSError elsewhere is the network's.

The file system is handed in: `names()`, `open(name)` for reading, `append(name, data)`,
`write(name, data)` and `remove(name)`, the last three complete and closed when they return,
OSError when they fail (firmware/files.py is a board's).
"""

_PIECE = 256  # bytes: a heap that has run for a day has such pieces


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
            return self._pieces(file.read, most, b"")
        finally:
            file.close()

    def lines(self, name, most, start=0):
        """The file's lines from byte `start` on, line feeds included, none longer than `most`."""
        file = self._try(self._files.open, name)
        try:
            self._try(file.seek, start)
            while True:
                line = self._pieces(file.readline, most, b"\n")
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

    def _pieces(self, read, most, end):
        """What read(n) gives until it gives nothing, what ends with `end`, or `most` bytes.

        MicroPython takes n bytes in one piece, however little there is to read.
        """
        data = b""
        while len(data) < most:
            piece = self._try(read, min(_PIECE, most - len(data)))
            data += piece
            if not piece or (end and piece.endswith(end)):
                break
        return data

    def _try(self, operation, *arguments):
        try:
            return operation(*arguments)
        except OSError as error:
            raise JournalDamageError(f"the flash refuses: {error}")
