"""The gateway's pages: the overview, the window console, and what each token is good for."""

import re
from pathlib import Path

import httpx2
import pytest
from gateway_hall import Pen, settings_in, start_gateway, until
from typer.testing import CliRunner

from gateway.desk.callers import CONSOLE, PAGES
from gateway.desk.console import next_ticket
from gateway.hall.history import History
from gateway.store import happenings, tokens
from gateway.web import advice
from gateway.web.overview import is_troubled, urgency
from hosting.clock import now_ms
from hosting.tokens import digest, new_secret
from pingjia import app

ROOT = Path(__file__).parents[2]
HTML = {"Accept": "text/html"}
CLERK = {"staff_no": "0231", "name": "王芳"}


class Browser:
    """A browser without a screen, logged in with a token of `scope`."""

    def __init__(self, gateway, scope, window=None, language="zh-CN"):
        token = new_secret()
        with gateway.database.write() as connection:
            name = f"{scope} {window}"
            tokens.put(connection, name, digest(token), now_ms(), scope, window)
        self.token = token
        self.client = httpx2.Client(
            base_url=gateway.api_url,
            headers={"Origin": gateway.api_url, "Accept-Language": language},
            trust_env=False,
        )
        self.login = self.client.post("/login", data={"token": token})

    def see(self, path: str) -> str:
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.text

    def press(self, window: str, key: str, **fields) -> str:
        part = {"HX-Request": "true"}
        answer = self.client.post(f"/windows/{window}/{key}", data=fields, headers=part)
        assert answer.status_code == 200, answer.text
        return answer.text


@pytest.fixture
def browse():
    """Opens browsers, and closes them at the end."""
    opened = []

    def browse(*arguments, **options) -> Browser:
        opened.append(Browser(*arguments, **options))
        return opened[-1]

    yield browse
    for browser in opened:
        browser.client.close()


def service_in(html: str) -> str:
    found = re.search(r'name="service" value="([^"]+)"', html)
    assert found
    return found[1]


def test_a_clerk_serves_a_citizen_from_sign_in_to_sign_out(gateway, browse, connect):
    device = connect(gateway, "dev-1").enter()
    pen = Pen("dev-1")
    device.tell(pen.state())
    device.hear_hall(0)
    clerk = browse(gateway, CONSOLE, "w1")
    assert clerk.login.headers["location"] == "/windows/w1"
    assert "签到" in clerk.see("/windows/w1")
    assert 'value="001"' in clerk.press("w1", "sign-in", **CLERK)

    started = clerk.press("w1", "start", ticket_no="A017")
    service = service_in(started)
    assert "A017" in started
    assert "未评价" in started
    ticket = device.hear("ticket")
    assert ticket["staff"] == {"staff_no": "0231", "name": "王芳"}
    clerk.press("w1", "invite", service=service)
    assert device.hear("ticket")["phase"] == "inviting"
    device.send(pen.rating(service, facts=ticket["facts"]))
    device.hear_hall(1)
    assert "已评价" in clerk.see("/windows/w1")
    closed = clerk.press("w1", "close", service=service)
    assert "上一位 A017" in closed
    assert 'value="A018"' in closed
    assert "恢复服务" in clerk.press("w1", "pause")
    assert 'value="A018"' in clerk.press("w1", "resume")
    assert "李强" in clerk.press("w1", "sign-in", staff_no="0232", name="李强")
    assert "签到" in clerk.press("w1", "sign-out")


def test_the_console_counts_today_s_services_and_offers_who_was_here(gateway, browse, connect):
    device, pen = connect(gateway, "dev-1").enter(), Pen("dev-1")
    device.tell(pen.state())
    device.hear_hall(0)
    clerk = browse(gateway, CONSOLE, "w1")
    clerk.press("w1", "sign-in", **CLERK)
    services = []
    for ticket in ("A001", "A002", "A003", "A004"):
        services.append(service_in(clerk.press("w1", "start", ticket_no=ticket)))
        if ticket != "A004":
            clerk.press("w1", "invite", service=services[-1])
        if ticket == "A001":
            device.send(pen.rating(services[-1], level=1))
            device.hear_hall(1)
        seen = clerk.press("w1", "close", service=services[-1])
    assert "今天办结：已评价 1，未评价 2，未邀请 1" in seen
    other = browse(gateway, CONSOLE, "w2", language="en")
    assert "Finished today: 0 rated, 0 not rated, 0 not invited" in other.see("/windows/w2")
    left = clerk.press("w1", "sign-out")
    assert re.search(r'name="staff_no" value="0231">.*name="name" value="王芳"', left)
    assert "王芳" not in other.see("/windows/w2")
    assert "下一位的排队号" in clerk.press("w1", "sign-in", **CLERK)


