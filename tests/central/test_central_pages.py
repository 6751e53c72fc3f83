"""The centre's pages: both languages, who may see them, what they show, and that they live."""

import asyncio
import re
import shutil
import socket
import threading
import time
from html import unescape

import httpx2
import pytest
import uvicorn
from axe import QUICK, WHOLE, Followed, faults
from browser import FLAGS, chromium
from central_hall import bearer, document, logged_in
from hypothesis import given, seed, settings
from hypothesis import strategies as st
from playwright.sync_api import expect, sync_playwright
from sqlalchemy import exc

from central.figures.report import ENOUGH, LEVELS, Figures, shares
from central.store import directory
from central.store.directory import EVER, Entry

HTML = {"accept": "text/html", "sec-fetch-site": "same-origin"}
PHONE = {"width": 390, "height": 844}
PAGES = ("/", "/halls/demo", "/halls/demo/windows/w1", "/marks", "/marks?hall=demo")


@pytest.fixture
def supervisor(hall):
    """A browser at the centre, logged in with a token for its pages; shares are counted."""
    hall.count_shares()
    hall.tokens.add("pages:read", hall.folder / "pages.token")
    return log_in(hall, hall.folder / "pages.token")


def log_in(hall, token_file):
    hall.client.headers.update(HTML)
    token = token_file.read_text().strip()
    answer = hall.client.post("/login", data={"token": token}, follow_redirects=False)
    assert answer.headers["location"] == "/"
    return hall.client


def see(browser, path, language="zh") -> str:
    answer = browser.get(path, headers={"accept-language": language})
    assert answer.status_code == 200, answer.text
    return answer.text


@pytest.mark.parametrize("path", PAGES)
def test_every_page_says_what_it_has_nothing_to_show_for(supervisor, path):
    chinese, english = see(supervisor, path), see(supervisor, path, "en")
    assert ("还没有评价" in chinese) == ("marks" not in path)
    assert ("尚无可核对的" in chinese) == ("marks" in path)
    assert "Ratings centre" in english
    assert "还没有评价" not in english


def test_what_was_not_counted_yet_is_not_called_nothing(hall, device):
    """The control is at the end: once counted, the same page says that there is nothing."""
    hall.post(device.rating())
    hall.tokens.add("pages:read", hall.folder / "pages.token")
    browser = log_in(hall, hall.folder / "pages.token")
    for path in PAGES:
        page = see(browser, path)
        assert "没有任何标记" not in page
        assert "尚未统计" in page
        assert "not counted yet" in see(browser, path, "en")
    hall.count_shares()
    assert "没有任何标记" in see(browser, "/marks")
    hall.clock.ms += 86_400_000
    assert "统计于 2025-10-09 16:53" in see(browser, "/marks"), "of then, not of now"


def test_counts_stand_beside_levels_and_a_rate_only_where_there_are_enough(
    supervisor, hall, device
):
    hall.clock.ms += 60_000
    hall.post(*[device.rating(level=level) for level in (5, 5, 4, 1)])
    for path in ("/", "/halls/demo", "/halls/demo/windows/w1"):
        few = see(supervisor, path)
        assert "不足 20 条" in few
        assert '3<span class="soft">/4</span>' in few
    hall.post(*[device.rating(level=4) for _ in range(16)])
    enough = see(supervisor, "/halls/demo/windows/w1", "en")
    assert "95.0%" in enough
    assert "of 20" in enough
    assert "own agreement" in enough
    hall.clock.ms += 86_400_000
    assert "还没有评价" in see(supervisor, "/halls/demo")
    assert "95.0%" in see(supervisor, "/halls/demo?period=7d")


def test_the_newest_ratings_tell_the_matter_and_no_person(supervisor, hall, device):
    facts, name = document(ticket_no="A777", staff_no="S-0231")
    hall.clock.ms += 60_000
    hall.post(facts, device.rating(service="S-1", facts=name, ticket_no="A777", staff_no="S-0231"))
    hall.post(device.rating(level=2))
    page = see(supervisor, "/halls/demo")
    assert "营业执照" in page
    assert page.index("事项未知") < page.index("营业执照")
    assert "不满意" in page
    for secret in ("A777", "S-0231", device.device):
        assert secret not in page


def test_a_mark_shows_up_in_words(supervisor, hall, device):
    hall.post(device.rating())
    assert "没有任何标记" in see(supervisor, "/marks")
    hall.post(device.rating(prev="f" * 16))
    page = see(supervisor, "/marks?hall=demo")
    assert "记录链断开" in page
    assert "1号窗口" in page
    assert "Broken chain" in see(supervisor, "/marks", "en")
    assert "记录链断开" in see(supervisor, "/halls/demo")


