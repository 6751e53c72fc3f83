"""GET and POST /v1/cases: cases of bad ratings, complaints, low ranks (RULES 8). Scope
cases:<place>, as central/web/api/cases/caller.py has it.
"""

import json
from collections.abc import Callable
from datetime import date, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, HTTPException, Path, Query
from pydantic import BaseModel, Field, model_validator
from sqlalchemy import Connection

from central.cases.desk import (
    Desk,
    NewCase,
    NewStep,
    RefusedStepError,
    Seen,
    UnknownCaseError,
)
from central.cases.rates import TooManyError, rates_between
from central.people.deeds import Readings, place_of_holder, who_of
from central.ratings.judge import Judge
from central.rules.calendar import day_number, day_of, number_of
from central.rules.case_section import Step as StepName
from central.store import services
from central.store.cases import cases
from central.store.cases.cases import NEVER_MS, CaseRow
from central.store.database import Database
from central.store.judged import facts
from central.store.people import acts
from central.web.api.bearer import HolderOf, require
from central.web.api.cases.caller import Caller, caller_of
from central.web.views.case_rates import RatesView, rates_view
from central.web.views.case_views import Board, CaseView, Names, board_of, case_view
from central.web.views.told import Instant, PlaceId, StaffNo
from hosting.clock import start_of
from hosting.problem import FieldError

_CLOCK_ERROR_MS = 300_000  # by which who tells of a deed may be ahead
Words = Annotated[str, Field(max_length=2000)]
Short = Annotated[str, Field(min_length=1, max_length=64)]
Number = Annotated[str, Path(max_length=16)]
Key = Annotated[str, Header(alias="Idempotency-Key", max_length=128)]


class TakenStep(BaseModel, extra="forbid"):
    """A step. at: when a deed was done outside, left out: now. of: of `classified` simple, general
    or complex; of `extended` the step whose limit it is; of `appeal_upheld` mistaken or malicious.
    to: whom it was assigned, relayed, referred or reported to, or conferred with; of `joined` the
    other case. about: of `confirmed` and `refused` the decision's step. day: of `extended`.
    """

    what: StepName
    at: Instant | None = None
    of: Annotated[str, Field(min_length=1, max_length=16)] | None = None
    to: Short | None = None
    about: Annotated[str, Field(min_length=1, max_length=32)] | None = None
    day: date | None = None
    text: Words = ""


class OpenedCase(BaseModel, extra="forbid"):
    """A case that somebody opens. kind: `complaint`, about a hall or an institution; `object`,
    from a ranking or the watch list, with `about`, its dim and id (`staff demo/0231`), and the
    day by which it is to be done; `rating`, a citizen's wish for a reply, by the rating's id.
    """

    kind: Literal["complaint", "object", "rating"]
    rating: Short | None = None
    hall: PlaceId | None = None
    window: PlaceId | None = None
    staff_no: StaffNo | None = None
    institution: PlaceId | None = None
    about: (
        Annotated[
            str,
            Field(
                max_length=160, pattern=r"^(staff|window|hall|institution|matter|line|region) \S+$"
            ),
        ]
        | None
    ) = None
    due_day: date | None = None
    has_contact: bool = False
    text: Words = ""

    @model_validator(mode="after")
    def _is_told(self) -> "OpenedCase":
        lacks = {
            "rating": self.rating is None and "rating: of which rating?",
            "complaint": not (self.hall or self.institution) and "hall or institution: of whom?",
            "object": (self.about is None or self.due_day is None)
            and "about and due_day are needed",
        }[self.kind]
        if lacks:
            raise ValueError(lacks)
        if self.kind == "object" and not (self.hall or self.institution):
            raise ValueError("hall or institution: whose is it?")
        return self