def test_who_takes_over_types_into_empty_fields_of_their_own(gateway, browse):
    """换岗: a substitute who types only the number must not become the one who leaves."""
    clerk = browse(gateway, CONSOLE, "w1")
    before = clerk.see("/windows/w1")
    html = clerk.press("w1", "sign-in", **CLERK)
    fields = re.findall(r'<input id="([^"]+)" name="(?:staff_no|name)"([^>]*)>', html)
    assert len(fields) == 2
    assert all("required" in rest and "value=" not in rest for _, rest in fields)
    assert not {name for name, _ in fields} & set(re.findall(r'<input id="([^"]+)"', before))
    other = clerk.press("w1", "sign-in", staff_no="0240", name="李强")
    again = re.findall(r'<input id="([^"]+)" name="(?:staff_no|name)"', other)
    assert not {name for name, _ in fields} & set(again), "the browser keeps no text in them"


def test_who_signs_out_is_asked_what_becomes_of_the_service(gateway, browse):
    clerk = browse(gateway, CONSOLE, "w1")
    clerk.press("w1", "sign-in", **CLERK)
    html = clerk.press("w1", "start", ticket_no="A017")
    choices = re.findall(r'<button name="as" value="(\w+)">', html)
    assert choices == ["closed", "transferred", "no_show"]
    assert "A017 还在办理" in html
    assert "请先选择" in clerk.press("w1", "sign-out")
    assert "签到" in clerk.press("w1", "sign-out", **{"as": "transferred"})


def test_after_f4_the_console_invites_no_second_press(gateway, browse):
    """At once, before the device has said anything; the big key is no longer the one to press."""
    clerk = browse(gateway, CONSOLE, "w1")
    clerk.press("w1", "sign-in", **CLERK)
    service = service_in(clerk.press("w1", "start", ticket_no="A001"))
    html = clerk.press("w1", "invite", service=service)
    assert re.search(r"已请评价 · 还有 (20|19) 秒", html)
    assert re.search(r'<button class="big" data-key="F4">', html)


def test_a_key_pressed_twice_does_its_work_once(gateway, browse, connect):
    device = connect(gateway, "dev-1").enter()
    clerk = browse(gateway, CONSOLE, "w1")
    clerk.press("w1", "sign-in", **CLERK)
    first = service_in(clerk.press("w1", "start", ticket_no="A001"))
    assert service_in(clerk.press("w1", "start", ticket_no="A001")) == first
    for key in ("invite", "invite", "close", "close"):
        clerk.press("w1", key, service=first)
    device.hear("ticket", lambda said: said is None)
    late = clerk.press("w1", "invite", service=first)
    assert "这次服务已经结束" in late


@pytest.mark.parametrize(
    ("key", "fields", "words"),
    [
        ("start", {"ticket_no": "A 1"}, "排队号由"),
        ("start", {"ticket_no": "号"}, "排队号由"),
        ("start", {}, "排队号由"),
        ("sign-in", {"staff_no": "02 31", "name": "王"}, "工号由"),
        ("sign-in", {"staff_no": "0231", "name": "王" * 33}, "姓名最多"),
        ("close", {"service": "nothing"}, "已经结束"),
    ],
)
def test_what_a_clerk_mistypes_is_said_in_words(lasting, browse, key, fields, words):
    assert words in browse(lasting, CONSOLE, "w2").press("w2", key, **fields)


def test_a_key_that_is_pressed_before_htmx_is_there_does_its_work(gateway, browse):
    """A browser sends the form itself: it is done, and leads back; what is wrong is said there."""
    clerk = browse(gateway, CONSOLE, "w1")
    for key, fields in (("sign-in", CLERK), ("start", {"ticket_no": "A7"})):
        answer = clerk.client.post(f"/windows/w1/{key}", data=fields)
        assert (answer.status_code, answer.headers["location"]) == (303, "/windows/w1")
    assert "A7" in clerk.see("/windows/w1")
    answer = clerk.client.post("/windows/w1/close", data={"service": "nothing"})
    assert answer.status_code == 200
    assert "这次服务已经结束" in answer.text
    assert "<html" in answer.text


