"""The centre's time: steady, because devices hear it, figures are dated by it, and a wall clock
may be set by anybody. Clocks in, instants out; no SQL, no thread.

It goes on by the monotonic clock. A wall clock that differs by up to a minute is followed at once,
never behind what was said. One that differs by more puts the time in doubt: it is followed after
ten minutes in which it went evenly, by more than a day only on an operator's word. Until then the
centre stores and signs by the steady time, and learns nothing from when something came.
central/timekeeper.py keeps it beside the database, and tells it what was followed.
"""

import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from hosting import clock

NEAR_MS = 60_000
EVEN_S = 600.0
MOST_MS = 86_400_000


class Instant(NamedTuple):
    """An instant on the centre's clock; the wall clock may be right instead, which differs by
    `doubt_ms`. 0: they agree.
    """

    ms: int
    doubt_ms: int = 0

    @property
    def proves_ms(self) -> int | None:
        """The same, for those who conclude something from it; None while it is in doubt."""
        return None if self.doubt_ms else self.ms


class Doubt(NamedTuple):
    """The two clocks, and since when they differ, on the steady one."""

    steady_ms: int
    wall_ms: int
    since_ms: int

    @property
    def difference_ms(self) -> int:
        """By how much the wall clock is ahead."""
        return self.wall_ms - self.steady_ms


class Heard(NamedTuple):
    """Of how many halls the time was heard since the start, and how many agree with either."""

    halls: int
    near_steady: int
    near_wall: int


class PlainClock:
    """The centre's time where nobody has to doubt it: in tests, benches and rehearsals."""

    def __init__(self, now_ms: Callable[[], int] = clock.now_ms) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        """Epoch milliseconds."""
        return self.read().ms

    def read(self) -> Instant:
        """The instant, with how far it is in doubt."""
        return Instant(self._now_ms())

    def doubt(self) -> Doubt | None:
        """Both clocks while they differ; None while they agree."""
        return None

    def hear(self, hall: str, hall_ms: int | None) -> None:
        """A batch of this hall said that it was packed at `hall_ms`, on the hall's clock."""


class SteadyClock(PlainClock):
    """The rules above. newest_ms: the newest instant that is stored, None in an empty database,
    which trusts the wall clock; wall_ms and monotonic_s: the machine's clocks; halls: how many
    spoke in the day before.

    At a start a wall clock that is ahead of the newest instant is followed as soon as most halls
    heard since then agree with it, and most of those from before: the centre was off for days, or
    restored, and one hall that is quick does not decide. May be called from any thread.
    """

    def __init__(
        self,
        newest_ms: int | None,
        wall_ms: Callable[[], int] = clock.now_ms,
        monotonic_s: Callable[[], float] = time.monotonic,
        halls: int = 0,
    ) -> None:
        self._wall_ms, self._monotonic_s, self._halls = wall_ms, monotonic_s, halls
        self._lock = threading.Lock()
        now_ms = wall_ms()
        self._base_ms = now_ms if newest_ms is None else newest_ms
        self._base_s = monotonic_s()
        self._said_ms = self._base_ms
        self._doubt: Doubt | None = None
        self._even_ms, self._even_s = 0, 0.0  # the difference that lasts, and since when
        self._ahead_ms: dict[str, int] = {}  # hall: by how much its clock is ahead of this one
        self._is_starting = now_ms > self._base_ms

    @property
    def is_starting(self) -> bool:
        """Whether the clocks have differed since the start: it had stood still before that."""
        with self._lock:
            return self._look().doubt_ms > 0 and self._is_starting

    def read(self) -> Instant:
        """The instant, with how far it is in doubt."""
        with self._lock:
            return self._look()

    def doubt(self) -> Doubt | None:
        """Both clocks while they differ; None while they agree."""
        with self._lock:
            self._look()
            return self._doubt

    def hear(self, hall: str, hall_ms: int | None) -> None:
        """A batch of this hall said that it was packed at `hall_ms`, on the hall's clock."""
        if hall_ms is None:
            return
        with self._lock:
            self._ahead_ms[hall] = hall_ms - self._look().ms
            if self._doubt is not None and self._is_starting and self._doubt.difference_ms > 0:
                heard = self._heard(self._doubt.difference_ms)
                if 2 * heard.near_wall > max(heard.halls, self._halls):
                    self._follow()

    def heard(self) -> Heard:
        """What the halls say."""
        with self._lock:
            self._look()
            return self._heard(self._doubt.difference_ms if self._doubt is not None else 0)

    def is_due(self) -> bool:
        """Whether the wall clock has been even for so long that it is to be followed by itself."""
        with self._lock:
            self._look()
            if self._doubt is None or abs(self._doubt.difference_ms) > MOST_MS:
                return False
            return self._monotonic_s() - self._even_s >= EVEN_S

    def follow(self) -> None:
        """Follow the wall clock now, backwards too."""
        with self._lock:
            self._look()
            self._follow()

    def _look(self) -> Instant:
        wall_ms, now_s = self._wall_ms(), self._monotonic_s()
        steady_ms = self._base_ms + round((now_s - self._base_s) * 1000)
        steady_ms = max(self._said_ms, steady_ms)
        difference_ms = wall_ms - steady_ms
        if abs(difference_ms) <= NEAR_MS:
            self._base_ms, self._base_s = wall_ms, now_s
            self._said_ms = max(self._said_ms, wall_ms)
            self._doubt, self._is_starting = None, False
            return Instant(self._said_ms)
        if self._doubt is None or abs(difference_ms - self._even_ms) > NEAR_MS:
            self._even_ms, self._even_s = difference_ms, now_s
        since_ms = steady_ms if self._doubt is None else self._doubt.since_ms
        self._doubt = Doubt(steady_ms, wall_ms, since_ms)
        self._said_ms = steady_ms
        return Instant(steady_ms, abs(difference_ms))

    def _follow(self) -> None:
        """As of the last look."""
        if self._doubt is None:
            return
        difference_ms = self._doubt.difference_ms
        self._ahead_ms = {hall: ms - difference_ms for hall, ms in self._ahead_ms.items()}
        self._base_ms, self._base_s = self._doubt.wall_ms, self._monotonic_s()
        self._said_ms = self._base_ms
        self._doubt, self._is_starting = None, False

    def _heard(self, difference_ms: int) -> Heard:
        ahead = self._ahead_ms.values()
        near_wall = [one for one in ahead if abs(one - difference_ms) <= NEAR_MS]
        near_steady = [one for one in ahead if abs(one) <= NEAR_MS]
        return Heard(len(ahead), len(near_steady), len(near_wall))
