"""Every row of the session's table, pressed through by the levels of a board's pins.

Eight devices of a real hall at once, each with the times that its rows need; what they thanked for
is counted in the centre. A row that nobody presses through here fails the test.
"""

import asyncio
import contextlib

import pytest
from storms import made_hall

from firmware.session import TABLE
from simulator.check.oracle import judge, read_log, read_ratings
from simulator.devices.fleet import Fleet, FleetError
from simulator.parts.bad_centre import ERROR, GOOD

BOARD = "esp32_five_key"
INVITE_MS = 6000
TRIES = 5
SETTLED_MS = 80  # a key that was let go of has settled by then
QUICK = {"retry_ms": 50, "retry_max_ms": 200, "technician_ms": 50, "round_ms": 500}
SMALL = {"segments": 4, "segment_records": 1}  # a boot and two ratings
FEW = 2


class Window:
    """A device at a window: its services, its keys, and the rows that it says it used."""

    def __init__(self, hall, fleet, queue, window):
        self.device = hall.windows[window]
        self._folder = hall.folders[self.device]
        self._fleet = fleet
        self._queue = queue
        self._window = window
        self._count = 0
        self.ticket_no = ""  # the newest

    async def start(self, closed=0, **timing):
        """Returns when the hall has told it the time: it is subscribed to its tickets."""
        told = self.event(text="the hall told the time")
        await self._fleet.start(
            self.device, self._folder, QUICK | timing, enrol=True, board=BOARD, closed=closed
        )
        await told

    def event(self, timeout_s=20.0, **members):
        """The device's next event with these members."""
        wanted = {"device": self.device, **members}.items()
        return self._fleet.event(lambda e: wanted <= _hashable(e).items(), timeout_s)

    def row(self, *row, timeout_s=20.0):
        """The next time that the device uses this row."""
        return self.event(timeout_s, row=row)

    async def serve(self, *row):
        self._count += 1
        self.ticket_no = f"{self._window}-{self._count}"
        used = self.row(*row) if row else None
        opened = await self._queue.open(self._window, {"ticket_no": self.ticket_no})
        self._service = opened["service"]
        if used is not None:
            await used

    async def invite(self, *row):
        used = self.row(*row) if row else None
        await self._queue.invite(self._service)
        if used is not None:
            await used

    async def close(self, *row):
        used = self.row(*row)
        await self._queue.close(self._service)
        await used

    async def press(self, *row, keys=(3,)):
        """Closes contacts until the device has used the row, then opens them, and it sees that.

        Tried again: a busy machine may not look while the fingers are off the keys.
        """
        closed = sum(1 << (key - 1) for key in keys)
        for _ in range(TRIES):
            used = self.row(*row, timeout_s=1)
            self.move((SETTLED_MS, closed), level=keys[0])
            with contextlib.suppress(FleetError):
                await used
            opened = self.event(timeout_s=5, closed=0)
            self.move((0, 0))
            await opened
            if not used.exception():
                return
        raise FleetError(f"{self.device} never used the row {row}")

    async def rate(self, level=3):
        """The next service from its ticket to the thanks."""
        invited = self.event(face="inviting")
        await self.serve()
        await self.invite()
        await invited
        await self.press("inviting", "rate", keys=(level,))

    def move(self, *moves, level=1):
        self._fleet.trace(self.device, level, self.ticket_no, moves)

    async def be_offline(self, action, *row):
        """The network is gone while `action` runs; when it is back the device uses the row."""
        pulled = self.event(is_plugged=False)
        noticed = self._fleet.event(
            lambda e: e["device"] == self.device and e.get("text", "").startswith("no hall")
        )
        self._fleet.unplug(self.device)
        await pulled
        await action
        await noticed
        used = self.row(*row)
        self._fleet.plug(self.device)
        await used


def _hashable(event):
    return event | {"row": tuple(event.get("row", ()))}


async def technician_and_before_a_press(it: Window):
    maintained, over = it.row("standby", "maintain"), it.row("technician", "end")
    await it.start(closed=0b10001)
    await maintained
    it.move((0, 0))
    await it.press("technician", "chord", keys=(1, 2))
    for key in (1, 2, 3, 4, 5):
        await it.press("technician", "press", keys=(key,))
    await over
    await it.press("standby", "press")
    await it.press("standby", "chord", keys=(1, 5))
    await it.serve("standby", "serve")
    await it.press("serving", "press", keys=(5,))
    await it.press("serving", "chord", keys=(4, 5))
    await it.serve("serving", "serve")
    await it.close("serving", "close")
    await it.serve("standby", "serve")
    await it.invite("serving", "invite")
    await it.press("inviting", "chord", keys=(1, 2, 3))
    await it.close("inviting", "close")
    await it.serve("standby", "serve")
    expired = it.row("inviting", "expire")
    await it.invite("serving", "invite")
    await expired
    await it.invite("serving", "invite")
    await it.serve("inviting", "serve")
    await it.invite("serving", "invite")
    await it.press("inviting", "rate", keys=(1,))