def test_a_console_touches_its_own_window_only(lasting, browse):
    mine, other = browse(lasting, CONSOLE, "w1"), browse(lasting, CONSOLE, "w2")
    mine.press("w1", "sign-in", **CLERK)
    service = service_in(mine.press("w1", "start", ticket_no="A001"))
    assert "已经结束" in other.press("w2", "close", service=service)
    assert service_in(mine.see("/windows/w1")) == service
    for method, path in (
        ("GET", "/windows/w1"),
        ("GET", "/windows/w1/live"),
        ("POST", "/windows/w1/close"),
        ("GET", "/live"),
    ):
        answer = other.client.request(method, path)
        assert answer.status_code == 401, path
    assert other.client.get("/").headers["location"] == "/windows/w2"
    mine.press("w1", "sign-out")


def test_each_scope_is_refused_elsewhere(lasting, browse):
    console, pages = browse(lasting, CONSOLE, "w1"), browse(lasting, PAGES)
    for browser in (console, pages):
        bearer = {"Authorization": f"Bearer {browser.token}"}
        for path in ("devices", "windows", "staff", "status", "quarantine", "services/x"):
            refused = browser.client.get(f"/api/v1/{path}", headers=bearer)
            assert refused.status_code == 403, path
        answer = browser.client.post("/api/v1/windows/w1/services", headers=bearer, json={})
        assert answer.status_code == 403
    assert pages.client.get("/windows/w1").status_code == 401
    assert pages.client.post("/windows/w1/sign-in", data=CLERK).status_code == 401
    assert browse(lasting, "api").login.status_code == 401
    with httpx2.Client(base_url=lasting.api_url, trust_env=False) as stranger:
        for path in ("/", "/live", "/windows/w1", "/windows/w1/live"):
            assert stranger.get(path).status_code == 401
            assert "/login" in stranger.get(path, headers={"Accept": "text/html"}).headers.get(
                "location", ""
            )


def test_another_site_cannot_press_a_key(lasting, browse):
    clerk = browse(lasting, CONSOLE, "w1")
    for origin in ("http://evil.example", "null", lasting.api_url + "0"):
        answer = clerk.client.post(
            "/windows/w1/sign-in", data=CLERK, headers={"Origin": origin, "Cookie": "x=1"}
        )
        assert answer.status_code == 403
    del clerk.client.headers["Origin"]
    assert clerk.client.post("/windows/w1/sign-in", data=CLERK).status_code == 403


def test_the_overview_tells_what_is_wrong_and_what_to_do(gateway, centre, browse, connect):
    centre.script.extend([503] * 1000)
    device = connect(gateway, "dev-1").enter()
    pen = Pen("dev-1")
    device.tell(pen.state(problems=("stuck_key",), clock="stale", free=1918))
    device.hear_hall(0)
    device.send(pen.rating())
    device.send(b"nonsense")
    device.hear_hall(1)
    watcher = browse(gateway, PAGES)
    until(lambda: gateway.alarms.standing(), "the alarm")
    page = watcher.see("/")
    for words in (
        *("w1号窗口", "dev-1", "有按键卡住", "清洁或更换", "待校准", "条，约 9 天"),
        *("尚未连接", "暂时无法送达省级系统", "拒收：不是签名记录", "等待上报的评价记录"),
    ):
        assert words in page
    english = browse(gateway, PAGES, language="en").see("/")
    for words in ("A key is stuck", "records, about 9 days", "Refused: not a signed record"):
        assert words in english
    assert not re.search("[一-鿿]", re.sub(r"w\d号窗口|中文|评价", "", english))


def test_the_overview_shows_what_every_window_does(lasting, browse):
    for window, ticket_no in (("w1", "A101"), ("w2", "B102"), ("w3", "C103")):
        clerk = browse(lasting, CONSOLE, window)
        clerk.press(window, "start", ticket_no="X1")
        service = service_in(clerk.press(window, "start", ticket_no=ticket_no))
        if window == "w3":
            clerk.press(window, "close", service=service)
    page = browse(lasting, PAGES).see("/")
    assert "A101" in page
    assert "B102" in page
    assert "C103" not in page
    assert "X1" not in page


