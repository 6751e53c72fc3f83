"""Requests to the centre of a province: processor time of every GET of its API and pages.

    python -m bench.many.requests [FILE]

FILE: a database that `python -m bench.many.province_data` made; else one is made, which takes a
minute. The application is called as its server calls it, in one process and with no network: the
processor time of the process is that of the request. Each route is asked three times in turn, and
the worst counts: the first time nothing is in memory.
"""

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from fastapi.routing import APIRoute

from bench.hall import row
from bench.many.province_data import EPOCH, HALLS, NOW_MS, make
from bench.many.servers import calibration
from central.centre import Centre
from central.clockwork import Limits
from central.config import Role
from central.keys import DeviceKeys
from central.people.roles import ROLES
from central.people.tokens import (
    CASES,
    DEVICES_APPROVE,
    DIRECTORY_READ,
    READERS,
    Tokens,
    enrol_scope,
    hall_scope,
)
from central.ratings.versions import load_rules
from central.steady import PlainClock
from central.store.database import open_database
from hosting.clock import day
from pages.session import cookie_of

BUDGET_MS = 1000
BOARD_MS = 300  # of the board of 100,000 open cases
ROUNDS = 3
REGION = "r1"
HALL, WINDOW, DEVICE = "h0002", "w7", "h0002-w7"  # of a hall that keeps its documents back

SERVICES = "services:read:all"
# Every visit of all halls and days, under the profile of the bench.
KEY = "national.0.*.hall.*.per_visit.active-5,active-4,active-3,active-2,active-1"

_OF_NO_STORE = {
    "/directory",
    "/tables",
    "/login",
    "/language/{language}",
    "/static/{digest}/{name}",
}


def _now_ms() -> int:
    return NOW_MS


def routes() -> dict[str, dict[str, Any]]:
    """path template -> queries to ask it with, by what they are called in the table."""
    today = day(NOW_MS)
    year = {"from": str(today - timedelta(days=365)), "to": str(today)}
    hall, device = {"hall": HALL}, {"device": DEVICE}
    month = {"from": str(today - timedelta(days=29)), "to": str(today)}
    figures = {"all days": {}, "a year": year, "30 days": month}
    figures |= {"a year of a hall": {**year, **hall}}
    figures |= {"a year of a window": {**year, **hall, "window": WINDOW}}
    pages = {which: {"period": which} for which in ("today", "7d", "30d", "all")}
    return {
        "/healthz": {"": {}},
        "/metrics": {"": {}},
        "/v1/figures": figures,
        "/v1/tables/{table}/{dim}": {"a month": {}, "a year": year, "a hall": {"in": HALL}},
        "/v1/figures/{key}/services": {"": {}, "1,000": {"limit": 1000}},
        "/v1/projects/{no}": {"": {}},
        "/v1/services/{hall}/{service}": {"": {}},
        "/v1/policies": {"": {}},
        "/v1/quota/{profile}/{region}": {"": {}},
        "/v1/cases": {"": {}, "500 of those overdue": {"due": "over", "limit": 500}},
        "/v1/cases/rates": {"a week": {"from": str(today - timedelta(days=6)), "to": str(today)}},
        "/v1/cases/samples": {"": {}},
        "/v1/cases/{no}": {"": {}},
        "/v1/feed": {"": {}, "1,000": {"limit": 1000}},
        "/v1/marks": {"": {}, "as many as there can be": {"limit": 5000}, "a hall": hall},
        "/v1/fleet": {"": {}, "of a firmware": {"firmware": "0.2.0"}},
        "/v1/records": {
            "500": {},
            "5,000": {"limit": 5000},
            "of a device": device,
        },
        "/v1/rejections": {"": {}, "1,000": {"limit": 1000}},
        "/v1/halls/{hall}": {"": {}},
        "/v1/halls/{hall}/devices": {"": {}},
        "/v1/halls/{hall}/devices/{device}/epochs/{epoch}": {"": {}},
        "/": {**pages, "page 30": {"page": 30}},
        "/live": {"today": {}, "30d": {"period": "30d"}},
        "/halls": {"": {}, "a search": {"q": "h12"}},
        "/halls/{hall}": pages,
        "/halls/{hall}/windows": {"": {}},
        "/halls/{hall}/live": {"today": {}},
        "/halls/{hall}/windows/{window}": pages,
        "/halls/{hall}/windows/{window}/live": {"today": {}},
        "/tables/{table}/{dim}": {"a month": {}, "a year": year, "a hall": {"in": HALL}},
        "/tables/{table}/{dim}/file.{form}": {"a month": {}},
        "/units/{dim}/{what:path}": {"a month": {}},
        "/hours/{hall}": {"a month": {}, "a year": year},
        "/counts/{key}": {"": {}},
        "/policies": {"": {}},
        "/acts": {"": {}, "of a kind": {"what": "services.open"}},
        "/account": {"": {}},
        "/accounts": {"": {}},
        "/summary/{profile}/{region}": {"": {}},
        "/fleet": {"": {}},
        "/fleet/live": {"": {}},
        "/marks": {"": {}, "a hall": hall},
        "/marks/live": {"": {}, "a hall": hall},
        "/devices": {"": {}},
        "/devices/live": {"": {}},
        "/v1/directory/{kind}": {"": {}, "on a day": {"on": str(today)}, "5,000": {"limit": 5000}},
        "/directory/{kind}": {"": {}, "page 300": {"page": 300}, "a search": {"q": "w12"}},
        "/directory/{kind}/{what:path}": {"": {}},
    }


