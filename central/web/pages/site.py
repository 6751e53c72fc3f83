"""The centre's pages, each with its live part beside it; central/people/roles.py says who opens
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
from central.people.callers import Holder
from central.people.deeds import Readings, who_of
from central.people.roles import FIRST, PROVINCE, Place, column_of, may
from central.people.sessions import PageSessions
from central.store.database import Database
from central.store.judged.changes import Changes
from central.web.pages import acts, counts, directory, halls, hours, policies, summary, tables
from central.web.pages import people as people_pages
from central.web.pages.acts import ActsView
from central.web.pages.counts import CountsView
from central.web.pages.devices import DevicesView
from central.web.pages.directory import DirectoryView
from central.web.pages.figures import FiguresView
from central.web.pages.fleet import FleetView
from central.web.pages.halls import HallsView
from central.web.pages.hours import HoursView
from central.web.pages.looker import Looker, place_for, whose_of
from central.web.pages.marks import HallQuery, MarksView, Severity, State, answers_to
from central.web.pages.people import AccountsView, AccountView, People
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
    sessions: PageSessions,
    people: People,
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
        sessions=sessions,
        accounts=sessions,
        home_of=_home,
        most_listeners=_LISTENERS,
        every_s=_EVERY_S,
        notice=_REHEARSAL if is_rehearsal else "",
        menu={
            "/": may("look at own figures"),
            "/tables": may("look at tables"),
            "/marks": may("look at marks"),
            "/directory": may("look at the directory"),
            "/halls": may("look at devices"),
            "/fleet": may("look at devices"),
            "/devices": may("approve devices"),
            "/acts": may("look at acts"),
            "/accounts": may("manage accounts"),
            "/account": may("manage own account"),
        },
        first_of=lambda holder: "/account" if _is_first(holder) else None,
    )
    looker = Looker(reader.now_ms)
    readings = Readings(database, reader.now_ms)
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

    _add(site, "/marks", "marks", all_marks, "look at marks")
    answers_to(site, marks)
    _add(site, "/fleet", "fleet", whole_fleet, "look at devices")
    _add(site, "/devices", "devices", pending_devices, "approve devices")

    @site.router.post("/devices")
    async def approve(request: Request) -> Response:
        holder = await site.holder(request, may("approve devices"))
        fields = await site.form(request)
        await run_in_threadpool(devices.approve, fields, who_of(holder))
        return RedirectResponse("/devices", 303)

    directory.add_to(site, DirectoryView(database, importer, looker))
    tables.add_to(site, TablesView(database, shown, looker), readings)
    counts.add_to(site, CountsView(database, shown), readings)
    hours.add_to(site, HoursView(database, shown, looker))
    halls.add_to(site, HallsView(database, reader.judge, looker))
    policies.add_to(site, PoliciesView(reader.judge.rules))
    people_pages.add_to(site, AccountView(database, people), AccountsView(people, looker))
    acts.add_to(site, ActsView(database, looker))
    summary.add_to(site, SummaryView(database, reader.judge, looker))
    return site


def _home(holder: Holder) -> str:
    homes = {
        "/": "look at own figures",
        "/accounts": "manage accounts",
        "/directory": "look at the directory",
        "/devices": "approve devices",
        "/account": "change own password",
    }
    return next((path for path, verb in homes.items() if may(verb)(holder)), "/")


def _is_first(holder: Holder) -> bool:
    return any(column_of(scope)[0] == FIRST for scope in holder.scopes)


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
        place = await place_for(site, request, "look at own figures")
        if is_coarse(place):
            return await show_closed(request, place, None)
        leads = await site.has(request, may("open services"))
        whose = whose_of(place, leads)
        return await site.page(request, "figures.html", view_of(place, leads), whose=whose)

    @site.router.get("/halls/{hall}")
    async def show_hall(
        request: Request, hall: str, view_of: Annotated[ViewOf, Depends(one_hall)]
    ) -> Response:
        place = await place_for(site, request, "look at a hall")
        if is_coarse(place):
            return await show_closed(request, place, hall)
        leads = await site.has(request, may("open services"))
        whose = whose_of(place, leads)
        return await site.page(request, "figures.html", view_of(place, leads), whose=whose)

    told = ("figures", one_window, "look at figures", changes.seen)
    _add_live(site, "/", "figures", province, "look at figures", changes.seen)
    _add_live(site, "/halls/{hall}", "figures", one_hall, "look at figures", changes.seen)
    _add(site, "/halls/{hall}/windows/{window}", *told)


def _add(
    site: Site[Holder],
    path: str,
    name: str,
    view: Callable[..., ViewOf],
    verb: str,
    seen: Seen | None = None,
) -> None:
    """Add a page of the template `name`.html, and its live part."""

    @site.router.get(path)
    async def page(request: Request, view_of: Annotated[ViewOf, Depends(view)]) -> Response:
        place = await place_for(site, request, verb)
        leads = await site.has(request, may("open services"))
        return await site.page(request, f"{name}.html", view_of(place, leads))

    _add_live(site, path, name, view, verb, seen)


def _add_live(
    site: Site[Holder],
    path: str,
    name: str,
    view: Callable[..., ViewOf],
    verb: str,
    seen: Seen | None = None,
) -> None:
    """Add the live part of a page, at `path`/live. It is rendered once for all who see the same
    place and open the same; seen: while nothing was judged, seldom.
    """

    @site.router.get(f"{path.rstrip('/')}/live")
    async def live(request: Request, view_of: Annotated[ViewOf, Depends(view)]) -> Response:
        place = await place_for(site, request, verb)
        leads = await site.has(request, may("open services"))
        view_now, whose = view_of(place, leads), whose_of(place, leads)
        if place != PROVINCE:  # what is not theirs is said before the stream begins
            await run_in_threadpool(view_now)
        return await site.live(request, f"{name}_live.html", view_now, may(verb), whose, seen)
