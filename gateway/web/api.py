"""The hall's HTTP API for the queue or business system.

Nobody who asks here is told a level: only rated or not rated.
"""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, Header, HTTPException, Path, Request, Response
from fastapi.security import HTTPBearer
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import DatabaseError
from starlette.responses import PlainTextResponse

from gateway.desk.callers import API, Caller, caller_of
from gateway.desk.finder import Finder
from gateway.desk.services import (
    INVITES,
    OUTCOMES,
    ConflictError,
    NoSuchError,
    Opening,
    ServiceDesk,
)
from gateway.hall.hall_book import HallBook
from gateway.hall.presence import Presence
from gateway.keep.metrics import Metrics
from gateway.store.database import Database
from gateway.web.health import Health
from gateway.web.views import add_views
from hosting.body import BoundedBody
from hosting.door import HeadAsGet, PlainUrl, TokenFirst, known_of, strict_app
from hosting.problem import describe_problems, handle_problems
from hosting.tokens import EndedTokenError
from protocol.batch import Matter, Progress, ServiceDocument
from protocol.field import Identifier, ProtocolError, device_id, place_id
from protocol.limits import SERVICE_CHARS, STAFF_NO_CHARS, TICKET_NO_CHARS
from protocol.message import Find, StaffCard
from quick.bounds import bounds

BODY_BYTES = 256 * 1024  # some hundred matters
_BODIES_BYTES = 16 * 1024 * 1024  # of all together: a hall's machine is small
METRICS = "text/plain; version=0.0.4; charset=utf-8"
FIND_S = 15  # how long a device blinks unless it is told
_STATUSES = {NoSuchError: 404, ConflictError: 409, ProtocolError: 422}
_MATTER, _DOCUMENT = dict(Matter.fields), dict(ServiceDocument.fields)
# What may enter a record (TKT-3), and how much of it, is the contract's own word.
TicketNo = Annotated[str, Field(**bounds(Identifier(TICKET_NO_CHARS)))]
StaffNo = Annotated[str, Field(**bounds(Identifier(STAFF_NO_CHARS)))]
WindowId = Annotated[str, Path(**bounds(place_id))]
DeviceId = Annotated[str, Path(**bounds(device_id))]
ServiceId = Annotated[str, Path(**bounds(Identifier(SERVICE_CHARS)))]


class MatterBody(BaseModel):
    """One case (办件) of a service."""

    model_config = ConfigDict(extra="forbid", strict=True)

    project_no: Annotated[str, Field(**bounds(_MATTER["project_no"]))] | None = None
    service_number: Annotated[int, Field(**bounds(_MATTER["service_number"]))] | None = None
    task_code: Annotated[str, Field(**bounds(_MATTER["task_code"]))] | None = None
    task_name: Annotated[str, Field(**bounds(_MATTER["task_name"]))] | None = None


class ServiceBody(BaseModel):
    """A service that begins at a window."""

    model_config = ConfigDict(extra="forbid", strict=True)

    ticket_no: TicketNo
    kind: Literal[_DOCUMENT["kind"].choices] = "single"  # type: ignore[valid-type]
    matters: Annotated[list[MatterBody], Field(**bounds(_DOCUMENT["matters"]))] = []
    staff_no: StaffNo | None = None


class StaffBody(BaseModel):
    """Who serves at a window from now on."""

    model_config = ConfigDict(extra="forbid", strict=True)

    presence: Literal["in", "pause", "out"]
    staff_no: StaffNo | None = None
    name: Annotated[str, Field(**bounds(dict(StaffCard.fields)["name"]))] = ""


_PROJECTS: Any = dict(Progress.fields)["projects"]
Project = Annotated[str, Field(**bounds(_PROJECTS.check))]
Projects = Annotated[list[Project], Field(**bounds(_PROJECTS))]


class CloseBody(BaseModel, extra="forbid"):
    """How a service ended. finished: whether its projects are, or the numbers of those that are.
    as: whether it was closed, nobody came, or another window goes on with it.
    """

    finished: bool | Projects = False
    how: Literal["closed", "no_show", "transferred"] = Field(default="closed", alias="as")


class FindBody(BaseModel):
    """How long a device shall blink."""

    model_config = ConfigDict(extra="forbid", strict=True)

    seconds: Annotated[int, Field(**bounds(dict(Find.fields)["seconds"]))] = FIND_S


class ServiceAnswer(BaseModel):
    """A service as the hall knows it. outcome: whether it is rated or its invitation went by; how
    it was rated nobody is told. ended: `overdue` if nobody closed it within twelve hours. invites:
    whether it may be asked to invite; `not_rateable`: none of its matters is, `not_this_kind`:
    services of its kind do not invite in this hall.
    """

    service: str
    window: str
    ticket_no: str
    staff_no: str | None
    phase: Literal["serving", "inviting", "closed"]
    opened_at_ms: int
    closed_at_ms: int | None
    ended: Literal["closed", "no_show", "transferred", "overdue"] | None
    outcome: Literal[OUTCOMES]  # type: ignore[valid-type]
    invites: Literal[INVITES]  # type: ignore[valid-type]


