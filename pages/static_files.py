"""The files that pages need: styles, scripts, pictures, under a name that changes with them."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


def read(*folders: Path | None) -> dict[str, bytes]:
    """Name -> content of the files of these folders."""
    return {
        path.name: path.read_bytes()
        for folder in folders
        if folder is not None
        for path in sorted(folder.iterdir())
        if path.suffix in TYPES
    }


def digest(files: Mapping[str, bytes]) -> str:
    """Names the files' contents, so that browsers may keep them for a year."""
    whole = hashlib.sha256()
    for name, content in files.items():
        whole.update(name.encode() + b"\0" + content)
    return whole.hexdigest()[:16]
