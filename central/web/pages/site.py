"""The centre's pages, each with its live part beside it; docs/scopes.md says which scope opens
which. Who is rated, a hall or an institution, sees closed months and no live part.
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
from central.directory.importer import Importer
from central.directory.sight import is_coarse
from central.figures.closed import ClosedMonths
from central.figures.report import FiguresReader
from central.figures.tables.reader import TablesReader
from central.people.callers import Callers, Holder
from central.people.sessions import PageSessions
from central.people.tokens import DEVICES_APPROVE, PAGES_READ, PROVINCE, Place, place_of
from central.store.database import Database
from central.store.judged.changes import Changes
from central.web.pages import counts, directory, halls, hours, policies, summary, tables
from central.web.pages.counts import CountsView
from central.web.pages.devices import DevicesView
from central.web.pages.directory import DirectoryView
from central.web.pages.figures import FiguresView
from central.web.pages.fleet import FleetView
from central.web.pages.halls import HallsView
from central.web.pages.hours import HoursView
from central.web.pages.looker import Looker, reads_all, reads_pages, whose_of
from central.web.pages.marks import HallQuery, MarksView, Severity, State, answers_to
from central.web.pages.policies import PoliciesView
from central.web.pages.summary import SummaryView
from central.web.pages.tables import TablesView
from pages import PageError, Seen, Site

_EVERY_S = 0.5  # so that a press is seen within half a second, mostly
_LISTENERS = 256
_REHEARSAL = "演练环境：这里没有真实的评价，时间由人设定。"

View = Callable[[], Any]
ViewOf = Callable[[Place, bool], View]  # bool: whether counts lead to their services
Which = Annotated[str, Query(alias="period")]
PageNumber = Annotated[int, Query(alias="page", ge=1, le=1000)]
Firmware = Annotated[str | None, Query(max_length=32)]


def create_site(
    database: Database,
    callers: Callers,
    reader: FiguresReader,
    shown: TablesReader,
    closed: ClosedMonths,
    alarms: Alarms,
    approval: Approval,
    endings: Endings,
    importer: Importer,
    changes: Changes,
    is_rehearsal: bool = False,
) -> Site[Holder]:
    """The pages over an open database; those of a rehearsal say so, each."""

    site: Site[Holder] = Site(
        tier="centre",
        name="好差评归集系统",
        templates=Path(__file__).with_name("templates"),
        static=Path(__file__).with_name("static"),
        sessions=PageSessions(database, callers, reader.now_ms),
        home_of=_home,
        most_listeners=_LISTENERS,
        every_s=_EVERY_S,
        notice=_REHEARSAL if is_rehearsal else "",
        menu={
            "/": reads_pages,
            "/tables": reads_all,
            "/marks": reads_all,
            "/directory": directory.may_look,
            "/halls": reads_all,
            "/fleet": reads_all,
            "/devices": _approves,
        },
    )
    looker = Looker(reader.now_ms)
    marks = MarksView(database, alarms, looker)
    fleet = FleetView(database, alarms, looker)
    devices = DevicesView(approval, endings)
    _add_figures(site, FiguresView(database, reader, alarms, closed, looker), changes)

    def all_marks(
        hall: HallQuery = None, severity: Severity = None, state: State = "open"
    ) -> ViewOf:
        return lambda place, _: lambda: marks.show(place, hall, severity, state)

    def whole_fleet(firmware: Firmware = None, page: PageNumber = 1) -> ViewOf:
        return lambda place, _: lambda: fleet.show(place, firmware, page)

    def pending_devices() -> ViewOf:
        return lambda *_: devices.show

    _add(site, "/marks", "marks", all_marks, reads_all)
    answers_to(site, marks)
    _add(site, "/fleet", "fleet", whole_fleet, reads_all)
    _add(site, "/devices", "devices", pending_devices, _approves)

    @site.router.post("/devices")
    async def approve(request: Request) -> Response:
        await site.holder(request, _approves)
        fields = await site.form(request)
        await run_in_threadpool(devices.approve, fields)
        return RedirectResponse("/devices", 303)

    directory.add_to(site, DirectoryView(database, importer, looker))
    tables.add_to(site, TablesView(database, shown, looker))
    counts.add_to(site, CountsView(database, shown))
    hours.add_to(site, HoursView(database, shown, looker))
    halls.add_to(site, HallsView(database, reader.judge, looker))
    policies.add_to(site, PoliciesView(reader.judge.rules))
    summary.add_to(site, SummaryView(database, reader.judge, looker))
    return site


def _home(holder: Holder) -> str:
    if reads_pages(holder):
        return "/"
    if directory.may_look(holder):
        return "/directory"
    if counts.may_open(holder):
        return "/tables"
    return "/devices" if _approves(holder) else "/"


def _approves(holder: Holder) -> bool:
    return DEVICES_APPROVE in holder.scopes


def _add_figures(site: Site[Holder], figures: FiguresView, changes: Changes) -> None:
    """Add the pages of figures. Of a hall's and an institution's token `/` is its own place, and
    the period a month that is closed.
    """

    def province(which: Which = "today", page: PageNumber = 1) -> ViewOf:
        return lambda place, leads: lambda: figures.show(place, None, None, which, page, leads)

    def one_hall(hall: str, which: Which = "today", page: PageNumber = 1) -> ViewOf:
        return lambda place, leads: lambda: figures.show(place, hall, None, which, page, leads)

    def one_window(hall: str, window: str, which: Which = "today") -> ViewOf:
        return lambda place, leads: lambda: figures.show(place, hall, window, which, 1, leads)

    async def show_closed(request: Request, place: Place, hall: str | None) -> Response:
        if hall is not None and place != Place("hall", hall):
            raise PageError(404, "没有这个大厅或窗口。")
        which = request.query_params.get("period", "")
        return await site.page(request, "closed.html", lambda: figures.show_closed(place, which))

    @site.router.get("/")
    async def show_own(
        request: Request, view_of: Annotated[ViewOf, Depends(province)]
    ) -> Response:
        place = _place_of(await site.holder(request, reads_pages))
        if is_coarse(place):
            return await show_closed(request, place, None)
        leads = await site.has(request, counts.may_open)
        whose = whose_of(place, leads)
        return await site.page(request, "figures.html", view_of(place, leads), whose=whose)

    @site.router.get("/halls/{hall}")
    async def show_hall(
        request: Request, hall: str, view_of: Annotated[ViewOf, Depends(one_hall)]
    ) -> Response:
        place = _place_of(await site.holder(request, reads_pages))
        if is_coarse(place):
            return await show_closed(request, place, hall)
        leads = await site.has(request, counts.may_open)
        whose = whose_of(place, leads)
        return await site.page(request, "figures.html", view_of(place, leads), whose=whose)

    told = ("figures", one_window, reads_all, changes.seen)
    _add_live(site, "/", "figures", province, reads_all, changes.seen)
    _add_live(site, "/halls/{hall}", "figures", one_hall, reads_all, changes.seen)
    _add(site, "/halls/{hall}/windows/{window}", *told)


def _place_of(holder: Holder) -> Place:
    return place_of(holder.scopes, PAGES_READ) or PROVINCE  # of who may see what is no place's


def _add(
    site: Site[Holder],
    path: str,
    name: str,
    view: Callable[..., ViewOf],
    may: Callable[[Holder], bool],
    seen: Seen | None = None,
) -> None:
    """Add a page of the template `name`.html, and its live part."""

    @site.router.get(path)
    async def page(request: Request, view_of: Annotated[ViewOf, Depends(view)]) -> Response:
        place = _place_of(await site.holder(request, may))
        leads = await site.has(request, counts.may_open)
        return await site.page(request, f"{name}.html", view_of(place, leads))

    _add_live(site, path, name, view, may, seen)


def _add_live(
    site: Site[Holder],
    path: str,
    name: str,
    view: Callable[..., ViewOf],
    may: Callable[[Holder], bool],
    seen: Seen | None = None,
) -> None:
    """Add the live part of a page, at `path`/live. It is rendered once for all who see the same
    place and open the same; seen: while nothing was judged, seldom.
    """

    @site.router.get(f"{path.rstrip('/')}/live")
    async def live(request: Request, view_of: Annotated[ViewOf, Depends(view)]) -> Response:
        place = _place_of(await site.holder(request, may))
        leads = await site.has(request, counts.may_open)
        view_now, whose = view_of(place, leads), whose_of(place, leads)
        if place != PROVINCE:  # what is not theirs is said before the stream begins
            await run_in_threadpool(view_now)
        return await site.live(request, f"{name}_live.html", view_now, may, whose, seen)
