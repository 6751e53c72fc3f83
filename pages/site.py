"""A site: the pages of one tier, with login, languages, live parts and errors."""

import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from inspect import isawaitable
from pathlib import Path
from typing import Any, Generic, TypeVar
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, FastAPI
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from hosting.clock import day, now_ms, written
from hosting.tokens import EndedTokenError
from pages import asked, files, session, words
from pages.asked import PageError
from pages.headers import Compressed, SafeHeaders
from pages.live import Live, Seen
from pages.shared import Shared

log = logging.getLogger(__name__)

_HERE = Path(__file__).parent
_YEAR_S = 365 * 86400
_ENDED = "此令牌已到期，请向系统管理员领取新的。"
_NOTICES = {
    "ended": _ENDED,
    "other": "此页面需要另一个访问令牌，此前的登录仍然有效。",
    "over": "登录已失效，请重新登录。",
}
_WRONG = "此令牌无效或已经用过，请核对后重新输入。"

Holder = TypeVar("Holder")
View = Callable[[], Mapping[str, Any]]


class LoginNeededError(Exception):
    """Nobody has logged in here, or nobody who may see this; why: of _NOTICES, or empty."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Site(Generic[Holder]):
    """The pages of one tier; the package's docstring tells how it is used.

    most_listeners: of live parts at a time. every_s: how often a live part is rendered.
    credential: what is asked for at the login, a message. notice: a message that stands on every
    page; empty for none. menu: pages with whoever may see them; a template has in `opens`
    those that the browser's sessions open.
    """

    def __init__(
        self,
        tier: str,
        name: str,
        templates: Path,
        sessions: session.Sessions[Holder],
        home_of: Callable[[Holder], str],
        static: Path | None = None,
        most_listeners: int = 64,
        every_s: float = 0.5,
        credential: str = "访问令牌",
        notice: str = "",
        menu: Mapping[str, Callable[[Holder], bool]] = {},
    ):
        self.tier = tier
        self.name = name
        self._notice = notice
        self._menu = menu
        self.router = APIRouter(include_in_schema=False)
        self.sessions = sessions
        self._credential = credential
        self._home_of = home_of
        self._live = Live(most_listeners, every_s)
        self._shared = Shared()
        self._static = files.read(_HERE / "static", static)
        self._digest = files.digest(self._static)
        self._templates = Environment(
            loader=FileSystemLoader([templates, _HERE / "templates"]),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=StrictUndefined,
        )
        self._templates.filters["moment"] = words.moment
        self._templates.filters["day"] = day
        self._templates.filters["written"] = written

    def install(self, app: FastAPI) -> None:
        """Add the pages, login, static files, headers and error pages to the tier's app."""
        self.router.add_api_route("/login", self._show_login, methods=["GET"])
        self.router.add_api_route("/login", self._login, methods=["POST"])
        self.router.add_api_route("/logout", self._logout, methods=["POST"])
        self.router.add_api_route("/language/{language}", self._set_language, methods=["GET"])
        self.router.add_api_route("/static/{digest}/{name}", self._send_static, methods=["GET"])
        app.include_router(self.router)
        app.add_exception_handler(PageError, self._on_page_error)
        app.add_exception_handler(LoginNeededError, self._on_login_needed)
        for kind, before in list(app.exception_handlers.items()):
            if kind not in (PageError, LoginNeededError):
                app.add_exception_handler(kind, self._as_page(before))
        app.add_middleware(SafeHeaders)
        app.add_middleware(Compressed)

    def _as_page(self, before: Any) -> Any:
        """The tier's own answer to an error; to who asks for HTML a page that says as much."""

        async def on_error(request: Request, error: Exception) -> Response:
            answer = before(request, error)
            answer = await answer if isawaitable(answer) else answer
            if "text/html" not in request.headers.get("accept", ""):
                return answer
            status = answer.status_code
            sentence, values = asked.sentence_of(status, error)
            return await self._on_page_error(request, PageError(status, sentence, **values))

        return on_error

    def close(self) -> None:
        """End all live parts; may be called by any thread."""
        self._live.close()

    async def holder(
        self, request: Request, may: Callable[[Holder], bool] = lambda holder: True
    ) -> Holder:
        """Who asks, and may. Raises LoginNeededError or PageError, which the site answers."""
        if request.method not in ("GET", "HEAD") and not session.is_from_own_page(request):
            raise PageError(403, "请求必须来自本系统的页面。")
        why = ""
        for secret in session.secrets(request, self.tier):
            try:
                found = await run_in_threadpool(self.sessions.holder, secret)
            except EndedTokenError:
                why = "ended"
                continue
            if found is not None and may(found):
                return found
            if why != "ended":
                why = "other" if found is not None or why == "other" else "over"
        raise LoginNeededError(why)

    async def has(self, request: Request, may: Callable[[Holder], bool]) -> bool:
        """Whether somebody who may has also logged in."""
        try:
            await self.holder(request, may)
        except LoginNeededError:
            return False
        return True

    async def page(
        self,
        request: Request,
        template: str,
        view: View = dict,
        status: int = 200,
        whose: str | None = None,
    ) -> Response:
        """A page, or a part of one, in the visitor's language. whose: what the view depends on
        beside its address, as text, where one rendering may serve all who ask for it (shared.py).
        """
        language, opens = self.language(request), await self._opens(request)

        def render() -> str:
            return self.render(template, language, request, opens=opens, **view())

        if whose is None:
            html = await run_in_threadpool(render)
        else:
            key = f"{language} {whose} {sorted(opens)} {_here(request)}"
            html = await self._shared.page(key, render)
        answer = HTMLResponse(html, status)
        session.renew(answer, request, self.tier)
        return answer

    async def _opens(self, request: Request) -> set[str]:
        found: set[str] = set()
        for secret in session.secrets(request, self.tier) if self._menu else ():
            with suppress(EndedTokenError):
                holder = await run_in_threadpool(self.sessions.holder, secret)
                found |= {path for path, may in self._menu.items() if holder and may(holder)}
        return found

    async def live(
        self,
        request: Request,
        template: str,
        view: View,
        may: Callable[[Holder], bool],
        whose: str = "",
        seen: Seen | None = None,
    ) -> Response:
        """A live part: see `data-live` in the package's docstring. It ends with the login of a
        holder who may. whose: what the view depends on beside its address, as text.
        seen: see Live.stream.

        Who asks for HTML gets the part once, as it is now: pages do where too many listen.
        """

        async def may_go_on() -> bool:
            return await self.has(request, may)

        language = self.language(request)
        key = (request.url.path, f"{language} {whose} {request.url.query}")
        render = partial(self.render, template, language, None)
        is_full = self._live.is_full()
        if "text/html" in request.headers.get("accept", ""):
            html = await self._live.once(key, lambda: render(**view()), seen)
            return HTMLResponse(html, headers={"Live": "full" if is_full else "free"})
        if is_full:  # for programs: a page then polls
            raise PageError(503, "同时查看的人太多，请稍后再试。")
        return self._live.stream(key, lambda: render(**view()), may_go_on, seen)

    def renew(self, path: str) -> None:
        """Nobody who follows the live part at this path gets it again as it was before: called by
        who has changed it, before they answer; their page would go back for a moment.
        """
        self._live.renew(path)

    def language(self, request: Request) -> str:
        """The visitor's language, `zh` or `en`."""
        accepted = request.headers.get("accept-language", "")
        return words.choose(request.cookies.get("pingjia_language"), accepted)

    def render(self, template: str, language: str, request: Request | None, **values: Any) -> str:
        """A template as HTML. request: None for a part that needs no layout."""

        def _(message: str, **fill: object) -> str:
            return words.say(language, message, **fill)

        def span(duration_ms: int) -> str:
            return words.span(_, duration_ms)

        return self._templates.get_template(template).render(
            {
                "_": _,
                "span": span,
                "language": language,
                "static": lambda name: f"/static/{self._digest}/{name}",
                "site_name": self.name,
                "site_notice": self._notice,
                "here": _here(request) if request else "/",
                "now_ms": now_ms(),
                "is_known": bool(request and session.secrets(request, self.tier)),
                **values,
            }
        )

    async def form(self, request: Request) -> dict[str, str]:
        """The fields of a posted form."""
        return await session.form(request)

    async def _show_login(self, request: Request, next: str = "") -> Response:
        notices = [text for why, text in _NOTICES.items() if why in request.query_params]
        return await self._login_page(request, next, notices[0] if notices else "")

    async def _login(self, request: Request) -> Response:
        if not session.is_from_own_page(request):
            raise PageError(403, "请求必须来自本系统的页面。")
        fields = await session.form(request)
        token, wanted = fields.get("token", "").strip(), fields.get("next", "")
        if not token:
            return await self._login_page(request, wanted, "请先填写，再登录。", 422)
        is_short = len(token) <= session.TOKEN_CHARS
        try:
            found = await run_in_threadpool(self.sessions.log_in, token) if is_short else None
        except EndedTokenError:
            return await self._login_page(request, wanted, _ENDED, 401)
        if found is None:
            return await self._login_page(request, wanted, _WRONG, 401)
        secret, holder = found
        place = wanted if session.is_local_path(wanted) else self._home_of(holder)
        answer = RedirectResponse(place, 303)
        await self._end(session.keep(answer, request, self.tier, secret))
        return answer

    async def _logout(self, request: Request) -> Response:
        if not session.is_from_own_page(request):
            raise PageError(403, "请求必须来自本系统的页面。")
        await self._end(session.secrets(request, self.tier))
        answer = RedirectResponse("/login", 303)
        session.forget(answer, request, self.tier)
        return answer

    async def _end(self, secrets: Iterable[str]) -> None:
        for secret in secrets:
            await run_in_threadpool(self.sessions.log_out, secret)

    async def _set_language(self, request: Request, language: str, next: str = "/") -> Response:
        answer = RedirectResponse(next if session.is_local_path(next) else "/", 303)
        if language in words.LANGUAGES:
            kept = {"max_age": _YEAR_S, "path": "/", "httponly": True}
            answer.set_cookie("pingjia_language", language, samesite="lax", **kept)
        return answer

    async def _send_static(self, digest: str, name: str) -> Response:
        if digest != self._digest or name not in self._static:
            raise HTTPException(404)
        headers = {"Cache-Control": f"public, max-age={_YEAR_S}, immutable"}
        return Response(
            self._static[name], media_type=files.TYPES[Path(name).suffix], headers=headers
        )

    async def _login_page(
        self, request: Request, wanted: str, notice: str, status: int = 200
    ) -> Response:
        next_page = wanted if session.is_local_path(wanted) else ""
        view = {"next_page": next_page, "notice": notice, "credential": self._credential}
        return await self.page(request, "login.html", lambda: view, status)

    async def _on_login_needed(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, LoginNeededError)
        why = f"&{error.why}=1" if error.why else ""
        if request.headers.get("hx-request"):
            page = urlsplit(request.headers.get("hx-current-url", "")).path
            wanted = quote(page) if session.is_local_path(page) else ""
            place = f"/login?next={wanted}{why}"
            return Response(status_code=401, headers={"HX-Redirect": place})
        if "text/html" not in request.headers.get("accept", ""):
            return Response(status_code=401)
        here = _here(request)
        if request.method == "POST":  # a form that the browser itself sent
            here = urlsplit(request.headers.get("referer", "")).path or "/"
        return RedirectResponse(f"/login?next={quote(here)}{why}", 303)

    async def _on_page_error(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, PageError)
        view = {"sentence": error.sentence, "values": error.values}
        html = self.render("error.html", self.language(request), request, opens=set(), **view)
        return HTMLResponse(html, error.status)  # nothing is read: the store may be the trouble


def _here(request: Request) -> str:
    query = f"?{request.url.query}" if request.url.query else ""
    return request.url.path + query
