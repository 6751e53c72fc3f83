"""One gateway on a data folder: a second one would answer devices from under the first one."""

import fcntl
import os
from pathlib import Path

from hosting.error import OperatorError

LOCK = "lock"


class FolderLock:
    """Held from the start to `release`, or to the end of the process, however that ends.

    Raises OperatorError if another gateway holds it.
    """

    def __init__(self, folder: Path):
        self._handle: int | None = None
        path = folder / LOCK
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise OperatorError(
                f"{path} cannot be opened: {error.strerror}. May this user write data_dir?"
            ) from error
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise OperatorError(
                f"Another gateway runs on {folder}. Stop it first, or name another data_dir; a "
                "copy of a data folder must not run beside the first one either."
            ) from error

    def release(self) -> None:
        """Let another gateway have the folder."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def __del__(self):
        self.release()