def test_a_gateway_without_a_hall_says_so(tmp_path, centre, browse):
    centre.is_hall_known = False
    running = start_gateway(settings_in(tmp_path, centre.url), wait_for_hall=False)
    try:
        page = browse(running, PAGES).see("/")
        assert page.count("正在向省级系统获取大厅资料") == 2
        assert "没有登记评价器" not in page, "nobody knows that yet"
        assert "均已送达" not in page
        assert "尚无可核对的" in page
        answer = browse(running, CONSOLE, "w1").client.get("/windows/w1", headers=HTML)
        assert answer.status_code == 503
        assert "还不知道有哪些窗口" in answer.text
        wrong = browse(running, PAGES).client.get("/nowhere", headers=HTML)
        assert "没有这个页面" in wrong.text
    finally:
        running.stop()


def test_live_parts_follow_and_end_with_the_gateway(gateway, browse, connect):
    clerk = browse(gateway, CONSOLE, "w1")
    with clerk.client.stream("GET", "/windows/w1/live") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = stream.iter_lines()
        next(line for line in lines if "签到" in line)
        clerk.press("w1", "sign-in", **CLERK)
        next(line for line in lines if "开始服务" in line)
        gateway.stop()
        assert all("data:" not in line or "offline" for line in lines)


def test_nobody_sees_a_level_on_any_page(gateway, browse, connect):
    """Pages of five halls' worth of presses are the same but for ids and times."""
    seen = []
    for level, name in enumerate(("w1", "w2", "w3"), start=1):
        device = connect(gateway, f"dev-{name[1]}").enter()
        pen = Pen(f"dev-{name[1]}")
        clerk = browse(gateway, CONSOLE, name)
        clerk.press(name, "sign-in", **CLERK)
        service = service_in(clerk.press(name, "start", ticket_no="A001"))
        clerk.press(name, "invite", service=service)
        device.tell(pen.state())
        device.send(pen.rating(service, level=level))
        device.hear_hall(1)
        page = clerk.see(f"/windows/{name}")
        page = re.sub(r"页面时间 [0-9: -]+", "", page)
        seen.append(page.replace(service, "").replace(name, ""))
        clerk.press(name, "sign-out")
    assert "已评价" in seen[0]
    assert seen[0] == seen[1] == seen[2]
    assert "满意" not in browse(gateway, PAGES).see("/")


def test_who_must_be_looked_at_comes_first_and_2_before_10():
    def device(window, state="online", problems=()):
        view = {"device": "d", "window": window, "state": state, "problems": problems}
        return {**view, "is_troubled": is_troubled(view)}

    rows = [device("10号窗口"), device(None, "revoked"), device("9号窗口", "lost")]
    rows += [
        device("2号窗口"),
        device("3号窗口", problems=("stuck",)),
        device("B10"),
        device("B2"),
    ]
    rows += [device("12号窗口", "never"), device("1号窗口", "unknown")]
    found = [row["window"] for row in sorted(rows, key=urgency)]
    troubled, rest = ["3号窗口", "9号窗口"], ["1号窗口", "2号窗口", "10号窗口", "12号窗口"]
    assert found == [*troubled, *rest, "B2", "B10", None]
    assert sorted(["B10", "B2"]) == ["B10", "B2"], "the control"


def test_every_alarm_problem_and_refusal_has_advice():
    """What the sources can say, found by how they say it."""
    for folder, pattern, table in (
        ("gateway", r'_alarms\.set\(\s*"(\w+)"', advice.ALARMS),
        ("firmware", r'(?:\.report|_lament|RefusedError)\("(\w+)"', advice.PROBLEMS),
        ("gateway/hall/intake.py", r'^[A-Z_\d]+ = "(\w+)"', advice.REFUSALS),
    ):
        place = ROOT / folder
        files = [place] if place.is_file() else place.rglob("*.py")
        said = {word for file in files for word in re.findall(pattern, file.read_text(), re.M)}
        assert len(said) > 2
        assert said - table.keys() == set()


