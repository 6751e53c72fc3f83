"""Room on the disk, and a reserve of it that is kept for bad times.

While the reserve is held nothing else can use it up. When the disk is full it is given up, so that
what is safe can still be acknowledged, verdicts be written, and rows be deleted.
"""

import logging
import os
from pathlib import Path

from gateway.keep.alarms import Alarms
from gateway.store import envelopes
from gateway.store.database import Database

log = logging.getLogger(__name__)


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


class Room:
    """Whether there is room to take something in. Used by one thread."""

    def __init__(self, database: Database, reserve: Reserve, alarms: Alarms):
        self.is_full = False
        self._database = database
        self._reserve = reserve
        self._alarms = alarms

    def run_out(self) -> None:
        """The disk is full: with the reserve given up, verdicts and deletions still find room."""
        self.is_full = True
        self._reserve.release()
        self._alarms.set(
            "disk",
            "The disk with the data folder is full: nothing more is taken in, devices keep their "
            "records. Make room on it; the gateway goes on by itself.",
        )

    def is_there(self) -> bool:
        """Whether to take in: not while the disk is full and nothing could be deleted."""
        if not self.is_full:
            return True
        if not self._reserve.hold() and not self._make():
            return False
        self.is_full = False
        self._alarms.clear("disk")
        log.info("there is room again; intake goes on")
        return True

    def _make(self) -> bool:
        """Delete the oldest of what the centre has; whether that is room enough to go on."""
        with self._database.write() as connection:
            envelopes.let_go(connection, None)
        return self._database.free_bytes() >= self._reserve.size // 2