@pytest.mark.parametrize(
    "path",
    ["/halls/nowhere", "/halls/demo/windows/w9", "/marks?hall=nowhere", "/?period=year"],
)
def test_a_place_that_is_not_there_is_said(supervisor, path):
    answer = supervisor.get(path)
    assert answer.status_code == 404
    assert "没有这个" in answer.text


@pytest.mark.parametrize("path", [*PAGES, "/live", "/halls/demo/live", "/marks/live"])
def test_only_the_scope_for_pages_opens_them(hall, path):
    for scope in ("records:read", "figures:read", "hall:demo"):
        token = hall.folder / f"{scope}.token"
        hall.tokens.add(scope, token)
        browser = log_in(hall, token)
        sent = browser.get(path, follow_redirects=False)
        assert sent.status_code == 303
        assert "此页面需要另一个访问令牌" in browser.get(sent.headers["location"]).text
        browser.post("/logout")
    assert hall.client.get(path, headers={"accept": "*/*"}).status_code == 401


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/records"),
        ("GET", "/v1/rejections"),
        ("GET", "/v1/figures"),
        ("GET", "/v1/marks"),
        ("GET", "/v1/halls/demo"),
        ("POST", "/v1/batches"),
    ],
)
def test_the_scope_for_pages_opens_nothing_else(supervisor, hall, method, path):
    headers = {**bearer(hall.folder / "pages.token"), "accept": "application/json"}
    assert hall.client.request(method, path, headers=headers).status_code == 403


