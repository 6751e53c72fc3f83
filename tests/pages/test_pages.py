"""The pages' common part: login, languages, who may change something, files from elsewhere."""

import asyncio
import hashlib
import itertools
import json
import re
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest
from fastapi import FastAPI, Request
from hypothesis import given, seed, settings
from hypothesis import strategies as st
from starlette.responses import Response
from starlette.testclient import TestClient

import pages
from hosting.tokens import EndedTokenError
from pages import PageError, Site
from pages.live import Live, change_of
from pages.shared import Shared
from pages.words import choose

PAGES = Path(pages.__file__).parent
OWN = {"origin": "http://hall"}
PART = ("/live", "zh")
HTML = {"accept": "text/html"}


class Sessions:
    """Of the holders `it` and `clerk`, whose tokens are their names; `ended` are over."""

    def __init__(self):
        self.ended: list[str] = []
        self.open: dict[str, str] = {}
        self._numbers = itertools.count()

    def _good(self, token):
        if token in self.ended:
            raise EndedTokenError(0, "somebody")
        return token if token in ("it", "clerk") else None

    def log_in(self, token):
        if (holder := self._good(token)) is None:
            return None
        secret = f"secret-{next(self._numbers)}"
        self.open[secret] = holder
        return secret, holder

    def holder(self, secret):
        return self._good(self.open.get(secret))

    def log_out(self, secret):
        self.open.pop(secret, None)


@pytest.fixture
def visitor(tmp_path):
    """A browser at a site with one page and one action, whose tokens are `it` and `clerk`."""
    (tmp_path / "seats.html").write_text(
        '{% extends "layout.html" %}{% block main %}{{ _("最新评价") }} {{ word }}{% endblock %}'
    )
    sessions = Sessions()
    site = Site(
        tier="demo",
        name="评价 Pingjia",
        templates=tmp_path,
        sessions=sessions,
        home_of=lambda holder: f"/{holder}",
    )

    @site.router.get("/it")
    async def show(request: Request) -> Response:
        await site.holder(request, lambda holder: holder == "it")
        return await site.page(request, "seats.html", lambda: {"word": "<b>"})

    @site.router.post("/it")
    async def change(request: Request) -> Response:
        return Response(await site.holder(request))

    @site.router.get("/broken")
    async def broken() -> None:
        raise PageError(409, "最新评价")

    app = FastAPI()
    site.install(app)
    with TestClient(app, base_url="http://hall", follow_redirects=False) as client:
        client.sessions = sessions
        yield client


def log_in(visitor, token, **fields):
    return visitor.post("/login", data={"token": token, **fields}, headers=OWN)


def test_a_stranger_is_sent_to_the_login_and_back(visitor):
    sent = visitor.get("/it?a=1", headers=HTML)
    assert sent.headers["location"] == "/login?next=/it%3Fa%3D1"
    assert 'value="/it?a=1"' in visitor.get(sent.headers["location"]).text
    assert log_in(visitor, "it", next="/it?a=1").headers["location"] == "/it?a=1"
    assert "最新评价" in visitor.get("/it").text


def test_a_login_leads_home_and_never_to_another_server(visitor):
    for place in ("", "//evil", "https://evil", "/\\evil", "/a\nb"):
        assert log_in(visitor, "it", next=place).headers["location"] == "/it"


def test_the_cookie_is_for_this_server_s_own_pages_only(visitor):
    cookie = log_in(visitor, "it").headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "secure" not in cookie
    visitor.base_url = "https://hall"
    over_tls = visitor.post("/login", data={"token": "it"}, headers={"origin": "https://hall"})
    assert "secure" in over_tls.headers["set-cookie"].lower()


@pytest.mark.parametrize("token", ["wrong", "x" * 500, "", "it.clerk"])
def test_a_wrong_token_is_said_and_not_kept(visitor, token):
    answer = log_in(visitor, token)
    assert answer.status_code in (401, 422)
    assert 'role="alert"' in answer.text
    assert "set-cookie" not in answer.headers
    assert visitor.get("/it").status_code == 401


def test_one_browser_keeps_several_tokens_until_it_logs_out(visitor):
    log_in(visitor, "it")
    log_in(visitor, "clerk")
    assert visitor.get("/it").status_code == 200
    visitor.post("/logout", headers=OWN)
    assert visitor.get("/it").status_code == 401


