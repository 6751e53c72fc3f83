"""A hall for the benches: the busy hall of the tests, and what a measurement needs beside it."""

import asyncio
import json
import shutil
import sys
from pathlib import Path

from gateway.hall import intake
from gateway.store import envelopes
from gateway.store.database import Database
from protocol.topic import RECORD, topic
from simulator.parts.hall import HALL
from simulator.pen import Pen
from simulator.web import read_token

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "journey"))

from busy_hall import OLD_MS, BusyHall, publish, publish_evenly, rating, state

__all__ = [
    "OLD_MS",
    "BenchHall",
    "end",
    "line_of",
    "not_measured",
    "publish",
    "publish_evenly",
    "row",
    "start_bare",
    "state",
]

NOTING_CENTRE = Path(__file__).with_name("noting_centre.py")
_AT_ONCE = 5000  # rows of one commit when a backlog is made


class BenchHall(BusyHall):
    """The same, with a centre that notes its times, and begun anew for each measurement."""

    def __init__(self, folder: Path, devices: int, settings: dict | None = None):
        super().__init__(folder, devices, settings)
        self.hall.centre.program = (str(NOTING_CENTRE),)

    async def make(self) -> None:
        """Make it; both databases are kept, for `begin_anew`."""
        await super().make()
        for path in (self.database, self.folder / "central.db"):
            shutil.copy(path, path.with_name(f"{path.name}.empty"))

    def begin_anew(self) -> None:
        """Both databases as after `make`; the devices begin at 1."""
        for path in (self.database, self.folder / "central.db"):
            for part in ("-wal", "-shm"):
                path.with_name(path.name + part).unlink(missing_ok=True)
            shutil.copy(path.with_name(f"{path.name}.empty"), path)
        (self.folder / "centre.times").unlink(missing_ok=True)
        self.pens = [Pen.of_bundle(self.folder / f"{one.device}.json") for one in self.pens]

    def fill(self, count: int) -> list[bytes]:
        """Put so many ratings into the stopped gateway's database, as its intake does.

        Gives the envelopes of the last commit, for whoever wants to see some.
        """
        database = Database(self.database)
        known, texts = {pen.device for pen in self.pens}, []
        for start in range(0, count, _AT_ONCE):
            numbers = range(start, min(start + _AT_ONCE, count))
            texts = [rating(self.pens[n % len(self.pens)], OLD_MS) for n in numbers]
            names = [topic(HALL, self.pens[n % len(self.pens)].device, RECORD) for n in numbers]
            judged = [intake.judge(*one, HALL, known) for one in zip(names, texts, strict=True)]
            rows = [intake.row(one, OLD_MS, None, is_live=False) for one in judged]
            with database.write() as connection:
                envelopes.put(connection, rows)
        database.close()
        return texts

    def token(self) -> str:
        """The gateway's token at the centre."""
        return read_token(self.folder / "hall.token")

    def noted(self) -> list[tuple[float, float, list[str]]]:
        """(begin, end, envelopes) of the centre's batches."""
        lines = (self.folder / "centre.times").read_text().splitlines()
        parts = [line.split(" ", 2) for line in lines]
        return [(float(begin), float(end), json.loads(told)) for begin, end, told in parts]


async def start_bare(*arguments: object, module: str = "bench.bare") -> asyncio.subprocess.Process:
    """Start a yardstick of bench/bare.py; its first line is still to be read."""
    command = (sys.executable, "-m", module, *map(str, arguments))
    return await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)


async def line_of(process: asyncio.subprocess.Process) -> str:
    """The next line that a yardstick prints."""
    assert process.stdout
    return (await process.stdout.readline()).decode().strip()


async def end(process: asyncio.subprocess.Process) -> None:
    """End a yardstick."""
    if process.returncode is None:
        process.kill()
    await process.communicate()


def row(name: str, ours: float, reference: float, target: str, holds: bool) -> dict:
    """One row of results.json; no ratio to a reference of nothing."""
    digits = 2 if ours < 100 else 0
    ratio = round(ours / reference, 3) if reference else None
    ours, reference = round(ours, digits), round(reference, digits)
    return {
        "name": name,
        "ours": ours,
        "reference": reference,
        "ratio": ratio,
        "target": target,
        "holds": bool(holds),
    }


def not_measured(name: str, why: str) -> dict:
    """A row of results.json for what this machine cannot tell: neither held nor missed."""
    return {
        **{"name": name, "ours": None, "reference": None, "ratio": None},
        **{"target": why, "holds": None},
    }
