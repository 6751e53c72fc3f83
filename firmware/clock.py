"""Time on a device: counted from its start, and told by the hall.

Nothing ever waits for the hall's time, and nothing is timed by it: a record made before it carries
`at` null and is placed in time later from its `boot` and `up_ms`. Between two messages of the hall
it drifts with the board's crystal, DRIFT_PPM at most.
"""

from protocol.limits import MS_MAX

DRIFT_PPM = 50  # a quartz over a hall's temperatures: 30 ms in 10 minutes, 13 s in 72 hours

STALE_MS = 30 * 60 * 1000  # three clock messages missed (they come every 10 minutes)


class Clock:
    """Milliseconds since the start, and epoch milliseconds once the hall has told them.

    ticks_ms and ticks_diff are MicroPython's: they wrap, so `up_ms` must be called at least every
    6 days (2^29 ms, half a turn of a 32-bit port); the app does so every minute.
    """

    def __init__(self, ticks_ms, ticks_diff):
        self._ticks_ms = ticks_ms
        self._ticks_diff = ticks_diff
        self._last = ticks_ms()
        self._up_ms = 0
        self._set_at_ms = None
        self._offset_ms = 0

    def up_ms(self) -> int:
        """Milliseconds since the start; never goes back, even where the port's ticks do."""
        now = self._ticks_ms()
        self._up_ms += max(0, self._ticks_diff(now, self._last))
        self._last = now
        return self._up_ms

    def set(self, now_ms: int):
        """Takes the hall's time, epoch milliseconds."""
        self._set_at_ms = self.up_ms()
        self._offset_ms = now_ms - self._set_at_ms

    def ahead_ms(self) -> int:
        """What has to be added to `up_ms` for the hall's time; only once it has been told."""
        return self._offset_ms

    def at(self):
        """Epoch milliseconds, or None when the hall has not told the time since the start."""
        if self._set_at_ms is None:
            return None
        # A hall whose time is absurd must not make a record that cannot be encoded.
        return min(max(0, self.up_ms() + self._offset_ms), MS_MAX)

    def quality(self) -> str:
        """`none`, `good`, or `stale` when the hall has not told the time for 30 minutes."""
        if self._set_at_ms is None:
            return "none"
        return "good" if self.up_ms() - self._set_at_ms < STALE_MS else "stale"
