"""A wall clock that is set from outside: libfaketime in a process, which leaves the monotonic one
alone.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

_STEPPED = Path(__file__).with_name("stepped")  # what Python has to know of it
_LIBRARIES = ("/usr/lib/*/faketime/libfaketime.so.1", "/usr/lib/faketime/libfaketime.so.1")


def find_faketime() -> Path | None:
    """The library of Debian's package `libfaketime`, or None."""
    found = [path for one in _LIBRARIES for path in Path("/").glob(one[1:])]
    return found[0] if found else None


def _paths() -> list[str]:
    return [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]


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
            "PYTHONPATH": os.pathsep.join([str(_STEPPED), *_paths()]),
        }

    def set(self, offset: str) -> None:
        """From now on it differs by so much from the true time: `-7h`, `+3d`, `+0`."""
        new = self.file.with_suffix(".new")
        new.write_text(f"{offset}\n")
        new.replace(self.file)  # nobody reads half of it

    @contextmanager
    def running(self, code: str, *words: str, folder: Path) -> Iterator[IO[str]]:
        """What a service says, that `code` runs under this clock in `folder` until its standard
        input is closed; what it logs is in `service.log` there.
        """
        with (folder / "service.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-c", code, *words, "--until-stdin-closes"],
                cwd=folder,
                env={**os.environ, **self.environment},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield process.stdout
        finally:
            process.stdin.close()
            try:
                process.wait(15)
            finally:
                process.kill()
                process.stdout.close()

    def measure(self) -> tuple[float, float]:
        """By how many seconds wall and monotonic clock of a process that it holds differ from
        ours: the second is the control, which has to be next to nothing.
        """
        said = subprocess.run(
            [sys.executable, "-c", "import time; print(time.time(), time.monotonic())"],
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=True,
        )
        wall_s, monotonic_s = map(float, said.stdout.split())
        return wall_s - time.time(), monotonic_s - time.monotonic()
