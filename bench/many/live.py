"""Live ratings of many halls at once, against a server that only inserts and commits.

    python -m bench live

A closed loop: each hall has one kept connection and sends its next batch when the one before is
answered. Every answer and the database are checked, after the clock has stopped.
"""

import asyncio
import itertools
import math
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bench.hall import not_measured, row
from bench.many import letters
from bench.many.client import Call, Client, Line
from bench.many.halls import ManyHalls
from bench.many.servers import Served, bare, calibration, centre, raise_file_limit
from bench.many.stores import Postgresql, Sqlite, bare_count, check_held
from hosting.process import look_for_garbage_seldom

HALLS = (50, 300)
SIZES = (1, 20)  # ratings of a batch, each with its service document
DEVICES = 12  # of a hall
ROUNDS = 3
SECONDS = 5.0
WARM_S = 1.0  # code is read, caches fill: not counted
MOST_PER_S = {1: 4_000, 20: 1_000}  # batches that are made for each second, at most
TIMES = {"SQLite": {50: 1.5, 300: 2.0}, "PostgreSQL": {50: 1.2, 300: 1.2}}
PROCESSOR_MS = 0.35
MOST_CLIENT = 0.3  # cores: what it takes, the servers lack
CORES = 6  # so many are needed to see whether two processes do more than one


class Measured(NamedTuple):
    """How long each run counts, and how many there are of each kind."""

    seconds: float
    rounds: int


class Found(NamedTuple):
    """What one run came to. processor_ms, store_ms: of the server and of the database's own
    processes for a rating; client: cores it used. disk_kb: of the database for a rating.
    """

    per_s: float
    processor_ms: float
    store_ms: float
    p50_ms: float
    p99_ms: float
    client: float
    disk_kb: float = 0.0


def prepare(many: ManyHalls, size: int, seconds: float) -> list[list[Call]]:
    """Each hall's batches in order, more than can be answered in that time."""
    many.begin_anew()
    each = int(MOST_PER_S[size] * (WARM_S + seconds) / len(many.halls)) + 1
    made = []
    for hall in many.halls:
        numbers = itertools.cycle(range(len(hall.pens)))
        made.append(
            [
                letters.ratings(many, hall, itertools.islice(numbers, size), many.made_ms)
                for _ in range(each)
            ]
        )
    look_for_garbage_seldom(1_000_000)  # the client's own: all of this stays
    return made


def run(
    served: Served, prepared: list[list[Call]], size: int, seconds: float
) -> tuple[Found, list[Call]]:
    """What was found, and every call that was sent; all of them have been answered."""
    rest: dict[Line, Iterator[Call]] = {}
    sent: list[Call] = []
    is_over = False

    def go_on(line: Line, _: Call | None = None) -> None:
        nonlocal is_over
        call = None if is_over else next(rest[line], None)
        if call is None:
            is_over = True  # a hall that has nothing left ends it for all
            return
        sent.append(call)
        client.ask(line, call)

    client = Client(served.url, on_answer=go_on)
    lines = client.open(len(prepared))
    for line, calls in zip(lines, prepared, strict=True):
        rest[line] = (Call(call.request, call.letter) for call in calls)
    for line in lines:
        go_on(line)
    looks = []
    for phase_s in (WARM_S, seconds):
        until_s = time.monotonic() + phase_s
        while not is_over and (left_s := until_s - time.monotonic()) > 0:
            client.step(left_s)
        used_s = served.processor_s(), served.store.processor_s(), time.thread_time()
        looks.append((time.monotonic(), *used_s))
    is_over = True
    client.finish(60)
    client.close()
    assert client.unanswered == 0, f"{client.unanswered} requests were never answered"
    return _found(sent, size, *looks), sent


