"""The real firmware alone with a broker that invites it again and again and brings receipts."""

import asyncio
import contextlib
import json
from pathlib import Path

from scripted_broker import ScriptedBroker

from protocol.envelope import mac16
from protocol.message import Ack, Ticket, encode_message
from simulator.devices.fleet import Fleet, FleetError
from simulator.devices.folder import flash
from simulator.devices.unix import BOARD
from simulator.pen import Pen

ROOT = Path(__file__).resolve().parents[2]
DEVICE, EPOCH, KEY = "xj-0417", 29333341, bytes(range(32))
QUICK = {"settle_ms": 1, "sample_ms": 1, "thanks_ms": 1, "why_ms": 0}  # when only counts matter
_TRIES = 5


class LoneDevice:
    """One device in `folder`, its broker, and whoever presses. Use as `async with`.

    unix: on that interpreter, as a board. tls, ca: the broker's SSLContext and the CA that the
    device trusts, PEM. host, network: the broker's name, and network.json. `events` is what the
    device says.
    """

    def __init__(self, folder: Path, unix=None, tls=None, ca=None, host="127.0.0.1", network=None):
        self._folder = folder
        self._unix = unix
        self._ca = ca
        self._host = host
        self._network = network
        self._service = 0
        self.broker = ScriptedBroker(tls=tls)
        self.oracle = folder / "oracle.jsonl"
        self.events = []
        self.fleet = Fleet(self.oracle, self.events.append)

    async def __aenter__(self):
        await self.broker.__aenter__()
        await self.fleet.__aenter__()
        return self

    async def __aexit__(self, *error):
        await self.fleet.__aexit__(*error)
        await self.broker.__aexit__(*error)

    async def start(self, **timing):
        """Starts the device and waits until it has told its state."""
        await self.switch_on(self.broker.port, timing)
        await self.broker.until(lambda: self.broker.published("/state"))

    async def switch_on(self, port, timing):
        """Flashes, enrols and starts a device whose broker is said to listen at `port`."""
        mqtt = {"host": self._host, "port": port, "username": DEVICE, "password": "secret"}
        bundle = {"device": DEVICE, "epoch": EPOCH, "key": KEY.hex(), "hall": "demo"}
        path = self._folder / "bundle.json"
        path.write_text(json.dumps(bundle | {"mqtt": mqtt | {"ca": self._ca}}))
        flash(self._folder / "device", ROOT / "build" / "firmware", path)
        if self._network is not None:
            (self._folder / "device" / "network.json").write_text(self._network)
        self._start = {"timing": timing}
        if self._unix:
            self._start |= {"unix": self._unix, "board": BOARD}
        await self.fleet.start(DEVICE, self._folder / "device", enrol=True, **self._start)

    async def switch_on_again(self, timing=None):
        """Its power comes back. timing: another one than before."""
        if timing is not None:
            self._start["timing"] = timing
        await self.fleet.start(DEVICE, self._folder / "device", **self._start)

    def faces(self):
        """The faces that it has shown."""
        return [event["face"] for event in self.events if event["event"] == "face"]

    async def rate(self, count: int, hold_ms: int, is_acknowledged: bool = True):
        """So many ratings, one after the other; a receipt after every tenth if acknowledged."""
        for _ in range(count):
            self._service += 1
            name = f"A{self._service}"
            asking = self.fleet.event(lambda event: event.get("face") == "inviting")
            ticket = Ticket(name, "0" * 64, name, "inviting", None, None, 20000, 1)
            while not asking.done():  # a connection that ended took the ticket with it
                with contextlib.suppress(IndexError):  # there is no connection just now
                    self._tell("ticket", ticket)
                await asyncio.wait([asking], timeout=0.2)
            await asking
            await self._press(name, hold_ms)
            if is_acknowledged and self._service % 10 == 0:
                await self._acknowledge(name.encode())

    async def _press(self, ticket_no, hold_ms):
        """Until it is thanked for: a busy machine may invite while the last key is still down."""
        for _ in range(_TRIES):
            over = self.fleet.event(lambda event: event.get("face") == "standby", timeout_s=2)
            self.fleet.press(DEVICE, self._service % 5 + 1, ticket_no, hold_ms=hold_ms)
            with contextlib.suppress(FleetError):
                await over
                await asyncio.sleep(hold_ms / 1000)  # the finger leaves the key
                return
        raise FleetError(f"nobody was thanked for ticket {ticket_no} after {_TRIES} presses")

    async def _acknowledge(self, service):
        sent = []

        def is_here():
            sent[:] = [one for one in self.broker.published("/record") if service in one]
            return bool(sent)

        await self.broker.until(is_here)
        seq = json.loads(sent[0].split(b"\n")[0])["seq"]
        receipt = Pen(DEVICE, EPOCH, KEY).receipt(seq=seq, mac16=mac16(sent[0]))
        self._tell("ack", Ack(EPOCH, seq, receipt))
        self.broker.connections[-1].clear()

    def _tell(self, name, message):
        self.broker.publish(f"pj/1/demo/{DEVICE}/{name}", encode_message(message))
