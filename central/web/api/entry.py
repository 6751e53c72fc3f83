"""POST /v1/services: services and what becomes of them, told by business systems (RULES 3).

Scope services:write:<place>: a hall, a platform, a region, or the first digits of a code.
"""

from collections.abc import Callable
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Path, Response
from pydantic import BaseModel, Field, model_validator

from central.keys import Participants
from central.people.callers import Holder
from central.people.tokens import SERVICES_WRITE, places_of
from central.ratings.entry import ContradictionError, Entry, UnknownServiceError
from central.ratings.judge import Judge
from central.rules.calendar import number_of
from central.store.database import Database
from central.store.tallies import day_of
from central.web.api.bearer import HolderOf, Scopes, require
from central.web.views.told import Became, NewService, PlaceId
from hosting.clock import written
from hosting.problem import FieldError

_CLOCK_ERROR_MS = 300_000  # by which a business system's clock may be ahead


class StoredService(BaseModel):
    """What is stored now; is_new: it was not before. unknown: which of window and staff_no the
    directory has not on the day of the service; taken all the same, for the directory may come
    later, and counted under what was told.
    """

    hall: str
    service: str
    is_new: bool
    unknown: list[str] = []


class MoreProgress(BaseModel, extra="forbid"):
    """What became of a service of a hall; due_day: the last day of the time promised, if it is
    another one now (补正、延期).
    """

    hall: PlaceId
    progress: list[Became] = Field([], max_length=7)
    due_day: date | None = None

    @model_validator(mode="after")
    def _says_something(self) -> "MoreProgress":
        if not self.progress and self.due_day is None:
            raise ValueError("give progress or due_day")
        whats = [one.what for one in self.progress]
        if len(set(whats)) < len(whats):
            raise ValueError("progress: each kind once")
        return self


def create_router(
    database: Database,
    judge: Judge,
    entry: Entry,
    participants: Participants | None,
    holder_in: HolderOf,
    now_ms: Callable[[], int],
    is_rehearsal: bool = False,
) -> APIRouter:
    """The routes. participants: None where nobody's identity is taken. is_rehearsal: what is told
    may lie ahead of the clock, which comes there when it is set.
    """
    router = APIRouter(prefix="/v1/services")

    def is_open(scopes: Scopes, hall: str) -> bool:
        opened = places_of(scopes, SERVICES_WRITE)
        with database.read() as connection:
            at, today = judge.places_now(connection), day_of(now_ms())
        return any(place == hall or at.is_within(hall, place, today) for place in opened)

    def require_place(scopes: Scopes, hall: str) -> None:
        if not is_open(scopes, hall):
            raise HTTPException(403, f"this token has not the scope {SERVICES_WRITE}{hall}")

    def require_past(told: list[tuple[str, int | None]]) -> None:
        """Raises FieldError for an instant that is still to come."""
        for field, at_ms in [] if is_rehearsal else told:
            if at_ms is not None and at_ms > now_ms() + _CLOCK_ERROR_MS:
                raise FieldError(
                    field, f"{written(at_ms)} is still to come, here it is {written(now_ms())}"
                )

    def require_known(hall: str) -> None:
        with database.read() as connection:
            if hall not in judge.hall_names(connection, day_of(now_ms())):
                raise FieldError("hall", f"there is no hall or platform {hall}")

    def unknown(hall: str, new: NewService) -> list[str]:
        with database.read() as connection:
            at, on = judge.places_now(connection), day_of(new.opened_at or now_ms())
        named = {"window": new.window, "staff_no": new.staff_no}
        kinds = {"window": "window", "staff_no": "staff"}
        return [
            field
            for field, value in named.items()
            if value is not None and not at.knows(kinds[field], f"{hall}/{value}", on)
        ]

    @router.post("", status_code=201)
    def post_service(
        holder: Annotated[Holder, Depends(holder_in)], new: NewService, response: Response
    ) -> StoredService:
        """Tell of a service, or of the completion of a project. Told again it is nothing new, 200;
        told otherwise it is refused, 409, and what came first stays.
        """
        hall, scopes = new.hall, holder.scopes
        require(scopes, "tell of services")
        if new.completes is not None:
            accepted = entry.halls_of_project(new.completes)
            if hall is None and not accepted:
                raise FieldError("hall", "hall is needed: this project is not known here yet")
            hall = hall or next((one for one in accepted if is_open(scopes, one)), accepted[0])
        assert hall is not None
        require_place(scopes, hall)
        require_known(hall)
        participant = None
        if new.participant is not None:
            if participants is None:
                raise FieldError("participant", "this centre takes nobody's identity")
            participant = participants.of(new.participant)
        require_past([("opened_at", new.opened_at), *_instants(new.progress)])
        told = new.told(hall, participant)
        if new.completes is not None:
            others = {*places_of(scopes, SERVICES_WRITE)} - {hall}
            told = told._replace(reach=" ".join(sorted(others)))
        try:
            is_new = entry.put(told, [one.progress() for one in new.progress], holder.id)
        except ContradictionError as error:
            raise HTTPException(409, f"{error}") from None
        response.status_code = 201 if is_new else 200
        return StoredService(
            hall=hall, service=told.service, is_new=is_new, unknown=unknown(hall, new)
        )

    @router.post("/{service}/progress", response_model_exclude={"unknown"})
    def post_progress(
        holder: Annotated[Holder, Depends(holder_in)],
        service: Annotated[str, Path(max_length=64)],
        more: MoreProgress,
    ) -> StoredService:
        """Tell what became of a service. Of each kind the first instant stays: the same again is
        nothing new, another one is refused (409).
        """
        require_place(holder.scopes, more.hall)
        require_past(_instants(more.progress))
        due_day = None if more.due_day is None else number_of(more.due_day)
        try:
            told = [one.progress() for one in more.progress]
            entry.note((more.hall, service), told, due_day, holder.id)
        except UnknownServiceError:
            raise HTTPException(
                404, f"{more.hall} has no service {service}: tell of it by POST /v1/services first"
            ) from None
        except ContradictionError as error:
            raise HTTPException(409, f"{error}") from None
        return StoredService(hall=more.hall, service=service, is_new=False)

    return router


def _instants(progress: list[Became]) -> list[tuple[str, int | None]]:
    return [(f"progress.{n}.at", one.at) for n, one in enumerate(progress)]
