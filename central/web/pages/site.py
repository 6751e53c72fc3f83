"""The centre's pages, each with its live part beside it: figures and marks for the scope
pages:read, pending enrolments for devices:approve.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, Query, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse

from central.clockwork import Alarms
from central.directory.approval import Approval
from central.directory.endings import Endings
from central.figures.report import FiguresReader
from central.people.tokens import DEVICES_APPROVE, PAGES_READ, scopes_of
from central.store.database import Database
from central.web.pages.devices import DevicesView
from central.web.pages.figures import FiguresView
from central.web.pages.marks import MarksView
from pages import Site
from protocol.field import place_id

_EVERY_S = 1.0
_REHEARSAL = "演练环境：这里没有真实的评价，时间由人设定。"

Scopes = tuple[str, ...]
View = Callable[[], Any]
Which = Annotated[str, Query(alias="period")]
PageNumber = Annotated[int, Query(alias="page", ge=1, le=1000)]
HallQuery = Annotated[str | None, Query(max_length=place_id.most)]


def create_site(
    database: Database,
    reader: FiguresReader,
    alarms: Alarms,
    approval: Approval,
    endings: Endings,
    is_rehearsal: bool = False,
) -> Site[Scopes]:
    """The pages over an open database; those of a rehearsal say so, each."""
    site: Site[Scopes] = Site(
        tier="centre",
        name="好差评归集系统",
        templates=Path(__file__).with_name("templates"),
        static=Path(__file__).with_name("static"),
        holder_of=lambda token: scopes_of(database, token),
        home_of=lambda scopes: "/devices" if scopes == (DEVICES_APPROVE,) else "/",
        every_s=_EVERY_S,
        notice=_REHEARSAL if is_rehearsal else "",
    )
    figures, marks = FiguresView(database, reader, alarms), MarksView(database, alarms)
    devices = DevicesView(approval, endings)

    def province(which: Which = "today", page: PageNumber = 1) -> View:
        return lambda: figures.show(None, None, which, page)

    def one_hall(hall: str, which: Which = "today", page: PageNumber = 1) -> View:
        return lambda: figures.show(hall, None, which, page)

    def one_window(hall: str, window: str, which: Which = "today") -> View:
        return lambda: figures.show(hall, window, which, 1)

    def all_marks(hall: HallQuery = None) -> View:
        return lambda: marks.show(hall)

    def pending_devices() -> View:
        return devices.show

    _add(site, "/", "figures", province)
    _add(site, "/halls/{hall}", "figures", one_hall)
    _add(site, "/halls/{hall}/windows/{window}", "figures", one_window)
    _add(site, "/marks", "marks", all_marks)
    _add(site, "/devices", "devices", pending_devices, DEVICES_APPROVE)
    _add_approval(site, devices)
    return site


def _add_approval(site: Site[Scopes], devices: DevicesView) -> None:
    """Add what the buttons of the page of devices do."""

    @site.router.post("/devices")
    async def approve(request: Request) -> Response:
        await site.holder(request, lambda scopes: DEVICES_APPROVE in scopes)
        fields = await site.form(request)
        await run_in_threadpool(devices.approve, fields)
        return RedirectResponse("/devices", 303)


def _add(
    site: Site[Scopes],
    path: str,
    name: str,
    view_of: Callable[..., View],
    scope: str = PAGES_READ,
) -> None:
    """Add a page of the template `name`.html, and its live part at `path`/live."""

    def may_read(scopes: Scopes) -> bool:
        return scope in scopes

    @site.router.get(path)
    async def page(request: Request, view: Annotated[View, Depends(view_of)]) -> Response:
        await site.holder(request, may_read)
        return await site.page(request, f"{name}.html", view)

    @site.router.get(f"{path.rstrip('/')}/live")
    async def live(request: Request, view: Annotated[View, Depends(view_of)]) -> Response:
        await site.holder(request, may_read)
        return await site.live(request, f"{name}_live.html", view)
