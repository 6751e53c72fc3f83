"""200 devices come back at once with all they stored; who rates now does not wait. FAULTS 15"""

import asyncio

import psutil
import pytest

from bench.hall import BenchHall, publish
from bench.latency import milliseconds, publish_evenly

DEVICES = 200
IN_FLIGHT = 8  # firmware/timing.py
PER_S = 20  # records that a board reads from its flash, checks and sends in a second
LIVE_PER_S = 10
P95_MS, MEMORY_MB = 2000, 200

pytestmark = pytest.mark.needs("mosquitto")


def flood(folder, each: int, settings: dict) -> tuple[float, float]:
    """(p95 in ms of live ratings to the centre's commit, the gateway's largest memory in MB)."""

    async def all_of_it():
        hall = BenchHall(folder / "hall", DEVICES + 1, settings)
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
            await hall.until_drained()
            held = sum(len(told) for _, _, told in hall.noted())
            assert held >= len(sent)
            took = milliseconds(sent, hall.noted(), warm=0)
            return took[int(len(took) * 0.95)], await watching
        finally:
            await hall.stop()

    return asyncio.run(all_of_it())


async def largest_memory(process: psutil.Process, until: asyncio.Task) -> float:
    most = 0.0
    while not until.done():
        most = max(most, process.memory_info().rss / 1e6)
        await asyncio.sleep(0.2)
    return most


@pytest.mark.parametrize("each", [60, pytest.param(5000, marks=pytest.mark.long)])
def test_live_ratings_reach_the_centre_while_200_devices_come_back(tmp_path, each):
    p95_ms, memory_mb = flood(tmp_path, each, {})
    assert p95_ms < P95_MS
    assert memory_mb < MEMORY_MB


@pytest.mark.long
def test_without_a_lane_of_their_own_they_wait(tmp_path):
    """The control: no record counts as live, and the backlog is sent slowly."""
    p95_ms, _ = flood(tmp_path, 100, {"live_s": 0.001, "backlog_per_s": 2000})
    assert p95_ms > P95_MS
