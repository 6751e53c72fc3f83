"""The hall's people at work: clerks at their windows, a queue system that calls, citizens.

Everything they choose comes from a seeded random generator, so that a run can be repeated.
"""

import asyncio
import itertools
import random
import secrets
import time
from collections import Counter

from simulator.check.days import Visit
from simulator.check.oracle import Press, run_of
from simulator.devices.fleet import Fleet, FleetError
from simulator.people.citizen import Citizen
from simulator.people.clerk import Clerks
from simulator.web import QueueSystem, WebError

_MATTERS = (
    ("身份证换领", "1137000000450543200001"),
    ("营业执照设立登记", "1137000000450543200002"),
    ("不动产登记", "1137000000450543200003"),
    ("医保参保登记", "1137000000450543200004"),
)

# What a queue system does to the gateway when its network is bad, how often in a hundred.
_TIDY = "every call once and in order"
_REPEATS = "calls again, because the answer was lost"
_CLOSES_LATE = "closes only after the next service was opened"
_INVITES_LATE = "invites once more when the service is closed"
_QUEUE_MANNERS = {_TIDY: 88, _REPEATS: 6, _CLOSES_LATE: 3, _INVITES_LATE: 3}
_PAUSE_PERCENT = 6  # after how many services in a hundred a clerk pauses


def next_ticket(presses: list[Press]) -> tuple[str, int]:
    """(what stands before the digits, the digits' number) of the next ticket after a log's; of an
    empty log, what no other run's tickets have (simulator/check/oracle.py).
    """
    if not presses:
        return f"{secrets.token_hex(3).upper()}-", 1
    run = run_of(presses[-1].ticket_no)
    used = (one.ticket_no.removeprefix(run) for one in presses if run_of(one.ticket_no) == run)
    return run, 1 + max(int(number or 0) for number in used)


class Crowd:
    """Serves citizens at windows until told to stop.

    windows: {window id: device id}. first_ticket: see `next_ticket`. pace: how much slower than
    usual everybody is. patience_s: how long a citizen waits to be invited, and then for the
    thanks. `counts` tells what has happened so far: served, pressed, thanked, left (without
    rating), unanswered (the device did nothing), refused (calls that the gateway refused, or was
    away for too long), relieved (clerks whose place another took). `visits`: by service.
    """

    def __init__(
        self,
        queue: QueueSystem,
        fleet: Fleet,
        windows: dict[str, str],
        seed: int,
        first_ticket: tuple[str, int] = ("A", 1),
        pace: float = 1.0,
        patience_s: float = 15,
    ):
        self._queue = queue
        self._fleet = fleet
        self._windows = windows
        self._random = random.Random(seed)
        self._run, first = first_ticket
        self._numbers = itertools.count(first)
        self._pace = pace
        self._patience_s = patience_s
        self._is_over = asyncio.Event()
        self.counts: Counter[str] = Counter()
        self.visits: dict[str, Visit] = {}
        self._clerks: dict[str, Clerks] = {}

    async def run(self, seconds: float | None):
        """Serves for `seconds` (None: until `stop`), and lets the last citizens finish."""
        if seconds is not None:
            asyncio.get_running_loop().call_later(seconds, self.stop)
        places = enumerate(self._windows.items())
        await asyncio.gather(*(self._work(number, *place) for number, place in places))

    def clerk(self, window: str) -> str:
        """The name of who sits at a window, "" during a pause."""
        clerks = self._clerks.get(window)
        return "" if clerks is None else clerks.present

    def stop(self):
        """Nobody comes any more; those who are here are served to the end."""
        self._is_over.set()

    async def _work(self, number, window, device):
        """A window's day: its clerks, and one citizen after the other."""
        given = (self.counts, self._random, self._pace)
        clerks = self._clerks[window] = Clerks(self._queue, window, number, *given)
        await clerks.sit_down()
        unclosed = None
        while not self._is_over.is_set():
            try:
                unclosed = await self._serve(window, device, unclosed)
            except WebError:
                self.counts["refused"] += 1
            if self._random.randrange(100) < _PAUSE_PERCENT:
                await clerks.relieve()
            await self._rest(0.05, 0.3)

    async def _serve(self, window, device, unclosed):
        """One service; gives its id if the queue system still has to close it."""
        citizen = Citizen(
            self._fleet,
            device,
            f"{self._run}{next(self._numbers):04d}",
            self.counts,
            self._random,
            self._pace,
            self._patience_s,
        )
        manner = self._random.choices(list(_QUEUE_MANNERS), list(_QUEUE_MANNERS.values()))[0]
        times = 2 if manner == _REPEATS else 1
        opened_ms = _now_ms()
        service = await self._open(window, citizen.ticket_no, times)
        self.visits[service] = Visit(service, device, citizen.ticket_no, opened_ms)
        if unclosed is not None:
            await self._close(unclosed)
        self.counts["served"] += 1
        await citizen.is_served()
        await self._rate(citizen, service, times)
        if manner == _CLOSES_LATE:
            return service
        for _ in range(times):
            await self._close(service)
        await citizen.leaves()
        if manner == _INVITES_LATE:
            await self._queue.invite(service)  # refused, and counted as that
        return None

    async def _close(self, service):
        await self._queue.close(service)
        self.visits[service].closed_ms = self.visits[service].closed_ms or _now_ms()

    async def _open(self, window, ticket_no, times):
        name, task_code = self._random.choice(_MATTERS)
        matter = {
            "project_no": f"370100-{ticket_no}",
            "service_number": 1,
            "task_code": task_code,
            "task_name": name,
        }
        opening = {"ticket_no": ticket_no, "kind": "single", "matters": [matter]}
        for _ in range(times - 1):
            await self._queue.open(window, opening)
        return (await self._queue.open(window, opening))["service"]

    async def _rate(self, citizen, service, times):
        """Invites, and lets the citizen do what they will."""
        for _ in range(times):
            await self._queue.invite(service)
        try:
            await citizen.sees("inviting", self._patience_s)
            self.counts["thanked" if await citizen.is_invited() else "left"] += 1
        except FleetError:
            self.counts["unanswered"] += 1

    async def _rest(self, least_s, most_s):
        await asyncio.sleep(self._random.uniform(least_s, most_s) * self._pace)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
