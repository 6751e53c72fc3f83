"""A whole hall of real processes, made once for all journeys of a run."""

import asyncio
import gzip
import threading
from pathlib import Path

import httpx2
import pytest

from simulator.check.oracle import read_ratings
from simulator.devices.fleet import Fleet
from simulator.parts.hall import HALL, Hall
from simulator.parts.part import pingjia
from simulator.web import read_token


class Journey:
    """A running hall without virtual devices; scenarios enrol what they need."""

    def __init__(self, hall: Hall):
        self.hall = hall
        self.queue = hall.queue_system()
        self.reader = hall.reader()

    async def enrol(self, device: str, window: str) -> Path:
        """A bundle for a new device at a window of its own, which the gateway knows already."""
        config = ("--config", "central.toml")
        named = ("--hall", HALL, "--window", window)
        folder = self.hall.folder
        await pingjia("central", "window", "add", *named, "--name", window, *config, folder=folder)
        bundle = folder / f"{device}.json"
        enrol = ("central", "enrol", "--device", device, *named, "--out", bundle)
        await pingjia(*enrol, *config, folder=folder)
        async with asyncio.timeout(20):
            while device not in {view["device"] for view in await self.queue.devices()}:
                await asyncio.sleep(0.1)
        return bundle

    async def records(self) -> list[dict]:
        """All records of the centre."""
        return await self.reader.records()

    async def ratings(self) -> list[dict]:
        """The members of all ratings in the centre."""
        return read_ratings(await self.records())

    async def quarantine(self) -> dict:
        """What the gateway refused."""
        return await self._get(self.hall.gateway.url, "/api/v1/quarantine", "queue.token")

    async def rejections(self) -> dict:
        """What the centre rejected."""
        return await self._get(self.hall.centre.url, "/v1/rejections", "reader.token")

    async def post_batch(self, body: bytes) -> dict:
        """The centre's answer to a batch, posted as the hall posts its own."""
        token = read_token(self.hall.folder / "hall.token")
        async with httpx2.AsyncClient(trust_env=False) as client:
            response = await client.post(
                f"{self.hall.centre.url}/v1/batches",
                content=gzip.compress(body),
                headers={"Authorization": f"Bearer {token}", "Content-Encoding": "gzip"},
            )
        assert response.status_code == 200, response.text
        return response.json()

    async def _get(self, url, path, token_file):
        token = read_token(self.hall.folder / token_file)
        async with httpx2.AsyncClient(trust_env=False) as client:
            response = await client.get(url + path, headers={"Authorization": f"Bearer {token}"})
        assert response.status_code == 200, response.text
        return response.json()

    def fleet(self, name: str, on_event=lambda event: None) -> Fleet:
        """A fleet with an oracle's log of that name."""
        return Fleet(self.hall.folder / f"{name}.oracle.jsonl", on_event)


class _Loop:
    """An event loop in a thread, so that the hall outlives each test's scenario."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, coroutine, timeout_s):
        """Runs a coroutine to its end."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(timeout_s)

    def close(self):
        """Ends the loop."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()


@pytest.fixture(scope="session")
def running_hall(tmp_path_factory, firmware):
    """A hall that runs, and the loop that it runs in."""
    loop = _Loop()
    hall = Hall(
        tmp_path_factory.mktemp("journey"), firmware, windows=0, timers={"hall_poll_s": 0.2}
    )

    async def begin():
        await hall.make()
        await hall.start()
        return Journey(hall)

    async def end(it):
        await it.queue.aclose()
        await it.reader.aclose()
        await hall.stop()

    it = loop.run(begin(), 120)
    yield it, loop
    loop.run(end(it), 60)
    loop.close()


@pytest.fixture
def journey(running_hall):
    """Runs `scenario(journey)`."""
    it, loop = running_hall
    return lambda scenario, timeout_s=120: loop.run(scenario(it), timeout_s)
