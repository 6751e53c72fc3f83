"""The centre's clock beside its database: where its time goes on after a start, and what all
processes and commands of one centre agree on. central/steady.py has the rules.

A running centre looks every ten seconds. What was followed stands in one row: whoever finds a new
word there that fits its own wall clock follows, too. There stands also when a process was sure of
the time last: while one is, another's machine is wrong. The live path writes nothing of this.
"""

import logging
import time
from collections.abc import Callable

from sqlalchemy import Connection

from central.steady import MOST_MS, NEAR_MS, Doubt, SteadyClock
from central.store import clocks, places
from central.store.clocks import KeptTime
from central.store.database import Database
from central.store.people import acts
from central.store.people.acts import COMMAND
from hosting import clock
from hosting.clock import written

log = logging.getLogger(__name__)

EVERY_S = 10.0
_WRITE_MS = 20_000  # together less than what two clocks may differ: a quick restart is no doubt
_ADVICE = (
    "look at the clock of this machine; `pingjia central clock show` tells both, and "
    "`pingjia central clock accept` follows the machine's at once"
)


class Timekeeper:
    """Keeps `clock`, the time of a centre on this database."""

    def __init__(
        self,
        database: Database,
        wall_ms: Callable[[], int] = clock.now_ms,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        with database.read() as connection:
            kept = clocks.kept_time(connection)
            halls = places.count_heard(connection, kept.newest_ms - MOST_MS) if kept else 0
        self.clock = SteadyClock(kept and kept.newest_ms, wall_ms, monotonic_s, halls)
        self._words, self._moves = (kept.words, kept.moves) if kept is not None else (0, 0)
        self._told: Doubt | None = None

    def keep(self) -> None:
        """Look at the clocks, follow if it is time to, and keep the newest instant."""
        self._log(self.clock.doubt())
        with self._database.read() as connection:
            kept = clocks.kept_time(connection)
        if kept is not None and self.clock.doubt() is None:
            self._words, self._moves = kept.words, kept.moves
            if all(0 <= self.clock.now_ms() - ms < _WRITE_MS for ms in kept[:2]):
                return
        with self._database.write() as connection:
            doubt, kept = self._write(connection)
        # Committed: what is filed from now on finds the starts where this clock has them.
        self._words, self._moves = kept.words, kept.moves
        if doubt is not None:
            self.clock.follow()
            log.warning(
                "the wall clock is followed: it was %s, and is %s now",
                *(written(doubt.steady_ms), written(doubt.wall_ms)),
            )
            self._told = None

    def _write(self, connection: Connection) -> tuple[Doubt | None, KeptTime]:
        """What is written; and the doubt, if the wall clock is to be followed."""
        kept = clocks.kept_time(connection, is_locked=True) or KeptTime(self.clock.now_ms())
        doubt = self.clock.doubt()
        heard = self.clock.heard()._asdict()
        if doubt is None or not (self._is_told(kept, doubt) or self._is_due(kept)):
            now_ms = self.clock.now_ms()
            sure_ms = now_ms if doubt is None else kept.sure_ms
            kept = kept._replace(newest_ms=now_ms, sure_ms=sure_ms, **heard)
            clocks.keep_time(connection, kept)
            return None, kept
        moves = kept.moves
        if moves == self._moves:
            places.lock_halls(connection, [row.hall for row in places.halls(connection)])
            clocks.move(connection, doubt.difference_ms, doubt.wall_ms)
            moves += 1
        kept = KeptTime(doubt.wall_ms, doubt.wall_ms, kept.words + 1, moves, **heard)
        clocks.keep_time(connection, kept)
        return doubt, kept

    def _is_told(self, kept: KeptTime, doubt: Doubt) -> bool:
        """Whether an operator or another process has said that this wall clock is right."""
        return kept.words != self._words and abs(kept.newest_ms - doubt.wall_ms) <= NEAR_MS

    def _is_due(self, kept: KeptTime) -> bool:
        """Whether this wall clock is followed by itself: no other machine's says otherwise."""
        return self.clock.is_due() and abs(self.clock.now_ms() - kept.sure_ms) > NEAR_MS

    def _log(self, doubt: Doubt | None) -> None:
        if doubt is not None and self._told is None:
            both = (written(doubt.wall_ms), written(doubt.steady_ms))
            log.warning("the wall clock says %s, the centre's time is %s: %s", *both, _ADVICE)
        elif doubt is None and self._told is not None:
            log.warning("the wall clock and the centre's time agree again")
        self._told = doubt


def accept(database: Database, wall_ms: Callable[[], int] = clock.now_ms) -> Doubt | None:
    """Let every centre on this database follow the wall clock; what differed, None for nothing."""
    with database.write() as connection:
        kept = clocks.kept_time(connection, is_locked=True)
        if kept is None:
            return None
        doubt = SteadyClock(kept.newest_ms, wall_ms).doubt()
        if doubt is not None:
            accepted = kept._replace(newest_ms=doubt.wall_ms, words=kept.words + 1)
            clocks.keep_time(connection, accepted)
            told = f"{written(doubt.steady_ms)} -> {written(doubt.wall_ms)}"
            acts.add(connection, doubt.wall_ms, COMMAND, "clock.accept", "", told)
        return doubt
