"""The judge: from facts to standings and figures, in transactions of its own, behind intake.

What a service counts as is one pure function (central/rules/standing.py); figures are what the new
standing adds, minus what the stored one added (RULES 1 and 6.2). A fault in a rule stops figures,
never receipts. Next: central/figures/report.py reads what is counted.
"""

import logging
import threading
import time
from collections import defaultdict
from typing import Any, NamedTuple

from sqlalchemy import Connection

from central.directory.attribution import Register
from central.ratings import opening
from central.ratings.dossier import Dossier, gather
from central.ratings.moved import Suspect, moved, note_moved, suspects
from central.ratings.opening import Openings
from central.ratings.places import Places
from central.ratings.settling import add, settled
from central.ratings.versions import PolicyKey, Rules, key_of, not_in_force
from central.rules.standing import Standing
from central.steady import PlainClock
from central.store import directory, places
from central.store.database import Database
from central.store.judged import changes, counters, facts, projects, standings, waiting
from central.store.judged.counters import FigureKey
from central.store.judged.facts import DocumentFacts, Service
from central.store.judged.moved import MovedRating
from central.store.judged.standings import REMIND, Judgement, StandingKey, StandingRow
from hosting.clock import now_ms as wall_ms

log = logging.getLogger(__name__)

EVERY_S = 0.2
LIVE, BACKLOG = 50, 500  # services at once: while they come one by one, and when many wait
_DUE_PART = 5  # of what is settled at once, for what is due, whatever else waits
_TRY_AGAIN_S = 600.0  # after which a service that could not be judged is tried again
_MOST_FAILED = 500  # beyond it the services are not to blame
_OTHERS_MS = 10_000  # in which a centre that has the rules in force takes what waits
LONGEST_PAUSE_MS = 300_000  # while a recount counts one hall
_YIELD_MS = 60_000  # a backlog younger than this leaves every other moment to intake

_Stored = dict[StandingKey, StandingRow]


class Lag(NamedTuple):
    """What waits for the judge. settled_ms: up to when time has been judged. pending: how many
    entries; since_ms: since when the oldest waits. failure: what cannot be judged, since
    failed_ms.
    """

    settled_ms: int
    pending: int
    since_ms: int | None
    failure: str | None
    failed_ms: int | None


class _Work(NamedTuple):
    """What is settled together. numbers: rows of `touched`. left: such rows of services that could
    not be judged lately. since_ms: since when the oldest waits.
    """

    services: set[Service]
    numbers: list[int]
    since_ms: int | None
    is_more: bool


class _Outcome:
    """What judging some services comes to."""

    def __init__(self, opened: Openings) -> None:
        self.opened = opened
        self.rows: list[StandingRow] = []
        self.gone: list[StandingKey] = []
        self.judged: list[Judgement] = []
        self.moved: list[MovedRating] = []
        self.uses: dict[PolicyKey, str] = {**opened.uses}
        self.restated: list[DocumentFacts] = []
        self.failed: dict[Service, str] = {**opened.failed}
        self.counts: defaultdict[FigureKey, list[int]] = defaultdict(lambda: [0, 0])  # added

    def take(self, row: StandingRow, before: StandingRow | None) -> None:
        """A service stands as this now."""
        if row == before:
            return
        if before is not None:
            add(self.counts, before, -1)
        add(self.counts, row, 1)
        self.rows.append(row)

    def drop(self, before: StandingRow) -> None:
        """A policy does not concern a service any more."""
        add(self.counts, before, -1)
        self.gone.append(before[:3])


