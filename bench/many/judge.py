"""What judging costs: a rating's way beside it, and a service in a batch, at any size.

    python -m bench judge

The live half is the open loop of `province`, 3,000 halls with 350 ratings a second, through the
centre as it is and through one whose judge does nothing, in turn, five times; what the judge adds
is the median of the differences. The other half judges 10,000 services at a time, in batches of
500, in databases that hold 10^4, 10^5 and 10^6 already: halls of 20 windows, 20 staff and 50
matters with a thousand services each, 300 a day.
"""

import asyncio
import random
import statistics
import tempfile
import time
from datetime import date
from pathlib import Path

from bench.hall import row
from bench.many.halls import ManyHalls
from bench.many.province import DEVICES, HALLS, SEED, load, prepare, run
from bench.many.servers import calibration, centre, raise_file_limit
from bench.many.stores import Postgresql, Sqlite
from central.cli.run import GARBAGE_OBJECTS
from central.ratings.judge import BACKLOG, Judge
from central.ratings.versions import load_rules
from central.steady import PlainClock
from central.store.database import Database, open_database
from central.store.judged import facts
from central.store.judged.facts import DocumentFacts, RatingRow
from hosting.clock import start_of
from hosting.process import look_for_garbage_seldom

TIMES = 5
SECONDS = 20.0
MOST_MS = 15.0  # more at p99, for the judge
SIZES = (10_000, 100_000, 1_000_000)
MEASURED = 10_000  # services
MOST_US = 150.0
MOST_GROWTH = 1.2
_UNJUDGING = Path(__file__).parents[1] / "unjudging_centre.py"
_YEAR_MS = start_of(date(2026, 1, 1))
_DAY_MS = 86_400_000
_WINDOWS, _STAFF, _MATTERS, _OF_HALL, _A_DAY = 20, 20, 50, 1000, 300


def fill(database: Database, first: int, count: int) -> None:
    """Facts of so many rated services, from a number on, and let them be judged."""
    now_ms = _YEAR_MS + 400 * _DAY_MS
    for start in range(first, first + count, 10_000):
        numbers = range(start, min(start + 10_000, first + count))
        documents, ratings = [], []
        for number in numbers:
            hall = f"h{number // _OF_HALL:05}"
            opened_ms = _YEAR_MS + number // _A_DAY % 365 * _DAY_MS
            service, chance = f"S{number:08}", random.Random(number)
            documents.append(
                DocumentFacts(
                    hall=hall,
                    service=service,
                    facts=f"{number:064x}",
                    kind="single",
                    window=f"w{chance.randrange(_WINDOWS)}",
                    staff_no=f"{chance.randrange(_STAFF):04}",
                    task_code=f"T{chance.randrange(_MATTERS)}",
                    projects=(),
                    matters=1,
                    opened_at_ms=opened_ms,
                )
            )
            ratings.append(
                RatingRow(
                    id=f"xj-{hall}.29333341.{number:010}",
                    hall=hall,
                    service=service,
                    level=chance.choice((5, 5, 5, 4, 3, 1)),
                    rated_at_ms=opened_ms + 60_000,
                    rated_error_ms=0,
                    received_at_ms=opened_ms + 61_000,
                    origin="device",
                    rated_by="unknown",
                    named=False,
                    reasons="[]",
                    catalogue=None,
                    facts=f"{number:064x}",
                    window="w1",
                    void=None,
                )
            )
        with database.write() as connection:
            facts.put_documents(connection, documents, now_ms)
            facts.add_ratings(connection, ratings, now_ms)
            facts.touch(connection, {(one.hall, one.service) for one in ratings}, 0)


def settle_all(judge: Judge) -> float:
    """Judge what waits; the seconds of this process's processor that it took."""
    began_s = time.process_time()
    judge.settle_all()
    return time.process_time() - began_s


