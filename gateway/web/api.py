"""The hall's HTTP API for the queue or business system.

Nobody who asks here is told a level: only rated or not rated.
"""

import json
from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, Header, HTTPException, Path, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import DatabaseError

from gateway.desk.callers import API, caller_of
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
from gateway.keep.metrics import Metrics
from gateway.store import envelopes, quarantine, services, states
from gateway.store.database import Database
from gateway.web.health import Health
from hosting.body import BoundedBody
from hosting.parameters import strict_app
from hosting.problem import handle_problems
from hosting.tokens import EndedTokenError
from protocol.batch import Matter, Progress, ServiceDocument
from protocol.envelope import split
from protocol.field import Identifier, ProtocolError, device_id, place_id
from protocol.limits import MESSAGE_BYTES, SERVICE_CHARS, STAFF_NO_CHARS, TICKET_NO_CHARS
from protocol.message import CLOSED, Find, StaffCard
from protocol.record import parse_json
from quick.bounds import bounds

BODY_BYTES = 256 * 1024  # some hundred matters
_BODIES_BYTES = 16 * 1024 * 1024  # of all together: a hall's machine is small
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
    metrics: Metrics,
    health: Health,
) -> FastAPI:
    """The application. Every path but /healthz and /metrics needs a caller's token."""
    app = strict_app("评价网关 Pingjia gateway", "/api/")
    handle_problems(app, _STATUSES, (DatabaseError,))
    app.add_middleware(BoundedBody, most=BODY_BYTES, held=_BODIES_BYTES)
    app.add_api_route("/healthz", health.now)
    caller = Depends(_caller(database))
    _add_services(app, desk, caller)
    _add_finder(app, finder, caller)
    _add_views(app, database, book, caller)

    @app.get("/metrics")
    def get_metrics() -> Response:
        """Counts for Prometheus; no token, so no names either."""
        return Response(metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return app


def _add_services(app: FastAPI, desk: ServiceDesk, caller) -> None:
    @app.post("/api/v1/windows/{window_id}/services", status_code=201)
    def open_service(
        window_id: WindowId,
        body: ServiceBody,
        response: Response,
        name: Annotated[str, caller],
        idempotency_key: Annotated[str | None, Header(min_length=1, max_length=128)] = None,
    ) -> ServiceAnswer:
        """Open a service and show its ticket; 200 instead of 201 if it was open already."""
        opening = Opening(
            window=window_id,
            ticket_no=body.ticket_no,
            kind=body.kind,
            matters=tuple(Matter(**matter.model_dump()) for matter in body.matters),
            staff_no=body.staff_no,
            caller=name,
            idempotency_key=idempotency_key,
        )
        service, is_new = desk.open(opening)
        response.status_code = 201 if is_new else 200
        return _service(desk, service)

    @app.post("/api/v1/services/{service_id}/invite", dependencies=[caller])
    def invite(service_id: ServiceId) -> ServiceAnswer:
        """Ask the citizen for a rating now; 409 for a service that does not invite."""
        desk.invite(service_id)
        return _service(desk, service_id)

    @app.post("/api/v1/services/{service_id}/close", dependencies=[caller])
    def close(service_id: ServiceId, body: CloseBody | None = None) -> ServiceAnswer:
        """The service is over, rated or not."""
        end = body or CloseBody()
        desk.close(service_id, end.how, end.finished)
        return _service(desk, service_id)

    @app.get("/api/v1/services/{service_id}", dependencies=[caller])
    def get_service(service_id: ServiceId) -> ServiceAnswer:
        """Phase, and whether it is rated or its invitation went by."""
        return _service(desk, service_id)

    @app.put("/api/v1/windows/{window_id}/staff", status_code=204, dependencies=[caller])
    def set_staff(window_id: WindowId, body: StaffBody) -> None:
        """Sign in, pause or sign out; another staff_no takes over (A/B 岗).

        Where the province lists the hall's staff, 422 for a staff_no that is not in `GET /staff`'s
        `listed`, and the name is the list's.
        """
        desk.set_staff(window_id, body.presence, body.staff_no, body.name)


def _add_finder(app: FastAPI, finder: Finder, caller) -> None:
    @app.post("/api/v1/devices/{device}/find", status_code=204, dependencies=[caller])
    def find(device: DeviceId, body: FindBody | None = None) -> None:
        """Let a device blink, so that somebody finds it; not while it invites."""
        finder.find(device, (body or FindBody()).seconds)


def _add_views(app: FastAPI, database: Database, book: HallBook, caller) -> None:
    @app.get("/api/v1/windows", dependencies=[caller])
    def windows() -> dict:
        """The windows, with staff, devices and the service that is open."""
        hall = book.current
        with database.read() as connection:
            staff = {row.window: row for row in services.all_staff(connection)}
            found = []
            for window in hall.windows if hall else ():
                newest = services.newest_at(connection, window.window)
                current = newest.service if newest and newest.phase != CLOSED else None
                found.append(
                    {
                        "window": window.window,
                        "name": window.name,
                        "devices": book.devices_at(window.window),
                        "staff": _staff(staff.get(window.window)),
                        "service": current,
                    }
                )
        return {"windows": found}

    @app.get("/api/v1/staff", dependencies=[caller])
    def staff() -> dict:
        """Who has signed in, by window, and who may; `listed` is empty where everybody may."""
        with database.read() as connection:
            rows = services.all_staff(connection)
        listed = [{"staff_no": one, "name": name} for one, name in book.staff.items()]
        signed_in = [{"window": row.window, **(_staff(row) or {})} for row in rows]
        return {"staff": signed_in, "listed": listed}

    @app.get("/api/v1/devices", dependencies=[caller])
    def devices() -> dict:
        """The hall's devices and what each last said of itself."""
        with database.read() as connection:
            said = {row.device: row for row in states.everyone(connection)}
        known = book.devices.values()
        return {"devices": [_device(device, said.get(device.device)) for device in known]}

    @app.get("/api/v1/status", dependencies=[caller])
    def status() -> dict:
        """How many ratings the hall holds, and what waits for the centre."""
        with database.read() as connection:
            return {
                **envelopes.counts(connection),
                "waiting_documents": services.unsent_count(connection),
            }

    @app.get("/api/v1/quarantine", dependencies=[caller])
    def refused(limit: int = 50) -> dict:
        """What was refused: counts by device and reason, and the newest beginnings in hex."""
        with database.read() as connection:
            counts = quarantine.counts(connection)
            rows = quarantine.newest(connection, max(1, min(limit, 500)))
        newest = [{**row._asdict(), "beginning": row.beginning.hex()} for row in rows]
        return {"counts": [row._asdict() for row in counts], "newest": newest}


def _caller(database: Database) -> Callable[..., str]:
    bearer = HTTPBearer(auto_error=False)

    def caller(given: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]) -> str:
        try:
            known = caller_of(database, given.credentials) if given is not None else None
        except EndedTokenError as error:
            raise HTTPException(401, f"{error}", {"WWW-Authenticate": "Bearer"}) from None
        if known is not None:
            if known.scope != API:
                raise HTTPException(403, f"This token is for the {known.scope}, not for the API")
            return known.name
        raise HTTPException(
            401,
            "A valid token is needed: pingjia gateway token add NAME",
            {"WWW-Authenticate": "Bearer"},
        )

    return caller


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


def _staff(row) -> dict | None:
    if row is None:
        return None
    return {
        "staff_no": row.staff_no,
        "name": row.name,
        "presence": row.presence,
        "since_ms": row.since_ms,
    }


def _version(envelope: str | None) -> int | None:
    """Of settings; the hall cannot verify them, and passes on what it cannot read."""
    if envelope is None:
        return None
    try:
        return parse_json(split(envelope.encode(), MESSAGE_BYTES)[0], "settings")["version"]
    except (ProtocolError, TypeError, KeyError):
        return None


def _device(device, said) -> dict:
    view = {"device": device.device, "window": device.window, "revoked": device.revoked}
    view["online"] = bool(said and said.online)
    # Beside `settings`, the version in use: a device that differs has not taken them up yet.
    view["settings_wanted"] = _version(device.settings)
    if said is not None:
        for name in (
            "firmware",
            "epoch",
            "seq",
            "first",
            "free",
            "memory",
            "clock",
            "face",
            "settings",
        ):
            view[name] = getattr(said, name)
        view["problems"] = json.loads(said.problems)
        view["received_at_ms"] = said.received_at_ms
    return view
