"""The login of a site: with a token, and where a tier has accounts with login and password."""

from collections.abc import Callable, Iterable, Mapping
from typing import Generic, Protocol, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from hosting.tokens import EndedTokenError
from pages import session
from pages.session import PageError

_ENDED = "此令牌已到期，请向系统管理员领取新的。"
NOTICES = {  # by why the login is shown
    "ended": _ENDED,
    "other": "此页面需要另一个访问令牌，此前的登录仍然有效。",
    "over": "登录已失效，请重新登录。",
}
_WRONG = "此令牌无效或已经用过，请核对后重新输入。"
_NOBODY = "登录名或密码不正确。"

Holder = TypeVar("Holder")


class Page(Protocol):
    """Site.page."""

    async def __call__(
        self,
        request: Request,
        template: str,
        view: Callable[[], Mapping[str, object]],
        status: int,
    ) -> Response:
        """The page."""
        ...


class Login(Generic[Holder]):
    """The routes of /login and /logout; the arguments are those of `Site`, and its `page`."""

    def __init__(
        self,
        tier: str,
        sessions: session.Sessions[Holder],
        page: Page,
        credential: str,
        home_of: Callable[[Holder], str],
        accounts: session.Accounts[Holder] | None,
        first_of: Callable[[Holder], str | None],
    ) -> None:
        self._tier = tier
        self._sessions = sessions
        self._page = page
        self._credential = credential
        self._home_of = home_of
        self._accounts = accounts
        self._first_of = first_of

    async def show(self, request: Request, next: str = "") -> Response:
        """The page that asks who it is, and says why."""
        notices = [text for why, text in NOTICES.items() if why in request.query_params]
        return await self._login_page(request, next, notices[0] if notices else "")

    async def log_in(self, request: Request) -> Response:
        """Begin a session for a token, or for login and password."""
        if not session.is_from_own_page(request):
            raise PageError(403, "请求必须来自本系统的页面。")
        fields = await session.form(request)
        token, wanted = fields.get("token", "").strip(), fields.get("next", "")
        if self._accounts is not None and "login" in fields:
            return await self._sign_in(self._accounts, request, fields, wanted)
        if not token:
            return await self._login_page(request, wanted, "请先填写，再登录。", 422)
        is_short = len(token) <= session.TOKEN_CHARS
        try:
            found = await run_in_threadpool(self._sessions.log_in, token) if is_short else None
        except EndedTokenError:
            return await self._login_page(request, wanted, _ENDED, 401)
        if found is None:
            return await self._login_page(request, wanted, _WRONG, 401)
        return await self._begin(request, *found, wanted)

    async def _sign_in(
        self,
        accounts: session.Accounts[Holder],
        request: Request,
        fields: dict[str, str],
        wanted: str,
    ) -> Response:
        login, password = fields["login"], fields.get("password", "")
        if not login.strip() or not password:
            return await self._login_page(request, wanted, "请先填写，再登录。", 422)
        if max(len(login), len(password)) > session.TOKEN_CHARS:
            return await self._login_page(request, wanted, _NOBODY, 401)
        address = request.client.host if request.client else ""
        try:
            found = await run_in_threadpool(accounts.sign_in, login, password, address)
        except session.SignInRefusedError as error:
            told = (error.sentence, 401, error.values)
            return await self._login_page(request, wanted, *told)
        return await self._begin(request, *found, wanted)

    async def _begin(self, request: Request, secret: str, holder: Holder, wanted: str) -> Response:
        place = wanted if session.is_local_path(wanted) else self._home_of(holder)
        place = self._first_of(holder) or place
        answer = RedirectResponse(place, 303)
        await self._end(session.keep(answer, request, self._tier, secret))
        return answer

    async def log_out(self, request: Request) -> Response:
        """End the browser's sessions."""
        if not session.is_from_own_page(request):
            raise PageError(403, "请求必须来自本系统的页面。")
        await self._end(session.secrets(request, self._tier))
        answer = RedirectResponse("/login", 303)
        session.forget(answer, request, self._tier)
        return answer

    async def _end(self, secrets: Iterable[str]) -> None:
        for secret in secrets:
            await run_in_threadpool(self._sessions.log_out, secret)

    async def _login_page(
        self,
        request: Request,
        wanted: str,
        notice: str,
        status: int = 200,
        values: Mapping[str, object] = {},
    ) -> Response:
        next_page = wanted if session.is_local_path(wanted) else ""
        view = {"next_page": next_page, "notice": notice, "credential": self._credential}
        view |= {"notice_values": values, "has_accounts": self._accounts is not None}
        return await self._page(request, "login.html", lambda: view, status)