@pytest.fixture
def server(hall):
    """The centre's address, served by a real uvicorn."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(hall.client.app, log_config=None, timeout_graceful_shutdown=1)
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, args=([listener],))
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    running.should_exit = True
    thread.join()
    listener.close()


def test_an_open_page_shows_a_rating_without_being_asked(supervisor, hall, device, server):
    hall.clock.ms += 60_000
    cookie = "; ".join(f"{name}={value}" for name, value in hall.client.cookies.items())
    with (
        httpx2.Client(base_url=server, headers={"cookie": cookie}, trust_env=False) as browser,
        browser.stream("GET", "/halls/demo/live?period=today", timeout=10) as page,
    ):
        assert page.headers["content-type"].startswith("text/event-stream")
        lines = page.iter_lines()
        first = next(lines)
        assert first.startswith("data:")
        hall.post(device.rating(level=1))
        assert any("事项未知" in line for line in lines)


@pytest.mark.needs("chromium")
def test_a_supervisor_walks_the_pages_in_a_browser(supervisor, hall, device, server):
    token = (hall.folder / "pages.token").read_text().strip()
    hall.clock.ms = time.time_ns() // 1_000_000
    faults = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=list(FLAGS)
        )
        page = browser.new_context(locale="zh-CN", viewport=PHONE).new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda said: said.type == "error" and faults.append(said.text))
        page.goto(server)
        page.get_by_text("用访问令牌登录").click()
        page.get_by_label("访问令牌").fill(token)
        page.keyboard.press("Enter")
        page.get_by_role("link", name="大厅", exact=True).click()
        expect(page.get_by_text("还没有评价。")).to_be_visible()
        hall.post(device.rating(level=3, at=hall.clock.ms), device.rating(level=1, prev="f" * 16))
        hall.judge.settle_all()
        expect(page.locator(".ratings li").first).to_contain_text("事项未知")
        expect(page.locator(".ratings li").first).not_to_contain_text("满意")
        expect(page.locator(".bars .count").nth(2)).to_have_text("1")
        page.get_by_role("link", name="English").click()
        page.get_by_role("link", name="1号窗口").click()
        expect(page.get_by_role("heading", name="Newest ratings")).to_be_visible()
        page.get_by_role("link", name="Integrity marks").first.click()
        expect(page.get_by_role("heading", name="Broken chain")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        browser.close()
    assert faults == []


def test_the_menu_shows_what_the_browser_s_tokens_open(hall):
    """No link leads back to the login."""
    browser, every = hall.client, {"/", "/marks", "/directory", "/devices"}
    browser.headers.update(HTML)

    def shown(*scopes):
        browser.cookies.clear()
        for scope in scopes:
            file = hall.folder / f"{scope}-{len(scopes)}.token"
            hall.tokens.add(scope, file)
            page = browser.post("/login", data={"token": file.read_text().strip()})
        return {path for path in every if f'<a href="{path}"' in page.text}

    for scope in ("pages:read", "pages:read:hall:demo", "directory:read", "devices:approve"):
        links = shown(scope)
        assert links == {one for one in every if browser.get(one).url.path != "/login"}, scope
    assert shown("pages:read:hall:demo", "devices:approve") == every - {"/marks"}


def answers(browser, page):
    """The forms of a page of marks, by (mark, hall, window): what each would send."""
    found = {}
    for form in page.split('<form method="post" action="/marks"')[1:]:
        fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form.split("<button")[0]))
        found[fields["mark"]] = {**fields, "back": unescape(fields["back"])}
    return found


def test_a_mark_is_seen_and_closed_with_a_reason_until_it_is_set_again(supervisor, hall, device):
    """Who said it stands there; nothing is deleted, and what came meanwhile is not closed."""
    hall.clock.ms += 60_000
    hall.post(device.rating(), device.rating(prev="f" * 16))
    page = see(supervisor, "/marks")
    form = answers(supervisor, page)["broken_chain"]
    assert supervisor.post("/marks", data={**form, "what": "closed"}).status_code == 422
    seen = supervisor.post("/marks", data={**form, "what": "seen"}, follow_redirects=True)
    assert "已知悉" in seen.text
    hall.clock.ms += 60_000
    hall.post(device.rating(prev="e" * 16))  # after the page was seen
    answer = {**form, "what": "closed", "reason": "换过主板"}
    assert supervisor.post("/marks", data=answer).url.path == "/marks"
    assert "换过主板" not in see(supervisor, "/marks?state=closed"), "the newer one is open"
    form = answers(supervisor, see(supervisor, "/marks"))["broken_chain"]
    supervisor.post("/marks", data={**form, "what": "closed", "reason": "换过主板"})
    assert "记录链断开" not in see(supervisor, "/marks")
    assert "没有未处置的标记" in see(supervisor, "/marks")
    assert "换过主板" in see(supervisor, "/marks?state=closed&hall=demo")
    hall.tokens.add("figures:read", hall.folder / "figures.token")
    api = hall.client.get("/v1/marks", headers=bearer(hall.folder / "figures.token"))
    assert "broken_chain" in {one["mark"] for one in api.json()["marks"]}, "what is, stays"
    hall.clock.ms += 60_000
    hall.post(device.rating(prev="d" * 16))
    assert "记录链断开" in see(supervisor, "/marks")


def test_an_alarm_is_seen_and_never_closed(supervisor, hall, device):
    hall.enrol_by_bench("xj-0900")
    hall.clock.ms += 4 * 86_400_000
    form = answers(supervisor, see(supervisor, "/marks"))["pending_enrolment"]
    closed = supervisor.post("/marks", data={**form, "what": "closed", "reason": "不管"})
    assert (closed.status_code, "自行消失" in closed.text) == (409, True)
    supervisor.post("/marks", data={**form, "what": "seen", "reason": "已派人"})
    assert "已派人" in see(supervisor, "/marks")


def test_marks_are_chosen_by_severity_and_nothing_heard_is_not_called_nothing(
    supervisor, hall, device
):
    assert "尚无可核对的" in see(supervisor, "/marks")
    hall.post(device.rating(), device.rating(prev="f" * 16), device.rating(service="S-1"))
    hall.clock.ms += 2 * 3_600_000
    page = see(supervisor, "/marks")
    assert page.index("记录链断开") < page.index("服务信息缺失"), "the gravest first"
    grave = see(supervisor, "/marks?severity=security")
    assert ("记录链断开" in grave, "服务信息缺失" in grave) == (True, False)
    assert "其他的还有" in see(supervisor, "/marks?severity=notice")


def test_a_wrong_address_is_answered_in_the_page_s_language_with_its_rule(supervisor, hall):
    """Every parameter of every page, of the wrong type or too large; none is answered as data."""
    tried = 0
    for route in hall.site.router.routes:
        path = route.path.replace("{hall}", "demo").replace("{window}", "w1")
        wanted = "{" not in path and "GET" in route.methods
        for one in _queries(route.dependant) if wanted else ():
            for wrong in ("x" * 5000, "99999999", "-1"):
                answer = supervisor.get(path, params={one: wrong})
                assert answer.headers["content-type"].startswith("text/html"), (path, one)
                assert answer.status_code in (200, 404, 422), (path, one, answer.text)
                if answer.status_code != 200:
                    assert "出错了" in answer.text
                    assert "返回首页" in answer.text
                    tried += 1
    assert tried > 20
    page = supervisor.get("/?page=abc").text
    assert "地址中的“page”应为整数。" in page
    english = supervisor.get("/?page=0", headers={"accept-language": "en"}).text
    assert "“page” in the address is 1 or more." in english
    assert "没有第 99 页：共 1 页。" in supervisor.get("/?page=99").text
    data = hall.client.get("/?page=abc", headers={"accept": "application/json"})
    assert data.headers["content-type"] == "application/problem+json", "the control: a program"


def _queries(dependant):
    names = {one.alias for one in dependant.query_params}
    return names.union(*(_queries(one) for one in dependant.dependencies))


def test_a_store_that_is_away_is_told_to_people_in_words(supervisor, hall, monkeypatch):
    def away(*_):
        raise exc.OperationalError("SELECT", {}, Exception("away"))

    monkeypatch.setattr(type(hall.database), "read", away)
    answer = supervisor.get("/marks")
    assert answer.status_code == 503
    assert "数据库暂时无法读写" in answer.text
    data = supervisor.get("/marks", headers={"accept": "application/json"})
    assert data.headers["content-type"] == "application/problem+json", "the control: a program"


@seed(25)
@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 9000), min_size=5, max_size=5), st.sampled_from([{5}, {5, 4}]))
def test_the_shares_of_levels_add_up_and_those_of_good_ones_to_the_rate(numbers, good):
    counts = dict(zip(LEVELS, numbers, strict=True))
    figures = Figures(counts, sum(counts[level] for level in good), sum(numbers))
    found = shares(figures, good)
    if figures.total < ENOUGH:
        assert found == {}
        return
    assert sum(found.values()) == 1000
    assert sum(found[level] for level in good) == figures.good_rate_per_mille
    for level, of in found.items():
        assert abs(of - counts[level] * 1000 / figures.total) <= 1
        assert of == 0 or counts[level], "nothing has no share"


def test_the_rule_of_all_halls_is_the_one_that_the_province_names(supervisor, hall):
    """That of the province's own, by which no hall is judged, would be another's article."""
    pattern = r"(?:依据|适用)：[^；。<]+"
    before = re.search(pattern, see(supervisor, "/"))[0]
    with hall.database.write() as connection:
        entry = Entry("hall", "demo", EVER, name="一厅", profiles="qinnan")
        directory.save(connection, [entry], hall.clock())
    hall.settle_directory()
    own = see(supervisor, "/halls/demo")
    rule = re.search(pattern, own)[0]
    assert rule != before
    assert rule in see(supervisor, "/?period=7d"), "of another period, for none is kept of it"


ALL_PAGES = (
    *("/?period=all", "/halls/demo?period=all", "/halls/demo/windows/w1", "/marks", "/fleet"),
    *("/marks?state=closed", "/halls", "/halls/demo/windows", "/tables/rates/window?period=year"),
    *("/hours/demo", "/directory/window", "/directory/window/demo%2Fw1", "/policies", "/devices"),
    *("/units/window/demo%2Fw1?period=year", "/nowhere", "/?page=99"),
)


@pytest.mark.needs("chromium")
@pytest.mark.parametrize("looks", [QUICK, pytest.param(WHOLE, marks=pytest.mark.long)])
def test_anybody_can_use_every_page(supervisor, hall, device, server, looks):
    """By axe-core; no page is wider than the screen, and none asks another server."""
    hall.post(*[device.rating(level=level) for level in (5, 5, 4, 1) * 6])
    hall.post(device.rating(prev="f" * 16), device.rating(service="S-9"))
    hall.enrol_by_bench("xj-0900")
    hall.tokens.add("devices:approve", hall.folder / "approve.token")
    secrets = [
        logged_in(hall.site, (hall.folder / name).read_text().strip())["pingjia_centre"]
        for name in ("pages.token", "approve.token")
    ]

    async def walk() -> list[str]:
        found = []
        async with chromium() as browser:
            for language in ("zh", "en"):
                context = await browser.new_context()
                kept = {"pingjia_centre": ".".join(secrets), "pingjia_language": language}
                await context.add_cookies(
                    [{"name": name, "value": kept[name], "url": server} for name in kept]
                )
                page = await context.new_page()
                followed = Followed(page, server)
                for path in ALL_PAGES if language == "zh" else ALL_PAGES[:4]:
                    answer = await page.goto(server + path)
                    assert answer.status == (404 if path in ALL_PAGES[-2:] else 200), path
                    found += await faults(page, looks)
                found += followed.faults
                await context.close()
        return found

    assert asyncio.run(walk()) == []