# What tokens of a place ask, beside what the province's do.
BY_PLACE = (
    (f"pages:read:region:{REGION}", "/", {"period": "30d"}),
    (f"pages:read:region:{REGION}", "/marks", {}),
    (f"pages:read:region:{REGION}", "/directory/window", {}),
    (f"pages:read:hall:{HALL}", "/", {}),
    (f"figures:read:hall:{HALL}", "/v1/figures", {}),
    (f"{CASES}:region:{REGION}", "/v1/cases", {"due": "week"}),
)


class Reader:
    """Asks the application of a centre over a province's database."""

    def __init__(self, url: str, folder: Path, role: Role = Role.ALL) -> None:
        self._folder = folder
        database = open_database(url)
        told = (load_rules("national"), Limits(), PlainClock(_now_ms))
        self.centre = Centre(database, DeviceKeys(bytes(32)), *told, role=role)
        self._tokens = Tokens(database, _now_ms)
        self._sessions: dict[str, str] = {}  # of browsers
        self._secrets = {
            scope: self._token(scope)
            for scope in (
                *(*READERS, CASES, DIRECTORY_READ, DEVICES_APPROVE, SERVICES),
                *(hall_scope(HALL), enrol_scope(HALL), *dict.fromkeys(one[0] for one in BY_PLACE)),
            )
        }

    def _token(self, scope: str) -> str:
        file = self._folder / scope.replace(":", "-")
        self._tokens.add(scope, file)
        return file.read_text().strip()

    def count_shares(self) -> None:
        """What the centre does every ten minutes, outside of requests."""
        with self.centre.database.read() as connection:
            self.centre.alarms.count_shares(connection)

    def example(self, table: str, column: str) -> str:
        """What a row of the hall has there: it must have some."""
        query = f"SELECT {column} FROM {table} WHERE hall = '{HALL}' LIMIT 1"
        with self.centre.database.read() as connection:
            return connection.exec_driver_sql(query).scalar_one()

    async def asked(self) -> set[str]:
        """The path templates of every GET that reads the store."""
        described = json.loads(await self.get("/openapi.json", {}))
        api = {path for path, methods in described["paths"].items() if "get" in methods}
        pages = {
            route.path
            for route in self.centre.site.router.routes
            if isinstance(route, APIRoute) and "GET" in route.methods
        }
        return api | pages - _OF_NO_STORE

    async def get(self, path: str, query: dict[str, Any], scope: str | None = None) -> bytes:
        """Ask, and read the answer, of a live part its first state. scope: whose token is sent,
        else one that opens the path.
        """
        headers = [(b"accept", b"*/*"), *self._headers(path, scope or _scope_of(path))]
        over, sent = asyncio.Event(), []
        request = {
            "type": "http",
            "method": "GET",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "scheme": "http",
            "http_version": "1.1",
            "query_string": urlencode(query).encode(),
            "headers": headers,
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
            "asgi": {"version": "3.0"},
        }
        first = iter([{"type": "http.request", "body": b"", "more_body": False}])

        async def receive() -> dict[str, Any]:
            if (message := next(first, None)) is not None:
                return message
            await over.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)
            if message.get("body"):
                over.set()

        await self.centre.app(request, receive, send)
        assert sent[0]["status"] == 200, (path, query, sent)
        return b"".join(message.get("body", b"") for message in sent)

    def _headers(self, path: str, scope: str) -> list[tuple[bytes, bytes]]:
        if scope in ROLES:
            return self._cookie(scope, self._signed_in)
        token = self._secrets[scope]
        if path.startswith("/v1/"):
            return [(b"authorization", f"Bearer {token}".encode())]
        return self._cookie(scope, lambda _: self._logged_in(token))

    def _cookie(self, scope: str, begin: Callable[[str], str]) -> list[tuple[bytes, bytes]]:
        if scope not in self._sessions:
            self._sessions[scope] = begin(scope)
        return [(b"cookie", f"{cookie_of('centre')}={self._sessions[scope]}".encode())]

    def _logged_in(self, token: str) -> str:
        found = self.centre.site.sessions.log_in(token)
        assert found is not None
        return found[0]

    def _signed_in(self, role: str) -> str:
        """The session of an account of this role that has changed its first password."""
        first = self.centre.accounts.add(role, role, role, "all")
        secret, holder = self.centre.sessions.sign_in(role, first, "127.0.0.1")
        told = (holder.id, holder.session, first, f"{first}-again", "127.0.0.1")
        self.centre.people.sign_in.change_password(*told)
        return secret


