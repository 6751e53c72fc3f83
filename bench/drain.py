"""Drain: 100,000 stored ratings to a centre, against the same batches posted from memory.

python -m bench.drain
"""

import asyncio
import gzip
import sqlite3
import statistics
import tempfile
from pathlib import Path

import httpx2

from bench.hall import OLD_MS, BenchHall, row
from protocol.batch import EnvelopeItem, encode_batch
from protocol.limits import BATCH_ITEMS

RATINGS = 100_000
DEVICES = 20
ROUNDS = 3
CENTRE_PER_S = 10_000


def batches(hall: BenchHall) -> list[bytes]:
    """The bodies that the gateway would send, from its own database."""
    with sqlite3.connect(hall.database) as database:
        rows = database.execute("SELECT envelope, service FROM envelope ORDER BY id").fetchall()
    database.close()
    items = [EnvelopeItem(text.decode(), OLD_MS, None, service, ()) for text, service in rows]
    starts = range(0, len(items), BATCH_ITEMS)
    return [gzip.compress(encode_batch(items[at : at + BATCH_ITEMS]), 3, mtime=0) for at in starts]


async def ceiling(hall: BenchHall) -> float:
    """Records a second into the centre from memory."""
    hall.begin_anew()
    await asyncio.to_thread(hall.fill, RATINGS)
    bodies = await asyncio.to_thread(batches, hall)
    await hall.hall.centre.start()
    await asyncio.to_thread(_post, hall, bodies)
    await hall.hall.centre.stop()
    return _rate(hall)


def _post(hall: BenchHall, bodies: list[bytes]) -> None:
    headers = {"Authorization": f"Bearer {hall.token()}", "Content-Encoding": "gzip"}
    with httpx2.Client(base_url=hall.hall.centre.url, headers=headers, trust_env=False) as client:
        for body in bodies:
            client.post("/v1/batches", content=body, timeout=60).raise_for_status()


async def ours(hall: BenchHall) -> float:
    """Records a second out of the gateway."""
    hall.begin_anew()
    await asyncio.to_thread(hall.fill, RATINGS)
    await hall.hall.centre.start()
    await hall.hall.gateway.start()
    await hall.until_drained()
    await hall.hall.gateway.stop()
    await hall.hall.centre.stop()
    return _rate(hall)


def _rate(hall: BenchHall) -> float:
    """From the centre's first batch to its last."""
    noted = hall.noted()
    with sqlite3.connect(hall.folder / "central.db") as centre:
        count = centre.execute("SELECT count(*) FROM record").fetchone()[0]
    centre.close()
    assert count == RATINGS, f"{count} of {RATINGS} are in the centre"
    return RATINGS / (noted[-1][1] - noted[0][0])


async def measure() -> list[dict]:
    """Both in one run, in turn; medians."""
    with tempfile.TemporaryDirectory(prefix="pingjia-bench-") as folder:
        hall = BenchHall(Path(folder) / "hall", DEVICES)
        await hall.make()
        try:
            rounds = [(await ceiling(hall), await ours(hall)) for _ in range(ROUNDS)]
        finally:
            await hall.stop()
    top, own = (statistics.median(column) for column in zip(*rounds, strict=True))
    return [
        row(
            "the centre from memory, records/s",
            top,
            CENTRE_PER_S,
            ">= 10,000/s",
            top >= CENTRE_PER_S,
        ),
        row(
            "drain against the same batches from memory, records/s",
            own,
            top,
            ">= 0.8",
            own >= 0.8 * top,
        ),
    ]


def results() -> list[dict]:
    """The rows of `make bench`."""
    return asyncio.run(measure())


if __name__ == "__main__":
    for one in results():
        print(one)
