"""逾期升级督办: what is overdue goes up one tier by itself (RULES 8), on the centre's steady time.

A limit that was missed is urged once, as of the instant when it ended, whoever runs late; by a
provisional day nobody is. Cases are folded again when rules or calendar are others.
"""

import hashlib
from dataclasses import replace

from sqlalchemy import Connection

from central.ratings.casebook import fold
from central.ratings.judge import Judge
from central.ratings.places import Places
from central.ratings.versions import Rules, known_versions, not_in_force
from central.rules.cases.limits import RIGHTS, CaseTerm
from central.rules.cases.state import CaseStanding
from central.rules.cases.steps import CENTRE, Actor, Step
from central.rules.cases.steps import RULES as KINDS
from central.steady import PlainClock
from central.store.cases import cases, steps
from central.store.cases.cases import CaseRow
from central.store.database import Database
from central.store.judged import standings

EVERY_S = 1.0
_MOST = 200  # cases at once
_CENTRE = Actor(CENTRE, CENTRE)


class Deadlines:
    """Finds what is overdue. clock: while it is in doubt nobody is urged."""

    def __init__(self, database: Database, judge: Judge, clock: PlainClock) -> None:
        self._database = database
        self._judge = judge
        self._clock = clock
        self._by = _named(judge.rules)
        self._folded_to: str | None = None  # of folding all again, up to which case

    def settle(self) -> bool:
        """Settle some; whether there is more to do."""
        with self._database.read() as connection:
            state = standings.state(connection)
            if not_in_force(connection, self._judge.rules, state) is not None:
                return False  # another centre has the rules in force
            now_ms = max(self._clock.now_ms(), state.settled_ms)
            is_old = state.cases_by != self._by
            is_due = self._clock.doubt() is None and bool(cases.due(connection, now_ms, 1))
        if is_old:
            return self._fold_all(now_ms)
        if not is_due:
            return False
        with self._database.write() as connection:
            places = self._judge.places_now(connection)
            due = cases.due(connection, now_ms, _MOST)
            for row in due:
                self._settle(connection, places, row.no, now_ms)
        return len(due) == _MOST

    def settle_all(self) -> None:
        """Settle until nothing is left to do now."""
        while self.settle():
            pass

    def next_due_ms(self, connection: Connection, after_ms: int) -> int | None:
        """The next instant behind one at which a limit of a case ends."""
        return cases.next_due_ms(connection, after_ms)

    def _settle(self, connection: Connection, places: Places, no: str, now_ms: int) -> None:
        row = cases.lock(connection, no)
        if row is None:
            return
        told = steps.of(connection, [no])[no]
        shared = steps.of(connection, [row.joined])[row.joined] if row.joined else []
        standing, value = fold(row, told, self._judge.rules, now_ms, shared)
        known = {one.id for one in told}
        new = [one for one in self._urged(row, places, standing, now_ms) if one.id not in known]
        new = [replace(one, n=n) for n, one in enumerate(new, len(told))]
        if new:
            steps.add(connection, [(no, one) for one in new])
            _, value = fold(row, [*told, *new], self._judge.rules, now_ms, shared)
        cases.save(connection, [(no, value)])

    def _urged(
        self, row: CaseRow, places: Places, standing: CaseStanding, now_ms: int
    ) -> list[Step]:
        """A step for each limit that is missed: to the region above, and further up each time."""
        over = [one for one in standing.terms if one.became == "over" and one.step not in RIGHTS]
        above = places.above(row.region, row.day) if row.region else ()
        found = []
        for n, term in enumerate(over, standing.story.escalated + 1):
            to = above[min(n, len(above) - 1)] if above else None
            ids = hashlib.sha256(f"{row.no}/{term.key}".encode()).hexdigest()[:16]
            at_ms = max(term.shown_ms, row.received_ms)
            text = f"逾期：{_zh(term)}"
            found.append(
                Step(ids, "urged", at_ms, max(now_ms, at_ms), _CENTRE, term.step, to, text=text)
            )
        return found

    def _fold_all(self, now_ms: int) -> bool:
        with self._database.write() as connection:
            rows = cases.page(connection, self._folded_to or "", _MOST)
            told = steps.of(connection, [row.no for row in rows])
            for row in rows:
                shared = steps.of(connection, [row.joined])[row.joined] if row.joined else []
                _, value = fold(row, told[row.no], self._judge.rules, now_ms, shared)
                cases.save(connection, [(row.no, value)])
            if len(rows) < _MOST:
                standings.note(connection, cases_by=self._by)
        self._folded_to = rows[-1].no if len(rows) == _MOST else None
        return True


def _zh(term: CaseTerm) -> str:
    kind = KINDS.get(term.step)
    return kind.zh if kind is not None else "核查"


def _named(rules: Rules) -> str:
    """Another one for other rules, or another calendar."""
    versions = sorted((*key, one.sha256) for key, one in known_versions(rules).items())
    return hashlib.sha256(f"{rules.calendar.sha256} {versions}".encode()).hexdigest()