def _scope_of(path: str) -> str:
    if path.startswith("/v1/halls"):
        return enrol_scope(HALL) if "/devices" in path else hall_scope(HALL)
    if path.startswith("/v1/cases"):
        return CASES
    if path.startswith("/v1/directory"):
        return DIRECTORY_READ
    if path.startswith(("/v1/services", "/v1/projects")) or path.endswith("/services"):
        return SERVICES
    if path.startswith(("/counts", "/acts")) or path == "/account":
        return "auditor"
    if path == "/accounts":
        return "admin"
    if path.startswith("/v1/"):
        is_figure = path in ("/v1/figures", "/v1/marks", "/v1/fleet", "/v1/policies")
        is_figure |= path.startswith("/v1/tables")
        is_figure = is_figure or path.startswith("/v1/quota")
        return "figures:read" if is_figure else "records:read"
    return DEVICES_APPROVE if path.startswith("/devices") else "pages:read"


async def measure(path: Path, folder: Path) -> list[dict]:
    """The table."""
    reader = Reader(f"sqlite:///{path}", folder)
    named = routes()
    left = await reader.asked() - named.keys()
    assert not left, f"nothing is asked of {left}"
    rows = [calibration()]
    counted = await worst(asyncio.to_thread, reader.count_shares)
    name = "beside requests: windows seldom rated, ms"
    rows.append(row(name, counted, BUDGET_MS, "shown", True))
    service = reader.example("service", "service")
    project = reader.example("service_project", "project_no")
    case = reader.example("rating_case", "no")
    for template, queries in named.items():
        asked = template.replace("/cases/{no}", f"/cases/{case}")
        asked = asked.replace("{hall}", HALL).replace("{window}", WINDOW)
        asked = asked.replace("{profile}", "xinjiang-fire").replace("{region}", REGION)
        asked = asked.replace("{device}", DEVICE).replace("{epoch}", str(EPOCH))
        asked = asked.replace("{table}", "rates").replace("{form}", "xlsx")
        asked = asked.replace("{dim}", "window" if "what" in asked else "hall")
        asked = asked.replace("{kind}", "window").replace("{what:path}", f"{HALL}/{WINDOW}")
        asked = asked.replace("{key}", KEY).replace("{service}", service).replace("{no}", project)
        for name, query in queries.items():
            took_ms = await worst(reader.get, asked, query)
            said = ", ".join(part for part in (f"GET {template}", name) if part)
            rows.append(_row(f"{said}, ms", template, took_ms))
            print(json.dumps(rows[-1], ensure_ascii=False), file=sys.stderr, flush=True)
    for scope, path, query in BY_PLACE:
        took_ms = await worst(reader.get, path, query, scope)
        rows.append(_row(f"GET {path} with {scope}, ms", path, took_ms))
        print(json.dumps(rows[-1], ensure_ascii=False), file=sys.stderr, flush=True)
    reader.centre.close()
    return rows


def _row(name: str, path: str, took_ms: float) -> dict:
    most = BOARD_MS if path == "/v1/cases" else BUDGET_MS
    return row(name, took_ms, most, f"<= {most} ms", took_ms <= most)


async def worst(action: Callable[..., Awaitable[Any]], *arguments: Any) -> float:
    """The most processor milliseconds of this process that one of some calls took."""
    took = []
    for _ in range(ROUNDS):
        began_s = time.process_time()
        await action(*arguments)
        took.append((time.process_time() - began_s) * 1000)
    return max(took)


def results(halls: int | None = None, file: Path | None = None) -> list[dict]:
    """The rows of `make bench`; of fewer halls, of a rehearsal; of a file, of that database."""
    with tempfile.TemporaryDirectory(prefix="pingjia-bench-") as name:
        folder = Path(name)
        path = folder / "province.db" if file is None else file
        if file is None:
            make(path, halls or HALLS)
        return asyncio.run(measure(path, folder))


if __name__ == "__main__":
    results(file=Path(sys.argv[1]) if len(sys.argv) > 1 else None)
