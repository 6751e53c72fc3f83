"""What a command leaves behind: a new file, whole on the disk, never over another one."""

import os
from pathlib import Path

from workbench.error import WorkbenchError


def write_new(out: Path, data: bytes) -> None:
    """Write a new file durably. Raises WorkbenchError."""
    try:
        with out.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        raise WorkbenchError(f"{out} exists already: name another file with --out.") from None
    except OSError as error:
        raise WorkbenchError(f"{out} cannot be written: {error.strerror}.") from None