class Judge:
    """Settles what was touched, and what is due.

    clock: while it is in doubt nothing is settled by time.
    """

    def __init__(
        self,
        database: Database,
        rules: Rules,
        clock: PlainClock,
    ) -> None:
        self.rules = rules
        self._bad = rules.policies.bad_levels()
        self._database = database
        self._clock = clock
        self._places: tuple[int, Places] | None = None  # of which state of the directory
        self._turn = threading.Lock()
        self._turns = waiting.Turns()
        self._failed: dict[Service, float] = {}  # until when each is left alone, monotonic

    def settle(self, is_alone: bool = False) -> bool:
        """Settle some; whether there is more to do. is_alone: nothing is to be left to intake."""
        began_s = time.monotonic()
        with self._turn:  # a rehearsal settles when it is told to, too
            known = len(self._failed)
            is_more, is_young = self._settle()
            is_broken = len(self._failed) > max(known, _MOST_FAILED)
        if is_broken:  # it is the rules: nothing is tried for a while, and no receipt waits
            time.sleep(1.0)
        if is_more and is_young and not is_alone:
            time.sleep(min(1.0, time.monotonic() - began_s))
        return is_more

    def _settle(self) -> tuple[bool, bool]:
        """(is there more, is it so young that intake comes first)."""
        with self._database.read() as connection:
            state = standings.state(connection)
            # A recount counts. One that seems to take longer has another clock, or had: ours may
            # have been set back, and figures would stop for as long.
            if 0 < (state.paused_until_ms or 0) - wall_ms() <= LONGEST_PAUSE_MS:
                return False, False
            now_ms = max(self._clock.now_ms(), state.settled_ms)
            work = self._find(connection, now_ms)
            if not work.services:
                return False, False
            read, common = None, set[projects.Project]()
            why = not_in_force(connection, self.rules, state)
            if why is None:
                places = self.places(connection, state.directory)
                dossiers = gather(connection, work.services, places, common)
                profiles = {*standings.profiles(connection), *self.rules.policies.profiles()}
                stood = standings.of(connection, profiles, list(dossiers))
                told = (self.rules, self._bad, state.cases_since_ms, now_ms)
                opened = opening.look(connection, dossiers, places, *told)
                suspected = suspects(connection, dossiers, self._bad)
                read = places, dossiers, stood, suspected, opened
        if read is None:
            self._leave(state, work, why, now_ms)
            return False, False
        outcome = self._judge(*read, now_ms)
        with self._database.write() as connection:
            if not standings.take_turn(connection, state.turn, now_ms):
                return True, False  # somebody else judged meanwhile: look again
            self._write(connection, state, work, outcome, now_ms)
            projects.note_common(connection, common, now_ms)
            changes.tell(connection)
        return work.is_more, now_ms - (work.since_ms or now_ms) < _YIELD_MS

    def _leave(self, state: Any, work: _Work, why: str | None, now_ms: int) -> None:
        """Judge nothing; say why, once, if nobody else takes what waits."""
        since_ms = now_ms if work.since_ms is None else work.since_ms
        if why != state.failure and now_ms - since_ms >= _OTHERS_MS:
            log.warning("%s", why)
            with self._database.write() as connection:
                standings.note(connection, failure=why, failed_ms=now_ms)

    def settle_all(self) -> None:
        """Settle until nothing is left to do now, for a rehearsal, a command or a test."""
        while self.settle(is_alone=True):
            pass

    def lag(self, connection: Connection) -> Lag:
        """What waits."""
        state = standings.state(connection)
        told = (state.failure, state.failed_ms)
        return Lag(state.settled_ms, *facts.pending(connection), *told)

    def places_now(self, connection: Connection) -> Places:
        """Where services belong, by the directory as this transaction sees it."""
        return self.places(connection, standings.state(connection).directory)

    def hall_names(self, connection: Connection, day: int) -> dict[str, str]:
        """id -> name of all halls, with a gateway or without, and of platforms."""
        known = self.places_now(connection).halls(day)
        return known | {row.hall: row.name for row in places.halls(connection)}

    def places(self, connection: Connection, version: int) -> Places:
        """Where services belong, by the directory as it is. version: its state's number."""
        if self._places is None or self._places[0] != version:
            register = Register(directory.entries(connection))
            self._places = version, Places(register, self.rules.policies, self.rules.default)
        return self._places[1]

    def _find(self, connection: Connection, now_ms: int) -> _Work:
        """What comes next: what was touched, halls in turn, and what is due, which has a share of
        every turn.
        """
        left = {one for one, until_s in self._failed.items() if until_s > time.monotonic()}
        rows, turns = waiting.in_turn(connection, BACKLOG + 1, self._turns, left)
        most = LIVE if len(rows) <= BACKLOG else BACKLOG
        if most == LIVE:  # these are all: the oldest first
            rows.sort()
        else:
            self._turns = turns
        due = list[Service]()
        if self._clock.doubt() is None:
            due = standings.due(connection, now_ms, most + 1 + len(left))
            due = [one for one in due if one not in left]
        due_now = due[: max(most - len(rows), most // _DUE_PART)]
        chosen = rows[: most - len(due_now)]
        services = {(row[1], row[2]) for row in chosen} | set(due_now)
        since_ms = min([row[3] for row in chosen], default=None)
        is_more = len(rows) > len(chosen) or len(due) > len(due_now)
        return _Work(services, [row[0] for row in chosen], since_ms, is_more)

    def _judge(
        self,
        places: Places,
        dossiers: dict[Service, Dossier],
        stored: _Stored,
        suspected: dict[Service, Suspect],
        opened: Openings,
        now_ms: int,
    ) -> _Outcome:
        outcome = _Outcome(opened)
        before: dict[Service, list[StandingRow]] = defaultdict(list)
        for key, row in stored.items():
            before[key[1:]].append(row)
        for service, dossier in dossiers.items():
            try:
                found = settled(dossier, places, self.rules.calendar, now_ms)
                if (suspect := suspected.get(service)) is not None:
                    outcome.moved += moved(suspect, found, places, self.rules.calendar, now_ms)
            except Exception as error:  # a rule's fault: this service's figures stop, nothing else
                if not outcome.failed:
                    log.exception("the service %s of hall %s cannot be judged", *service[::-1])
                outcome.failed[service] = f"{type(error).__name__}: {error}"
                continue
            if dossier.restated is not None:
                outcome.restated.append(dossier.restated)
            for row, standing, policy in found:
                old = stored.get(row[:3])
                outcome.take(row, old)
                outcome.judged += _judgements(row, standing, old, dossier, now_ms)
                outcome.uses[key_of(policy)] = policy.sha256
            standing_now = {row.profile for row, _, _ in found}
            for old in before[service]:
                if old.profile not in standing_now:
                    outcome.drop(old)
        return outcome

    def _write(
        self, connection: Connection, state: Any, work: _Work, outcome: _Outcome, now_ms: int
    ) -> None:
        standings.add_uses(connection, outcome.uses, now_ms)
        facts.put_documents(connection, outcome.restated, now_ms, is_known=True)
        standings.save(connection, outcome.rows)
        standings.remove(connection, outcome.gone)
        counters.add_figures(connection, outcome.counts)
        judged = sorted(outcome.judged, key=lambda one: one.at_ms)
        standings.add_judged(connection, _once(connection, judged, state.settled_ms))
        note_moved(connection, outcome.moved, now_ms)
        opening.write(connection, outcome.opened)
        facts.forget_touched(connection, work.numbers)
        # What could not be judged waits on, behind all others, with its age.
        facts.touch(connection, outcome.failed, work.since_ms or now_ms)
        self._note_failures(connection, state, work.services, outcome.failed, now_ms)

    def _note_failures(
        self,
        connection: Connection,
        state: Any,
        judged: set[Service],
        failed: dict[Service, str],
        now_ms: int,
    ) -> None:
        for service in judged - set(failed):
            self._failed.pop(service, None)
        until_s = time.monotonic() + _TRY_AGAIN_S
        self._failed |= dict.fromkeys(failed, until_s)
        failure = None
        if self._failed:
            (hall, service), why = next(iter(failed.items()), ((None, None), state.failure))
            failure = why if hall is None else f"{hall}/{service}: {why}"[:500]
        if failure != state.failure:
            since_ms = (state.failed_ms or now_ms) if failure else None
            standings.note(connection, failure=failure, failed_ms=since_ms)


def _once(connection: Connection, judged: list[Judgement], settled_ms: int) -> list[Judgement]:
    """These without reminders that were noted before: a rating took one back, and was then taken
    back itself. settled_ms: up to when time was judged before; what became due since is new.
    """
    old = [one for one in judged if one.what == REMIND and one.at_ms <= settled_ms]
    noted = standings.reminded(connection, {one[1:3] for one in old}) if old else set()
    return [one for one in judged if one.what != REMIND or one[:3] not in noted]


def _judgements(
    row: StandingRow,
    standing: Standing,
    old: StandingRow | None,
    dossier: Dossier,
    now_ms: int,
) -> list[Judgement]:
    """What happened to a service since the standing before, and since when it is so."""
    place = (row.profile, row.hall, row.service)
    told = (row.level, row.rating)
    found = []
    if standing.reminded and (old is None or not old.reminded) and standing.remind_ms is not None:
        found.append(Judgement(*place, standing.remind_ms, now_ms, REMIND, None, None))
    before = ("waiting", None, None) if old is None else (old.state, old.level, old.rating)
    if before != (row.state, *told):
        at_ms = _since_ms(standing, dossier) or now_ms
        found.append(Judgement(*place, at_ms, now_ms, row.state, *told))
    for what in ("late", "second"):
        if getattr(row, what) > (getattr(old, what) if old is not None else 0):
            found.append(Judgement(*place, now_ms, now_ms, what, None, None))
    return found


def _since_ms(standing: Standing, dossier: Dossier) -> int | None:
    """Since when a service has stood so: a default or 未评 since the end of its limit, whoever ran
    late (RULES 6.2); a rating since it was given.
    """
    if standing.state in ("default", "unrated"):
        return standing.end_ms
    return next((one.place[0] for one in dossier.ratings if one.id == standing.rating), None)