def create_router(
    database: Database,
    judge: Judge,
    desk: Desk,
    holder_in: HolderOf,
    now_ms: Callable[[], int],
    is_rehearsal: bool = False,
) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/v1/cases")
    readings = Readings(database, now_ms)

    caller = caller_of(database, holder_in, now_ms)

    def note(connection: Connection, by: Caller, what: str, no: str, step: str = "") -> None:
        """The act, last in the transaction of what was done."""
        told = (who_of(by.holder), what, no, step, place_of_holder(by.holder))
        acts.add(connection, now_ms(), *told)

    def known(connection: Connection, by: Caller, no: str) -> CaseRow:
        row = cases.of_numbers(connection, [no]).get(no)
        if row is None or not by.sees(row):  # whether there is one is nobody else's affair
            raise HTTPException(404, "no such case")
        return row

    def view(connection: Connection, by: Caller, seen: Seen) -> CaseView:
        row, codes = seen.row, list[int]()
        if row.rating is not None:
            rated = services.ratings_by_id(connection, [row.rating]).get(row.rating)
            answered = facts.reasons(connection, [row.rating]).get(row.rating)
            codes = answered[0] if answered else json.loads(rated.reasons) if rated else []
        names = _names(connection, judge, [row], day_number(now_ms()))
        return case_view(seen, codes, names, judge.rules.calendar, now_ms(), by.actor.role)

    @router.get("")
    def get_cases(
        by: Annotated[Caller, Depends(caller)],
        due: Literal["all", "over", "today", "week"] = "all",
        after: Annotated[str, Query(max_length=40)] = "",
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> Board:
        """Open cases by the limit that ends first, those without one behind. due: `over`, missed;
        `today`, `week`: that end today, or by Sunday. Scope cases:<place>.
        """
        now = now_ms()
        today_ms, week_ms = _ends(now)
        spans = {
            "all": (0, NEVER_MS + 1),
            "over": (0, now + 1),
            "today": (now + 1, today_ms + 1),
            "week": (now + 1, week_ms + 1),
        }
        readings.note(by.holder, "cases.list", due, after)
        with database.read() as connection:
            counts = cases.counts(connection, by.scope, now, today_ms, week_ms)
            rows = cases.board(connection, by.scope, spans[due], _place(after), limit + 1)
            names = _names(connection, judge, rows, day_number(now))
        return board_of(rows, counts, names, now, limit)

    @router.get("/rates")
    def get_rates(
        by: Annotated[Caller, Depends(caller)],
        first: Annotated[date, Query(alias="from")],
        last: Annotated[date, Query(alias="to")],
    ) -> RatesView:
        """The rates of the bad ratings that came on these days, at most 366: over all, and over
        what is settled, with what is not due yet beside. Scope cases:<place>.
        """
        if not 0 <= (last - first).days <= 366:
            raise FieldError("to", "to: give at most 366 days, from before to")
        now, span = now_ms(), (start_of(first), start_of(last + timedelta(days=1)))
        try:
            with database.read() as connection:
                found = rates_between(connection, judge, by.scope, span, now)
        except TooManyError as error:
            raise FieldError("to", f"{error}") from None
        return rates_view(first, last, found)

    @router.get("/{no}")
    def get_case(by: Annotated[Caller, Depends(caller)], no: Number) -> CaseView:
        """A case with its story, its limits day by day. Scope cases:<place>."""
        with database.read() as connection:
            known(connection, by, no)
            found = view(connection, by, desk.seen(connection, no))
        readings.note(by.holder, "case.open", no)
        return found

    @router.post("", status_code=201)
    def post_case(
        by: Annotated[Caller, Depends(caller)], told: OpenedCase, key: Key = ""
    ) -> CaseView:
        """Open a case. Told again with its Idempotency-Key it is the same one. Scope cases:region
        or cases.
        """
        require(by.holder.scopes, "open a case")
        new = NewCase(
            told.kind,
            *(told.rating, told.hall, told.window, told.staff_no, told.institution),
            *(by.sight.region, told.about),
            None if told.due_day is None else number_of(told.due_day),
            *(told.has_contact, told.text, None, key or None),
        )
        with database.write() as connection:
            seen = _refused(lambda: desk.open_in(connection, by.actor, new))
            if not by.sees(seen.row):
                raise HTTPException(403, "this token does not open cases there")
            found = view(connection, by, seen)
            note(connection, by, "case.begin", seen.row.no, told.kind)
            return found

    @router.post("/{no}/steps", status_code=201)
    def post_step(
        by: Annotated[Caller, Depends(caller)], no: Number, told: TakenStep, key: Key = ""
    ) -> CaseView:
        """Take a step; the case as it stands then. What may not be taken is refused, 409, with
        why. Told again with its Idempotency-Key it is taken once. Scope cases:<place>.
        """
        if told.at is not None and not is_rehearsal and told.at > now_ms() + _CLOCK_ERROR_MS:
            raise FieldError("at", "at is still to come")
        at_ms = None if told.at is None else min(told.at, now_ms())
        day = None if told.day is None else number_of(told.day)
        new = NewStep(
            *(told.what, at_ms, told.of, told.to, told.about, day, told.text, key or None)
        )
        with database.write() as connection:
            known(connection, by, no)
            seen = _refused(lambda: desk.take_in(connection, no, by.actor, new))
            found = view(connection, by, seen)
            note(connection, by, "case.step", no, told.what)
            return found

    return router


def _refused(act: Callable[[], Seen]) -> Seen:
    try:
        return act()
    except RefusedStepError as error:
        raise HTTPException(409, f"{error}") from None
    except UnknownCaseError as error:
        raise HTTPException(404, f"no such rating or case: {error}") from None


def _ends(now: int) -> tuple[int, int]:
    """The end of today and that of Sunday."""
    today = day_of(day_number(now))
    days = (today + timedelta(days=1), today + timedelta(days=7 - today.weekday()))
    return start_of(days[0]), start_of(days[1])


def _place(after: str) -> tuple[int, str]:
    """Behind which case; raises FieldError for what is no cursor."""
    shown, _, no = after.partition(".")
    if after and (not shown.isdecimal() or len(shown) > 16 or not no):
        raise FieldError("after", "after must be a cursor that `next` gave")
    return (int(shown), no) if after else (0, "")


def _names(connection: Connection, judge: Judge, rows: list[CaseRow], day: int) -> Names:
    places = judge.places_now(connection)

    def called(kind: str, ids: set[str | None]) -> dict[str, str]:
        found: dict[str, Any] = {one: places.called(kind, one, day) for one in ids if one}
        return {one: name for one, name in found.items() if name}

    return Names(
        called("matter", {row.task_code for row in rows}),
        called("institution", {row.institution_now for row in rows}),
        called("region", {row.region for row in rows}),
    )
