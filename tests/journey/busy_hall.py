"""A hall whose many devices are pens: real centre, real mosquitto, real gateway, signed ratings.

The devices' keys are real, so the centre verifies everything. The tests flood it, bench/ measures.
"""

import asyncio
import json
import socket
import sys
import threading
import time
import tomllib
from pathlib import Path

import paho.mqtt.client as paho
import psutil
from publisher import write_packets

from central.directory.devices import Devices
from central.directory.halls import Halls
from central.keys import DeviceKeys, read_master_secret
from central.store.database import open_database
from gateway.store.database import Database
from hosting.clock import now_ms
from protocol.message import encode_message
from protocol.topic import ACK, RECORD, STATE, topic
from simulator.parts.hall import HALL, Hall
from simulator.pen import Pen

FIRMWARE = Path(__file__).resolve().parents[2] / "build" / "firmware"
OLD_MS = 1_760_000_000_000  # when the ratings of a backlog were made
_GATEWAY_DATA = "gateway-data"
_PUBLISHER = Path(__file__).with_name("publisher.py")
_QUICK = {"retry_first_s": 0.2, "retry_longest_s": 0.5, "hall_poll_s": 5}


class BusyHall:
    """One hall with so many devices in `folder`; `make` first."""

    def __init__(self, folder: Path, devices: int, settings: dict | None = None):
        self.folder = folder
        timers = {**_QUICK, **(settings or {})}
        self.hall = Hall(folder, FIRMWARE, windows=0, timers=timers, broker="mosquitto")
        self.pens: list[Pen] = []
        self.database = folder / _GATEWAY_DATA / "gateway.sqlite"
        self.password_file = folder / _GATEWAY_DATA / "mqtt-password"
        self._count = devices

    @property
    def mqtt_port(self) -> int:
        """Where mosquitto listens."""
        return tomllib.loads((self.folder / "gateway.toml").read_text())["mqtt_port"]

    async def make(self) -> None:
        """Enrol the devices, and let the gateway and mosquitto learn of them. Centre and gateway
        do not run afterwards, mosquitto does.
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

    async def stop(self) -> None:
        """End what runs."""
        await self.hall.stop()

    def write_plan(
        self,
        count: int,
        window: int,
        wants_acks: bool,
        is_live: bool = True,
        per_s: int = 0,
        spared: int = 0,
    ) -> Path:
        """A plan for publisher.py: so many further ratings, evenly from all devices but the
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
        database.sign_acts(keys.acts_key())
        halls, devices = Halls(database, now_ms), Devices(database, keys.key, now_ms)
        for number in range(1, self._count + 1):
            bundle = self.folder / f"bench-{number:04d}.json"
            halls.add_window(HALL, f"w{number}", f"{number}号窗口")
            devices.enrol(bundle.stem, HALL, f"w{number}", bundle)
            self.pens.append(Pen.of_bundle(bundle))
        database.close()


def rating(pen: Pen, at_ms: int) -> bytes:
    """The device's next rating as a hall has it; each has a service of its own."""
    seq = pen.seq + 1
    return pen.rating(
        service=f"01{pen.epoch % 10**6:06d}{pen.device[-4:]}{seq:014d}",
        ticket_no=f"A{seq % 10**6:06d}",
        facts="8bc100c14f4c1187" * 4,
        at=at_ms,
        took_ms=4200,
    )


def state(pen: Pen) -> str:
    """What the device says of itself after its newest rating: its journal has room."""
    return encode_message(pen.state(free=2000, capacity=2000)).decode()


async def publish(plan: Path) -> dict:
    """Let publisher.py carry out a plan; its times."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, _PUBLISHER, plan), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    return json.loads(out)


def publish_evenly(
    hall: BusyHall, per_s: int, count: int, until=lambda: False
) -> dict[str, float]:
    """Publish live ratings of the last device evenly, so many or until something is so.

    Gives {envelope: monotonic second of its publish}.
    """
    pen, sent = hall.pens[-1], {}
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=pen.device)
    client.username_pw_set(pen.device, pen.mqtt["password"])
    client.on_socket_open = lambda c, u, sock: sock.setsockopt(
        socket.IPPROTO_TCP, socket.TCP_NODELAY, 1
    )
    is_connected = threading.Event()
    client.on_connect = lambda *_: is_connected.set()
    client.connect("127.0.0.1", hall.mqtt_port)
    client.loop_start()
    is_connected.wait(10)
    client.publish(topic(HALL, pen.device, STATE), state(pen), 1, True)
    next_s = time.monotonic()
    for _ in range(count):
        if until():
            break
        envelope = rating(pen, time.time_ns() // 1_000_000)
        time.sleep(max(0.0, next_s - time.monotonic()))
        sent[envelope.decode()] = time.monotonic()
        client.publish(topic(HALL, pen.device, RECORD), envelope, 1)
        next_s += 1 / per_s
    time.sleep(2)
    client.disconnect()
    client.loop_stop()
    return sent


def _is_anything_waiting(database: Database) -> bool:
    with database.read() as tx:
        query = "SELECT 1 FROM envelope WHERE verdict IS NULL LIMIT 1"
        return tx.exec_driver_sql(query).first() is not None
