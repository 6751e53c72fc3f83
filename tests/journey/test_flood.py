"""200 devices come back at once with all they stored; who rates now does not wait. FAULTS 15

How long it takes in seconds is bench/latency.py's to say; here live ratings are held against the
backlog of the same run.
"""

import asyncio
import sqlite3
import statistics
from collections import defaultdict
from contextlib import closing

import psutil
import pytest
from busy_hall import BusyHall, publish, publish_evenly

DEVICES = 200
IN_FLIGHT = 8  # firmware/timing.py
PER_S = 20  # records that a board reads from its flash, checks and sends in a second
LIVE_PER_S = 10
BACKLOG_PER_S = 1500
MEMORY_MB = 200
TIMES_SHORTER = 3  # a live rating's wait in the gateway, at least, beside a stored one's

pytestmark = pytest.mark.needs("mosquitto")


def flood(folder, each: int, settings: dict) -> tuple[float, float, float]:
    """(seconds a live rating waits in the gateway, a stored one, the gateway's largest MB).

    Medians from the receipt in the hall to the centre's commit.
    """

    async def all_of_it():
        pace = {"backlog_per_s": BACKLOG_PER_S}
        hall = BusyHall(folder / "hall", DEVICES + 1, {**pace, **settings})
        await hall.make()
        try:
            plan = hall.write_plan(
                each * DEVICES, IN_FLIGHT, True, is_live=False, per_s=PER_S, spared=1
            )
            await hall.hall.centre.start()
            await hall.hall.gateway.start()
            flooding = asyncio.create_task(publish(plan))
            watching = asyncio.create_task(largest_memory(hall.process(), flooding))
            sent = await asyncio.to_thread(
                publish_evenly, hall, LIVE_PER_S, 100_000, flooding.done
            )
            await flooding
            await hall.until_drained()
            waited = waits(hall)
            live = waited.pop(hall.pens[-1].device)
            stored = [one for device in waited.values() for one in device]
            assert (len(live), len(stored)) == (len(sent), each * DEVICES)
            return statistics.median(live), statistics.median(stored), await watching
        finally:
            await hall.stop()

    return asyncio.run(all_of_it())


def waits(hall: BusyHall) -> dict[str, list[float]]:
    """How long each device's records waited in the gateway until they were stored, in seconds."""
    found = defaultdict(list)
    with closing(sqlite3.connect(hall.folder / "central.db")) as database:
        query = "SELECT device, stored_at_ms - received_at_ms FROM record"
        for device, waited_ms in database.execute(query):
            found[device].append(waited_ms / 1000)
    return found


async def largest_memory(process: psutil.Process, until: asyncio.Task) -> float:
    most = 0.0
    while not until.done():
        most = max(most, process.memory_info().rss / 1e6)
        await asyncio.sleep(0.2)
    return most


@pytest.mark.parametrize("each", [40, pytest.param(5000, marks=pytest.mark.long)])
def test_live_ratings_overtake_what_200_devices_come_back_with(tmp_path, each):
    live_s, stored_s, memory_mb = flood(tmp_path, each, {})
    assert live_s * TIMES_SHORTER < stored_s
    assert memory_mb < MEMORY_MB


@pytest.mark.long
def test_without_a_lane_of_their_own_they_wait(tmp_path):
    """The control: no record counts as live."""
    live_s, stored_s, _ = flood(tmp_path, 40, {"live_s": 0.001})
    assert live_s * TIMES_SHORTER > stored_s
