"""Files that hold a secret: made once, for the owner only, never written over, never shared."""

import os
import stat
from pathlib import Path

from hosting.error import OperatorError
from hosting.text_file import open_file


def write_new(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write `content` durably to a file that did not exist.

    mode: only that of a file without a secret lets others read it. Raises OperatorError if the
    file exists or cannot be made; nothing half-written stays.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        raise OperatorError(
            f"{path} exists already and is never overwritten: name another file, or move it away."
        ) from None
    except OSError as error:
        raise OperatorError(f"{path} cannot be written: {error.strerror}.") from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)  # the umask may have taken more than we asked for
            file.write(content)
            file.flush()
            os.fsync(descriptor)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise OperatorError(f"{path} cannot be written: {error.strerror}.") from None


def read_private(path: Path, mend: str, most_bytes: int = 4096) -> bytes:
    """The content of a secret file.

    Raises OperatorError, without the content, if it is missing, longer than `most_bytes`, or if
    others than its owner may read it. mend: where to get one that is missing, a sentence.
    """
    try:
        with open_file(path) as file:
            require_private(path, os.fstat(file.fileno()))
            content = file.read(most_bytes + 1)
    except FileNotFoundError:
        raise OperatorError(f"{path} is missing: {mend}") from None
    except OSError as error:
        raise OperatorError(f"{path} cannot be read: {error.strerror}.") from None
    if len(content) > most_bytes:
        raise OperatorError(
            f"{path} has over {most_bytes} bytes, more than it should hold: it is another file, "
            "or damaged. Take the right one, or its backup."
        )
    return content


def require_private(path: Path, status: os.stat_result | None = None) -> None:
    """Raise OperatorError if others than its owner may read a file. status: of the open file.

    A missing file raises OSError without it.
    """
    status = path.stat() if status is None else status
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise OperatorError(
            f"{path} can be read by others than its owner: run `chmod 600 {path}`, and if "
            "somebody may have read it, get a new one."
        )


def read_token(path: Path, mend: str) -> str:
    """The token in a secret file, one line. Raises OperatorError as `read_private` does."""
    try:
        token = read_private(path, mend).decode("ascii").strip()
    except UnicodeDecodeError:
        token = ""
    if not token or not token.isprintable() or " " in token:
        raise OperatorError(f"{path} must hold one token and nothing else: {mend}")
    return token
