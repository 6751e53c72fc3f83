"""A citizen at a window: most press once when asked to, some do what people do."""

import asyncio
import random
import time
from collections import Counter
from contextlib import suppress

from simulator.devices.fleet import Fleet, FleetError

# How often each level is pressed: mostly content, but every level in every run of some length.
_LEVELS = {5: 50, 4: 25, 3: 12, 2: 7, 1: 6}
_GLANCE_S = 0.3  # how long somebody impatient looks at the device
_QUESTION_S = 1.5  # how long somebody waits for the question that follows the thanks
_HOLD_MS = 80
_LIFT_MS = 40  # from one press to the next at least: longer than any debounce

_GIVES_A_REASON = 0.25  # of those who rated; the rest wait or go
RATES = "presses one key when invited"
LEAVES = "goes without pressing"
TWICE = "presses again, and another key"
CHORD = "presses two keys at once, then one"
EARLY = "presses as soon as the device shows the ticket, and again when invited"
LATE = "presses when the service is closed"
MANNERS = {RATES: 70, LEAVES: 10, TWICE: 7, CHORD: 5, EARLY: 5, LATE: 3}


class Citizen:
    """Holds a ticket; presses the keys of the device at the window that called it.

    Everything is chosen from `chance`. counts: where presses are counted (`pressed`). pace: how
    much slower than usual the citizen is. patience_s: how long to wait for the thanks.
    """

    def __init__(
        self,
        fleet: Fleet,
        device: str,
        ticket_no: str,
        counts: Counter[str],
        chance: random.Random,
        pace: float,
        patience_s: float,
    ):
        self._fleet = fleet
        self._device = device
        self.ticket_no = ticket_no
        self._counts = counts
        self._chance = chance
        self._pace = pace
        self._patience_s = patience_s
        self.level = chance.choices(list(_LEVELS), list(_LEVELS.values()))[0]
        self.manner = chance.choices(list(MANNERS), list(MANNERS.values()))[0]
        self._free_at_s = 0.0

    async def is_served(self):
        """While the clerk works."""
        if self.manner == EARLY:
            with suppress(FleetError):
                await self.sees("serving", _GLANCE_S)
                await self._press(self.level)
        await self._pause(0.05, 0.2)

    async def sees(self, face: str, patience_s: float):
        """Returns when the device shows a face with this citizen's ticket. Raises FleetError."""

        def is_it(event):
            mine = event["device"] == self._device and event.get("face") == face
            return mine and event["ticket_no"] == self.ticket_no

        now = self._fleet.faces.get(self._device)
        if now is None or not is_it(now):
            await self._fleet.event(is_it, patience_s)

    async def is_invited(self) -> bool:
        """The lamps ask for a rating; whether one was given, and thanked for.

        Raises FleetError if the device does not thank.
        """
        await self._pause(0.1, 0.4)
        if self.manner in (LEAVES, LATE):
            return False
        if self.manner == CHORD:
            await self._press(self.level, self._other_key())
            await self._pause(0.3, 0.5)
        await self._until_free()
        thanked = self._fleet.event(
            lambda e: e["device"] == self._device and e["event"] == "thanked", self._patience_s
        )
        await self._press(self.level)
        await thanked
        if self.manner == TWICE:
            await self._pause(0.15, 0.4)
            await self._press(self._other_key())
        await self._until_free()
        if self._chance.random() < _GIVES_A_REASON:
            with suppress(FleetError):  # the device may have no question, or the next citizen
                await self.sees("asking", _QUESTION_S)
                await self._press(self._chance.randrange(1, 6))
                await self._until_free()
        return True

    async def leaves(self):
        """The service is closed."""
        if self.manner == LATE:
            await self._pause(0.05, 0.1)
            await self._press(self.level)
            await self._until_free()

    def _other_key(self):
        return self._chance.choice([level for level in _LEVELS if level != self.level])

    async def _press(self, *levels):
        await self._until_free()
        self._counts["pressed"] += 1
        for level in levels:
            self._fleet.press(self._device, level, self.ticket_no, _HOLD_MS)
        self._free_at_s = time.monotonic() + (_HOLD_MS + _LIFT_MS) / 1000

    async def _until_free(self):
        """Until no key is held down any more."""
        await asyncio.sleep(max(0, self._free_at_s - time.monotonic()))

    async def _pause(self, least_s, most_s):
        await asyncio.sleep(self._chance.uniform(least_s, most_s) * self._pace)
