"""Pages and figures of a province after a year, on both databases: how long each takes.

    python -m bench grow [--halls 300]

The databases are made anew (bench/many/grown.py), and their size and time are told. Asked is the
process that shows (`--role pages`), in this one and with no network, when it has kept what it
keeps of the days and months that are over, which it does at its start; how long that takes is
told, too, and what a look costs before. Milliseconds of processor, PostgreSQL's own with them, the
median of three, the worst of each row. No rendering is shared: each is the first.
"""

import asyncio
import json
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pages.shared
from bench.hall import row
from bench.many import grown
from bench.many.requests import Reader
from bench.many.servers import calibration
from bench.many.stores import Postgresql, Sqlite
from central.config import Role
from central.figures.tables.reader import KINDS
from central.figures.tables.units import DIMENSIONS
from hosting.clock import day

BUDGET_MS = 500
ROUNDS = 3
HALL, WINDOW, MATTER = "h0002", "w7", "m7"
Ask = tuple[str, dict[str, Any]]


def asks() -> Iterator[tuple[str, list[Ask]]]:
    """What is asked for each row."""
    today = day(grown.NOW_MS)
    year = {"from": str(today - timedelta(days=365)), "to": str(today)}
    periods = {"a month": "2026-10", "this month": "month", "this quarter": "quarter"}
    periods |= {"half a year": "half", "this year": "year", "seven days": "7d"}
    for name, period in periods.items():
        for dim in DIMENSIONS:
            if dim == "hour":
                continue
            told = [
                (f"/tables/{kind}/{dim}", {"period": period}) for kind in KINDS if kind != "watch"
            ]
            yield f"tables of each {dim}, {name}", told
    yield "tables of each hall, any 366 days", [("/tables/rates/hall", year)]
    yield (
        "tables of each window of a hall, any 366 days",
        [("/tables/rates/window", {**year, "in": HALL})],
    )
    yield (
        "tables of each window, sorted by bad ratings, this year",
        [("/tables/rates/window", {"period": "year", "sort": "bad"})],
    )
    yield (
        "a unit, this year",
        [
            (f"/units/{dim}/{what}", {"period": "year"})
            for dim, what in (
                ("hall", HALL),
                ("window", f"{HALL}/{WINDOW}"),
                ("matter", MATTER),
                ("region", "r1"),
            )
        ],
    )
    for which in ("today", "7d", "30d", "all"):
        yield f"the province, {which}", [("/", {"period": which})]
    yield "the province by the API, any 366 days", [("/v1/figures", year)]
    yield "a hall by the API, any 366 days", [("/v1/figures", {**year, "hall": HALL})]
    yield (
        "lists of halls and windows",
        [
            ("/halls", {}),
            ("/halls", {"q": "h12"}),
            (f"/halls/{HALL}/windows", {}),
            ("/fleet", {}),
            ("/directory/window", {}),
        ],
    )


async def of_store(store: Sqlite | Postgresql, folder: Path, halls: int) -> list[dict]:
    """The rows of one database."""
    began_s = time.monotonic()
    count = await asyncio.to_thread(grown.make, store.made_url, halls)
    took_s = time.monotonic() - began_s
    size_mb = (await asyncio.to_thread(store.made_bytes)) / 2**20
    name = f"{store.name}: {halls:,} halls, {count:,} counters:"
    rows = [
        row(f"{name} made, s", took_s, took_s, "said", True),
        row(f"{name} MB", size_mb, size_mb, "said", True),
    ]
    reader = Reader(store.made_url, folder, Role.PAGES)
    cold: Ask = ("/tables/rates/window", {"period": "year"})
    cold_ms = await _took_ms(store, reader, *cold)
    rows.append(row(f"{name} windows of a year before any is kept, ms", cold_ms, 0, "said", True))
    began_s = time.monotonic()
    await asyncio.to_thread(reader.centre.keep)
    name = f"{store.name}:"
    took_s = time.monotonic() - began_s
    rows.append(row(f"{name} keeping what is over, after a start, s", took_s, 0, "said", True))
    for what, told in asks():
        worst = 0.0
        for one in told:
            rounds = [await _took_ms(store, reader, *one) for _ in range(ROUNDS)]
            worst = max(worst, statistics.median(rounds))
        holds = worst <= BUDGET_MS
        told = row(f"{name} {what}, ms", worst, BUDGET_MS, f"<= {BUDGET_MS} ms", holds)
        rows.append(told)
        print(json.dumps(told, ensure_ascii=False), file=sys.stderr, flush=True)
    reader.centre.close()
    return rows


async def _took_ms(
    store: Sqlite | Postgresql, reader: Reader, path: str, query: dict[str, Any]
) -> float:
    began_s = time.process_time() + store.processor_s()
    await reader.get(path, query)
    return (time.process_time() + store.processor_s() - began_s) * 1000


async def measure(halls: int) -> list[dict]:
    """All of it."""
    pages.shared.LONG_S = math.inf  # each look is the first
    rows = [calibration()]
    for kind in (Sqlite, Postgresql):
        with (
            tempfile.TemporaryDirectory(prefix="pingjia-bench-") as name,
            kind(Path(name)) as store,
        ):
            rows += await of_store(store, Path(name), halls)
    return rows


def results(halls: int | None = None) -> list[dict]:
    """The rows of `make bench`, or of a rehearsal with fewer halls."""
    return asyncio.run(measure(halls or grown.HALLS))
