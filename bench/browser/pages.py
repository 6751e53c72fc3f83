"""Pages of a hall with 200 windows: how soon they tell of a press, and what that costs the wire.

    python -m bench pages

A device's press is published as it publishes it; a browser's part is a stream that is read here,
and for the first paint Debian's Chromium. The times are medians of 20.
"""

import asyncio
import json
import statistics
import tempfile
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import paho.mqtt.client as paho
from playwright.async_api import async_playwright

from bench.hall import BenchHall, not_measured, row, state
from protocol.topic import RECORD, STATE, topic
from simulator.parts.hall import CENTRE_PAGES_TOKEN, GATEWAY_PAGES_TOKEN, HALL
from simulator.web import read_token

WINDOWS = 200
TIMES = 20
MOST_MS = 500
MOST_BYTES = 5 * 1024
_CHROMIUM = "/usr/bin/chromium"


class Page:
    """A live part as its page follows it: when each change came, and its bytes on the wire."""

    def __init__(self, client: httpx2.AsyncClient, path: str):
        self.changes: list[tuple[float, int]] = []
        self.whole = 0
        self._client, self._path = client, path

    @asynccontextmanager
    async def followed(self) -> AsyncIterator["Page"]:
        """While it is open."""
        async with self._client.stream("GET", self._path, timeout=60) as answer:
            reading = asyncio.create_task(self._read(answer))
            while not self.whole:
                await asyncio.sleep(0.01)
            yield self
            reading.cancel()

    async def changed_since(self, at_s: float) -> float:
        """When the first change after that came."""
        while time.monotonic() < at_s + 10:
            found = [when_s for when_s, _ in self.changes if when_s > at_s]
            if found:
                return found[0]
            await asyncio.sleep(0.002)
        raise TimeoutError(f"{self._path} has not changed since the press")

    async def _read(self, answer: httpx2.Response) -> None:
        size, is_change = 0, False
        async for line in answer.aiter_lines():
            size += len(line.encode()) + 1
            is_change = is_change or line == "event: change"
            if line or size == 1:  # an event ends with an empty line
                if line.startswith(":"):
                    size = 0
                continue
            if is_change:
                self.changes.append((time.monotonic(), size))
            else:
                self.whole = max(self.whole, size)
            size, is_change = 0, False


@asynccontextmanager
async def browser_of(url: str, token: str) -> AsyncIterator[httpx2.AsyncClient]:
    """Logged in."""
    async with httpx2.AsyncClient(base_url=url, trust_env=False) as client:
        await client.post("/login", data={"token": token}, headers={"Origin": url})
        yield client


@asynccontextmanager
async def device_of(hall: BenchHall) -> AsyncIterator[paho.Client]:
    """The last window's device, connected."""
    pen = hall.pens[-1]
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=pen.device)
    client.username_pw_set(pen.device, pen.mqtt["password"])
    is_up = threading.Event()
    client.on_connect = lambda *_: is_up.set()
    client.connect("127.0.0.1", hall.mqtt_port)
    client.loop_start()
    await asyncio.to_thread(is_up.wait, 10)
    client.publish(topic(HALL, pen.device, STATE), state(pen), 1, True)
    yield client
    client.disconnect()
    client.loop_stop()


async def presses(hall: BenchHall, pages: dict[str, Page], device: paho.Client) -> dict:
    """name -> how long after each press its page had changed, ms."""
    queue, pen = hall.hall.queue_system(), hall.pens[-1]
    took: dict[str, list[float]] = {name: [] for name in pages}
    for number in range(TIMES):
        ticket = {"ticket_no": f"A{number:03d}"}
        service = (await queue.open(f"w{WINDOWS}", ticket))["service"]
        await asyncio.sleep(1.5 + 0.037 * number)  # at no fixed time of the pages' own beat
        envelope = pen.rating(
            service=service, **ticket, facts="8bc100c14f4c1187" * 4, at=time.time_ns() // 10**6
        )
        at_s = time.monotonic()
        device.publish(topic(HALL, pen.device, RECORD), envelope, 1)
        for name, page in pages.items():
            came_s = await page.changed_since(at_s)
            took[name].append(1000 * (came_s - at_s))
        await queue.close(service)
        await asyncio.sleep(0.7)
    await queue.aclose()
    return took


