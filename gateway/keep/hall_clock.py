"""The gateway's two clocks: the wall's, which somebody may set, and its own running time.

What is kept and deleted, and how old something is, is counted in running time, so that no step of
the wall clock deletes or ages anything. What is written down for people and for the centre has the
wall's; an instant of this start keeps its distance from now when that clock is set.
"""

import time
from collections.abc import Callable

from gateway.store import books
from gateway.store.database import Database
from hosting import clock

_STEP_MS = 1000  # less is a clock that is kept right, or two looks at it


class HallClock:
    """`ran_ms`: for how long gateways have run on this database.

    It is noted every hour and at the end. A killed one forgets up to an hour: then things are kept
    for so much longer. It stands still while the gateway does.
    """

    def __init__(
        self,
        database: Database,
        now_ms: Callable[[], int] = clock.now_ms,
        monotonic_s: Callable[[], float] = time.monotonic,
    ):
        self.now_ms = now_ms
        self.monotonic_s = monotonic_s
        self._database = database
        self._began_s = monotonic_s()
        with database.read() as connection:
            self._before_ms = books.ran_ms(connection)

    def ran_ms(self) -> int:
        """The running time, milliseconds."""
        return self._before_ms + round((self.monotonic_s() - self._began_s) * 1000)

    def note(self) -> None:
        """Store the running time."""
        with self._database.write() as connection:
            books.note_ran_ms(connection, self.ran_ms())

    def place(self, at_ms: int, ran_ms: int | None) -> int | None:
        """An instant that was written down as `at_ms`, on the wall's clock as it is now.

        ran_ms: the running time then; None if an earlier start wrote it, whose clock nobody can
        compare: then it stays, or is None if it has not come yet.
        """
        now_ms = self.now_ms()
        if ran_ms is None:
            return at_ms if at_ms <= now_ms else None
        placed_ms = max(0, now_ms - (self.ran_ms() - ran_ms))
        return at_ms if abs(placed_ms - at_ms) < _STEP_MS else placed_ms
