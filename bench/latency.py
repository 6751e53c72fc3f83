"""Latency at 50 ratings a second, from paho's publish to the centre's commit.

    python -m bench.latency

Beside the bare chain of the same hops: paho, mosquitto, paho, a SQLite commit, an HTTP request,
FastAPI, a SQLite commit.
"""

import asyncio
import tempfile
from pathlib import Path

from bench.hall import BenchHall, end, line_of, publish_evenly, row, start_bare

PER_S = 50
RATINGS = 1500
WARM = 100  # the first ones do not count: connections are made, statements compiled


def milliseconds(sent: dict[str, float], noted: list, warm: int = WARM) -> list[float]:
    """From publish to commit, ascending, without the first ones; every rating must be there."""
    durable = {text: end_s for _, end_s, texts in noted for text in texts}
    took = [1000 * (durable[text] - at_s) for text, at_s in sent.items()]
    return sorted(took[warm:])


async def bare_chain(hall: BenchHall) -> list[float]:
    """The bare chain's times."""
    hall.begin_anew()
    with tempfile.TemporaryDirectory() as folder:
        times = Path(folder) / "times"
        centre = await start_bare("centre", f"{folder}/centre.sqlite", times)
        url = (await line_of(centre)).split()[1]
        arguments = (hall.mqtt_port, hall.password_file, RATINGS)
        bare = await start_bare("gateway", *arguments, url, f"{folder}/gateway.sqlite")
        await line_of(bare)
        sent = await asyncio.to_thread(publish_evenly, hall, PER_S, RATINGS)
        await end(bare)
        await end(centre)
        (hall.folder / "centre.times").write_text(times.read_text())
    return milliseconds(sent, hall.noted())


async def ours(hall: BenchHall) -> list[float]:
    """The real chain's times."""
    hall.begin_anew()
    await hall.hall.centre.start()
    await hall.hall.gateway.start()
    await asyncio.sleep(1)
    sent = await asyncio.to_thread(publish_evenly, hall, PER_S, RATINGS)
    await hall.until_drained()
    await hall.hall.gateway.stop()
    await hall.hall.centre.stop()
    return milliseconds(sent, hall.noted())


async def measure() -> list[dict]:
    """Both in one run."""
    with tempfile.TemporaryDirectory(prefix="pingjia-bench-") as folder:
        hall = BenchHall(Path(folder) / "hall", 1)
        await hall.make()
        try:
            bare, own = await bare_chain(hall), await ours(hall)
        finally:
            await hall.stop()

    def at(share: float) -> tuple[float, float]:
        return own[int(len(own) * share)], bare[int(len(bare) * share)]

    name = "press to the centre's commit at 50/s, ms,"
    return [
        row(f"{name} p50", *at(0.5), "<= 1.5", at(0.5)[0] <= 1.5 * at(0.5)[1]),
        row(f"{name} p95", *at(0.95), "shown", True),
        row(f"{name} p99", *at(0.99), "<= 2", at(0.99)[0] <= 2 * at(0.99)[1]),
    ]


def results() -> list[dict]:
    """The rows of `make bench`."""
    return asyncio.run(measure())


if __name__ == "__main__":
    for one in results():
        print(one)
