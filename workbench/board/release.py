"""The firmware as it is shipped: what `make firmware` builds, checked before it leaves."""

import json
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from hosting.error import OperatorError
from shipped import without_firmware

MANIFEST = "manifest.json"


class Release(NamedTuple):
    """A firmware. files: {path on the device: content}."""

    version: str
    files: dict[str, bytes]


def read_release(folder: Path) -> Release:
    """The firmware in a folder. Raises OperatorError if a file is missing or not as built."""
    try:
        text = (folder / MANIFEST).read_bytes()
        manifest = json.loads(text)
        files = {}
        for name, about in manifest["files"].items():
            files[f"/{name}"] = (folder / name).read_bytes()
            if sha256(files[f"/{name}"]).hexdigest() != about["sha256"]:
                raise OperatorError(
                    f"{folder / name} is not the file that was built: {without_firmware(folder)}."
                )
        return Release(manifest["version"], {**files, f"/{MANIFEST}": text})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise OperatorError(
            f"there is no built firmware in {folder} ({error}): {without_firmware(folder)}."
        ) from None
