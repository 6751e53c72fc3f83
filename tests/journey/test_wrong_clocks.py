"""A day of a hall whose clock is wrong in every way, with an invitation that nobody took at each
window whenever something happens to the hall, and midnight in the middle. FAULTS 20, 21

The gateway's wall clock is set from outside (libfaketime); the oracle's and the centre's is right.
"""

import asyncio
import json
import time
from datetime import timedelta
from pathlib import Path

import pytest
from stepped_clock import SteppedClock
from storms import SEED, holds, press_until, run_with

from hosting.clock import day, now_ms, start_of
from simulator.check.oracle import Press, read_log
from simulator.people.crowd import Crowd

pytestmark = pytest.mark.needs("faketime")
MOSQUITTO = pytest.mark.needs("mosquitto")

WEAKENED = Path(__file__).parent / "weakened" / "gateway_invites_again.py"
INVITE_MS = 1500
LOOK_S = 0.6  # by then a device has what the hall says after its start
NEAR_MS = 1000  # from the finger to the record, on a busy machine


class Day:
    """What happens at the windows, beside the crowd; it keeps which ticket each service had."""

    def __init__(self, run, clock: SteppedClock):
        self.run, self.clock = run, clock
        self.tickets: dict[str, tuple[str, str]] = {}  # service: (device, ticket)
        self._count = self._crowds = 0
        self._left: set[str] = set()  # tickets of those who have
        self._open = run.queue.open
        run.queue.open = self.open

    async def open(self, window: str, opening: dict) -> dict:
        """Opens a service as the queue system does, and notes it."""
        service = await self._open(window, opening)
        self.tickets[service["service"]] = (self.run.hall.windows[window], opening["ticket_no"])
        return service

    async def work(self) -> None:
        """The crowd comes, until so many as there are windows have been thanked."""
        run, self._crowds = self.run, self._crowds + 1
        first = "A", 100 * self._crowds  # no ticket number comes twice
        seed = SEED + self._crowds
        windows = run.hall.windows
        run.crowd = Crowd(run.queue, run.fleet, windows, seed, first, pace=0.2, patience_s=3)
        await press_until(run, run.thanked() + len(windows), 60)

    async def restart(self) -> None:
        """`kill -9` of the gateway, and a start."""
        await self.run.hall.gateway.kill()
        await self.run.hall.gateway.start()

    async def expire(self) -> None:
        """At each window somebody is invited, and goes."""
        for window, device in self.run.hall.windows.items():
            ticket = self._ticket("E")
            service = await self.open(window, {"ticket_no": ticket, "kind": "single"})
            await self.run.queue.invite(service["service"])
            await self._sees(device, ticket, is_inviting=True)
        for device in self.run.hall.folders:
            ticket = self.run.fleet.faces[device]["ticket_no"]
            await self._sees(device, ticket, is_inviting=False)
            self._left.add(ticket)

    async def pass_by(self) -> None:
        """At each window somebody presses a key who was not called; see `tempt`, too."""
        async with asyncio.timeout(30):
            while not self.run.hall.folders.keys() <= await self._online():
                await asyncio.sleep(0.05)
        await asyncio.sleep(LOOK_S)
        for device in self.run.hall.folders:
            self.run.fleet.press(device, 1, self._ticket("P"))
        await asyncio.sleep(0.3)

    async def tempt(self) -> None:
        """Whoever sees a device invite for somebody who has left presses a key at once."""
        while True:
            for device, face in list(self.run.fleet.faces.items()):
                if face["face"] == "inviting" and face["ticket_no"] in self._left:
                    self._left.remove(face["ticket_no"])
                    self.run.fleet.press(device, 1, self._ticket("P"))
            await asyncio.sleep(0.02)

    async def over_midnight(self) -> None:
        """A service that is invited before midnight and called again after it stays that one."""
        now = now_ms()
        midnight_ms = start_of(day(now) + timedelta(days=1))
        self.clock.set(f"+{(midnight_ms - now) / 1000 - 1:.3f}")
        window, device = next(iter(self.run.hall.windows.items()))
        opening = {"ticket_no": self._ticket("M"), "kind": "single"}
        before = await self.open(window, opening)
        await self.run.queue.invite(before["service"])
        await self._sees(device, opening["ticket_no"], is_inviting=True)
        await self._sees(device, opening["ticket_no"], is_inviting=False)
        after = await self.open(window, opening)
        assert after["service"] == before["service"]
        await self.run.queue.invite(after["service"])
        await self._sees(device, opening["ticket_no"], is_inviting=True)
        self.run.fleet.press(device, 4, opening["ticket_no"])
        await self.run.fleet.event(lambda e: e["device"] == device and e["event"] == "thanked", 10)

    async def _online(self) -> set[str]:
        views = await self.run.queue.devices()
        return {view["device"] for view in views if view["state"] in ("online", "unknown")}

    async def _sees(self, device: str, ticket: str, is_inviting: bool) -> None:
        def is_it():
            face = self.run.fleet.faces.get(device, {})
            return face.get("ticket_no") == ticket and (face["face"] == "inviting") == is_inviting

        await self.run.until(is_it, 10)

    def _ticket(self, kind: str) -> str:
        self._count += 1
        return f"{kind}{self._count:04d}"


