"""A rehearsal (演练): a centre whose clock is set by hand, on a database that is marked for ever.

For training, for trying a policy, for living through a year in a minute. Nothing that was ever
real becomes a rehearsal, and no rehearsal becomes real.
"""

import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Connection

from central.ratings.entry import Progress, Told, put_progress, put_told
from central.ratings.judge import Judge
from central.rules.calendar import DAY_MS
from central.steady import Instant, PlainClock
from central.store import directory, services, transfer
from central.store.database import Database
from central.store.directory import Entry
from central.store.judged import facts, standings
from central.store.judged.facts import RatingRow, Service
from hosting.clock import day, start_of, written
from hosting.error import OperatorError


class BackwardsError(Exception):
    """A clock only goes forward; the text says where it is."""


class RehearsalClock(PlainClock):
    """Goes on by itself from where it was set last; while it is moved it stands."""

    def __init__(self, now_ms: int, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._monotonic_s = monotonic_s
        self._lock = threading.Lock()
        self._base_ms, self._base_s = now_ms, monotonic_s()
        self._stands = False

    def read(self) -> Instant:
        """The instant, never in doubt."""
        with self._lock:
            if self._stands:
                return Instant(self._base_ms)
            return Instant(self._base_ms + round((self._monotonic_s() - self._base_s) * 1000))

    def stand(self, at_ms: int) -> None:
        """Stand at an instant until `go_on`."""
        with self._lock:
            self._base_ms, self._stands = at_ms, True

    def go_on(self) -> None:
        """Go on from where it stands."""
        with self._lock:
            self._base_s, self._stands = self._monotonic_s(), False


class Given(NamedTuple):
    """Facts that are given to a rehearsal. decisions: (hall, service, rating, what, at_ms, who).
    due_days: of services.
    """

    directory: list[Entry]
    services: list[Told]
    progress: list[tuple[Service, Progress]]
    due_days: list[tuple[Service, int]]
    ratings: list[RatingRow]
    decisions: list[tuple[str, str, str, str, int, str]]


class Moved(NamedTuple):
    """Where the clock is now. steps: at how many instants something was settled on the way;
    judged: how much changed. next_due_ms: when time alone changes something again.
    """

    now_ms: int
    steps: int
    judged: int
    next_due_ms: int | None


class CaseLimits(Protocol):
    """The limits of cases, as far as a rehearsal moves them (central/cases/deadlines.py)."""

    def settle_all(self) -> None:
        """Settle what is due now."""
        ...

    def next_due_ms(self, connection: Connection, after_ms: int) -> int | None:
        """The next instant behind one at which a limit ends."""
        ...


class Rehearsal:
    """What can be done in a rehearsal only. settle_directory: lets names be those of the day.
    limits: of cases.
    """

    def __init__(
        self,
        database: Database,
        judge: Judge,
        clock: RehearsalClock,
        settle_directory: Callable[[], Any],
        limits: CaseLimits,
    ) -> None:
        self._database = database
        self._judge = judge
        self._clock = clock
        self._settle_directory = settle_directory
        self._limits = limits
        self._lock = threading.Lock()

    def state(self) -> Moved:
        """Where the clock is."""
        now_ms = self._clock.now_ms()
        with self._database.read() as connection:
            return Moved(now_ms, 0, 0, self._next_due_ms(connection, now_ms))

    def move(self, to_ms: int) -> Moved:
        """Set the clock, and settle all that is due by then, in the order of its instants. Raises
        BackwardsError.
        """
        with self._lock:
            now_ms = self._clock.now_ms()
            if to_ms < now_ms:
                raise BackwardsError(f"the clock is at {written(now_ms)} and only goes forward")
            with self._database.read() as connection:
                before = standings.last_judged(connection)
            try:
                steps = self._go(now_ms, to_ms)
            finally:
                self._clock.go_on()
            self._settle_directory()
            with self._database.read() as connection:
                judged = standings.last_judged(connection) - before
                next_ms = self._next_due_ms(connection, to_ms)
        return Moved(to_ms, steps, judged, next_ms)

    def give(self, given: Given) -> None:
        """Take in facts, in any order, and judge them."""
        with self._lock:
            now_ms = self._clock.now_ms()
            with self._database.write() as connection:
                self._put(connection, given, now_ms)
            self._settle_directory()
            self._settle_all()

    def _settle_all(self) -> None:
        self._judge.settle_all()
        self._limits.settle_all()

    def _next_due_ms(self, connection: Connection, after_ms: int) -> int | None:
        next_ms = standings.next_due_ms(connection, after_ms)
        of_cases = self._limits.next_due_ms(connection, after_ms)
        return min([one for one in (next_ms, of_cases) if one is not None], default=None)

    def _go(self, at_ms: int, to_ms: int) -> int:
        self._clock.stand(at_ms)
        self._settle_all()
        steps = 0
        while True:
            with self._database.read() as connection:
                due_ms = self._next_due_ms(connection, at_ms)
            if due_ms is None or due_ms > to_ms:
                break
            at_ms = _step(due_ms, to_ms)
            self._clock.stand(at_ms)
            self._settle_all()
            steps += 1
        self._clock.stand(to_ms)
        self._settle_all()
        self._note(to_ms)
        return steps

    def _note(self, settled_ms: int) -> None:
        """Note that nothing is due any more, from where a restart goes on."""
        while True:
            with self._database.write() as connection:
                state = standings.state(connection)
                settled_ms = max(settled_ms, state.settled_ms)
                if standings.take_turn(connection, state.turn, settled_ms):
                    return

    def _put(self, connection: Connection, given: Given, now_ms: int) -> None:
        directory.save(connection, given.directory, now_ms)
        put_told(connection, given.services, now_ms)
        put_progress(connection, given.progress, now_ms)
        for service, due_day in given.due_days:
            services.put_due_day(connection, service, due_day)
        facts.add_ratings(connection, given.ratings, now_ms)
        services.add_decisions(connection, [(*one[:5], now_ms, one[5]) for one in given.decisions])
        touched = {told.name for told in given.services}
        touched |= {service for service, _ in given.progress + given.due_days}
        touched |= {(one.hall, one.service) for one in given.ratings}
        touched |= {(one[0], one[1]) for one in given.decisions}
        facts.touch(connection, touched, now_ms)


def require_real(database: Database) -> None:
    """Raise OperatorError if the database is a rehearsal's."""
    with database.read() as connection:
        if standings.state(connection).is_rehearsal:
            raise OperatorError(
                "this database is a rehearsal's, for ever: run it with `pingjia central "
                "rehearse`, or name another database_url for the real centre."
            )


def mark(database: Database) -> None:
    """Make an empty database a rehearsal's, for ever. Raises OperatorError for one that was ever
    real.
    """
    with database.write() as connection:
        if standings.state(connection).is_rehearsal:
            return
        if (held := transfer.first_held(connection)) is not None:
            raise OperatorError(
                f"this database is a real centre's (it holds rows of {held}), and no real one "
                "becomes a rehearsal: name a new one in database_url."
            )
        standings.note(connection, is_rehearsal=True)


def clock_of(database: Database, wall_ms: int, at_ms: int | None = None) -> RehearsalClock:
    """The clock of a rehearsal: goes on from where it was settled last; a new one begins at
    `at_ms`, or now. Raises OperatorError for an `at_ms` that lies behind.
    """
    with database.read() as connection:
        settled_ms = standings.state(connection).settled_ms
    if at_ms is not None and at_ms < settled_ms:
        raise OperatorError(
            f"this rehearsal was at {written(settled_ms)} already, and its clock only goes "
            "forward: leave --at out."
        )
    if settled_ms:
        return RehearsalClock(settled_ms)
    return RehearsalClock(wall_ms if at_ms is None else at_ms)


def _step(due_ms: int, to_ms: int) -> int:
    """Up to where to go at once: a midnight, at which limits of days end; else to the last
    millisecond before the next one. No service then has two things due in one step.
    """
    first_ms = start_of(day(due_ms))
    return due_ms if due_ms == first_ms else min(to_ms, first_ms + DAY_MS - 1)
