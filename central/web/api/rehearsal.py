"""What a rehearsal has and no other centre: a clock that is set, facts of every kind.

Shapes with examples: docs/rehearsal.md. Scope rehearsal:write.
"""

import json
from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, HTTPException
from pydantic import AfterValidator, BaseModel, Field, model_validator

from central.directory.cells import text
from central.keys import Participants
from central.ratings.entry import ContradictionError
from central.ratings.rehearsal import BackwardsError, Given, Moved, Rehearsal
from central.rules.calendar import number_of
from central.rules.policy import Policies
from central.rules.sections import Level
from central.store.directory import EVER, Entry
from central.store.judged.facts import RatingRow
from central.web.api.bearer import Bearer, Scopes, require
from central.web.api.entry import MoreProgress
from central.web.views.told import Instant, NewService, PlaceId, ServiceId
from hosting.clock import written
from hosting.error import OperatorError
from hosting.problem import FieldError

_MOST = 5000  # of each kind at once
_ID = r"^[A-Za-z0-9._/-]+$"

Name = Annotated[str, AfterValidator(text(128))]
Who = Annotated[str, Field(min_length=1), AfterValidator(text(64))]
Id = Annotated[str, Field(min_length=1, max_length=80, pattern=_ID)]
RatingId = Annotated[str, Field(min_length=1, max_length=64, pattern=_ID)]
Kind = Literal["region", "line", "institution", "hall", "window", "platform", "staff", "matter"]
Origin = Literal[
    "device", "qr", "web", "app", "sms", "hotline", "written", "phone", "survey", "upload"
]
Decided = Literal["mistaken", "malicious", "appeal_upheld", "fabricated", "restored"]
Sent = Literal["invited", "expired", "accepted", "closed", "finished", "transferred", "no_show"]


class DirectoryRow(BaseModel, extra="forbid"):
    """A row of the directory (docs/directory.md). id: of a window and of staff with its hall's,
    demo/w1. first_day, last_day: left out, it holds for ever.
    """

    kind: Kind
    id: Id
    name: Name
    first_day: date | None = None
    last_day: date | None = None
    up: PlaceId | None = None
    institution: PlaceId | None = None
    line: PlaceId | None = None
    profiles: list[PlaceId] = Field([], max_length=8)
    tier: Literal["region", "prefecture", "county", "township", "village"] | None = None
    sends: list[Sent] = Field([], max_length=7)
    rateable: bool | None = None
    needs_application: bool | None = None

    @model_validator(mode="after")
    def _fits(self) -> "DirectoryRow":
        if (self.kind in ("window", "staff")) != ("/" in self.id):
            raise ValueError("id: of a window and of staff it is hall/id, and of nothing else")
        return self

    def entry(self) -> Entry:
        """As the directory has it."""
        hall = self.id.partition("/")[0] if "/" in self.id else None
        return Entry(
            self.kind,
            self.id,
            EVER if self.first_day is None else number_of(self.first_day),
            None if self.last_day is None else number_of(self.last_day),
            self.name,
            self.up or hall,
            self.institution,
            self.line,
            " ".join(self.profiles) or None,
            self.tier,
            None,
            " ".join(self.sends) or None,
            self.rateable,
            self.needs_application,
        )


class ServiceProgress(MoreProgress):
    """What became of a service."""

    service: ServiceId


class NewRating(BaseModel, extra="forbid"):
    """A rating of any origin. rated_at: left out while nobody knows. received_at: when it came,
    which is when it was given, unless said. void: why it does not count.
    """

    id: RatingId
    hall: PlaceId
    service: ServiceId
    level: Level
    rated_at: Instant | None = None
    rated_error_ms: int = Field(0, ge=0)
    received_at: Instant | None = None
    origin: Origin = "device"
    rated_by: Literal["applicant", "agent", "unknown"] = "unknown"
    named: bool = False
    reasons: list[Annotated[int, Field(ge=1, le=9999)]] = Field([], max_length=20)
    window: PlaceId | None = None
    void: Literal["signed_after_revocation", "pending_enrolment", "refused_enrolment"] | None = (
        None
    )

    @model_validator(mode="after")
    def _has_a_time(self) -> "NewRating":
        if self.rated_at is None and self.received_at is None:
            raise ValueError("give rated_at or received_at")
        return self

    def row(self) -> RatingRow:
        """As a fact."""
        received_ms = self.rated_at if self.received_at is None else self.received_at
        assert received_ms is not None
        return RatingRow(
            id=self.id,
            hall=self.hall,
            service=self.service,
            level=self.level,
            rated_at_ms=self.rated_at,
            rated_error_ms=self.rated_error_ms,
            received_at_ms=received_ms,
            origin=self.origin,
            rated_by=self.rated_by,
            named=self.named,
            reasons=json.dumps(self.reasons),
            catalogue=None,
            facts=None,
            window=self.window,
            void=self.void,
        )


