"""A run: a hall at work, its devices and its people, and what of it is seen from outside."""

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from hosting.error import OperatorError
from simulator.check.ladder import Ladder
from simulator.check.oracle import Verdict, judge, read_log, read_ratings
from simulator.devices.fleet import Fleet
from simulator.devices.unix import BOARD, JOURNAL, UnixPort
from simulator.parts.hall import Hall
from simulator.people.attendant import Attendant
from simulator.people.crowd import Crowd
from simulator.people.guests import Guests
from simulator.web import Centre, QueueSystem

_LOOK_S = 0.1
_ONLINE_S = 180.0  # a gateway hears of new devices once a minute
# Virtual citizens come quickly one after the other; a real face thanks for longer.
TIMING = {"thanks_ms": 1000}


class Run:
    """Everything of `hall`, from nothing until it is left: `async with Run(hall, seed) as run`.

    timing: of the devices (firmware/timing.py). flash_ms: how long an append takes on them. pace,
    patience_s: of the people (Crowd). `say`(text) is called with what devices have to say to a
    technician, `hear`(event) with all that they say. board: a name in firmware/boards/ for all of
    them (Fleet.start). unix: how many of them run on that interpreter, the first ones. `ladder`
    tells how far ratings have climbed. is_called_by_others: no queue system of ours is at the
    windows, only people who rate when they are invited (Guests).
    """

    def __init__(
        self,
        hall: Hall,
        seed: int,
        timing: dict | None = None,
        pace: float = 1.0,
        patience_s: float = 15,
        flash_ms: int = 0,
        say: Callable[[str], None] = lambda text: None,
        board: str | None = None,
        hear: Callable[[dict], None] = lambda event: None,
        unix: tuple[UnixPort, int] | None = None,
        is_called_by_others: bool = False,
    ):
        self.hall = hall
        self.timing = TIMING | (timing or {})
        self._flash_ms = flash_ms
        self._seed = seed
        self._pace = pace
        self._patience_s = patience_s
        self.say = say
        self._board = board
        self._unix = unix
        self._is_called_by_others = is_called_by_others
        self._hear_too = hear
        self._stack = AsyncExitStack()
        self.ladder = Ladder()
        self._news = asyncio.Event()

    async def __aenter__(self) -> "Run":
        async with AsyncExitStack() as stack:
            await self.hall.make()
            stack.push_async_callback(self.hall.stop)
            await self.hall.start()
            self.queue, self.reader = self.hall.queue_system(), self.hall.reader()
            stack.push_async_callback(self.queue.aclose)
            stack.push_async_callback(self.reader.aclose)
            self._fleet_stack = await stack.enter_async_context(AsyncExitStack())
            fleet = Fleet(self.hall.oracle, self._hear)
            self.fleet = await self._fleet_stack.enter_async_context(fleet)
            await start_devices(
                *(self.fleet, self.hall.folders, self.queue),
                *(self.timing, self._flash_ms, self._board, self._unix),
            )
            manners = {"seed": self._seed, "pace": self._pace, "patience_s": self._patience_s}
            windows = self.hall.windows
            self.crowd = (
                Guests(self.fleet, windows.values(), **manners)
                if self._is_called_by_others
                else Crowd(self.queue, self.fleet, windows, **manners)
            )
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_):
        await self._stack.aclose()

    def attend(self, window: str):
        """From now on somebody calls one ticket after the other at a window of real people."""
        attending = asyncio.create_task(Attendant(self.queue, window).run())
        self._stack.callback(attending.cancel)

    def pending(self) -> set[tuple[str, int]]:
        """(device, seq) of ratings that were thanked and are not acknowledged to the device."""
        return self.ladder.pending()

    def thanked(self) -> int:
        """How many ratings the devices have thanked for so far."""
        return self.ladder.thanked.total()

    async def until(self, is_true: Callable[[], bool], timeout_s: float = 60):
        """Waits until is_true(), looked at after everything a device says. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while not is_true():
                self._news.clear()
                await self._news.wait()

    async def until_acknowledged(self, timeout_s: float = 60):
        """Waits until the hall has acknowledged every thanked rating to its device."""
        await self.until(lambda: not self.pending(), timeout_s)

    async def until_all_arrived(self, timeout_s: float = 60) -> bool:
        """Waits until the centre has every thanked rating; False if it takes longer than that."""
        end = time.monotonic() + timeout_s
        while judge(read_log(self.hall.oracle), await self.ratings()).lost:
            if time.monotonic() > end:
                return False
            await asyncio.sleep(_LOOK_S)
        return True

    async def restart(self, device: str):
        """The device's power goes, and comes back."""
        await self.fleet.kill(device)
        await self.switch_on(device)

    async def switch_on(self, device: str):
        """The device's power comes back."""
        await self.fleet.start(
            device,
            self.hall.folders[device],
            self.timing,
            flash_ms=self._flash_ms,
            **_interpreter(device, self.hall.folders, self._board, self._unix),
        )

    async def end_devices(self):
        """Switches all devices off: the oracle's log is whole afterwards."""
        await self._fleet_stack.aclose()

    async def ratings(self) -> list[dict]:
        """The members of all ratings of the virtual devices in the centre."""
        return [
            rating
            for rating in read_ratings(await self.reader.records())
            if rating["device"] in self.hall.folders  # a person's at the kiosk: nobody else saw it
        ]

    async def verdict(self) -> Verdict:
        """The oracle's."""
        return judge(read_log(self.hall.oracle), await self.ratings())

    def _hear(self, event):
        self.ladder.hear(event)
        self._hear_too(event)
        if event["event"] == "log":
            self.say(f"{event['device']}: {event['text']}")
        self._news.set()