async def after_a_press(it: Window):
    await it.start(thanks_ms=2000, why_ms=2000)
    asked = it.row("thanking", "ask")
    await it.rate(2)
    await it.press("thanking", "press", keys=(5,))
    await it.press("thanking", "chord", keys=(4, 5))
    await asked
    await it.press("asking", "chord", keys=(1, 2))
    await it.press("asking", "reason", keys=(4,))
    asked, over = it.row("thanking", "ask"), it.row("asking", "end")
    await it.rate(5)
    await asked
    await over
    asked = it.row("thanking", "ask")
    await it.rate(4)
    await asked
    await it.serve("asking", "serve")
    await it.invite("serving", "invite")
    await it.press("inviting", "rate", keys=(3,))
    over, invited = it.row("thanking", "end"), it.row("standby", "invite")
    await it.serve()
    await it.invite()
    await over
    await invited
    await it.press("inviting", "rate", keys=(2,))


async def held_too_long(it: Window):
    """A key takes a second to settle, so that what it went down for is over by then."""
    await it.start(settle_ms=1000, thanks_ms=2000, why_ms=4000)
    await it.serve("standby", "serve")
    held, seen = it.row("inviting", "held"), it.event(closed=0b1000)
    it.move((0, 0b1000))
    await seen
    await it.invite("serving", "invite")
    await held
    rated = it.row("inviting", "rate")
    it.move((0, 0), (1200, 0b1000), level=4)
    await rated
    held = it.row("asking", "held")
    it.move((0, 0), (1500, 0b0001))
    await held


async def without_a_network(it: Window):
    async def call_the_next():
        await it.serve()
        await it.invite()

    await it.start(keep_alive_s=1, thanks_ms=100, why_ms=20000)
    await it.serve("standby", "serve")
    await it.invite("serving", "invite")
    await it.be_offline(call_the_next(), "inviting", "invite")
    asked = it.row("thanking", "ask")
    await it.press("inviting", "rate", keys=(5,))
    await asked
    await it.be_offline(call_the_next(), "asking", "invite")
    await it.press("inviting", "rate", keys=(1,))


async def full(it: Window, face, next_service=(), **timing):
    """Rates until the journal is full, with what `next_service` names during each thanks."""
    await it.start(**SMALL | {"thanks_ms": 1000 if next_service else 100, "why_ms": 0} | timing)
    failed = it.row(face, "fail")
    for number in range(FEW):
        over = it.row("thanking", "ask" if face == "asking" else "end")
        if number and "invite" in next_service:
            await it.press("inviting", "rate")
        else:
            await it.rate()
        if "serve" in next_service:
            await it.serve()
        if "invite" in next_service:
            await it.invite()
        await over
    await failed
    await it.press("out_of_service", "press", keys=(1,))
    await it.press("out_of_service", "chord", keys=(1, 2))


@pytest.mark.rule("R1")
def test_every_row_of_the_table_is_used_and_what_was_thanked_for_is_in_the_centre(
    tmp_path, firmware
):
    rows = set()

    def hear(event):
        if event["event"] == "row":
            rows.add(tuple(event["row"]))

    hall = made_hall(firmware, "embedded").copy(tmp_path / "hall", 8)

    async def scenario():
        with (hall.folder / "gateway.toml").open("a") as settings:
            settings.write(f"invite_ms = {INVITE_MS}\n")
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(hall.stop)
            await hall.start()
            queue, reader = hall.queue_system(), hall.reader()
            stack.push_async_callback(queue.aclose)
            stack.push_async_callback(reader.aclose)
            assert hall.bad_centre
            hall.bad_centre.manner = ERROR  # no receipts: journals fill up
            async with Fleet(hall.oracle, hear) as fleet:
                windows = [Window(hall, fleet, queue, window) for window in hall.windows]
                mended = [it.row("out_of_service", "mend", timeout_s=60) for it in windows[4:]]
                await asyncio.gather(
                    technician_and_before_a_press(windows[0]),
                    after_a_press(windows[1]),
                    held_too_long(windows[2]),
                    without_a_network(windows[3]),
                    full(windows[4], "standby"),
                    full(windows[5], "asking", why_ms=5000),
                    full(windows[6], "serving", ("serve",)),
                    full(windows[7], "inviting", ("serve", "invite")),
                )
                hall.bad_centre.manner = GOOD
                await asyncio.gather(*mended)
            while True:
                ratings = read_ratings(await reader.records())
                verdict = judge(read_log(hall.oracle), ratings)
                if not verdict.lost:
                    return verdict
                await asyncio.sleep(0.1)

    verdict = asyncio.run(asyncio.wait_for(scenario(), 120))
    assert rows == set(TABLE), f"never used: {set(TABLE) - rows}"
    assert verdict.holds(), verdict.explanations
    assert (verdict.thanked, verdict.in_centre) == (17, 17)
