"""100 live pages beside a province's load: what they do to a rating's p99.

    python -m bench watched [--halls 300] [--seconds 20]

The same open loop as `province` (350 ratings a second of 3,000 halls) to a process with the role
intake, over one database with a process with the role pages: first nobody looks, then 100 streams
are open there, half of them the province's page, half those of as many halls. Every stream is
read to the end of the run.
"""

import asyncio
import http.client
import random
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from bench.hall import row
from bench.many import province
from bench.many.halls import ManyHalls
from bench.many.servers import Served, calibration, raise_file_limit, shown
from bench.many.stores import Postgresql, Sqlite
from central.people.tokens import Tokens
from central.store.database import open_database
from hosting.clock import now_ms

LOOKERS = 100
SECONDS = 40.0
TIMES = 2.0
_OWN = {"sec-fetch-site": "same-origin", "accept": "text/html"}


class Looker(threading.Thread):
    """A browser that looks at one live part, and counts what it is sent."""

    def __init__(self, url: str, token: str, path: str) -> None:
        super().__init__(daemon=True)
        self.states = 0
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
        body = urlencode({"token": token})
        form = {**_OWN, "content-type": "application/x-www-form-urlencoded"}
        self._connection.request("POST", "/login", body, form)
        answer = self._connection.getresponse()
        answer.read()
        cookie = (answer.getheader("set-cookie") or "").partition(";")[0]
        assert answer.status == 303, answer.status
        headers = {"cookie": cookie, "accept": "text/event-stream"}
        self._connection.request("GET", path, headers=headers)
        self._answer = self._connection.getresponse()
        assert self._answer.status == 200, self._answer.status

    def run(self) -> None:
        """Read until the stream ends."""
        try:
            while line := self._answer.readline():
                self.states += line.startswith(b"data:") and b"<dl" in line
        except (OSError, ValueError, http.client.HTTPException):
            pass  # it was closed

    def close(self) -> None:
        """Look away."""
        self._connection.close()


@contextmanager
def looking(url: str, token: str, many: ManyHalls) -> Iterator[list[Looker]]:
    """So many people look while the block runs."""
    halls = [many.halls[n % len(many.halls)].name for n in range(LOOKERS // 2)]
    paths = ["/live?period=today"] * (LOOKERS // 2)
    paths += [f"/halls/{hall}/live?period=today" for hall in halls]
    lookers = [Looker(url, token, path) for path in paths]
    for one in lookers:
        one.start()
    try:
        yield lookers
    finally:
        for one in lookers:
            one.close()


async def of_store(
    store: Sqlite | Postgresql, folder: Path, many: ManyHalls, planned: list[province.Planned]
) -> list[dict]:
    """The rows of one database."""
    await asyncio.to_thread(many.make, store.made_url)
    token = folder / f"{store.name}.token"
    database = open_database(store.made_url)
    Tokens(database, now_ms).add("pages:read", token)
    database.close()
    secret = token.read_text().strip()
    async with shown(folder, many, store) as (served, _):
        alone = await asyncio.to_thread(_run, served, many, planned)
    async with shown(folder, many, store) as (served, url):
        beside, states = await asyncio.to_thread(_watched, served, url, secret, many, planned)
    name = f"{store.name}: 350 ratings/s,"
    return [
        row(
            *(f"{name} p99 beside {LOOKERS} live pages and alone, ms", beside.p99_ms),
            *(alone.p99_ms, f"<= {TIMES:g} times", beside.p99_ms <= TIMES * alone.p99_ms),
        ),
        row(
            *(f"{name} p50 beside them and alone, ms", beside.p50_ms, alone.p50_ms),
            *("said", True),
        ),
        row(
            *(f"{name} requests that failed beside them", beside.failed, alone.failed),
            *("0", not beside.failed),
        ),
        row(f"{name} states that the pages were sent", states, LOOKERS, "said", states > LOOKERS),
    ]


def _run(served: Served, many: ManyHalls, planned: list[province.Planned]) -> province.Found:
    found, calls = province.run(served, many, planned, None)
    province.check(served.database, calls)
    return found


def _watched(
    served: Served, url: str, token: str, many: ManyHalls, planned: list[province.Planned]
) -> tuple[province.Found, int]:
    with looking(url, token, many) as lookers:
        found = _run(served, many, planned)
        assert all(one.is_alive() for one in lookers), "a stream ended"
    return found, sum(one.states for one in lookers)


async def measure(halls: int, seconds: float) -> list[dict]:
    """All of it on both databases, with the same requests."""
    raise_file_limit(halls * province.LINES + 1000)
    due = province.load(random.Random(province.SEED), halls, seconds)
    rows = [calibration()]
    for kind in (Sqlite, Postgresql):
        with (
            tempfile.TemporaryDirectory(prefix="pingjia-bench-") as name,
            kind(Path(name)) as store,
        ):
            folder = Path(name)
            many = ManyHalls(folder, halls, province.DEVICES)
            planned = await asyncio.to_thread(province.prepare, many, due)
            rows += await of_store(store, folder, many, planned)
    return rows


def results(halls: int | None = None, seconds: float | None = None) -> list[dict]:
    """The rows of `make bench`, or of a rehearsal with fewer halls or another time."""
    return asyncio.run(measure(halls or province.HALLS, seconds or SECONDS))
