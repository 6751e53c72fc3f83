"""A hall for the benches: real centre, real mosquitto, real gateway, and devices' signed ratings.

The devices' keys are real, so the centre verifies everything.
"""

import asyncio
import json
import shutil
import sys
import time
import tomllib
from pathlib import Path

import psutil

from bench.publisher import write_packets
from central.enrolment import Enrolment
from central.keys import DeviceKeys, read_master_secret
from central.store.database import open_database
from gateway import intake
from gateway.store import envelopes
from gateway.store.database import Database
from protocol.message import encode_message
from protocol.topic import ACK, RECORD, STATE, topic
from simulator.parts.hall import HALL, Hall
from simulator.pen import Pen
from simulator.web import read_token

FIRMWARE = Path("build/firmware").resolve()
NOTING_CENTRE = Path(__file__).with_name("noting_centre.py")
OLD_MS = 1_760_000_000_000  # when the ratings of a backlog were made
_GATEWAY_DATA = "gateway-data"
_AT_ONCE = 5000  # rows of one commit when a backlog is made
_QUICK = {"retry_first_s": 0.2, "retry_longest_s": 0.5, "hall_poll_s": 5}


def rating(pen: Pen, at_ms: int) -> bytes:
    """The device's next rating as a hall has it; each has a service of its own."""
    seq = pen.seq + 1
    return pen.rating(
        service=f"01{pen.epoch % 10**6:06d}{pen.device[-4:]}{seq:014d}",
        ticket_no=f"A{seq % 10**6:06d}",
        facts="8bc100c14f4c1187",
        at=at_ms,
        took_ms=4200,
    )


def state(pen: Pen) -> str:
    """What the device says of itself after its newest rating: its journal has room."""
    return encode_message(pen.state(free=2000, capacity=2000)).decode()


