"""The people of a hall: at each window a citizen after the other is served, invited, and rates.

Everything they choose comes from a seeded random generator, so that a run can be repeated.
"""

import asyncio
import itertools
import random
from collections import Counter

from simulator.fleet import Fleet, FleetError
from simulator.oracle import Press
from simulator.web import QueueSystem, WebError

# How often each level is pressed: mostly content, but every level in every run of some length.
_LEVELS = {5: 50, 4: 25, 3: 12, 2: 7, 1: 6}
_MATTERS = (
    ("身份证换领", "1137000000450543200001"),
    ("营业执照设立登记", "1137000000450543200002"),
    ("不动产登记", "1137000000450543200003"),
    ("医保参保登记", "1137000000450543200004"),
)


def next_ticket(presses: list[Press]) -> int:
    """The first ticket number that no press of an earlier run has used."""
    return 1 + max((int(press.ticket_no[1:]) for press in presses), default=0)


class Crowd:
    """Serves citizens at windows until told to stop.

    windows: {window id: device id}. pace: how much slower than usual everybody is. patience_s:
    how long a citizen waits to be invited, and then for the thanks. `counts` tells what has
    happened so far: served, pressed, thanked, unanswered (the device did nothing), refused (the
    gateway did not know the service any more, or was away for too long).
    """

    def __init__(
        self,
        queue: QueueSystem,
        fleet: Fleet,
        windows: dict[str, str],
        seed: int,
        first_ticket: int = 1,
        pace: float = 1.0,
        patience_s: float = 15,
    ):
        self._queue = queue
        self._fleet = fleet
        self._windows = windows
        self._random = random.Random(seed)
        self._numbers = itertools.count(first_ticket)
        self._pace = pace
        self._patience_s = patience_s
        self._is_over = asyncio.Event()
        self.counts = Counter()

    async def run(self, seconds: float | None):
        """Serves for `seconds` (None: until `stop`), and lets the last citizens finish."""
        windows = [asyncio.create_task(self._serve(*window)) for window in self._windows.items()]
        if seconds is not None:
            asyncio.get_running_loop().call_later(seconds, self.stop)
        await asyncio.gather(*windows)

    def stop(self):
        """Nobody comes any more; those who are here are served to the end."""
        self._is_over.set()

    async def _serve(self, window, device):
        while not self._is_over.is_set():
            try:
                await self._serve_one(window, device)
            except WebError:
                self.counts["refused"] += 1
            await self._pause(0.05, 0.3)

    async def _serve_one(self, window, device):
        ticket_no = f"A{next(self._numbers):04d}"
        name, task_code = self._random.choice(_MATTERS)
        matter = {
            "project_no": f"370100-{ticket_no}",
            "service_number": 1,
            "task_code": task_code,
            "task_name": name,
        }
        service = await self._queue.open(
            window, {"ticket_no": ticket_no, "kind": "single", "matters": [matter]}
        )
        self.counts["served"] += 1
        await self._pause(0.05, 0.2)
        invited = self._fleet.event(
            lambda e: (
                e["device"] == device
                and e.get("face") == "inviting"
                and e["ticket_no"] == ticket_no
            ),
            self._patience_s,
        )
        await self._queue.invite(service["service"])
        try:
            await invited
            await self._press(device, ticket_no)
        except FleetError:
            self.counts["unanswered"] += 1
        await self._queue.close(service["service"])

    async def _press(self, device, ticket_no):
        await self._pause(0.1, 0.4)
        level = self._random.choices(list(_LEVELS), list(_LEVELS.values()))[0]
        thanked = self._fleet.event(
            lambda e: e["device"] == device and e["event"] == "thanked", self._patience_s
        )
        self._fleet.press(device, level, ticket_no)
        self.counts["pressed"] += 1
        await thanked
        self.counts["thanked"] += 1

    async def _pause(self, least_s, most_s):
        await asyncio.sleep(self._random.uniform(least_s, most_s) * self._pace)