def create_app(
    database: Database,
    desk: ServiceDesk,
    finder: Finder,
    book: HallBook,
    presence: Presence,
    metrics: Metrics,
    health: Health,
) -> FastAPI:
    """The application. Every path but /healthz and /metrics needs a caller's token."""
    app = strict_app("评价网关 Pingjia gateway", "/api/")
    handle_problems(app, _STATUSES, (DatabaseError,))
    known = _known(database)
    app.add_middleware(BoundedBody, most=BODY_BYTES, held=_BODIES_BYTES)
    app.add_middleware(TokenFirst, paths="/api/v1/.*", known=known)
    app.add_middleware(PlainUrl)
    app.add_middleware(HeadAsGet)
    health.install(app)
    caller = Depends(_caller(known))
    _add_services(app, desk, caller)
    _add_finder(app, finder, book, caller)
    add_views(app, database, book, presence, [caller])

    @app.get("/metrics", response_class=PlainTextResponse)
    def get_metrics() -> Response:
        """Counts for Prometheus; no token, so no names either."""
        return PlainTextResponse(metrics.text(), media_type=METRICS)

    describe_problems(app)
    return app


def _add_services(app: FastAPI, desk: ServiceDesk, caller) -> None:
    @app.post("/api/v1/windows/{window_id}/services", status_code=201)
    def open_service(
        window_id: WindowId,
        body: ServiceBody,
        response: Response,
        caller: Annotated[Caller, caller],
        idempotency_key: Annotated[str | None, Header(min_length=1, max_length=128)] = None,
    ) -> ServiceAnswer:
        """Open a service and show its ticket; 200 instead of 201 if it was open already."""
        _require(caller, window_id)
        opening = Opening(
            window=window_id,
            ticket_no=body.ticket_no,
            kind=body.kind,
            matters=tuple(Matter(**matter.model_dump()) for matter in body.matters),
            staff_no=body.staff_no,
            caller=caller.name,
            idempotency_key=idempotency_key,
        )
        service, is_new = desk.open(opening)
        response.status_code = 201 if is_new else 200
        return _service(desk, service)

    @app.post("/api/v1/services/{service_id}/invite")
    def invite(service_id: ServiceId, caller: Annotated[Caller, caller]) -> ServiceAnswer:
        """Ask the citizen for a rating now; 409 for a service that does not invite."""
        _require(caller, desk.get(service_id)[0].window)
        desk.invite(service_id)
        return _service(desk, service_id)

    @app.post("/api/v1/services/{service_id}/close")
    def close(
        service_id: ServiceId, caller: Annotated[Caller, caller], body: CloseBody | None = None
    ) -> ServiceAnswer:
        """The service is over, rated or not."""
        _require(caller, desk.get(service_id)[0].window)
        end = body or CloseBody()
        desk.close(service_id, end.how, end.finished)
        return _service(desk, service_id)

    @app.get("/api/v1/services/{service_id}")
    def get_service(service_id: ServiceId, caller: Annotated[Caller, caller]) -> ServiceAnswer:
        """Phase, and whether it is rated or its invitation went by."""
        _require(caller, desk.get(service_id)[0].window)
        return _service(desk, service_id)

    @app.put("/api/v1/windows/{window_id}/staff", status_code=204)
    def set_staff(window_id: WindowId, body: StaffBody, caller: Annotated[Caller, caller]) -> None:
        """Sign in, pause or sign out; another staff_no takes over (A/B 岗).

        Where the province lists the hall's staff, 422 for a staff_no that is not in `GET /staff`'s
        `listed`, and the name is the list's.
        """
        _require(caller, window_id)
        desk.set_staff(window_id, body.presence, body.staff_no, body.name)


def _add_finder(app: FastAPI, finder: Finder, book: HallBook, caller) -> None:
    @app.post("/api/v1/devices/{device}/find", status_code=204)
    def find(
        device: DeviceId, caller: Annotated[Caller, caller], body: FindBody | None = None
    ) -> None:
        """Let a device blink, so that somebody finds it; not while it invites."""
        bound = book.devices.get(device)
        if bound is not None:
            _require(caller, bound.window)
        finder.find(device, (body or FindBody()).seconds)


def _known(database: Database) -> Callable[[str], Caller]:
    """Who holds the token of an Authorization header. Raises the 401 or 403 to answer with."""

    def known(authorization: str) -> Caller:
        scheme, _, token = authorization.partition(" ")
        try:
            caller = caller_of(database, token.strip()) if scheme.lower() == "bearer" else None
        except EndedTokenError as error:
            raise HTTPException(401, f"{error}", {"WWW-Authenticate": "Bearer"}) from None
        if caller is None:
            raise HTTPException(
                401,
                "A valid token is needed: pingjia gateway token add NAME",
                {"WWW-Authenticate": "Bearer"},
            )
        if caller.scope != API:
            raise HTTPException(403, f"This token is for the {caller.scope}, not for the API")
        return caller

    return known


def _caller(known: Callable[[str], Caller]) -> Callable[..., Caller]:
    bearer = HTTPBearer(auto_error=False)

    def caller(request: Request, _: Annotated[Any, Depends(bearer)]) -> Caller:
        return known_of(request.scope) or known(request.headers.get("authorization", ""))

    return caller


def _require(caller: Caller, window: str | None) -> None:
    if not caller.may_touch(window):
        raise HTTPException(403, f"This token is not for the window {window}")


def _service(desk: ServiceDesk, service: str) -> ServiceAnswer:
    row, outcome = desk.get(service)
    return ServiceAnswer(
        service=row.service,
        window=row.window,
        ticket_no=row.ticket_no,
        staff_no=row.staff_no,
        phase=row.phase,
        opened_at_ms=row.opened_at_ms,
        closed_at_ms=row.closed_at_ms,
        ended=row.ended,
        outcome=outcome,
        invites=desk.invites(row),
    )
