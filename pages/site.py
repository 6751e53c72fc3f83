"""A site: the pages of one tier, with login, languages, live parts and errors."""

import logging
from collections.abc import Callable, Mapping
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
from pages import asked, session, static_files, words
from pages.headers import Compressed, SafeHeaders
from pages.live import Live, Seen
from pages.login import Login
from pages.session import PageError
from pages.shared import Shared

log = logging.getLogger(__name__)

_HERE = Path(__file__).parent
_YEAR_S = 365 * 86400

Holder = TypeVar("Holder")
View = Callable[[], Mapping[str, Any]]


class LoginNeededError(Exception):
    """Nobody has logged in here, or nobody who may see this; why: of pages/login.py, or empty.
    place: where to go instead of the login.
    """

    def __init__(self, why: str, place: str = "") -> None:
        super().__init__(why)
        self.why = why
        self.place = place


class Site(Generic[Holder]):
    """The pages of one tier; the package's docstring tells how it is used.

    most_listeners: of live parts at a time. every_s: how often a live part is rendered.
    credential: what is asked for at the login, a message. notice: a message that stands on every
    page; empty for none. menu: pages with whoever may see them; a template has in `opens`
    those that the browser's sessions open. accounts: people sign in with login and password, and
    with the credential besides. first_of: where somebody must go before anything else opens.
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
        accounts: session.Accounts[Holder] | None = None,
        first_of: Callable[[Holder], str | None] = lambda holder: None,
    ):
        self.tier = tier
        self.name = name
        self._notice = notice
        self._menu = menu
        self._accounts = accounts
        self._first_of = first_of
        self.router = APIRouter(include_in_schema=False)
        self.sessions = sessions
        told = (credential, home_of, accounts, first_of)
        self._login = Login(tier, sessions, self.page, *told)
        self._live = Live(most_listeners, every_s)
        self._shared = Shared()
        self._static = static_files.read(_HERE / "static", static)
        self._digest = static_files.digest(self._static)
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
        self.router.add_api_route("/login", self._login.show, methods=["GET"])
        self.router.add_api_route("/login", self._login.log_in, methods=["POST"])
        self.router.add_api_route("/logout", self._login.log_out, methods=["POST"])
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
            if found is not None and (place := self._first_of(found)) is not None:
                raise LoginNeededError(why, place)
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
        if self._accounts is not None:
            for secret in session.secrets(request, self.tier):
                await run_in_threadpool(self._accounts.see, secret)
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
            self._static[name], media_type=static_files.TYPES[Path(name).suffix], headers=headers
        )

    async def _on_login_needed(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, LoginNeededError)
        why = f"&{error.why}=1" if error.why else ""
        if error.place:
            return RedirectResponse(error.place, 303)
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
