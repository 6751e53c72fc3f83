"""A device whose password is in a stranger's hands: what is taken in under its name is bounded.

The hall cannot tell false signatures from true ones; the centre says which were false. From then
on so little is taken in under that name that other devices do not notice, and the disk and the
centre's patience are not used up. What is not taken in is counted, and a device offers its own
records again (SND-3), so that they arrive as soon as the stranger stops.
"""

import math
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from gateway.keep.alarms import Alarms

HELD_BACK = "held_back"  # why something was not taken in
FALSE_MACS = "false_macs"  # the alarm

_FALSE = 20  # signatures that the centre found false; fewer are an accident on the way
_FORGET_S = 3600.0  # after so long without one
_PER_S = 10.0
_BURST = 50.0
# Records of a device that have no verdict yet: no journal holds more than the centre has not
# signed for. Above it nothing is taken in: a stranger may come while the centre is away.
WAITING_MOST = 20_000
_COUNT_EVERY_S = 1.0


@dataclass
class _Suspect:
    false: int
    newest_s: float
    tokens: float = _BURST
    filled_s: float = 0.0


class Restraint:
    """Used by the custody thread and the forwarder's lanes.

    waiting_of: counts the device's records in the database that have no verdict.
    """

    def __init__(
        self, alarms: Alarms, monotonic_s: Callable[[], float], waiting_of: Callable[[str], int]
    ):
        self._alarms = alarms
        self._monotonic_s = monotonic_s
        self._waiting_of = waiting_of
        self._offered: dict[str, int] = {}  # since they were counted: those and repeated ones
        self._counted_s: dict[str, float] = {}
        self._lock = threading.Lock()
        self._known: dict[str, _Suspect] = {}

    def accuse(self, device: str, count: int) -> None:
        """The centre found so many false signatures under the device's name."""
        now_s = self._monotonic_s()
        with self._lock:
            known = self._known.setdefault(device, _Suspect(0, now_s, filled_s=now_s))
            known.false += count
            known.newest_s = now_s
            self._report()

    def is_suspect(self, device: str) -> bool:
        """Whether the centre found so many false ones under this name."""
        known = self._known.get(device)
        return known is not None and known.false >= _FALSE

    def admits(self, device: str) -> bool:
        """Whether one more record is taken in under this name now."""
        if self._offered.get(device, 0) >= WAITING_MOST and not self._has_room(device):
            return False
        if not self.is_suspect(device):
            return True
        with self._lock:
            known = self._known[device]
            now_s = self._monotonic_s()
            known.tokens = min(_BURST, known.tokens + (now_s - known.filled_s) * _PER_S)
            known.filled_s = now_s
            if known.tokens < 1:
                return False
            known.tokens -= 1
            return True

    def note_rows(self, devices: Iterable[str]) -> None:
        """Records of these devices were taken in, one a name."""
        for device in devices:
            self._offered[device] = self._offered.get(device, 0) + 1

    def _has_room(self, device: str) -> bool:
        now_s = self._monotonic_s()
        if now_s - self._counted_s.get(device, -math.inf) < _COUNT_EVERY_S:
            return False
        self._counted_s[device] = now_s
        self._offered[device] = self._waiting_of(device)
        return self._offered[device] < WAITING_MOST

    def look(self) -> None:
        """Forget those under whose name nothing false has come for an hour."""
        now_s = self._monotonic_s()
        with self._lock:
            for device in [d for d, k in self._known.items() if now_s - k.newest_s >= _FORGET_S]:
                del self._known[device]
            self._report()

    def _report(self) -> None:
        devices = sorted(one for one, known in self._known.items() if known.false >= _FALSE)
        if not devices:
            self._alarms.clear(FALSE_MACS)
            return
        self._alarms.set(
            FALSE_MACS,
            f"Records with false signatures come under the name of {', '.join(devices)}: somebody "
            "has its password. Little is taken in under that name until an hour after the last "
            "one. Have the device enrolled again, which makes a new password.",
        )
