"""The pages of accounts: one's own, with its password and where it is signed in, and for
administrators all of them.
"""

from typing import Any, NamedTuple

from fastapi import Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse

from central.people.accounts import Accounts
from central.people.callers import Holder
from central.people.deeds import who_of
from central.people.passwords import LEAST, MOST, WeakPasswordError
from central.people.roles import FIRST, ROLE_NAMES, ROLES, column_of, may
from central.people.sign_in import SignIn
from central.store import directory
from central.store.database import Database
from central.store.people import accounts, sessions
from central.web.pages.looker import Looker
from hosting.error import OperatorError
from pages import PageError, Site
from pages.session import SignInRefusedError

_STATES = {"removed": "已注销", "locked": "已停用", "first": "未首次登录", "good": "正常"}


class People(NamedTuple):
    """What the pages do for people: manage accounts, change a password."""

    accounts: Accounts
    sign_in: SignIn


class AccountView:
    """The values of account.html, and what its buttons do."""

    def __init__(self, database: Database, people: People) -> None:
        self._database = database
        self._people = people

    def show(self, holder: Holder, told: str = "", is_good: bool = False) -> Any:
        """told: what became of a change, a message."""
        with self._database.read() as connection:
            row = accounts.get(connection, holder.id)
            found = sessions.of_account(connection, holder.id)
            place = _place_name(connection, row.scope)
        return {
            "account": row,
            "role": ROLE_NAMES[row.role],
            "place": place,
            "sessions": found,
            "own": holder.session,
            "told": told,
            "is_good": is_good,
            "is_first": any(column_of(one)[0] == FIRST for one in holder.scopes),
            "least": LEAST,
            "most": MOST,
        }

    def change_password(self, holder: Holder, fields: dict[str, str], address: str) -> str:
        """Change it; a message why not, empty if it is changed."""
        before, after = fields.get("before", ""), fields.get("after", "")
        if after != fields.get("again", ""):
            return "两次输入的新密码不一致。"
        if max(len(before), len(after)) > MOST:
            return "密码须为 10 至 128 个字符。"
        try:
            told = (holder.id, holder.session, before, after, address)
            self._people.sign_in.change_password(*told)
        except SignInRefusedError as error:
            return error.sentence if not error.values else "尝试次数过多，请稍后再试。"
        except WeakPasswordError as error:
            return f"{error}"
        return ""

    def end(self, holder: Holder, which: str) -> None:
        """End one of their sessions, or with `others` all but this one."""
        with self._database.read() as connection:
            login = accounts.get(connection, holder.id).login
            found = sessions.of_account(connection, holder.id)
        wanted = [one.id for one in found if which in (one.id, "others")]
        if which == "others":
            wanted = [one for one in wanted if one != holder.session]
        for one in wanted:
            self._people.accounts.end_sessions(login, one, who_of(holder))


class AccountsView:
    """The values of accounts.html, and what its buttons do."""

    def __init__(self, people: People, looker: Looker) -> None:
        self._people = people
        self._now_ms = looker.now_ms

    def show(self, told: str = "", password: str = "", login: str = "") -> Any:
        """told: why something was refused. password: one that was just made, for this login."""
        rows = [(row, _state(row), found) for row, found in self._people.accounts.every()]
        return {
            "rows": rows,
            "states": _STATES,
            "roles": {role: (name, ROLES[role]) for role, name in ROLE_NAMES.items()},
            "told": told,
            "password": password,
            "login": login,
        }

    def do(self, fields: dict[str, str], who: str) -> dict[str, str]:
        """What a button says; what to show then."""
        people, login = self._people.accounts, fields.get("login", "").strip()
        role, scope = fields.get("role", ""), fields.get("scope", "").strip() or "all"
        try:
            match fields.get("do", ""):
                case "add":
                    name = fields.get("name", "").strip()
                    password = people.add(login, name, role, scope, who)
                    return {"password": password, "login": login}
                case "password":
                    return {"password": people.reset_password(login, who), "login": login}
                case "role":
                    people.set_role(login, role, scope, who)
                case "lock":
                    people.lock(login, who)
                case "unlock":
                    people.unlock(login, who)
                case "sessions":
                    people.end_sessions(login, None, who)
                case "remove":
                    people.remove(login, who)
                case _:
                    raise PageError(422, "请求未被接受。")
        except OperatorError as error:
            return {"told": f"{error}"}
        return {}


def add_to(site: Site[Holder], own: AccountView, every: AccountsView) -> None:
    """Add the pages."""

    @site.router.get("/account")
    async def show_own(request: Request, done: int = 0) -> Response:
        holder = await site.holder(request, may("change own password"))
        told = "密码已修改，其他地方的登录已结束。" if done else ""
        return await site.page(request, "account.html", lambda: own.show(holder, told, True))

    @site.router.post("/account/password")
    async def change_password(request: Request) -> Response:
        holder = await site.holder(request, may("change own password"))
        fields = await site.form(request)
        address = request.client.host if request.client else ""
        told = await run_in_threadpool(own.change_password, holder, fields, address)
        if not told:
            return RedirectResponse("/account?done=1", 303)
        return await site.page(request, "account.html", lambda: own.show(holder, told), 422)

    @site.router.post("/account/sessions")
    async def end_sessions(request: Request) -> Response:
        holder = await site.holder(request, may("manage own account"))
        which = (await site.form(request)).get("session", "")
        await run_in_threadpool(own.end, holder, which)
        return RedirectResponse("/account?done=0", 303)

    @site.router.get("/accounts")
    async def show_all(request: Request) -> Response:
        await site.holder(request, may("manage accounts"))
        return await site.page(request, "accounts.html", every.show)

    @site.router.post("/accounts")
    async def manage(request: Request) -> Response:
        holder = await site.holder(request, may("manage accounts"))
        fields = await site.form(request)
        found = await run_in_threadpool(every.do, fields, who_of(holder))
        status = 422 if "told" in found else 200
        if not found:
            return RedirectResponse("/accounts", 303)
        answer = await site.page(request, "accounts.html", lambda: every.show(**found), status)
        answer.headers["cache-control"] = "no-store"  # it may show a password, once
        return answer


def _state(row: Any) -> str:
    if row.removed_at_ms is not None:
        return "removed"
    if row.locked_at_ms is not None:
        return "locked"
    return "first" if row.is_first else "good"


def _place_name(connection: Any, scope: str) -> str:
    kind, _, name = scope.partition(":")
    found = directory.of_things(connection, kind, [name]) if name else []
    return found[-1].name if found else name
