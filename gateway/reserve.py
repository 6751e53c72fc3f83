"""Space on the disk that is kept for bad times.

While it is held nothing else can use it up. When the disk is full it is given up, so that what is
safe can still be acknowledged, verdicts be written, and rows be deleted.
"""

import os
from pathlib import Path


class Reserve:
    """A file of `size` bytes at `path`."""

    def __init__(self, path: Path, size: int):
        self.size = size
        self._path = path

    def hold(self) -> bool:
        """Have the space, if the disk has it; whether we do."""
        try:
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                os.posix_fallocate(handle, 0, self.size)
            finally:
                os.close(handle)
        except OSError:
            self.release()
            return False
        return True

    def release(self) -> None:
        """Give the space up."""
        self._path.unlink(missing_ok=True)
