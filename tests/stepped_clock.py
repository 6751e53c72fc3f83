"""A wall clock that is set from outside: libfaketime in a process, which leaves the monotonic one
alone.
"""

from pathlib import Path

_LIBRARIES = ("/usr/lib/*/faketime/libfaketime.so.1", "/usr/lib/faketime/libfaketime.so.1")


def find_faketime() -> Path | None:
    """The library of Debian's package `libfaketime`, or None."""
    found = [path for one in _LIBRARIES for path in Path("/").glob(one[1:])]
    return found[0] if found else None


class SteppedClock:
    """The wall clock of processes that are started with `environment`; they read `file`."""

    def __init__(self, folder: Path) -> None:
        library = find_faketime()
        assert library is not None
        self.file = folder / "faketime"
        self.set("+0")
        self.environment = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }

    def set(self, offset: str) -> None:
        """From now on it differs by so much from the true time: `-7h`, `+3d`, `+0`."""
        new = self.file.with_suffix(".new")
        new.write_text(f"{offset}\n")
        new.replace(self.file)  # nobody reads half of it
