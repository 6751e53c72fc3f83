"""Which board gets which bundle: each bundle one board, for ever.

Two boards with one key could not be told apart, so a bundle that was begun on a board (its file
ends in `.used`) goes only to a board that says it is that device.
"""

import threading
from pathlib import Path

from hosting.error import OperatorError
from workbench.desk.bundle import USED, Bundle, read_bundle, read_bundles


class Supply:
    """The bundles of a folder, or the one in a file; safe for threads. Raises OperatorError."""

    def __init__(self, path: Path):
        self._lock = threading.Lock()
        self._path = path
        self._is_folder = path.is_dir()
        if self._is_folder:
            self._fresh = read_bundles(path)
        else:
            self._fresh = [] if self._begun(path.stem).exists() else [read_bundle(path)]

    def take(self, device: str | None) -> Bundle | None:
        """The bundle for a board that says it is `device`, None: a blank one.

        None for a device that needs none, because it has used its own up.
        """
        with self._lock:
            if device is None:
                return self._next()
            for bundle in self._fresh:
                if bundle.device == device:
                    self._fresh.remove(bundle)
                    return bundle
            begun = self._begun(device)
        if begun.exists():
            return read_bundle(begun)
        if self._is_folder:
            return None
        raise OperatorError(
            f"this board is {device} already, and may hold ratings. Read them out first: pingjia "
            "workbench rescue; then repeat the command with --overwrite."
        )

    def _next(self) -> Bundle:
        if not self._fresh:
            raise OperatorError(
                f"there is no unused bundle (*.json) in {self._path}. Ask the centre for more; "
                f"one that ends in {USED} belongs to a board that broke off: plug that one in."
            )
        return self._fresh.pop(0)

    def _begun(self, device: str) -> Path:
        folder = self._path if self._is_folder else self._path.parent
        return folder / f"{device}.json{USED}"
