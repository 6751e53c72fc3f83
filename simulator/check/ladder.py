"""The custody ladder as seen from outside: what each device thanked for, and who has it by now.

The hall has a rating when its acknowledgement reaches the device, the centre when its receipt
does; both are read off the device's wire, below the firmware (simulator/devices/worker.mjs).
"""

import statistics
from collections import Counter, defaultdict, deque
from collections.abc import Iterable

RUNGS = ("thanked", "in_hall", "in_centre")
_REMEMBERED = 2000  # ratings that the percentiles are taken over


class Ladder:
    """Hears every event of the devices; tells how far their ratings have climbed."""

    def __init__(self):
        self.thanked: Counter[str] = Counter()  # ratings by device
        self._hall: dict[str, int] = defaultdict(int)  # highest seq that stands acknowledged
        self._receipt: dict[str, int] = defaultdict(int)
        # {device: {seq: epoch ms at which the key closed}}, until the rung was climbed
        self._to_hall: dict[str, dict[int, int]] = defaultdict(dict)
        self._to_centre: dict[str, dict[int, int]] = defaultdict(dict)
        self._took_ms = {rung: deque(maxlen=_REMEMBERED) for rung in RUNGS}

    def hear(self, event: dict):
        """What a device said; anything but a thanks or an acknowledgement is no news here."""
        device = event["device"]
        if event["event"] == "thanked":
            self.thanked[device] += 1
            self._to_hall[device][event["seq"]] = event["pressed_at_ms"]
            self._to_centre[device][event["seq"]] = event["pressed_at_ms"]
            self._took_ms["thanked"].append(event["at_ms"] - event["pressed_at_ms"])
        elif event["event"] == "ack":
            self._hall[device] = event["hall"]
            self._receipt[device] = max(self._receipt[device], event["receipt"])
            self._climb("in_hall", self._to_hall[device], event["hall"], event["at_ms"])
            self._climb("in_centre", self._to_centre[device], event["receipt"], event["at_ms"])

    def pending(self, devices: Iterable[str] | None = None) -> set[tuple[str, int]]:
        """(device, seq) of ratings that were thanked and do not stand acknowledged.

        An acknowledgement that goes down brings back what no receipt covers.
        """
        return {
            (device, seq)
            for device in (self.thanked if devices is None else devices)
            for seq in self._to_centre[device].keys() | self._to_hall[device].keys()
            if seq > max(self._hall[device], self._receipt[device])
        }

    def count(self, device: str) -> dict[str, int]:
        """How many of a device's ratings reached each rung."""
        thanked = self.thanked[device]
        return {
            "thanked": thanked,
            "in_hall": thanked - len(self.pending([device])),
            "in_centre": thanked - len(self._to_centre[device]),
        }

    def totals(self) -> dict[str, int]:
        """The same for all devices together."""
        counts = [self.count(device) for device in self.thanked]
        return {rung: sum(count[rung] for count in counts) for rung in RUNGS}

    def latency_ms(self, rung: str) -> tuple[int, int] | None:
        """p50 and p95 of the time from the key's closing to a rung, None while none is known."""
        took = self._took_ms[rung]
        if len(took) < 2:
            return None
        cuts = statistics.quantiles(took, n=20, method="inclusive")
        return round(cuts[9]), round(cuts[18])

    def _climb(self, rung, waiting, reached, at_ms):
        for seq in [seq for seq in waiting if seq <= reached]:
            self._took_ms[rung].append(at_ms - waiting.pop(seq))