@pytest.mark.parametrize(
    ("last", "is_today", "following"),
    [
        (None, False, "001"),
        ("001", True, "002"),
        ("A017", True, "A018"),
        ("A099", True, "A100"),
        ("A017", False, "A001"),
        ("B2-09", True, "B2-10"),
        ("VIP", True, ""),
        ("9" * 16, True, ""),
    ],
)
def test_the_next_number_follows_the_last(last, is_today, following):
    assert next_ticket(last, is_today) == following


def test_an_open_page_keeps_its_login(gateway, browse):
    browser = browse(gateway, PAGES)
    given = browser.login.headers["set-cookie"]
    assert browser.token not in given
    assert browser.client.get("/").headers["set-cookie"] == given
    assert "Max-Age=2592000" in given, "30 days: a night, a holiday"
    browser.client.post("/logout")
    assert "set-cookie" not in browser.client.get("/login").headers


@pytest.mark.parametrize(
    "options",
    [
        ["--scope", "console"],
        ["--scope", "console", "--window", "w1", "--window", "w2"],
        ["--scope", "pages:read", "--window", "w1"],
    ],
    ids=str,
)
def test_a_console_s_token_names_one_window_and_the_overview_s_none(tmp_path, options):
    command = ["gateway", "token", "add", "x", "--out", str(tmp_path / "x"), *options]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 1
    assert "names" in result.output


def test_a_device_has_a_page_of_its_own_with_what_was(gateway, browse, connect):
    device, pen = connect(gateway, "dev-1").enter(), Pen("dev-1")
    device.send(pen.boot(1))
    device.tell(pen.state(problems=("stuck_key",)))
    watcher = browse(gateway, PAGES)
    until(lambda: "按键卡住" in watcher.see("/devices/dev-1"), "the problem")
    until(lambda: "通电" in watcher.see("/devices/dev-1"), "the start")
    gateway.history.look()
    page = " ".join(watcher.see("/devices/dev-1").split())
    for words in ("在线", "启动原因", "剩余存储", "pingjia gateway console w1", "闪灯"):
        assert words in page, words
    assert "/devices/dev-1" in watcher.see("/"), "and the overview leads there"
    place = re.search(r'action="(/happenings/[0-9]+/seen)"', page)[1]
    answer = watcher.client.post(place, data={"back": "/devices/dev-1"})
    assert answer.headers["location"] == "/devices/dev-1"
    assert f"{PAGES} None" in watcher.see("/devices/dev-1"), "whose token it was"
    device.tell(pen.state())
    until(lambda: "按键卡住" not in _standing(watcher), "its end")
    gateway.history.look()
    assert watcher.see("/devices/dev-1").count("按键卡住") == 1, "it was so"
    assert watcher.client.post(place, headers=HTML).status_code == 404, "it is over"
    assert watcher.client.get("/devices/dev-999", headers=HTML).status_code == 404


def _standing(watcher) -> str:
    return watcher.see("/devices/dev-1").split("在线与问题")[0]


def test_the_system_has_a_page(gateway, browse):
    gateway.alarms.set("disk_low", "There is little room.")
    gateway.history.look()
    page = browse(gateway, PAGES).see("/system")
    for words in ("软件版本", "磁盘剩余", "网关自带", "已连接", f"{PAGES} None", "数据盘空间不足"):
        assert words in page, words
    assert page.count("现在") == 2, "the alarm, and that it runs: noted a minute ago, true now"
    gateway.alarms.clear("disk_low")
    gateway.history.look()
    assert browse(gateway, PAGES).see("/system").count("现在") == 1


def test_what_was_while_the_gateway_did_not_run_is_in_nobody_s_history(gateway):
    """It ends when we were last there, and begins anew when we look again."""
    clock = [now_ms() + 86_400_000]
    parts = (gateway.database, gateway.book, gateway.presence, gateway.alarms)
    first = History(*parts, lambda: clock[0], "0.1.0")
    gateway.alarms.set("another", "Something that nobody clears.")
    first.look()
    clock[0] += 120_000
    first.look()
    last_ms = clock[0]
    clock[0] += 86_400_000
    History(*parts, lambda: clock[0], "0.2.0").look()
    with gateway.database.read() as connection:
        rows = [row for row in happenings.newest(connection, "", 20) if "another" in row.what]
    assert last_ms in [row.until_ms for row in rows]
    assert clock[0] in [row.since_ms for row in rows if row.until_ms is None]
    assert not any(row.until_ms == clock[0] for row in rows)
