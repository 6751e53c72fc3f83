"""The two servers that are measured in turn: the centre and the yardstick, each a process of its
own, and what they use of the machine.
"""

import resource
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import psutil

from bench.hall import end, line_of, row, start_bare
from bench.many.halls import ManyHalls
from bench.many.stores import Postgresql, Sqlite, processor_s
from protocol.mac import hmac_sha256
from simulator.parts.part import Part, free_port

MACS = 100_000
_RECORD_BYTES = 400


class Served(NamedTuple):
    """A server that runs. database: the address of what it writes to, which began anew in
    `store`.
    """

    url: str
    processes: list[psutil.Process]
    store: Sqlite | Postgresql
    database: str

    def processor_s(self) -> float:
        """The seconds of processor used since it was started."""
        return sum(processor_s(process) for process in self.processes)

    def memory_mb(self) -> float:
        """What of it is resident now."""
        return sum(process.memory_info().rss for process in self.processes) / 1e6


@asynccontextmanager
async def centre(
    folder: Path,
    many: ManyHalls,
    store: Sqlite | Postgresql,
    tls: tuple[Path, Path] | None = None,
    processes: int = 1,
    program: tuple[str, ...] | None = None,
) -> AsyncIterator[Served]:
    """The centre of many halls. tls: certificate and key. processes: behind one address. program:
    another one than `pingjia`.
    """
    database = store.anew()
    more = f"share_address = true\nlisten_port = {free_port()}" if processes > 1 else ""
    config = many.config(database, tls, more)
    parts = [
        Part(f"centre-{number}", folder, "central", "run", "--config", config)
        for number in range(processes)
    ]
    try:
        for part in parts:
            part.program = program or part.program
            await part.start()
        running = [psutil.Process(part.pid) for part in parts]
        yield Served(parts[0].url, running, store, database)
    finally:
        for part in parts:
            await part.stop()


@asynccontextmanager
async def shown(
    folder: Path, many: ManyHalls, store: Sqlite | Postgresql
) -> AsyncIterator[tuple[Served, str]]:
    """The process of a centre that takes what halls send, and the address of the one beside it
    that shows.
    """
    database = store.anew()
    config = many.config(database, None, "listen_port = 0\npages_listen_port = 0")
    parts = [
        Part(f"centre-{role}", folder, "central", "run", "--role", role, "--config", config)
        for role in ("intake", "pages")
    ]
    try:
        for part in parts:
            await part.start()
        intake, pages = parts
        yield Served(intake.url, [psutil.Process(intake.pid)], store, database), pages.url
    finally:
        for part in parts:
            await part.stop()


@asynccontextmanager
async def bare(store: Sqlite | Postgresql) -> AsyncIterator[Served]:
    """The yardstick, `bench/bare.py batches`."""
    database = store.anew(is_empty=True)
    process = await start_bare("batches", database)
    try:
        ready = await line_of(process)
        yield Served(ready.split()[1], [psutil.Process(process.pid)], store, database)
    finally:
        await end(process)


def raise_file_limit(needed: int) -> None:
    """Let this process, and what it starts, open as many files as the system allows.

    Raises OSError, with what to do, if that is less than `needed`.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if most < needed and most != resource.RLIM_INFINITY:
        raise OSError(f"{needed} open files are needed, {most} allowed: `ulimit -Hn {needed}`")


def calibration() -> dict:
    """A row that tells two machines apart: a fixed piece of pure work, in ms of processor."""
    key, record = bytes(32), bytes(_RECORD_BYTES)
    began_s = time.process_time()
    for _ in range(MACS):
        hmac_sha256(key, record)
    took_ms = (time.process_time() - began_s) * 1000
    name = f"calibration: {MACS:,} HMACs of {_RECORD_BYTES} bytes, ms of processor"
    name += f" (uvicorn here has {_faster_parts()})"
    return row(name, took_ms, took_ms, "said", True)


def _faster_parts() -> str:
    found = []
    for name in ("httptools", "uvloop"):
        try:
            __import__(name)
        except ImportError:
            continue
        found.append(name)
    return " and ".join(found) or "neither httptools nor uvloop"