async def start_devices(
    fleet: Fleet,
    folders: dict[str, Path],
    queue: QueueSystem,
    timing: dict,
    flash_ms: int = 0,
    board: str | None = None,
    unix: tuple[UnixPort, int] | None = None,
) -> list[dict]:
    """Starts devices and waits until the gateway sees all of them; gives its view of them.

    unix: as Run has it. A device that has no journal yet is enrolled first. Raises OperatorError
    for one whose journal another interpreter keeps.
    """
    hands = asyncio.Semaphore(os.cpu_count() or 1)

    async def start(device, folder):
        is_new = not (folder / "flash" / "journal").exists()
        where = _interpreter(device, folders, board, unix)
        if not is_new and (folder / JOURNAL).exists() != ("unix" in where):
            raise OperatorError(
                f"{folder} began on MicroPython's other interpreter, which keeps its journal: see "
                "--interpreter."
            )
        async with hands:
            await fleet.start(device, folder, timing, enrol=is_new, flash_ms=flash_ms, **where)

    await asyncio.gather(*(start(*one) for one in folders.items()))
    until = time.monotonic() + _ONLINE_S
    while True:
        await asyncio.sleep(_LOOK_S)
        views = await queue.devices()
        away = folders.keys() - {view["device"] for view in views if view["online"]}
        if not away:
            return views
        if time.monotonic() > until:
            raise OperatorError(_why_away(away, views))


def _why_away(away: set[str], views: list[dict]) -> str:
    known = away & {view["device"] for view in views}
    unknown = sorted(away - known)
    if unknown:
        return (
            f"this gateway's hall has no device {', '.join(unknown[:5])} ({len(unknown)} in all): "
            "are their bundles of this hall, and does the gateway reach its centre?"
        )
    return (
        f"{', '.join(sorted(known)[:5])} ({len(known)} in all) did not come online in "
        f"{_ONLINE_S:.0f} s: does their bundle name this gateway's broker, and has the CA that it "
        "shows now (`pingjia central hall broker`, `pingjia gateway secure --check`)?"
    )


def _interpreter(device, folders, board, unix) -> dict[str, Any]:
    if unix is None or device not in list(folders)[: unix[1]]:
        return {"board": board}
    return {"board": board or BOARD, "unix": unix[0]}


async def read_centre(reader: Centre) -> list[dict]:
    """The members of all ratings in a centre; closes the reader."""
    try:
        return read_ratings(await reader.records())
    finally:
        await reader.aclose()