def test_the_cookie_is_not_the_token_and_a_copy_of_it_ends_by_logging_out(visitor):
    log_in(visitor, "it")
    kept = visitor.cookies["pingjia_demo"]
    assert kept == "secret-0"
    visitor.post("/logout", headers=OWN)
    for stolen in (kept, "it"):
        visitor.cookies.clear()
        visitor.cookies.set("pingjia_demo", stolen)
        assert visitor.get("/it").status_code == 401
    visitor.cookies.clear()
    for _ in range(6):
        log_in(visitor, "it")
    assert len(visitor.sessions.open) == 4, "what a browser forgets is over"


def test_a_part_that_meets_no_login_leads_back_to_its_own_page(visitor):
    headers = {**OWN, "hx-request": "true", "hx-current-url": "http://hall/it?a=1"}
    assert visitor.post("/it", headers=headers).headers["hx-redirect"] == "/login?next=/it"
    for other in ("", "http://evil//evil", "nonsense"):
        sent = visitor.post("/it", headers={**headers, "hx-current-url": other})
        assert sent.headers["hx-redirect"] == "/login?next="


def test_who_was_logged_in_is_told_that_it_is_over(visitor):
    assert "over" not in visitor.get("/it", headers=HTML).headers["location"]
    log_in(visitor, "clerk")
    log_in(visitor, "it")
    visitor.sessions.open.popitem()
    assert "other=1" in visitor.get("/it", headers=HTML).headers["location"], "the clerk's is good"
    visitor.sessions.open.clear()
    sent = visitor.get("/it", headers=HTML).headers["location"]
    assert "登录已失效" in visitor.get(sent).text


def test_who_may_not_is_told_that_another_token_is_needed(visitor):
    log_in(visitor, "clerk")
    sent = visitor.get("/it", headers=HTML).headers["location"]
    assert "此页面需要另一个访问令牌" in visitor.get(sent).text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),
        ({"origin": "http://evil"}, 403),
        ({"origin": "http://hall:81"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://hall", "sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "none"}, 403),
        ({"sec-fetch-site": "same-origin"}, 200),
        ({"origin": "http://hall"}, 200),
    ],
)
def test_only_our_own_pages_may_change_something(visitor, headers, status):
    log_in(visitor, "it")
    assert visitor.post("/it", headers=headers).status_code == status
    answer = visitor.post("/login", data={"token": "it"}, headers=headers)
    assert (answer.status_code == 403) == (status == 403)


def test_everything_is_safe_to_show_and_nothing_is_kept(visitor):
    log_in(visitor, "it")
    page = visitor.get("/it")
    assert "&lt;b&gt;" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "frame-ancestors 'self'" in page.headers["content-security-policy"]
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["cache-control"] == "no-store"
    places = re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text)
    assert len(places) >= 4
    for place in places:
        kept = visitor.get(place)
        assert kept.status_code == 200
        assert "immutable" in kept.headers["cache-control"]
    assert visitor.get(places[0].replace(places[0].split("/")[2], "0" * 16)).status_code == 404


def test_the_page_speaks_the_chosen_language(visitor):
    log_in(visitor, "it")
    assert "最新评价" in visitor.get("/it", headers={"accept-language": "de"}).text
    assert "Newest ratings" in visitor.get("/it", headers={"accept-language": "en-US"}).text
    chosen = visitor.get("/language/en?next=/it")
    assert chosen.headers["location"] == "/it"
    assert "Newest ratings" in visitor.get("/it", headers={"accept-language": "zh-CN"}).text
    assert visitor.get("/language/en?next=//evil").headers["location"] == "/"


