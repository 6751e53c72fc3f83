"""What tests of cases share: stories as people write them, and how they stand."""

from rules_parts import CALENDAR, at, policy

from central.rules.calendar import Calendar
from central.rules.cases.limits import CaseTerm
from central.rules.cases.state import CaseStanding, standing_of
from central.rules.cases.steps import Actor, Case, Step
from central.rules.cases.taking import refusal
from central.rules.policy import Policy
from hosting.clock import china

OFFICER = Actor("officer-1", "officer", "tax")
SUPERVISOR = Actor("supervisor-1", "supervisor")
SECOND = Actor("supervisor-2", "supervisor")
AUDITOR = Actor("auditor-1", "auditor")
CITIZEN = Actor("citizen", "citizen")
CENTRE = Actor("centre", "centre")
OF_SUPERVISOR = ("classified", "relayed", "joined", "assigned", "accepted", "declined", "released")
OF_SUPERVISOR += ("appeal_upheld", "appeal_denied", "mistaken", "malicious", "fabricated")
OF_SUPERVISOR += ("restored", "urged", "confirmed", "refused")
ROLES = dict.fromkeys(OF_SUPERVISOR, SUPERVISOR) | {"not_satisfied": CITIZEN, "asked": CITIZEN}


def case(name: str, received: str, kind="rating", **more) -> Case:
    """A case of an institution, bad under a shipped profile unless told otherwise."""
    bad = more.pop("bad_for", frozenset({name}) if kind == "rating" else frozenset())
    return Case("7K3MQ9TX2A", kind, at(received), "tax", bad, **more)


def step(what: str, when: str, **more) -> Step:
    """A step by whoever takes it, noted when it was taken unless `noted` says when."""
    at_ms = at(when)
    noted_ms = at(more.pop("noted")) if "noted" in more else at_ms
    actor = more.pop("actor", ROLES.get(what, OFFICER))
    given = {"text": "说明", "to": "tax" if what == "assigned" else "某单位", **more}
    return Step(more.pop("id", f"{what}-{at_ms}"), what, at_ms, noted_ms, actor, **_of(given))


def _of(given: dict) -> dict:
    return {name: value for name, value in given.items() if name != "id"}


def stands(
    name: str, of: Case, steps=(), now="2030-01-01 00:00", calendar: Calendar = CALENDAR, shared=()
) -> CaseStanding:
    """How a case stands under a shipped profile."""
    return standing_of(of, steps, [policy(name)], calendar, at(now), shared)


def ends(found: CaseStanding) -> dict[str, str]:
    """step of each limit, with its round where it is not the first -> when it ends."""
    return {_name(one): _end(one) for one in found.terms}


def became(found: CaseStanding) -> dict[str, str]:
    """The same -> what became of it."""
    return {_name(one): one.because or one.became for one in found.terms}


def refused(name: str, of: Case, steps, new: Step, policies: list[Policy] | None = None):
    """Why a step may not be taken under a shipped profile; None if it may."""
    return refusal(of, steps, new, policies or [policy(name)], CALENDAR)


def _name(term: CaseTerm) -> str:
    return f"{term.step}{term.round or ''}"


def _end(term: CaseTerm) -> str:
    return f"{china(term.end_ms):%Y-%m-%d %H:%M}{' ?' if term.provisional else ''}"
