"""Citizens whom somebody else's queue system calls: they stand at every window, and rate when the
device there invites them. Their API is the gateway's; nothing of ours opens a service.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Iterable

from simulator.check.days import Visit
from simulator.devices.fleet import Fleet, FleetError
from simulator.people.citizen import Citizen

_LOOK_S = 0.05


class Guests:
    """Stands in for `Crowd` where the queue system is another's: same `counts`, `run`, `stop`.

    Here `served` counts who was invited, ticket by ticket. `visits` stays empty: who called knows.
    """

    def __init__(
        self,
        fleet: Fleet,
        devices: Iterable[str],
        seed: int,
        pace: float = 1.0,
        patience_s: float = 15,
    ):
        self._fleet = fleet
        self._devices = list(devices)
        self._random = random.Random(seed)
        self._pace = pace
        self._patience_s = patience_s
        self._is_over = asyncio.Event()
        self.counts: Counter[str] = Counter()
        self.visits: dict[str, Visit] = {}

    async def run(self, seconds: float | None):
        """Waits at every device for `seconds` (None: until `stop`); who rates then is let end."""
        if seconds is not None:
            asyncio.get_running_loop().call_later(seconds, self.stop)
        await asyncio.gather(*(self._stand_at(device) for device in self._devices))

    def clerk(self, window: str) -> str:
        """Nobody whom we know."""
        return ""

    def stop(self):
        """Nobody comes any more."""
        self._is_over.set()

    async def _stand_at(self, device):
        ticket_no = None
        while not self._is_over.is_set():
            shown = self._fleet.faces.get(device, {})
            is_invited = shown.get("face") == "inviting"
            if is_invited and shown["ticket_no"] != ticket_no:
                ticket_no = shown["ticket_no"]
                await self._rate(device, ticket_no)
            elif not is_invited:
                ticket_no = None
            await asyncio.sleep(_LOOK_S)

    async def _rate(self, device, ticket_no):
        given = (self.counts, self._random, self._pace, self._patience_s)
        citizen = Citizen(self._fleet, device, ticket_no, *given)
        self.counts["served"] += 1
        try:
            self.counts["thanked" if await citizen.is_invited() else "left"] += 1
        except FleetError:
            self.counts["unanswered"] += 1