def _found(sent: list[Call], size: int, begin: tuple, end: tuple) -> Found:
    """From two looks at (the time, the processor of the server, of the database, the client's)."""
    counted = [call for call in sent if begin[0] <= (call.answered_s or 0) < end[0]]
    assert counted, "nothing was answered in the time that counts"
    took_ms = sorted(((call.answered_s or 0) - call.asked_s) * 1000 for call in counted)
    lasted_s, server_s, store_s, client_s = (
        after - before for before, after in zip(begin, end, strict=True)
    )
    ratings = len(counted) * size
    return Found(
        per_s=ratings / lasted_s,
        processor_ms=server_s * 1000 / ratings,
        store_ms=store_s * 1000 / ratings,
        p50_ms=took_ms[len(took_ms) // 2],
        p99_ms=took_ms[len(took_ms) * 99 // 100],
        client=client_s / lasted_s,
    )


async def rounds_of(
    folder: Path, store: Sqlite | Postgresql, many: ManyHalls, size: int, measured: Measured
) -> tuple[Found, Found]:
    """Ours and the yardstick in turn, on databases that begin anew; the medians of both."""
    prepared = await asyncio.to_thread(prepare, many, size, measured.seconds)
    ours, theirs = [], []
    for _ in range(measured.rounds):
        ours.append(await _ours(folder, store, many, prepared, size, measured.seconds))
        async with bare(store) as served:
            before = store.disk_bytes()
            found, sent = await asyncio.to_thread(run, served, prepared, size, measured.seconds)
        assert {call.status for call in sent} == {200}
        assert bare_count(served.database) == len(sent)
        disk_kb = (store.disk_bytes() - before) / 1024 / (len(sent) * size)
        theirs.append(found._replace(disk_kb=disk_kb))
    return _medians(ours), _medians(theirs)


async def _ours(
    folder: Path,
    store: Sqlite | Postgresql,
    many: ManyHalls,
    prepared: list[list[Call]],
    size: int,
    seconds: float,
    processes: int = 1,
) -> Found:
    async with centre(folder, many, store, processes=processes) as served:
        before = store.disk_bytes()
        found, sent = await asyncio.to_thread(run, served, prepared, size, seconds)
    letters.check_answers(sent)
    check_held(served.database, [rating for call in sent for rating in call.letter.ratings])
    disk_kb = (store.disk_bytes() - before) / 1024 / (len(sent) * size)
    return found._replace(disk_kb=disk_kb)


def _medians(found: list[Found]) -> Found:
    return Found(*(statistics.median(column) for column in zip(*found, strict=True)))


async def scaling(folder: Path, store: Postgresql, many: ManyHalls, measured: Measured) -> dict:
    """What a second process behind the same address brings, if there is room for it."""
    name = f"{store.name}, {len(many.halls)} halls: two processes against one, live ratings/s"
    cores = len(os.sched_getaffinity(0))
    if cores < CORES:
        return not_measured(name, f"not measured ({cores} cores)")
    prepared = await asyncio.to_thread(prepare, many, 1, measured.seconds)
    found: dict[int, list[Found]] = {1: [], 2: []}
    for _ in range(measured.rounds):
        for processes, ours in found.items():
            args = (folder, store, many, prepared, 1, measured.seconds, processes)
            ours.append(await _ours(*args))
    one, two = (_medians(ours) for ours in found.values())
    return row(name, two.per_s, one.per_s, "said", True)


async def measure(halls: tuple[int, ...], measured: Measured) -> list[dict]:
    """All of it on both databases."""
    raise_file_limit(2 * max(halls) + 100)
    rows, clients = [calibration()], []
    for kind in (Sqlite, Postgresql):
        for count in halls:
            with (
                tempfile.TemporaryDirectory(prefix="pingjia-bench-") as name,
                kind(Path(name)) as store,
            ):
                folder = Path(name)
                many = ManyHalls(folder, count, DEVICES)
                await asyncio.to_thread(many.make, store.made_url)
                for size in SIZES:
                    ours, theirs = await rounds_of(folder, store, many, size, measured)
                    rows += _rows(ours, theirs, store.name, count, size)
                    clients += [ours.client, theirs.client]
                if isinstance(store, Postgresql) and count == max(halls):
                    rows.append(await scaling(folder, store, many, measured))
    name = "the client's own processor in the busiest runs, cores"
    return [
        *rows,
        row(*(name, max(clients), MOST_CLIENT, f"<= {MOST_CLIENT}"), max(clients) <= MOST_CLIENT),
    ]


def results(halls: int | None = None, seconds: float | None = None) -> list[dict]:
    """The rows of `make bench`; a rehearsal of one round for fewer halls or another time."""
    is_rehearsal = halls is not None or seconds is not None
    measured = Measured(seconds or SECONDS, 1 if is_rehearsal else ROUNDS)
    return asyncio.run(measure((halls,) if halls else HALLS, measured))


def _rows(ours: Found, theirs: Found, store: str, halls: int, size: int) -> list[dict]:
    name = f"{store}, {halls} halls, batches of {size}:"
    least = TIMES[store].get(halls, 0) if size == 1 else 0
    most_ms = PROCESSOR_MS if size == 1 and store == Sqlite.name else math.inf
    rows = [
        row(
            *(f"{name} live ratings/s", ours.per_s, theirs.per_s),
            f">= {least}" if least else "said",
            ours.per_s >= least * theirs.per_s,
        ),
        row(
            *(f"{name} ms of processor a rating", ours.processor_ms, theirs.processor_ms),
            f"<= {most_ms} ms" if most_ms < math.inf else "said",
            ours.processor_ms <= most_ms,
        ),
    ]
    if store == Postgresql.name:
        own = f"{name} ms of PostgreSQL's own processor a rating"
        rows.append(row(own, ours.store_ms, theirs.store_ms, "said", True))
    if size == 1:
        rows += [
            row(f"{name} KB on disk a rating", ours.disk_kb, theirs.disk_kb, "said", True),
            row(f"{name} ms to the answer, p50", ours.p50_ms, theirs.p50_ms, "said", True),
            row(f"{name} ms to the answer, p99", ours.p99_ms, theirs.p99_ms, "said", True),
        ]
    return rows
