"""Files that people carry between a hall without a network and the centre: a header, then a line
of JSON for each batch or answer, gzip. Whole when it has its name.
"""

import gzip
import json
import os
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from hosting.error import OperatorError

BATCHES, ANSWERS = "pingjia carried batches 1", "pingjia carried answers 1"
_LINE_BYTES = 160 * 1024 * 1024  # a hall's document of 64 MB, escaped
_HEAD_BYTES = 64 * 1024


def write_carried(path: Path, header: dict[str, Any], lines: Iterable[dict[str, Any]]) -> int:
    """Write a new file, for its owner only; how many lines. Raises OperatorError."""
    if path.exists():
        raise OperatorError(f"{path} is there already: name a new file.")
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    count = 0
    try:
        with (
            os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as raw,
            gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=6, mtime=0) as file,
        ):
            file.write(json.dumps(header).encode() + b"\n")
            for line in lines:
                file.write(json.dumps(line).encode() + b"\n")
                count += 1
            file.close()
            raw.flush()
            os.fsync(raw.fileno())
        new.rename(path)
    except OSError as error:
        raise OperatorError(f"{path} cannot be written: {error.strerror}.") from None
    finally:
        new.unlink(missing_ok=True)
    return count


def read_carried(path: Path, kind: str) -> tuple[dict[str, Any], Iterator[dict[str, Any]]]:
    """Header and lines of a file of this kind. Raises OperatorError, also while the lines are
    read: one that is cut off or damaged on its way is named.
    """
    try:
        file = gzip.open(path, "rb")  # noqa: SIM115 its lines are read later
        first = _line(path, file.readline(_HEAD_BYTES))
    except (OSError, EOFError, zlib.error):
        raise OperatorError(f"{path} cannot be read: is it a file that was carried?") from None
    if first.get("format") != kind:
        file.close()
        raise OperatorError(
            f"{path} holds {first.get('format')!r}, and not {kind!r}: the two directions have a "
            "file each."
        )

    def lines() -> Iterator[dict[str, Any]]:
        with file:
            try:
                while line := file.readline(_LINE_BYTES):
                    yield _line(path, line)
            except (OSError, EOFError, zlib.error):
                raise OperatorError(f"{path} is damaged or cut off: carry it again.") from None

    return first, lines()


def _line(path: Path, line: bytes) -> dict[str, Any]:
    try:
        read = json.loads(line)
    except (ValueError, RecursionError):
        read = None
    if not isinstance(read, dict):
        raise OperatorError(f"{path} is no file that was carried, or damaged: carry it again.")
    return read
