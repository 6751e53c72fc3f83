"""Latency at 50 ratings a second, from paho's publish to the centre's commit.

    python -m bench.latency
    python -m bench.latency --steps

Beside the bare chain of the same hops: paho, mosquitto, paho, a SQLite commit, an HTTP request,
FastAPI, a SQLite commit. With --steps: how long ratings took from step to step of both chains.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

from bench.hall import BenchHall, end, line_of, publish_evenly, row, start_bare
from bench.steps import notes, table

PER_S = 50
RATINGS = 1500
WARM = 100  # the first ones do not count: connections are made, statements compiled


def milliseconds(sent: dict[str, float], noted: list, warm: int = WARM) -> list[float]:
    """From publish to commit, ascending, without the first ones; every rating must be there."""
    durable = {text: end_s for _, end_s, texts in noted for text in texts}
    took = [1000 * (durable[text] - at_s) for text, at_s in sent.items()]
    return sorted(took[warm:])


async def bare_chain(hall: BenchHall, start=start_bare) -> dict[str, float]:
    """When the ratings were published to the bare chain, whose processes `start` starts."""
    hall.begin_anew()
    with tempfile.TemporaryDirectory() as folder:
        times = Path(folder) / "times"
        centre = await start("centre", f"{folder}/centre.sqlite", times)
        url = (await line_of(centre)).split()[1]
        arguments = (hall.mqtt_port, hall.password_file, RATINGS)
        bare = await start("gateway", *arguments, url, f"{folder}/gateway.sqlite")
        await line_of(bare)
        sent = await asyncio.to_thread(publish_evenly, hall, PER_S, RATINGS)
        await end(bare)
        await end(centre)
        (hall.folder / "centre.times").write_text(times.read_text())
    return sent


async def ours(hall: BenchHall) -> dict[str, float]:
    """When the ratings were published to the real chain."""
    hall.begin_anew()
    await hall.hall.centre.start()
    await hall.hall.gateway.start()
    await asyncio.sleep(1)
    sent = await asyncio.to_thread(publish_evenly, hall, PER_S, RATINGS)
    await hall.until_drained()
    await hall.hall.gateway.stop()
    await hall.hall.centre.stop()
    return sent


async def measure() -> list[dict]:
    """Both in one run."""
    with tempfile.TemporaryDirectory(prefix="pingjia-bench-") as folder:
        hall = BenchHall(Path(folder) / "hall", 1)
        await hall.make()
        try:
            bare = milliseconds(await bare_chain(hall), hall.noted())
            own = milliseconds(await ours(hall), hall.noted())
        finally:
            await hall.stop()

    def at(share: float) -> tuple[float, float]:
        return own[int(len(own) * share)], bare[int(len(bare) * share)]

    name = "press to the centre's commit at 50/s, ms,"
    return [
        row(f"{name} p50", *at(0.5), "<= 2", at(0.5)[0] <= 2 * at(0.5)[1]),
        row(f"{name} p95", *at(0.95), "shown", True),
        row(f"{name} p99", *at(0.99), "<= 2", at(0.99)[0] <= 2 * at(0.99)[1]),
    ]


def results() -> list[dict]:
    """The rows of `make bench`."""
    return asyncio.run(measure())


async def steps() -> tuple[table.Passed, table.Passed]:
    """When each rating passed each step of the real and of the bare chain."""
    with tempfile.TemporaryDirectory(prefix="pingjia-bench-") as folder:
        hall = BenchHall(Path(folder) / "hall", 1)
        await hall.make()
        hall.hall.centre.program, hall.hall.gateway.program = notes.PROGRAMS
        bare_notes = [hall.folder / "steps.bare-gateway", hall.folder / "steps.bare-centre"]

        def start(what: str, *arguments: object):
            path = hall.folder / f"steps.bare-{what}"
            return start_bare(path, what, *arguments, module="bench.steps.noting_bare")

        try:
            bare = await bare_chain(hall, start)
            own = await ours(hall)
        finally:
            await hall.stop()
        own_notes = [hall.folder / "steps.gateway", hall.folder / "steps.centre"]
        return _passed(own, own_notes), _passed(bare, bare_notes)


def _passed(sent: dict[str, float], paths: list[Path]) -> table.Passed:
    noted, passed = notes.read(paths), table.published(sent)
    return {rating: at_s | noted[rating] for rating, at_s in list(passed.items())[WARM:]}


if __name__ == "__main__":
    shown = table.lines(*asyncio.run(steps())) if sys.argv[1:] == ["--steps"] else results()
    for one in shown:
        print(one)
