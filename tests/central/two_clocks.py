"""A machine with two clocks, in a world that has the true time."""

from central_hall import NOW_MS

from central.steady import SteadyClock
from central.timekeeper import Timekeeper


class Machine:
    """The true time, a monotonic clock that keeps it, and a wall clock that somebody sets."""

    def __init__(self) -> None:
        self.true_ms, self.error_ms = NOW_MS, 0

    def __call__(self) -> int:
        """The time of the hall, of its devices and of whoever looks on."""
        return self.true_ms

    def wall_ms(self) -> int:
        return self.true_ms + self.error_ms

    def monotonic_s(self) -> float:
        return self.true_ms / 1000 + 77

    def clock(self, newest_ms: int | None) -> SteadyClock:
        return SteadyClock(newest_ms, self.wall_ms, self.monotonic_s)

    def keeper(self, database) -> Timekeeper:
        return Timekeeper(database, self.wall_ms, self.monotonic_s)
