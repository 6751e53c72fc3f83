"""What the hall's HTTP API shows: windows, staff, devices, what waits, what was refused."""

import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Query
from pydantic import BaseModel

from gateway.hall.hall_book import HallBook
from gateway.hall.presence import CONNECTED, STATES, Presence
from gateway.store import envelopes, quarantine, services, states
from gateway.store.database import Database
from protocol.envelope import split
from protocol.field import ProtocolError
from protocol.limits import MESSAGE_BYTES
from protocol.message import CLOSED
from protocol.record import parse_json


class StaffView(BaseModel):
    """Who has signed in at a window, and whether they pause."""

    staff_no: str
    name: str
    presence: Literal["in", "pause"]
    since_ms: int


class StaffAtWindow(StaffView):
    """The same, with the window."""

    window: str


class Listed(BaseModel):
    """Who may sign in."""

    staff_no: str
    name: str


class StaffViews(BaseModel):
    """Who has signed in, and who may; `listed` is empty where everybody may."""

    staff: list[StaffAtWindow]
    listed: list[Listed]


class WindowView(BaseModel):
    """A window. devices: those in service there. service: the id of the one that is open."""

    window: str
    name: str
    devices: list[str]
    staff: StaffView | None
    service: str | None


class WindowViews(BaseModel):
    """The hall's windows."""

    windows: list[WindowView]


class Said(BaseModel):
    """What a device last said of itself (protocol/README.md, section 4), and when that came."""

    firmware: str
    epoch: int
    seq: int
    first: int
    free: int
    memory: int | None
    clock: str
    face: str
    settings: int
    problems: list[str]
    received_at_ms: int


class DeviceView(BaseModel):
    """A device. state: how it stands now; online: whether it is connected. silent_s: how long ago
    it was heard, null if it was not since the gateway's start. settings_wanted: the version that
    it is to use, beside `said.settings`, the one in use. said: null if it never said anything.
    """

    device: str
    window: str | None
    revoked: bool
    state: Literal[STATES]  # type: ignore[valid-type]
    online: bool
    silent_s: float | None
    settings_wanted: int | None
    said: Said | None


class DeviceViews(BaseModel):
    """The hall's devices."""

    devices: list[DeviceView]


class StatusView(BaseModel):
    """How many ratings the hall holds, what waits for the centre, what that refused."""

    ratings: int
    waiting: int
    rejected: int
    waiting_documents: int


class RefusalCount(BaseModel):
    """How often something of a device was refused; device is empty for none of ours."""

    device: str
    reason: str
    count: int
    newest_at_ms: int


class RefusedView(BaseModel):
    """One payload that was refused; beginning: its first bytes, in hex."""

    id: int
    received_at_ms: int
    device: str
    topic: str
    reason: str
    detail: str
    size: int
    beginning: str


class RefusedViews(BaseModel):
    """Counts since the beginning, and the newest ones."""

    counts: list[RefusalCount]
    newest: list[RefusedView]


def add_views(
    app: FastAPI, database: Database, book: HallBook, presence: Presence, needed: Sequence[Any]
) -> None:
    """Add the routes. needed: dependencies, the caller's token."""

    @app.get("/api/v1/windows", dependencies=needed)
    def windows() -> WindowViews:
        """The windows, with staff, devices and the service that is open."""
        hall = book.current
        with database.read() as connection:
            staff = {row.window: row for row in services.all_staff(connection)}
            found = []
            for window in hall.windows if hall else ():
                newest = services.newest_at(connection, window.window)
                found.append(
                    WindowView(
                        window=window.window,
                        name=window.name,
                        devices=book.devices_at(window.window),
                        staff=_staff(staff.get(window.window)),
                        service=newest.service if newest and newest.phase != CLOSED else None,
                    )
                )
        return WindowViews(windows=found)

    @app.get("/api/v1/staff", dependencies=needed)
    def staff() -> StaffViews:
        """Who has signed in, by window, and who may; `listed` is empty where everybody may."""
        with database.read() as connection:
            rows = services.all_staff(connection)
        return StaffViews(
            staff=[StaffAtWindow(**row._asdict()) for row in rows],
            listed=[Listed(staff_no=one, name=name) for one, name in book.staff.items()],
        )

    @app.get("/api/v1/devices", dependencies=needed)
    def devices() -> DeviceViews:
        """The hall's devices, how each stands, and what it last said of itself."""
        with database.read() as connection:
            said = {row.device: row for row in states.everyone(connection)}
        known = book.devices.values()
        return DeviceViews(devices=[_device(one, said.get(one.device), presence) for one in known])

    @app.get("/api/v1/status", dependencies=needed)
    def status() -> StatusView:
        """How many ratings the hall holds, and what waits for the centre."""
        with database.read() as connection:
            counts = envelopes.counts(connection)
            return StatusView(**counts, waiting_documents=services.unsent_count(connection))

    @app.get("/api/v1/quarantine", dependencies=needed)
    def refused(limit: Annotated[int, Query(ge=1, le=500)] = 50) -> RefusedViews:
        """What was refused: counts by device and reason, and the newest beginnings in hex."""
        with database.read() as connection:
            counts = quarantine.counts(connection)
            rows = quarantine.newest(connection, limit)
        return RefusedViews(
            counts=[RefusalCount(**row._asdict()) for row in counts],
            newest=[
                RefusedView(**{**row._asdict(), "beginning": row.beginning.hex()}) for row in rows
            ],
        )


def _staff(row) -> StaffView | None:
    return None if row is None else StaffView(**row._asdict())


def _device(device, said, presence: Presence) -> DeviceView:
    state, silent_s = presence.state_of(device.device, said), presence.silent_s(device.device)
    return DeviceView(
        device=device.device,
        window=device.window,
        revoked=device.revoked,
        state=state,
        online=state in CONNECTED,
        silent_s=silent_s and round(silent_s, 1),
        settings_wanted=settings_version(device.settings),
        said=said and Said(**{**said._asdict(), "problems": json.loads(said.problems)}),
    )


def settings_version(envelope: str | None) -> int | None:
    """Of settings; the hall cannot verify them, and passes on what it cannot read."""
    if envelope is None:
        return None
    try:
        return parse_json(split(envelope.encode(), MESSAGE_BYTES)[0], "settings")["version"]
    except (ProtocolError, TypeError, KeyError):
        return None
