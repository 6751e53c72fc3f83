"""GET and POST /v1/cases/samples: spot checks of cases, by a seed that is kept (R57)."""

from collections.abc import Callable
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from central.cases.spot_checks import SpotChecks
from central.people.deeds import place_of_holder, who_of
from central.rules.calendar import day_number, day_of, number_of
from central.store.cases import spot_checks
from central.store.cases.spot_checks import SpotCheck
from central.store.database import Database
from central.web.api.bearer import HolderOf, require
from central.web.api.cases.caller import Caller, caller_of
from hosting.problem import FieldError

_LISTED = 50


class NewSample(BaseModel, extra="forbid"):
    """Draw `percent` of the cases that came from `first` to `last`, at most 366 days."""

    first: date
    last: date
    percent: Annotated[int, Field(strict=True, ge=1, le=100)]


class SampleView(BaseModel):
    """A spot check. seed: draws the same again, as docs/cases.md says; of: from how many; sha256:
    of all their numbers; drawn: in the order of the draw. is_same: does it draw the same today?
    """

    id: str
    first: date
    last: date
    percent: int
    seed: str
    of: int
    sha256: str
    drawn: list[str]
    on: date
    is_same: bool


class Samples(BaseModel):
    """The newest spot checks."""

    samples: list[SampleView]


def create_router(
    database: Database, checks: SpotChecks, holder_in: HolderOf, now_ms: Callable[[], int]
) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/v1/cases/samples")
    asked = caller_of(database, holder_in, now_ms)

    def caller(by: Annotated[Caller, Depends(asked)]) -> Caller:
        require(by.holder.scopes, "draw a spot check")  # officers are looked at by it
        return by

    @router.get("")
    def get_samples(by: Annotated[Caller, Depends(caller)]) -> Samples:
        """The newest spot checks of one's place, each drawn again. Scope cases or cases:region."""
        with database.read() as connection:
            found = spot_checks.newest(connection, by.place, _LISTED)
            return Samples(
                samples=[_view(one, checks.is_same(connection, by.scope, one)) for one in found]
            )

    @router.post("", status_code=201)
    def post_sample(by: Annotated[Caller, Depends(caller)], told: NewSample) -> SampleView:
        """Draw a spot check and keep it. Scope cases or cases:region."""
        if not 0 <= (told.last - told.first).days <= 366:
            raise FieldError("last", "last: at most 366 days, not before first")
        if told.last >= day_of(day_number(now_ms())):
            raise FieldError("last", "last: a day that is over, or the list would still grow")
        days = (number_of(told.first), number_of(told.last))
        who = who_of(by.holder), place_of_holder(by.holder)
        made = checks.draw(by.place, by.scope, days, told.percent, by.actor.id, who)
        return _view(made, True)

    return router


def _view(one: SpotCheck, is_same: bool) -> SampleView:
    return SampleView(
        id=one.id,
        first=day_of(one.first_day),
        last=day_of(one.last_day),
        percent=one.percent,
        seed=one.seed,
        of=one.of_cases,
        sha256=one.sha256,
        drawn=one.drawn.split(),
        on=day_of(day_number(one.at_ms)),
        is_same=is_same,
    )
