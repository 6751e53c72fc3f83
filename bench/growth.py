"""Growth and memory: the same hall with 10^4, 10^5 and 10^6 stored ratings.

    python -m bench.growth

At each size a flood of live ratings is taken in and sent on, and the processor time of the gateway
and of the centre for each is taken. Before the last one 880,000 ratings wait at once: how long the
start takes, and how much memory the drain.
"""

import asyncio
import tempfile
import time
from pathlib import Path

import psutil

from bench.hall import BenchHall, publish, row

SIZES = (10_000, 100_000, 1_000_000)
PROBE = 20_000
PROBES = 3  # the least of them: whatever else runs on the machine only adds
DEVICES = 20
WINDOW = 100
START_S, MEMORY_MB, FLAT = 3.0, 200, 1.2


class Growth:
    """What was measured."""

    def __init__(self):
        self.cost_us: dict[str, list[float]] = {"gateway": [], "centre": []}
        self.start_s = 0.0
        self.memory_mb = 0.0


async def grow(hall: BenchHall, size: int, found: Growth) -> None:
    """Bring the hall to so many stored ratings, and measure."""
    stored = sum(pen.seq for pen in hall.pens)
    await asyncio.to_thread(hall.fill, size - stored)
    began_s = time.monotonic()
    await hall.hall.gateway.start()
    found.start_s = time.monotonic() - began_s
    await hall.hall.centre.start()
    watching = asyncio.create_task(_watch_memory(hall, found))
    await hall.until_drained()
    watching.cancel()
    processes = {"gateway": hall.process(), "centre": psutil.Process(hall.hall.centre.pid)}
    probes = []
    for _ in range(PROBES):
        plan = await asyncio.to_thread(hall.write_plan, PROBE, WINDOW, True)
        before = {name: _used_s(process) for name, process in processes.items()}
        await publish(plan)
        await hall.until_drained()
        probes.append({name: _used_s(one) - before[name] for name, one in processes.items()})
    for name in processes:
        found.cost_us[name].append(min(used[name] for used in probes) / PROBE * 1e6)
    await hall.hall.gateway.stop()
    await hall.hall.centre.stop()


def _used_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


async def _watch_memory(hall: BenchHall, found: Growth) -> None:
    process = hall.process()
    while True:
        found.memory_mb = max(found.memory_mb, process.memory_info().rss / 1e6)
        await asyncio.sleep(0.1)


async def measure() -> list[dict]:
    """All sizes, one after the other."""
    found = Growth()
    with tempfile.TemporaryDirectory(prefix="pingjia-bench-") as folder:
        hall = BenchHall(Path(folder) / "hall", DEVICES)
        await hall.make()
        try:
            for size in SIZES:
                await grow(hall, size, found)
        finally:
            await hall.stop()
    start_s, memory_mb = found.start_s, found.memory_mb
    return [
        row(
            "memory while a million drain, MB",
            memory_mb,
            MEMORY_MB,
            "< 200",
            memory_mb < MEMORY_MB,
        ),
        row("start with a million, s", start_s, START_S, "< 3", start_s < START_S),
        *[
            row(
                f"µs of the {name}'s processor per rating, {size} / 10^4",
                cost,
                small,
                "<= 1.2",
                cost <= FLAT * small,
            )
            for name, (small, *larger) in found.cost_us.items()
            for size, cost in zip(("10^5", "10^6"), larger, strict=True)
        ],
    ]


def results() -> list[dict]:
    """The rows of `make bench`."""
    return asyncio.run(measure())


if __name__ == "__main__":
    for one in results():
        print(one)