def batches(store: Sqlite | Postgresql, sizes: tuple[int, ...], measured: int) -> list[dict]:
    """The rows of judging in batches, in growing databases."""
    look_for_garbage_seldom(GARBAGE_OBJECTS)  # as a served centre does
    database = open_database(store.anew(is_empty=True))
    judge = Judge(database, load_rules("ezhou-norm"), PlainClock(lambda: _YEAR_MS + 400 * _DAY_MS))
    rows, held, first_us = [], 0, 0.0
    try:
        for size in sizes:
            fill(database, held, size - held)
            settle_all(judge)
            fill(database, size, measured)
            own_s = store.processor_s()
            took_us = settle_all(judge) * 1e6 / measured
            store_us = (store.processor_s() - own_s) * 1e6 / measured
            held = size + measured
            first_us = first_us or took_us
            name = f"{store.name}: a service judged in batches of {BACKLOG}, {size:,} held"
            rows.append(
                row(f"{name}, µs of processor", took_us, MOST_US, "<= 150 µs", took_us <= MOST_US)
            )
            if store.name == Postgresql.name:
                own = f"{name}, µs of PostgreSQL's own processor"
                rows.append(row(own, store_us, took_us, "said", True))
            if size != sizes[0]:
                is_flat = took_us <= MOST_GROWTH * first_us
                name += f" against {sizes[0]:,}"
                rows.append(row(name, took_us, first_us, f"<= {MOST_GROWTH} times", is_flat))
    finally:
        database.close()
    return rows


async def live(
    store: Sqlite | Postgresql, folder: Path, many: ManyHalls, planned: list
) -> list[dict]:
    """The rows of a rating's way with the judge and without."""
    await asyncio.to_thread(many.make, store.made_url)
    with_it, without, lags = [], [], []
    for _ in range(TIMES):
        for found, program in ((without, (str(_UNJUDGING),)), (with_it, None)):
            async with centre(folder, many, store, program=program) as served:
                ours, _ = await asyncio.to_thread(run, served, many, planned, None)
                if program is None:
                    lags.append(await asyncio.to_thread(_lag_s, served.database))
            assert not ours.failed, f"{ours.failed} requests were not answered well"
            found.append(ours)
    added = [one.p99_ms - other.p99_ms for one, other in zip(with_it, without, strict=True)]
    added_ms = statistics.median(added)
    p99_ms, bare_ms = (
        statistics.median([one.p99_ms for one in found]) for found in (with_it, without)
    )
    cores, bare_cores = (
        statistics.median([one.cores for one in found]) for found in (with_it, without)
    )
    name = f"{store.name}, 350 live ratings/s, judged against not judged:"
    return [
        row(f"{name} ms from plan to answer, p99", p99_ms, bare_ms, "said", True),
        row(f"{name} ms more at p99, median of {TIMES}", added_ms, MOST_MS, "<= 15 ms",
            added_ms <= MOST_MS),
        row(f"{name} cores of the centre", cores, bare_cores, "said", True),
        row(f"{name} s until nothing waits for the judge", statistics.median(lags), 1.0, "<= 1 s",
            statistics.median(lags) <= 1.0),
    ]  # fmt: skip


def _lag_s(url: str) -> float:
    """After how long nothing waits for the judge any more."""
    database, began_s = open_database(url), time.monotonic()
    try:
        while time.monotonic() - began_s < 60:
            with database.read() as connection:
                if facts.pending(connection)[0] == 0:
                    break
            time.sleep(0.02)
    finally:
        database.close()
    return time.monotonic() - began_s


async def measure(halls: int, seconds: float, sizes: tuple[int, ...], measured: int) -> list[dict]:
    """All of it, on both databases."""
    raise_file_limit(halls * 3 + 500)
    rows = [calibration()]
    with tempfile.TemporaryDirectory(prefix="pingjia-bench-") as name:
        folder = Path(name)
        many = ManyHalls(folder, halls, DEVICES)
        due = load(random.Random(SEED), halls, seconds)
        planned = await asyncio.to_thread(prepare, many, due)
        for kind in (Sqlite, Postgresql):
            with kind(folder) as store:
                rows += await live(store, folder, many, planned)
                rows += await asyncio.to_thread(batches, store, sizes, measured)
    return rows


def results(halls: int | None = None, seconds: float | None = None) -> list[dict]:
    """The rows of `make bench`, or of a rehearsal with fewer halls or another time."""
    is_rehearsal = halls is not None or seconds is not None
    sizes = (1_000, 2_000) if is_rehearsal else SIZES
    measured = 500 if is_rehearsal else MEASURED
    return asyncio.run(measure(halls or HALLS, seconds or SECONDS, sizes, measured))