async def first_paints(url: str, token: str) -> list[float]:
    """Of the overview, ms, each in the same browser, whose cache has the static files."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=_CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        page = await browser.new_page()
        await page.goto(f"{url}/login#{token}")
        await page.wait_for_url(f"{url}/")
        found = []
        for _ in range(TIMES):
            await page.goto(url)
            await page.wait_for_timeout(300)
            painted = await page.evaluate(
                "performance.getEntriesByName('first-contentful-paint')[0].startTime"
            )
            found.append(painted)
        await browser.close()
    return found


async def packed(client: httpx2.AsyncClient, path: str) -> bool:
    """Whether a page, and each file that it names, comes compressed."""
    answer = await client.get(path, headers={"Accept": "text/html"})
    names = {part.split('"')[0] for part in answer.text.split('="/static/')[1:]}
    files = [await client.get(f"/static/{name}") for name in names]
    large = [one for one in (answer, *files) if len(one.content) >= 1000]
    return all(one.headers.get("content-encoding") == "gzip" for one in large)


async def measure() -> list[dict]:
    """Everything, at one hall."""
    with tempfile.TemporaryDirectory(prefix="pingjia-bench-") as folder:
        hall = BenchHall(Path(folder) / "hall", WINDOWS)
        await hall.make()
        try:
            return await _measure(hall)
        finally:
            await hall.stop()


async def _measure(hall: BenchHall) -> list[dict]:
    await hall.hall.centre.start()
    await hall.hall.gateway.start()
    options = ("--scope", "console", "--window", f"w{WINDOWS}")
    console_token = await hall.hall.gateway_token("counter", *options)
    gateway, centre = hall.hall.gateway.url, hall.hall.centre.url
    watcher = read_token(hall.folder / GATEWAY_PAGES_TOKEN)
    supervisor = read_token(hall.folder / CENTRE_PAGES_TOKEN)
    async with (
        browser_of(gateway, watcher) as it,
        browser_of(gateway, console_token) as clerk,
        browser_of(centre, supervisor) as looker,
        Page(it, "/live").followed() as overview,
        Page(clerk, f"/windows/w{WINDOWS}/live").followed() as console,
        Page(looker, f"/halls/{HALL}/live?period=today").followed() as figures,
        device_of(hall) as device,
    ):
        await asyncio.sleep(3)
        overview.changes.clear()
        pages = {"the console": console, "the overview": overview, "the centre's page": figures}
        took = await presses(hall, pages, device)
        is_packed = await packed(it, "/") and await packed(looker, f"/halls/{HALL}")
        sizes = [size for _, size in overview.changes]
    rows = [
        row(
            *(f"press to {name}, ms, p50 of {TIMES}", at, MOST_MS, "<= 500 ms", at <= MOST_MS),
        )
        for name, ms in took.items()
        for at in (statistics.median(ms),)
    ]
    most = max(sizes)
    name = f"bytes of a change on the overview at {WINDOWS} windows, at most, beside the whole"
    rows.append(row(name, most, overview.whole, "< 5 KB", most < MOST_BYTES))
    rows.append(row("text of pages that comes compressed", is_packed, 1, "all", is_packed))
    name = f"first paint of the overview at {WINDOWS} windows, ms, p50"
    if not Path(_CHROMIUM).exists():
        return [*rows, not_measured(name, "needs Debian's chromium")]
    paint = statistics.median(await first_paints(gateway, watcher))
    return [*rows, row(name, paint, MOST_MS, "<= 500 ms", paint <= MOST_MS)]


def results() -> list[dict]:
    """The rows of `make bench`."""
    return asyncio.run(measure())


if __name__ == "__main__":
    print(json.dumps(results(), ensure_ascii=False, indent=1))