class BenchHall:
    """One hall with so many devices in `folder`; `make` first."""

    def __init__(self, folder: Path, devices: int, settings: dict | None = None):
        self.folder = folder
        timers = {**_QUICK, **(settings or {})}
        self.hall = Hall(folder, FIRMWARE, windows=0, timers=timers, broker="mosquitto")
        self.hall.centre.program = (str(NOTING_CENTRE),)
        self._count = devices
        self.pens: list[Pen] = []
        self.database = folder / _GATEWAY_DATA / "gateway.sqlite"
        self.password_file = folder / _GATEWAY_DATA / "mqtt-password"

    @property
    def mqtt_port(self) -> int:
        """Where mosquitto listens."""
        return tomllib.loads((self.folder / "gateway.toml").read_text())["mqtt_port"]

    async def make(self) -> None:
        """Enrol the devices, and let the gateway and mosquitto learn of them. Both databases are
        kept, for `begin_anew`. Centre and gateway do not run afterwards, mosquitto does.
        """
        self.folder.mkdir(exist_ok=True)
        await self.hall.make()
        await asyncio.to_thread(self._enrol)
        await self.hall.start()
        queue = self.hall.queue_system()
        while len(await queue.devices()) < self._count:
            await asyncio.sleep(0.05)
        await queue.aclose()
        passwords = self.folder / "broker" / "mosquitto.passwords"
        while len(passwords.read_text().splitlines()) <= self._count:
            await asyncio.sleep(0.05)
        await asyncio.sleep(2)  # mosquitto reads them after the signal
        await self.hall.gateway.stop()
        await self.hall.centre.stop()
        for path in (self.database, self.folder / "central.db"):
            shutil.copy(path, path.with_name(f"{path.name}.empty"))

    async def stop(self) -> None:
        """End what runs."""
        await self.hall.stop()

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
            texts = [rating(self.pens[n % self._count], OLD_MS) for n in numbers]
            names = [topic(HALL, self.pens[n % self._count].device, RECORD) for n in numbers]
            judged = [intake.judge(*one, HALL, known) for one in zip(names, texts, strict=True)]
            rows = [intake.row(one, OLD_MS, None, is_live=False) for one in judged]
            with database.write() as tx:
                envelopes.put(tx, rows)
        database.close()
        return texts

    def write_plan(
        self,
        count: int,
        window: int,
        wants_acks: bool,
        is_live: bool = True,
        per_s: int = 0,
        spared: int = 0,
    ) -> Path:
        """A plan for bench/publisher.py: so many further ratings, evenly from all devices but the
        last `spared` ones; per_s: of each device in a second at most, 0 for no limit.
        """
        devices, at_ms = [], time.time_ns() // 1_000_000 if is_live else OLD_MS
        pens = self.pens[: self._count - spared]
        for pen in pens:
            packets = self.folder / f"{pen.device}.packets"
            payloads = [rating(pen, at_ms) for _ in range(count // len(pens))]
            write_packets(packets, topic(HALL, pen.device, RECORD), payloads)
            devices.append(
                {
                    "device": pen.device,
                    "password": pen.mqtt["password"],
                    "packets": str(packets),
                    "last_seq": pen.seq,
                    "state_topic": topic(HALL, pen.device, STATE),
                    "ack_topic": topic(HALL, pen.device, ACK),
                    "state": state(pen),
                }
            )
        plan = self.folder / "plan.json"
        about = {"port": self.mqtt_port, "window": window, "per_s": per_s}
        about["wants_acks"] = wants_acks
        plan.write_text(json.dumps({**about, "devices": devices}))
        return plan

    def token(self) -> str:
        """The gateway's token at the centre."""
        return read_token(self.folder / "hall.token")

    def noted(self) -> list[tuple[float, float, list[str]]]:
        """(begin, end, envelopes) of the centre's batches."""
        lines = (self.folder / "centre.times").read_text().splitlines()
        parts = [line.split(" ", 2) for line in lines]
        return [(float(begin), float(end), json.loads(told)) for begin, end, told in parts]

    async def until_drained(self) -> None:
        """Wait until the running gateway has a verdict on every record."""
        database = Database(self.database)
        try:
            while await asyncio.to_thread(_is_anything_waiting, database):
                await asyncio.sleep(0.2)
        finally:
            database.close()

    def process(self) -> psutil.Process:
        """The running gateway."""
        return psutil.Process(self.hall.gateway.pid)

    def _enrol(self) -> None:
        database = open_database(f"sqlite:///{self.folder}/central.db")
        keys = DeviceKeys(read_master_secret(self.folder / "master.secret"))
        enrolment = Enrolment(database, lambda: time.time_ns() // 1_000_000)
        for number in range(1, self._count + 1):
            bundle = self.folder / f"bench-{number:04d}.json"
            enrolment.add_window(HALL, f"w{number}", f"{number}号窗口")
            enrolment.enrol(bundle.stem, HALL, f"w{number}", keys.key, bundle)
            self.pens.append(Pen.of_bundle(bundle))
        database.close()


async def publish(plan: Path) -> dict:
    """Let bench/publisher.py carry out a plan; its times."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.publisher", plan), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    return json.loads(out)


async def start_bare(*arguments: object) -> asyncio.subprocess.Process:
    """Start a yardstick of bench/bare.py; its first line is still to be read."""
    command = (sys.executable, "-m", "bench.bare", *map(str, arguments))
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
    """One row of results.json."""
    digits = 2 if ours < 100 else 0
    ratio = round(ours / reference, 3)
    ours, reference = round(ours, digits), round(reference, digits)
    return {
        "name": name,
        "ours": ours,
        "reference": reference,
        "ratio": ratio,
        "target": target,
        "holds": bool(holds),
    }


def _is_anything_waiting(database: Database) -> bool:
    with database.read() as tx:
        query = "SELECT 1 FROM envelope WHERE verdict IS NULL LIMIT 1"
        return tx.exec_driver_sql(query).first() is not None
