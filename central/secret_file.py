"""Files that hold a secret: made once, for the owner only, never written over."""

import os
import stat
from pathlib import Path

from central.error import CentralError


def write_new(path: Path, content: bytes) -> None:
    """Write `content` durably to a file that did not exist, with mode 0600.

    Raises CentralError if the file exists or cannot be made; nothing half-written stays.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise CentralError(
            f"{path} exists already and is never overwritten: name another file, or move it away."
        ) from None
    except OSError as error:
        raise CentralError(f"{path} cannot be written: {error.strerror}.") from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, 0o600)  # the umask may have taken more than we asked for
            file.write(content)
            file.flush()
            os.fsync(descriptor)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise CentralError(f"{path} cannot be written: {error.strerror}.") from None


def read_private(path: Path, mend: str) -> bytes:
    """The content of a secret file (at most 4 KB are read).

    Raises CentralError if it is missing or others may read it; `mend` is the command that makes
    a missing one.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        raise CentralError(f"{path} is missing: make it with `{mend}`.") from None
    except OSError as error:
        raise CentralError(f"{path} cannot be read: {error.strerror}.") from None
    with os.fdopen(descriptor, "rb") as file:
        if stat.S_IMODE(os.fstat(descriptor).st_mode) & 0o077:
            raise CentralError(
                f"{path} can be read by others than its owner: run `chmod 600 {path}`, "
                "and think about who may have read it."
            )
        return file.read(4096)
