"""Room on the disk, and a reserve of it that is kept for bad times.

While the reserve is held nothing else can use it up. When the disk is full it is given up, so that
what is safe can still be acknowledged, verdicts be written, and rows be deleted. A disk that is
read-only, or fails, stops the hall in the same way, and is told in the same place.
"""

import contextlib
import errno
import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path

from sqlalchemy.exc import DatabaseError

from gateway.keep.alarms import Alarms
from gateway.store import envelopes
from gateway.store.database import Database, is_of_disk
from hosting.log import CHANGE
from hosting.text_file import file_id

log = logging.getLogger(__name__)

_MAKE_ROOM = "is full", "Make room on it"
_FAILS = "takes nothing ({why})", "Read the kernel's log (`dmesg`), and replace a disk that dies"
_WORDS = {
    errno.ENOSPC: _MAKE_ROOM,
    errno.EDQUOT: _MAKE_ROOM,
    errno.EROFS: (
        "is read-only",
        "Read the kernel's log (`dmesg`) for why, and mount it for writing",
    ),
}


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

    @property
    def is_held(self) -> bool:
        """Whether the space is ours now: somebody may have deleted the file."""
        try:
            return self._path.stat().st_size >= self.size
        except OSError:
            return False

    def release(self) -> None:
        """Give the space up, if the disk lets us."""
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)


class Room:
    """Whether anything can be taken in. Used by any thread.

    write: writes some few bytes durably into the database. What is true is told by writes that
    were tried, by whomever; `look` tries one where nobody did.
    """

    def __init__(
        self,
        folder: Path,
        database: Database,
        reserve: Reserve,
        alarms: Alarms,
        write: Callable[[], None],
    ):
        self.is_shut = self._was_away = False
        self._folder = folder
        self._database = database
        self._reserve = reserve
        self._alarms = alarms
        self._write = write
        self._commits = -1
        self._file = file_id(database.path)
        self._opening = threading.Lock()
        database.on_failed = self.failed

    def failed(self, error: DatabaseError) -> None:
        """A write has failed. If that was the disk: say so first, then give up the reserve, for
        verdicts and deletions.
        """
        if not is_of_disk(error):
            return
        self.is_shut = True
        what, todo = _why(self._folder, error)
        self._alarms.set(
            "disk",
            f"The disk with {self._folder} {what}: nothing more is taken in, devices keep their "
            f"records, queue systems are told to try again. {todo}; it goes on by itself.",
        )
        self._reserve.release()

    def is_there(self) -> bool:
        """Whether to take in: not while nothing can be written, nor while the disk is full and
        nothing could be deleted.
        """
        if not self.is_shut:
            return True
        if not self._is_in_place():
            return False
        with self._opening:
            try:
                if self._was_away:
                    self._database.reopen()
                    self._was_away = False
                self._write()
                if not self._reserve.hold() and not self._make():
                    return False
            except DatabaseError:
                return False
            self.is_shut = False
        self._alarms.clear("disk")
        self._alarms.clear("database")
        log.info("there is room again; intake goes on", extra=CHANGE)
        return True

    def look(self) -> None:
        """Try a write if nobody wrote since the last look, and the reserve if it is not held."""
        if self.is_shut or not self._is_in_place():
            self.is_there()
        elif self._database.commits == self._commits:
            try:
                self._write()
                self._alarms.clear("database")
            except DatabaseError as error:
                if not self.is_shut:
                    self._alarms.set("database", refusal(error))
        self._commits = self._database.commits
        if self._reserve.is_held or self.is_shut or self._reserve.hold():
            self._alarms.clear("disk_low")
            return
        self._alarms.set(
            "disk_low",
            f"The disk with {self._folder} has no {self._reserve.size >> 20} MB left, the reserve "
            "that is kept for bad times. Make room on it before it is full.",
        )

    def _is_in_place(self) -> bool:
        """Whether the database is where it was; else what is written to it goes nowhere."""
        path = self._database.path
        if file_id(path) == self._file and path.with_name(f"{path.name}-wal").exists():
            return True
        self.is_shut = self._was_away = True
        self._alarms.set(
            "disk",
            f"The database {path}, or the -wal beside it, was taken away under the gateway: "
            "nothing more is taken in, devices keep their records. Put it back, or restart it, "
            "which begins a new one and gets everything from the devices.",
        )
        return False

    def _make(self) -> bool:
        """Delete the oldest of what the centre has; whether that is room enough to go on."""
        with self._database.write() as connection:
            envelopes.let_go(connection, None)
        return self._database.free_bytes() >= self._reserve.size // 2


def refusal(error: Exception) -> str:
    """The sentence of the alarm `database`: it is not the disk that takes nothing."""
    why = getattr(error, "orig", error)
    return (
        f"The database takes nothing: {why}. Devices keep their records meanwhile. Does another "
        "program hold it, a backup or a shell of SQLite? End that."
    )


def _why(folder: Path, error: DatabaseError) -> tuple[str, str]:
    """What is wrong with the disk, as a file of our own meets it, and what to do."""
    number = probe(folder)
    why = os.strerror(number) if number else str(error.orig)
    what, todo = _WORDS.get(number or 0, _FAILS)
    return what.format(why=why), todo


def why_not(folder: Path) -> str | None:
    """What stops a file from being written there, and what to do; None for nothing."""
    number = probe(folder)
    if not number:
        return None
    what, todo = _WORDS.get(number, _FAILS)
    return f"{what.format(why=os.strerror(number))}. {todo}"


def probe(folder: Path) -> int | None:
    """The number of the error that stops a small file from being written there; None for none."""
    path = folder / ".probe"
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.write(handle, b"x" * 4096)
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        return error.errno
    finally:
        with contextlib.suppress(OSError):
            path.unlink()
    return None
