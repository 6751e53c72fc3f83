"""How each device stands now, by what was heard of it in this start and how long ago.

What a database remembers is no news: a state heard before the start is unknown, one older than
two of a device's intervals is lost; neither is online (DESIGN 6).
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from gateway.hall.hall_book import HallBook
from gateway.keep.alarms import Alarms
from gateway.store import states
from gateway.store.database import Database

ONLINE, STOPPED, OFFLINE = "online", "stopped", "offline"
UNKNOWN, LOST, NEVER, REVOKED = "unknown", "lost", "never", "revoked"
STATES = (ONLINE, STOPPED, OFFLINE, LOST, UNKNOWN, NEVER, REVOKED)
CONNECTED = (ONLINE, STOPPED)

LOST_S = 120.0  # two of its intervals (STA-1)
_NAMED = 5  # devices in the alarm's sentence


class Presence:
    """Told by the broker's connection and the custody thread, asked by any thread.

    While the gateway itself hears nothing, and for two intervals after that, nobody is lost: what
    is older than that is unknown.
    """

    def __init__(
        self,
        database: Database,
        book: HallBook,
        alarms: Alarms,
        monotonic_s: Callable[[], float],
    ):
        self._database = database
        self._book = book
        self._alarms = alarms
        self._monotonic_s = monotonic_s
        self._listens_since_s = math.inf
        self._heard_s: dict[str, float] = {}

    def listen(self, is_up: bool) -> None:
        """From now on devices are heard, or not."""
        self._listens_since_s = self._monotonic_s() if is_up else math.inf

    def hear(self, devices: Iterable[str]) -> None:
        """These have spoken just now."""
        now_s = self._monotonic_s()
        self._heard_s.update(dict.fromkeys(devices, now_s))

    def state_of(self, device: str, said: Any) -> str:
        """One of `STATES`. said: the row of its state, None without one."""
        bound = self._book.devices.get(device)
        if bound is not None and bound.revoked:
            return REVOKED
        if said is None:
            return NEVER
        if not said.online:
            return OFFLINE
        now_s = self._monotonic_s()
        heard_s = self._heard_s.get(device, -math.inf)
        if now_s - heard_s <= LOST_S:
            return STOPPED if said.face == "out_of_service" else ONLINE
        return LOST if now_s - self._listens_since_s > LOST_S else UNKNOWN

    def silent_s(self, device: str) -> float | None:
        """How long ago the device was heard; None if it was not since the start."""
        heard_s = self._heard_s.get(device)
        return None if heard_s is None else self._monotonic_s() - heard_s

    def at(self, devices: Iterable[str], said: Mapping[str, Any]) -> tuple[str, str | None]:
        """The best of a window's devices: its state, `none` without any, and its face.

        said: the rows of states by device.
        """
        found = {self.state_of(device, said.get(device)): device for device in devices}
        for state in (ONLINE, STOPPED, UNKNOWN, LOST, OFFLINE):
            if state in found:
                return state, said[found[state]].face
        return (NEVER if found else "none"), None

    def counts(self, said: Mapping[str, Any]) -> dict[str, int]:
        """How many of the hall's devices are in which state."""
        counted = Counter(self.state_of(one, said.get(one)) for one in [*self._book.devices])
        return {state: counted[state] for state in STATES}

    def look(self) -> None:
        """Raise the alarm about devices that are lost, or end it."""
        with self._database.read() as connection:
            said = {row.device: row for row in states.everyone(connection)}
        devices = sorted(self._book.devices)
        lost = [one for one in devices if self.state_of(one, said.get(one)) == LOST]
        if not lost:
            self._alarms.clear("device_lost")
            return
        more = f" and {len(lost) - _NAMED} more" if len(lost) > _NAMED else ""
        self._alarms.set(
            "device_lost",
            f"Nothing is heard of {', '.join(lost[:_NAMED])}{more}, and nobody said goodbye: "
            "windows there cannot rate. Look at the device's power and its network; a record that "
            "it holds comes by itself when it is back.",
        )
