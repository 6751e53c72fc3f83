"""Bundles: what enrolment gives a device, on its short way through this laptop.

A bundle holds the device's key. It is never shown and never logged, its file is for its owner
only, and is removed once the device has it.
"""

import json
from pathlib import Path
from typing import NamedTuple

from hosting.error import OperatorError
from hosting.secret_file import read_private
from protocol.field import ProtocolError, device_id, place_id, read, seq

USED = ".used"  # the ending of a bundle's file from its first use on
_NAMED = (("device", device_id), ("epoch", seq), ("hall", place_id))
_MOST_BYTES = 16384


class Bundle(NamedTuple):
    """data: the exact bytes for the device. file: where they came from, None: the centre."""

    device: str
    epoch: int
    hall: str
    data: bytes
    file: Path | None

    def __repr__(self) -> str:
        return f"Bundle({self.device!r}, {self.epoch})"

    def begin(self) -> "Bundle":
        """Renames its file: from now on it is for the board that it was begun on, and no other."""
        if self.file is None or self.file.name.endswith(USED):
            return self
        return self._replace(file=self.file.rename(f"{self.file}{USED}"))

    def drop(self) -> None:
        """Removes its file: the device has it now, and a bundle is for one device once."""
        if self.file is not None:
            self.file.unlink(missing_ok=True)


def parse_bundle(data: bytes, file: Path | None = None) -> Bundle:
    """The bundle in JSON bytes. Raises OperatorError, without its content."""
    name = file or "what the centre sent"
    try:
        device, epoch, hall = read(_NAMED, json.loads(data), "a bundle")
    except (ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, ProtocolError) else "it is no JSON"
        raise OperatorError(f"{name} is no bundle: {reason}.") from None
    return Bundle(device, epoch, hall, data, file)


def read_bundle(file: Path) -> Bundle:
    """The bundle in a file that only its owner may read. Raises OperatorError."""
    return parse_bundle(read_private(file, "ask the centre for a bundle.", _MOST_BYTES), file)


def read_bundles(folder: Path) -> list[Bundle]:
    """The unused bundles in a folder (`*.json`), by device. Raises OperatorError."""
    bundles = [read_bundle(file) for file in folder.glob("*.json")]
    return sorted(bundles, key=lambda bundle: bundle.device)
