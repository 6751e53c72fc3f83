"""A request to the gateway's API against a bare FastAPI answer.

    python -m bench.api

`/healthz` of a quiet hall without devices, and `{"status": "ok"}` from a FastAPI of its own
process behind the same kind of listener (`bare.py health`), asked in turns by a plain socket: on a
connection that is kept, as a queue system keeps it, and on a new one for each request.
"""

import asyncio
import socket
import statistics
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

from bench.hall import BenchHall, end, line_of, row, start_bare

REQUESTS = 3000  # of each, on each kind of connection
TURN = 100  # requests of one before the other's turn
WARM = 3  # turns that do not count: code is read, caches fill
MOST = 1.5


class Asker:
    """Asks one server for one path. Use as `with Asker(url, path) as asker`."""

    def __init__(self, url: str, path: str):
        parts = urlsplit(url)
        self._address = (parts.hostname, parts.port)
        self._request = f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode()
        self._kept = self._connect()

    def __enter__(self) -> "Asker":
        return self

    def __exit__(self, *_: object) -> None:
        self._kept.close()

    def on_kept(self) -> float:
        """Seconds until the answer is whole, on the connection that is kept."""
        began_s = time.perf_counter()
        self._ask(self._kept)
        return time.perf_counter() - began_s

    def on_new(self) -> float:
        """The same on a new connection, with making it."""
        began_s = time.perf_counter()
        with self._connect() as connection:
            self._ask(connection)
            return time.perf_counter() - began_s

    def _connect(self) -> socket.socket:
        connection = socket.create_connection(self._address, 10)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def _ask(self, connection: socket.socket) -> None:
        connection.sendall(self._request)
        answer = b""
        while not _is_whole(answer):
            piece = connection.recv(65536)
            assert piece, f"the connection was closed after {answer!r}"
            answer += piece
        assert answer.startswith(b"HTTP/1.1 200 "), answer


def _is_whole(answer: bytes) -> bool:
    head, end_of_head, body = answer.partition(b"\r\n\r\n")
    return bool(end_of_head) and len(body) == int(
        head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
    )


def medians_us(gateway: Asker, bare: Asker) -> dict[str, tuple[float, float]]:
    """{kind of connection: (ours, bare)}, medians in µs."""
    return {
        "kept": _in_turns_us(gateway.on_kept, bare.on_kept),
        "new": _in_turns_us(gateway.on_new, bare.on_new),
    }


def _in_turns_us(ours, reference) -> tuple[float, float]:
    took = ([], [])
    for turn in range(WARM + REQUESTS // TURN):
        for ask, noted in zip((ours, reference), took, strict=True):
            seconds = [ask() for _ in range(TURN)]
            if turn >= WARM:
                noted += seconds
    return statistics.median(took[0]) * 1e6, statistics.median(took[1]) * 1e6


async def measure() -> list[dict]:
    """Both in one run."""
    with tempfile.TemporaryDirectory(prefix="pingjia-bench-") as folder:
        hall = BenchHall(Path(folder) / "hall", 0)
        await hall.make()
        bare = await start_bare("health")
        try:
            url = (await line_of(bare)).split()[1]
            await hall.hall.centre.start()
            await hall.hall.gateway.start()
            await asyncio.sleep(1)  # what a start brings is over
            with Asker(hall.hall.gateway.url, "/healthz") as ours, Asker(url, "/") as reference:
                found = await asyncio.to_thread(medians_us, ours, reference)
        finally:
            await end(bare)
            await hall.stop()
    name = "the gateway's /healthz against a bare FastAPI answer, µs, p50,"
    (kept, bare_kept), new = found["kept"], found["new"]
    return [
        row(f"{name} kept connection", kept, bare_kept, f"<= {MOST}", kept <= MOST * bare_kept),
        row(f"{name} new connection each", *new, "shown", True),
    ]


def results() -> list[dict]:
    """The rows of `make bench`."""
    return asyncio.run(measure())


if __name__ == "__main__":
    for one in results():
        print(one)
