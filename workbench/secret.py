"""Files that hold a secret: only their owner may read them."""

import os
import stat
from pathlib import Path

from workbench.error import WorkbenchError


def read_secret(path: Path, most_bytes: int) -> bytes:
    """The content of a file that nobody else may read. Raises WorkbenchError, without it."""
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            data = file.read(most_bytes + 1)
    except OSError as error:
        raise WorkbenchError(f"{path} cannot be read: {error.strerror}.") from None
    if mode & 0o077:
        raise WorkbenchError(
            f"{path} can be read by others than its owner: run `chmod 600 {path}`; if somebody "
            "may have read it, ask for a new one."
        )
    if len(data) > most_bytes:
        raise WorkbenchError(f"{path} is too long for what it should hold: is it another file?")
    return data
