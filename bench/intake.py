"""Intake: published at QoS 1 by fast publishers, until validated, committed and acknowledged.

    python -m bench.intake

Against the ceiling of the client library, and against a commit and a request per message; and
once more with 8 ms added to every fsync of the gateway (bench/slow_disk.py).
"""

import asyncio
import statistics
import sys
import tempfile
from pathlib import Path

from bench.hall import BenchHall, end, line_of, publish, row, start_bare

MESSAGES = 60_000
NAIVE_MESSAGES = 3_000
DEVICES = 10
WINDOW = 200  # messages on their way to the broker, for each device
ROUNDS = 3
SLOW_DISK = (str(Path(__file__).with_name("slow_disk.py")),)


async def ceiling(hall: BenchHall) -> float:
    """Messages a second into the bare subscriber."""
    hall.begin_anew()
    plan = hall.write_plan(MESSAGES, WINDOW, wants_acks=False)
    bare = await start_bare("subscriber", hall.mqtt_port, hall.password_file, MESSAGES)
    await line_of(bare)
    times = await publish(plan)
    done_s = float(await line_of(bare))
    await end(bare)
    return MESSAGES / (done_s - times["begin_s"])


async def naive(hall: BenchHall) -> float:
    """Messages a second into the gateway that most people would write."""
    hall.begin_anew()
    plan = hall.write_plan(NAIVE_MESSAGES, WINDOW, wants_acks=False)
    with tempfile.TemporaryDirectory() as folder:
        centre = await start_bare("centre", f"{folder}/centre.sqlite", f"{folder}/times")
        url = (await line_of(centre)).split()[1]
        arguments = (hall.mqtt_port, hall.password_file, NAIVE_MESSAGES)
        bare = await start_bare("gateway", *arguments, url, f"{folder}/gateway.sqlite")
        await line_of(bare)
        times = await publish(plan)
        done_s = float(await line_of(bare))
        await end(bare)
        await end(centre)
    return NAIVE_MESSAGES / (done_s - times["begin_s"])


async def ours(hall: BenchHall, program: tuple[str, ...] = ("-m", "pingjia")) -> float:
    """Messages a second into the gateway, the centre being away."""
    hall.begin_anew()
    plan = hall.write_plan(MESSAGES, WINDOW, wants_acks=True)
    hall.hall.gateway.program = program
    await hall.hall.gateway.start()
    times = await publish(plan)
    await hall.hall.gateway.stop()
    return MESSAGES / (times["acknowledged_s"] - times["begin_s"])


async def measure() -> list[dict]:
    """All of it in one run, in turn; medians."""
    with tempfile.TemporaryDirectory(prefix="pingjia-bench-") as folder:
        hall = BenchHall(Path(folder) / "hall", DEVICES)
        await hall.make()
        try:
            rounds = [
                (
                    await ceiling(hall),
                    await ours(hall),
                    await naive(hall),
                    await ours(hall, SLOW_DISK),
                )
                for _ in range(ROUNDS)
            ]
            print([tuple(round(rate) for rate in one) for one in rounds], file=sys.stderr)
        finally:
            await hall.stop()
    top, own, bare, slow = (statistics.median(column) for column in zip(*rounds, strict=True))
    unit = "messages/s"
    return [
        row(
            f"intake against the client library's ceiling, {unit}",
            own,
            top,
            ">= 0.5",
            own >= 0.5 * top,
        ),
        row(
            f"intake against a commit and a request each, {unit}",
            own,
            bare,
            ">= 20",
            own >= 20 * bare,
        ),
        row(f"intake with 8 ms on every fsync, {unit}", slow, top, ">= 0.4", slow >= 0.4 * top),
    ]


def results() -> list[dict]:
    """The rows of `make bench`."""
    return asyncio.run(measure())


if __name__ == "__main__":
    for one in results():
        print(one)
