"""The gateway's pages: the overview for hall IT, and the console of each window."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from gateway.desk.callers import CONSOLE, PAGES, Caller
from gateway.desk.console import Console
from gateway.desk.finder import Finder
from gateway.desk.services import ConflictError, NoSuchError
from gateway.desk.sessions import PageSessions
from gateway.store.database import Database
from gateway.web.api import FIND_S
from gateway.web.inside import Inside
from gateway.web.overview import Overview
from pages import PageError, Site

_HERE = Path(__file__).parent
_NO_HALL = "尚未取得大厅资料，还不知道有哪些窗口。取得后刷新即可；一直没有，请联系大厅信息人员。"


def create_site(
    database: Database, overview: Overview, inside: Inside, finder: Finder, console: Console
) -> Site[Caller]:
    """The site, to be installed on the API's application."""
    site = Site(
        tier="gateway",
        name="大厅评价网关",
        templates=_HERE / "templates",
        static=_HERE / "static",
        sessions=PageSessions(database),
        credential="登录码或访问令牌",
        home_of=_home,
        most_listeners=200,  # a console a window, and those who watch
    )
    _add_overview(site, overview)
    _add_inside(site, inside)
    _add_finder(site, finder)
    _add_console(site, console)
    return site


def _home(caller: Caller) -> str:
    return f"/windows/{caller.window}" if caller.scope == CONSOLE else "/"


def _may_read(caller: Caller) -> bool:
    return caller.scope == PAGES


def _add_finder(site: Site[Caller], finder: Finder) -> None:
    @site.router.post("/devices/{device}/find")
    async def find(request: Request, device: str) -> Response:
        await site.holder(request, _may_read)
        try:
            await run_in_threadpool(finder.find, device, FIND_S)
        except (NoSuchError, ConflictError):
            raise PageError(409, "这台评价器现在没有连接，无法让它闪灯。") from None
        is_part = request.headers.get("hx-request")
        return (
            Response(status_code=204) if is_part else RedirectResponse(f"/devices/{device}", 303)
        )


def _add_overview(site: Site[Caller], overview: Overview) -> None:
    @site.router.get("/")
    async def show_overview(request: Request) -> Response:
        caller = await site.holder(request)
        if not _may_read(caller):
            return RedirectResponse(_home(caller), 303)
        return await site.page(request, "overview.html", overview.now)

    @site.router.get("/live")
    async def follow_overview(request: Request) -> Response:
        await site.holder(request, _may_read)
        return await site.live(request, "overview_live.html", overview.now, _may_read)


def _add_inside(site: Site[Caller], inside: Inside) -> None:
    def of(device: str) -> Any:
        try:
            return inside.device(device)
        except NoSuchError:
            raise PageError(404, "大厅没有这台评价器。") from None

    @site.router.get("/devices/{device}")
    async def show_device(request: Request, device: str) -> Response:
        await site.holder(request, _may_read)
        return await site.page(request, "device.html", lambda: of(device))

    @site.router.get("/devices/{device}/live")
    async def follow_device(request: Request, device: str) -> Response:
        await site.holder(request, _may_read)
        await run_in_threadpool(of, device)  # what is not there is said before the stream begins
        return await site.live(request, "device_live.html", lambda: of(device), _may_read)

    @site.router.get("/system")
    async def show_system(request: Request) -> Response:
        await site.holder(request, _may_read)
        return await site.page(request, "system.html", inside.system)

    @site.router.get("/system/live")
    async def follow_system(request: Request) -> Response:
        await site.holder(request, _may_read)
        return await site.live(request, "system_live.html", inside.system, _may_read)

    @site.router.post("/happenings/{id}/seen")
    async def see(request: Request, id: int) -> Response:
        caller = await site.holder(request, _may_read)
        fields = await site.form(request)
        try:
            await run_in_threadpool(inside.see, id, caller.name)
        except NoSuchError:
            raise PageError(404, "这一项已经结束，请刷新页面。") from None
        back = fields.get("back", "")
        return RedirectResponse(back if back.startswith(("/devices/", "/system")) else "/", 303)


def _add_console(site: Site[Caller], console: Console) -> None:
    def may_use(window: str) -> Callable[[Caller], bool]:
        return lambda caller: (caller.scope, caller.window) == (CONSOLE, window)

    def view(window: str, notice: str = "") -> dict:
        try:
            return console.show(window, notice)
        except NoSuchError:
            if not console.is_known:
                raise PageError(503, _NO_HALL) from None
            raise PageError(404, "大厅没有这个窗口。") from None

    @site.router.get("/windows/{window}")
    async def show_console(request: Request, window: str) -> Response:
        await site.holder(request, may_use(window))
        return await site.page(request, "console.html", lambda: view(window))

    @site.router.get("/windows/{window}/live")
    async def follow_console(request: Request, window: str) -> Response:
        await site.holder(request, may_use(window))
        return await site.live(request, "console_live.html", lambda: view(window), may_use(window))

    @site.router.get("/windows/{window}/find/{what}")
    async def find(request: Request, window: str, what: str, find: str = "") -> Response:
        await site.holder(request, may_use(window))

        def found() -> dict:
            try:
                found = console.find(window, what, find[:128])
                barred = "" if found else console.unrateable(what, find[:128])
                return {"what": what, "found": found, "barred": barred}
            except NoSuchError:
                raise PageError(404, "没有这个页面。") from None

        return await site.page(request, "console_found.html", found)

    @site.router.post("/windows/{window}/{key}")
    async def press(request: Request, window: str, key: str) -> Response:
        caller = await site.holder(request, may_use(window))
        fields = await site.form(request)

        def pressed() -> dict:
            try:
                return view(window, console.press(window, key, caller.name, fields))
            except NoSuchError:
                raise PageError(404, "没有这个页面。") from None

        if request.headers.get("hx-request"):
            answer = await site.page(request, "console_live.html", pressed)
        else:  # pressed before htmx had taken hold of the form
            shown = await run_in_threadpool(pressed)
            answer = RedirectResponse(f"/windows/{window}", 303)
            if shown["notice"]:
                answer = await site.page(request, "console.html", lambda: shown)
        site.renew(f"/windows/{window}/live")
        return answer
