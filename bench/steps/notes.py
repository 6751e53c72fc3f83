"""Notes of who passed which step when: a line for each, `step second mac16 mac16 …`.

A second is a monotonic one, which all processes of a machine share. mac16 names a rating: the
first 16 digits of its MAC.
"""

import gzip
import os
import re
import time
from collections.abc import Iterable
from pathlib import Path

# What starts a centre and a gateway that note their steps.
PROGRAMS = tuple(
    (str(Path(__file__).with_name(name)),) for name in ("noting_centre.py", "noting_gateway.py")
)

_RATINGS = re.compile(rb'(?:\n|\\n)([0-9a-f]{16})[0-9a-f]{48}(?="|\Z)')
_GZIP = b"\x1f\x8b"


class Notes:
    """Notes of one process in the file at `path`; a line is written at once."""

    def __init__(self, path: Path):
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def note(self, step: str, ratings: Iterable[str], at_s: float | None = None) -> None:
        """These ratings pass a step, now or at `at_s`."""
        line = f"{step} {time.monotonic() if at_s is None else at_s} {' '.join(ratings)}\n"
        os.write(self._file, line.encode())


def ratings_in(body: bytes) -> list[str]:
    """The ratings in an envelope or in a batch's body, packed or not."""
    plain = gzip.decompress(body) if body.startswith(_GZIP) else body
    return [found.decode() for found in _RATINGS.findall(plain)]


class Door:
    """An ASGI application that notes when a request with ratings arrived."""

    def __init__(self, app, notes: Notes):
        self._app = app
        self._notes = notes

    async def __call__(self, scope, receive, send) -> None:
        at_s, body = time.monotonic(), bytearray()

        async def receive_noted():
            message = await receive()
            body.extend(message.get("body", b""))
            return message

        await self._app(scope, receive_noted, send)
        if scope["type"] == "http" and scope["method"] == "POST":
            self._notes.note("arrived", ratings_in(bytes(body)), at_s)


def read(paths: Iterable[Path]) -> dict[str, dict[str, float]]:
    """When each rating passed each step for the first time: {mac16: {step: second}}."""
    passed: dict[str, dict[str, float]] = {}
    for path in paths:
        for line in path.read_text().splitlines():
            step, at_s, *ratings = line.split(" ")
            for rating in ratings:
                steps = passed.setdefault(rating, {})
                steps[step] = min(float(at_s), steps.get(step, float(at_s)))
    return passed