class NewDecision(BaseModel, extra="forbid"):
    """What somebody decided about a rating."""

    hall: PlaceId
    service: ServiceId
    rating: RatingId
    what: Decided
    at: Instant
    who: Who = "rehearsal"


class Facts(BaseModel, extra="forbid"):
    """Facts of every kind, in any order, at most 5,000 of each at once."""

    directory: list[DirectoryRow] = Field([], max_length=_MOST)
    services: list[NewService] = Field([], max_length=_MOST)
    progress: list[ServiceProgress] = Field([], max_length=_MOST)
    ratings: list[NewRating] = Field([], max_length=_MOST)
    decisions: list[NewDecision] = Field([], max_length=_MOST)


class Taken(BaseModel):
    """How much was given, all of it judged."""

    taken: int
    now_ms: int


class Clock(BaseModel, extra="forbid"):
    """When it is to be: 2026-09-08 00:00 in China's time, or epoch milliseconds."""

    at: Instant


class ClockView(BaseModel):
    """Where the clock is; now: the same, in China. steps: at how many instants something was
    settled on the way, judged: how many changes that came to. next_due_ms: when time alone
    changes something again; null if nothing is waited for.
    """

    now_ms: int
    now: str
    steps: int
    judged: int
    next_due_ms: int | None


def create_router(
    rehearsal: Rehearsal, policies: Policies, participants: Participants | None, bearer: Bearer
) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/v1/rehearsal")

    def trainer(scopes: Annotated[Scopes, Depends(bearer)]) -> None:
        require(scopes, "rehearse")

    @router.get("/clock", dependencies=[Depends(trainer)])
    def get_clock() -> ClockView:
        """Where the clock is."""
        return _view(rehearsal.state())

    @router.put("/clock", dependencies=[Depends(trainer)])
    def put_clock(clock: Clock) -> ClockView:
        """Set the clock forward; the answer comes when everything due by then is settled, in the
        order of its instants. It goes on from there by itself.
        """
        try:
            return _view(rehearsal.move(clock.at))
        except BackwardsError as error:
            raise FieldError("at", f"at: {error}") from None

    @router.post("/facts", dependencies=[Depends(trainer)])
    def post_facts(facts: Facts) -> Taken:
        """Take in facts, all of them or none; the answer comes when they are judged."""
        given = _given(facts, policies, participants)
        try:
            rehearsal.give(given)
        except ContradictionError as error:
            raise HTTPException(409, f"{error}") from None
        taken = sum(len(getattr(facts, name)) for name in Facts.model_fields)
        return Taken(taken=taken, now_ms=rehearsal.state().now_ms)

    return router


def _given(facts: Facts, policies: Policies, participants: Participants | None) -> Given:
    for at, row in enumerate(facts.directory):
        for profile in row.profiles:
            try:
                policies.named(profile)
            except OperatorError as error:
                raise FieldError(f"directory.{at}.profiles", f"profiles: {error}") from None
    told, progress, due_days = [], [], []
    for at, new in enumerate(facts.services):
        if new.hall is None:
            raise FieldError(f"services.{at}.hall", "hall is needed in a rehearsal's facts")
        hidden = None
        if new.participant is not None and participants is not None:
            hidden = participants.of(new.participant)
        one = new.told(new.hall, hidden)
        if new.completes is not None:
            one = one._replace(reach="all")  # who gives facts speaks for every hall
        told.append(one)
        progress += [(one.name, became.progress()) for became in new.progress]
    for more in facts.progress:
        service = (more.hall, more.service)
        progress += [(service, became.progress()) for became in more.progress]
        if more.due_day is not None:
            due_days.append((service, number_of(more.due_day)))
    return Given(
        [row.entry() for row in facts.directory],
        told,
        progress,
        due_days,
        [one.row() for one in facts.ratings],
        [
            (one.hall, one.service, one.rating, one.what, one.at, one.who)
            for one in facts.decisions
        ],
    )


def _view(moved: Moved) -> ClockView:
    return ClockView(now=written(moved.now_ms), **moved._asdict())