@pytest.mark.parametrize(
    ("cookie", "accepted", "language"),
    [
        (None, "", "zh"),
        (None, "en", "en"),
        (None, "zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        (None, "en-GB,en;q=0.9,zh;q=0.8", "en"),
        (None, "fr,en;q=0.5,zh;q=0.7", "zh"),
        (None, "en;q=x", "zh"),
        ("zh", "en", "zh"),
        ("xx", "en", "en"),
    ],
)
def test_chinese_is_shown_unless_english_is_wanted(cookie, accepted, language):
    assert choose(cookie, accepted) == language


def test_errors_are_pages_for_people_and_data_for_programs(visitor):
    page = visitor.get("/broken", headers={"accept-language": "en"})
    assert page.status_code == 409
    assert "Newest ratings" in page.text
    assert "没有这个页面" in visitor.get("/nowhere", headers=HTML).text
    assert visitor.get("/nowhere").json() == {"detail": "Not Found"}


def test_a_part_that_takes_long_is_rendered_seldom():
    rendered = {0.0: 0, 0.1: 0}

    async def listen(takes_s: float) -> None:
        def render() -> str:
            rendered[takes_s] += 1
            time.sleep(takes_s)  # the work
            return "part"

        stream = Live(most=1, every_s=0.02).stream(PART, render).body_iterator
        with suppress(TimeoutError):
            await asyncio.wait_for(_drain(stream), 0.6)

    for takes_s in rendered:
        asyncio.run(listen(takes_s))
    assert rendered[0.1] == 1
    assert rendered[0.0] > 3


def test_a_long_page_is_rendered_once_for_all_and_kept_ten_times_as_long():
    clock, rendered = [100.0], []

    def long():
        rendered.append(clock[0])
        clock[0] += 1.0
        return f"page {len(rendered)}"

    async def look():
        shared = Shared(now_s=lambda: clock[0])
        first = await asyncio.gather(*[shared.page("a", long) for _ in range(20)])
        clock[0] += 9.9
        kept = await shared.page("a", long)
        other = await shared.page("b", long)
        clock[0] += 10.1
        return {*first, kept}, other, await shared.page("a", long)

    assert asyncio.run(look()) == ({"page 1"}, "page 2", "page 3")


def test_a_short_page_is_rendered_anew_for_each():
    rendered = []

    async def look():
        shared = Shared()
        return [await shared.page("a", lambda: rendered.append(1) or "x") for _ in range(3)]

    asyncio.run(look())
    assert len(rendered) == 3


def test_a_part_is_rendered_when_something_was_seen_to_change_and_every_ten_seconds():
    clock, seen, rendered = [100.0], [0], []

    def render():
        rendered.append(clock[0])
        return str(len(rendered))

    async def listen():
        live = Live(most=1, every_s=0.001, now_s=lambda: clock[0])
        stream = live.stream("key", render, seen=lambda: seen[0]).body_iterator
        task = asyncio.ensure_future(anext(stream))
        await task
        task = asyncio.ensure_future(anext(stream))
        counts = []
        for step_s, change in ((1, 0), (1, 0), (1, 1), (5, 0), (6, 0)):
            clock[0] += step_s
            seen[0] += change
            await asyncio.sleep(0.05)
            if task.done():
                task = asyncio.ensure_future(anext(stream))
            counts.append(len(rendered))
        live.close()
        task.cancel()
        return counts

    assert asyncio.run(listen()) == [1, 1, 2, 2, 3]


@pytest.mark.parametrize(("most", "told", "status"), [(0, "full", 503), (1, "free", 200)])
def test_where_too_many_listen_a_page_gets_the_part_by_asking(tmp_path, most, told, status):
    (tmp_path / "part.html").write_text("{{ word }}")
    site = Site("demo", "评价", tmp_path, Sessions(), str, most_listeners=most)

    @site.router.get("/live")
    async def live(request: Request) -> Response:
        await site.holder(request)
        return await site.live(request, "part.html", lambda: {"word": "now"}, lambda _: True)

    app = FastAPI()
    site.install(app)
    with TestClient(app, base_url="http://hall", follow_redirects=False) as client:
        assert client.get("/live", headers=HTML).status_code == 303, "to the login"
        log_in(client, "it")
        for _ in range(3):
            asked = client.get("/live", headers=HTML)
            assert (asked.text, asked.headers["live"]) == ("now", told)
        site.close()  # a stream ends at once
        assert client.get("/live").status_code == status


def test_a_live_part_ends_within_seconds_of_its_login():
    """Looked at every 4 s, not at each rendering; the control goes on."""
    clock, asked = [0.0], []

    async def may_go_on() -> bool:
        asked.append(clock[0])
        return clock[0] < 12

    async def listen(may) -> bool:
        live = Live(most=1, every_s=0.001, now_s=lambda: clock[0])
        clock[0] = 0.0
        task = asyncio.create_task(_drain(live.stream(PART, str, may).body_iterator))
        while clock[0] < 30 and not task.done():
            clock[0] += 1.0
            await asyncio.sleep(0.01)
        has_ended = task.done()
        live.close()
        await task
        return has_ended

    assert asyncio.run(listen(may_go_on))
    assert len(asked) == 3
    assert asked[-1] < 16
    assert not asyncio.run(listen(None))


def test_a_token_that_has_ended_is_told_so_and_leads_nowhere(visitor):
    """At the login, and where it was logged in before."""
    log_in(visitor, "it")
    visitor.sessions.ended.append("it")
    sent = visitor.get("/it", headers=HTML)
    assert sent.headers["location"] == "/login?next=/it&ended=1"
    assert "此令牌已到期" in visitor.get(sent.headers["location"]).text
    again = log_in(visitor, "it")
    assert (again.status_code, "此令牌已到期" in again.text) == (401, True)
    assert log_in(visitor, "clerk").status_code == 303, "the control"


@pytest.mark.parametrize("others", [0, 3])
def test_all_parts_share_the_time_that_rendering_may_take(others):
    """One takes half a second: alone it is rendered every 5 s, among four every 20 s."""
    clock, rendered = [0.0], Counter()

    def render_of(key: str):
        def render() -> str:
            clock[0] += 0.5 if key == "0" else 0
            rendered[key] += 1
            return f"{key} {rendered[key]}"

        return render

    async def until(condition) -> None:
        async with asyncio.timeout(20):
            while not condition():
                await asyncio.sleep(0.001)

    async def listen() -> None:
        live = Live(most=9, every_s=0.001, now_s=lambda: clock[0])
        keys = [str(number) for number in range(1 + others)]
        streams = [live.stream(("/live", key), render_of(key)).body_iterator for key in keys]
        tasks = [asyncio.create_task(_drain(stream)) for stream in streams]
        await until(lambda: sum(bool(part.html) for part in live._parts.values()) == len(keys))
        clock[0] += 6.0
        if others:
            await asyncio.sleep(0.1)
            assert rendered["0"] == 1
            clock[0] += 600.0
        await until(lambda: rendered["0"] == 2)
        assert len(live._parts) == len(keys)
        live.close()
        await asyncio.gather(*tasks)
        assert live._parts == {}, "nothing is kept for nobody"

    asyncio.run(listen())


@pytest.mark.parametrize("is_told", [True, False])
def test_a_page_that_has_changed_something_never_sees_it_as_it_was_before(is_told):
    """A rendering that had begun before the press is not sent after it, nor one that is kept; the
    control is a press that does not say so.
    """
    world, begun = ["before"], threading.Event()

    def render() -> str:
        seen = world[0]
        if not begun.is_set():
            begun.set()
            time.sleep(0.1)
        return seen

    async def listen() -> str:
        live = Live(most=2, every_s=0.02)
        first = asyncio.create_task(anext(live.stream(PART, render).body_iterator))
        await asyncio.to_thread(begun.wait)
        world[0] = "after"
        if is_told:
            live.renew(PART[0])
        return (await first)["data"]

    assert asyncio.run(listen()) == ("after" if is_told else "before")


def put_in_place(html: str, change: str) -> str:
    """What static/pages.js does."""
    lines = html.split("\n")
    for begin, end, put in json.loads(change):
        lines[begin:end] = put
    return "\n".join(lines)


@seed(25)
@settings(max_examples=300, deadline=None)
@given(*[st.lists(st.sampled_from(["<tr>", "</tr>", "王", "3", ""]), max_size=30)] * 2)
def test_a_change_leads_from_any_page_to_any_other(before, after):
    before, after = "\n".join(before), "\n".join(after)
    assert put_in_place(before, change_of(before, after)) == after


def test_a_stream_sends_only_what_has_changed():
    rows = [f"<tr><td>{number}</td>\n<td>online</td></tr>" for number in range(200)]

    async def listen() -> tuple[str, dict]:
        stream = Live(most=1, every_s=0.01).stream(PART, lambda: "\n".join(rows)).body_iterator
        whole = (await anext(stream))["data"]
        rows[3] = rows[190] = "<tr><td>lost</td></tr>"
        return whole, await anext(stream)

    whole, change = asyncio.run(listen())
    assert put_in_place(whole, change["data"]) == "\n".join(rows)
    assert change["event"] == "change"
    assert len(change["data"]) < 200 < len(whole)


async def _drain(stream) -> None:
    async for _ in stream:
        pass


def test_files_from_elsewhere_are_the_ones_that_are_named():
    rows = re.findall(
        r"^\| (static/\S+) .* (\w{64}) \|$", (PAGES / "VENDORED.md").read_text(), re.M
    )
    assert rows
    for path, digest in rows:
        assert hashlib.sha256((PAGES / path).read_bytes()).hexdigest() == digest