async def ahead(today: Day) -> None:
    """Eight hours ahead since its start, and corrected."""
    await today.work()
    await today.expire()
    today.clock.set("+0")


async def behind(today: Day) -> None:
    """Seven hours behind; the broker dies."""
    today.clock.set("-7h")
    await today.work()
    await today.expire()
    await today.run.hall.kill_broker()
    await today.run.hall.start_broker()


async def far_ahead(today: Day) -> None:
    """A start 40 days ahead; killed, and right at the next one."""
    today.clock.set("+40d")
    await today.restart()
    await today.work()
    await today.expire()
    today.clock.set("+0")
    await today.restart()


async def to_and_fro(today: Day) -> None:
    """Three hours ahead, three behind, four times a second; devices lose their power."""

    async def swing() -> None:
        while True:
            for setting in ("+3h", "-3h"):
                today.clock.set(setting)
                await asyncio.sleep(0.12)

    swinging = asyncio.create_task(swing())
    await today.work()
    await today.expire()
    await asyncio.gather(*map(today.run.restart, today.run.hall.folders))
    swinging.cancel()


async def frozen(today: Day) -> None:
    """It stands still; then it runs five times as fast, and the gateway is killed."""
    today.clock.set(time.strftime("%Y-%m-%d %H:%M:%S"))
    await today.work()
    await today.expire()
    today.clock.set("+1h x5")
    await today.restart()


WAYS = (ahead, behind, far_ahead, Day.over_midnight, to_and_fro, frozen)


def a_day(tmp_path, firmware, ways, windows: int, patience_s: float = 60, **how):
    """The oracle's verdict; the ratings whose service was not that of their ticket; and by how
    much others are off their press, beyond what is said of them.
    """
    clock, strangers, misdated = SteppedClock(tmp_path), [], []
    clock.set("+8h")

    def prepare(hall) -> None:
        environment = [f"{name}={value}" for name, value in clock.environment.items()]
        hall.gateway.observer = ("env", *environment)
        with (hall.folder / "gateway.toml").open("a") as settings:
            settings.write(f"invite_ms = {INVITE_MS}\n")

    async def scenario(run) -> None:
        today = Day(run, clock)
        tempting = asyncio.create_task(today.tempt())
        for way in ways:
            await way(today)
            await today.pass_by()
        tempting.cancel()
        clock.set("+0")
        await today.work()
        await run.until_all_arrived(patience_s)
        for rating in await run.ratings():
            rated = rating["device"], rating["ticket_no"]
            if today.tickets.get(rating["service"]) != rated:
                strangers.append(rating)
        await run.end_devices()
        misdated.extend(_misdated(await run.reader.records(), read_log(run.hall.oracle)))

    how |= {"windows": windows, "prepare": prepare, "patience_s": patience_s}
    return run_with(tmp_path, firmware, scenario, **how), strangers, misdated


def _misdated(rows: list[dict], presses: list[Press]) -> list[tuple[str, int, int, list[str]]]:
    """(ticket, milliseconds off, what is said of that, marks) of each that is."""
    pressed_ms = {(one.device, one.ticket_no): one.pressed_at_ms for one in presses}
    found = []
    for row in rows:
        record = json.loads(row["envelope"].split("\n")[0])
        at_ms = pressed_ms.get((record["device"], record.get("ticket_no")))
        if at_ms is not None:
            off_ms = row["rated_at_ms"] - at_ms
            if abs(off_ms) > row["rated_error_ms"] + NEAR_MS:
                found.append((record["ticket_no"], off_ms, row["rated_error_ms"], row["marks"]))
    return found


def test_a_day_with_a_clock_that_is_wrong_in_five_ways(tmp_path, firmware):
    """TKT-5: nothing is lost, doubled or altered; nobody rates for somebody who left; each rating
    is of the service whose ticket its citizen held, and was given when the centre says.
    """
    verdict, strangers, misdated = a_day(tmp_path, firmware, WAYS, windows=2)
    holds(verdict)
    assert strangers == []
    assert misdated == []
    assert verdict.thanked >= 2 * len(WAYS)


@pytest.mark.long
@pytest.mark.parametrize("broker", ["embedded", pytest.param("mosquitto", marks=MOSQUITTO)])
def test_three_days_of_it_with_either_broker(tmp_path, firmware, broker):
    """TKT-5: mosquitto outlives the gateway, and keeps what it said last."""
    found = a_day(tmp_path, firmware, 3 * WAYS, windows=4, broker=broker)
    holds(found[0])
    assert found[1:] == ([], [])


def test_the_control_whose_invitations_come_back_is_found_out(tmp_path, firmware):
    """The oracle's count condemns a gateway that invites again after its start."""
    how = {"gateway_program": WEAKENED, "patience_s": 3}
    verdict, *_ = a_day(tmp_path, firmware, (frozen,), windows=2, **how)
    assert verdict.lost > 0
    assert verdict.altered > 0
