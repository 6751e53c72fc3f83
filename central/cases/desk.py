"""The desk of cases: opening one, taking a step, reading. A step, what it decides and how the case
stands then are one transaction. Who may call is asked before (central/web/api/cases/).
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from central.ratings.casebook import (
    case_of,
    fold,
    new_number,
    new_step_id,
    policies_of,
    written,
)
from central.ratings.judge import Judge
from central.ratings.places import Places
from central.rules.calendar import day_number
from central.rules.cases.state import CaseStanding
from central.rules.cases.steps import DECISIONS, Actor, Kind, Step
from central.rules.cases.taking import refusal
from central.rules.policy import Policy
from central.store import services
from central.store.cases import cases, steps
from central.store.cases.cases import NEVER_MS, CaseRow, Folded
from central.store.database import Database
from central.store.judged import facts


class UnknownCaseError(Exception):
    """There is no case of this number, or no rating of this id."""


class RefusedStepError(Exception):
    """A step that may not be taken; the text says why."""


class NewStep(NamedTuple):
    """A step that somebody would take. at_ms: when it was done; None: now. The others as of Step
    (central/rules/cases/steps.py). key: of a request that may come twice.
    """

    what: str
    at_ms: int | None = None
    of: str | None = None
    to: str | None = None
    about: str | None = None
    day: int | None = None
    text: str = ""
    key: str | None = None


class NewCase(NamedTuple):
    """A case that somebody opens. kind: `complaint`, `object`, or `rating` for a citizen's wish
    for a reply, at any level. rating: of that wish. hall, window, staff, institution: what a
    complaint is about. about: of an object, its dim and id; due_day: by when it is to be done.
    """

    kind: Kind
    rating: str | None = None
    hall: str | None = None
    window: str | None = None
    staff: str | None = None
    institution: str | None = None
    region: str | None = None
    about: str | None = None
    due_day: int | None = None
    has_contact: bool = False
    text: str = ""
    at_ms: int | None = None
    key: str | None = None


class Seen(NamedTuple):
    """A case as it stands. policies: by which it is handled; steps: its own, in order."""

    row: CaseRow
    standing: CaseStanding
    policies: list[Policy]
    steps: list[Step]


class Desk:
    """now_ms: the centre's time. Everything that is refused is an UnknownCaseError or a
    RefusedStepError.
    """

    def __init__(self, database: Database, judge: Judge, now_ms: Callable[[], int]) -> None:
        self._database = database
        self._judge = judge
        self._now_ms = now_ms

    def seen(self, connection: Connection, no: str) -> Seen:
        """A case."""
        row = cases.of_numbers(connection, [no]).get(no)
        if row is None:
            raise UnknownCaseError(no)
        return self._seen(connection, row)

    def take(self, no: str, actor: Actor, new: NewStep) -> Seen:
        """Take a step in a case; how it stands then. Told again with its key it is taken once."""
        with self._database.write() as connection:
            return self.take_in(connection, no, actor, new)

    def take_in(
        self, connection: Connection, no: str, actor: Actor, new: NewStep, noted_ms: int = 0
    ) -> Seen:
        """The same, in a transaction. noted_ms: when it is noted; 0: now."""
        row = cases.lock(connection, no)
        if row is None:
            raise UnknownCaseError(no)
        told = steps.of(connection, [no])[no]
        id = _id(actor, new.key)
        if any(one.id == id for one in told):
            return self._seen(connection, row)
        noted_ms = noted_ms or self._now_ms()
        at_ms = noted_ms if new.at_ms is None else new.at_ms
        if day_number(at_ms) == day_number(row.received_ms):
            at_ms = max(at_ms, row.received_ms)
        step = Step(id, new.what, at_ms, noted_ms, actor, *new[2:7], n=len(told))
        policies, rules = policies_of(row, self._judge.rules), self._judge.rules
        shared = self._shared(connection, row)
        why = refusal(case_of(row), told, step, policies, rules.calendar, shared)
        why = why or self._refused_by_others(connection, row, step)
        if why is not None:
            raise RefusedStepError(why)
        steps.add(connection, [(no, step)])
        if step.what == "confirmed":
            decided = next(one for one in told if one.id == step.about)
            self._decide(connection, row, decided, step)
        seen = self._refold(connection, row, noted_ms)
        for other in cases.joined_to(connection, no):
            self._refold(connection, other, noted_ms)
        return seen

    def open(self, actor: Actor, new: NewCase) -> Seen:
        """Open a case; how it stands then. A wish joins the case that its rating has."""
        with self._database.write() as connection:
            return self.open_in(connection, actor, new)

    def open_in(
        self, connection: Connection, actor: Actor, new: NewCase, noted_ms: int = 0
    ) -> Seen:
        """The same, in a transaction."""
        id = _id(actor, new.key)
        known = steps.case_of(connection, id)
        if known is not None:
            return self.seen(connection, known)
        noted_ms = noted_ms or self._now_ms()
        at_ms = noted_ms if new.at_ms is None else new.at_ms
        places = self._judge.places_now(connection)
        row = (
            self._of_wish(connection, places, new, at_ms)
            if new.kind == "rating"
            else self._of_other(places, new, at_ms)
        )
        cases.add(connection, [row])
        if row.rating is not None:  # the judge may have opened it a moment ago
            row = cases.of_ratings(connection, [row.rating])[row.rating]._replace(
                has_contact=row.has_contact
            )
        what = "asked" if new.kind == "rating" else "received"
        n = len(steps.of(connection, [row.no])[row.no])
        at_ms = max(at_ms, row.received_ms)
        first = Step(id, what, at_ms, noted_ms, actor, text=new.text, n=n)
        steps.add(connection, [(row.no, first)])
        return self._refold(connection, row, noted_ms)

    def _of_wish(
        self, connection: Connection, places: Places, new: NewCase, at_ms: int
    ) -> CaseRow:
        """The case of the rating, bad or not; S0 第九条: at any level."""
        known = cases.of_ratings(connection, [new.rating or ""]).get(new.rating or "")
        if known is not None:
            if new.has_contact and not known.has_contact:
                cases.note_contact(connection, known.no)
            return known._replace(has_contact=known.has_contact or new.has_contact)
        rated = services.ratings_by_id(connection, [new.rating or ""]).get(new.rating or "")
        if rated is None:
            raise UnknownCaseError(f"{new.rating}")
        row = facts.services(connection, [(rated.hall, rated.service)])[rated.hall, rated.service]
        rated_ms = rated.received_at_ms if rated.rated_at_ms is None else rated.rated_at_ms
        day = day_number(rated_ms)
        policies = places.policies_at(row.hall, row.window, day)
        asked = [one for one in policies if one.case.reply_any_level]
        if not asked:
            raise RefusedStepError("no policy of its place knows a wish for a reply")
        whose, regions = places.attributed(row, day), places.regions(row.hall, day)
        return _unfolded(
            kind="rating",
            hall=row.hall,
            service=row.service,
            rating=rated.id,
            window=row.window,
            staff=whose.staff,
            task_code=row.task_code,
            region=regions[0] if regions else None,
            institution=whose.institution,
            received_ms=at_ms,
            day=day,
            policies=written([(one, False) for one in policies]),
            has_contact=new.has_contact,
        )

    def _of_other(self, places: Places, new: NewCase, at_ms: int) -> CaseRow:
        """A complaint, or an object from a ranking or the watch list."""
        day = day_number(at_ms)
        region, institution = new.region, new.institution
        if new.hall is not None:
            regions = places.regions(new.hall, day)
            region = regions[0] if regions else region
            institution = institution or places.institution_of(
                new.hall, new.window, new.staff, day
            )
            policies = places.policies_at(new.hall, new.window, day)
        else:
            policies = places.policies_of_region(region, day)
        return _unfolded(
            kind=new.kind,
            hall=new.hall,
            window=new.window,
            staff=new.staff,
            about=new.about,
            region=region,
            institution=institution,
            received_ms=at_ms,
            day=day,
            policies=written([(one, False) for one in policies]),
            due_day=new.due_day,
            has_contact=new.has_contact,
        )

    def _seen(self, connection: Connection, row: CaseRow) -> Seen:
        told = steps.of(connection, [row.no])[row.no]
        shared = self._shared(connection, row)
        standing, _ = fold(row, told, self._judge.rules, self._now_ms(), shared)
        own = sorted(told, key=lambda one: one.place)
        return Seen(row, standing, policies_of(row, self._judge.rules), own)

    def _refold(self, connection: Connection, row: CaseRow, now_ms: int) -> Seen:
        told = steps.of(connection, [row.no])[row.no]
        joined = next((one.to for one in told if one.what == "joined"), None)
        shared = self._shared(connection, row._replace(joined=joined))
        standing, value = fold(row, told, self._judge.rules, now_ms, shared)
        cases.save(connection, [(row.no, value)])
        own = sorted(told, key=lambda one: one.place)
        policies = policies_of(row, self._judge.rules)
        return Seen(cases.folded(row, value), standing, policies, own)

    def _shared(self, connection: Connection, row: CaseRow) -> Sequence[Step]:
        if row.joined is None:
            return ()
        return steps.of(connection, [row.joined])[row.joined]

    def _refused_by_others(self, connection: Connection, row: CaseRow, step: Step) -> str | None:
        """What only the store knows: of the case that one would be joined to."""
        if step.what != "joined":
            return None
        other = cases.of_numbers(connection, [step.to or ""]).get(step.to or "")
        if other is None:
            return f"to: there is no case {step.to}"
        if other.joined is not None or cases.joined_to(connection, row.no):
            return "a case that is joined to another one, or serves one, is joined to no third"
        if (row.institution or "") != (other.institution or ""):
            return "two cases of one institution are joined, not of two"
        return None

    def _decide(
        self, connection: Connection, row: CaseRow, decided: Step, confirmed: Step
    ) -> None:
        """Let the judge know of a decision: what it excludes is derived from there."""
        if decided.what in DECISIONS and row.rating is not None:
            assert row.hall is not None
            assert row.service is not None
            who = f"{decided.actor.id} {confirmed.actor.id}"[:64]
            told = (row.hall, row.service, row.rating, decided.what, confirmed.at_ms, who)
            facts.add_decision(connection, told, confirmed.noted_ms)


def _id(actor: Actor, key: str | None) -> str:
    """The id of a step: of a request that may come twice always the same."""
    if key is None:
        return new_step_id()
    return hashlib.sha256(f"{actor.id}\n{key}".encode()).hexdigest()[:16]


def _unfolded(**values: Any) -> CaseRow:
    """A case that is told, and what it has not told is not known."""
    told: dict[str, Any] = dict.fromkeys(CaseRow._fields)
    told |= Folded(0, True, "new", None, None, None, NEVER_MS, None, False, 0, None)._asdict()
    told |= {"no": new_number(), "opened_ms": values["received_ms"], "has_contact": False}
    return CaseRow(**(told | values))
