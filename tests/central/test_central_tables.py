"""Tables of figures: every count of every page is as long as its list; sort, search, dates, the
period before; spreadsheets; who was invited, what bad ratings say, who is ranked last.
"""

import csv
import io
import re
import shutil
import socket
import threading
from contextlib import contextmanager
from datetime import date
from html import unescape

import openpyxl
import pytest
import uvicorn
from browser import FLAGS
from central_hall import logged_in
from playwright.sync_api import expect, sync_playwright
from rehearsal_hall import DIRECTORY, Practice, world
from signed_in import COOKIE, PASSWORD, made, signed_in

from central.directory.sight import Sight
from central.figures.tables.reader import KINDS
from central.figures.tables.table import arranged
from central.figures.tables.units import DIMENSIONS
from central.people.roles import PROVINCE
from central.ratings.period import ALL, Period, name_of, named
from central.rules.calendar import day_of

HTML = {"accept": "text/html"}
LINK = re.compile(r'<a href="/counts/([^"?]+)">([\d,]+)</a>')


@pytest.fixture
def practice(tmp_path, database):
    return Practice(tmp_path, database=database)


@pytest.fixture
def autumn(practice):
    """A random September of three windows, and the weeks after it."""
    practice.give(directory=DIRECTORY, **world(1, 120))
    practice.go("2026-10-20 00:00")
    return practice


def look(practice, path, *scopes, language="zh", status=200):
    """A page, as one sees it who holds these tokens, or has signed in as `supervisor:<place>`."""
    kept = []
    for scope in scopes:
        if scope.startswith("supervisor:"):
            kept.append(signed_in(practice, "supervisor", scope.partition(":")[2])[COOKIE])
            continue
        practice.headers(scope)
        token = (practice.folder / f"{scope.replace(':', '-')}.token").read_text().strip()
        kept.append(logged_in(practice.site, token)[COOKIE])
    practice.client.cookies.clear()
    practice.client.cookies.set(COOKIE, ".".join(kept))
    headers = {**HTML, "accept-language": language}
    answer = practice.client.get(path, headers=headers, follow_redirects=False)
    assert answer.status_code == status, answer.text
    return answer.text


def pages_of(practice, *scopes):
    """Every page with counts that these tokens open, by following links from table to unit."""
    found = {}
    starts = [
        f"/tables/{kind}/{dim}?period=2026-09"
        for kind, one in KINDS.items()
        for dim in one.dimensions
        if dim != "hour"
    ]
    starts += [f"/tables/{kind}/hour?period=2026-09&in=demo" for kind in KINDS]
    starts += [f"/hours/demo?period=2026Q3&show={one}" for one in ("bad", "active_good_rate")]
    starts += ["/?period=all", "/?period=30d", "/halls/demo?period=all"]
    starts += ["/halls/demo/windows/w2?period=all", "/tables/rates/staff?period=2026Q3&in=demo"]
    starts += ["/tables/rates/region?profile=ezhou-norm&from=2026-09-05&to=2026-10-02"]
    for path in starts:
        found[path] = look(practice, path, *scopes)
        for unit in re.findall(r'href="(/units/[^"]+)"', found[path]):
            path = unescape(unit)
            if path not in found:
                found[path] = look(practice, path, *scopes)
    return found


@pytest.mark.parametrize(
    ("database", "place"),
    [
        ("sqlite", ""),
        pytest.param("postgresql", ":region:450702", marks=pytest.mark.needs("postgresql")),
    ],
    indirect=["database"],
)
@pytest.mark.rule("R83")
@pytest.mark.rule("R88")
@pytest.mark.rule("R99")
@pytest.mark.rule("R108")
@pytest.mark.rule("R109")
def test_every_count_on_every_page_is_as_long_as_its_list(autumn, place):
    pages = pages_of(autumn, f"pages:read{place}", "supervisor:all")
    counts = {}
    for path, page in pages.items():
        links = LINK.findall(page)
        assert links or "/tables/rates" not in path or "platform" in path, path
        for key, number in links:
            number = int(number.replace(",", ""))
            assert counts.setdefault(unescape(key), number) == number, (path, key)
    assert len(counts) > 400
    assert {key.split(".")[3] for key in counts} >= {
        *("hall", "window", "staff", "institution", "line", "matter"),
    }
    wrong = {}
    for key, number in counts.items():
        opened = autumn.get(f"/v1/figures/{key}/services", limit=1000)
        times = sum(one["times"] for one in opened["services"])
        if not number == opened["count"] == times:
            wrong[key] = (number, opened["count"], times)
    assert wrong == {}
    key, number = next((key, number) for key, number in counts.items() if number > 3)
    page = look(autumn, f"/counts/{key}?by=hall", "supervisor:all")
    spread = re.search(r'<dl class="pairs">(.*?)</dl>', page, re.S)
    assert spread is not None
    assert sum(map(int, re.findall(r"<dd>(\d+)", spread[1]))) == number


def test_without_an_account_no_count_is_a_link(autumn):
    page = look(autumn, "/tables/rates/staff?period=2026-09", "pages:read")
    assert "/counts/" not in page
    assert "请用主管部门或监督人员的账号登录" in page
    key = "qinnan.202609.*.hall.*.per_visit.active-1"
    look(autumn, f"/counts/{key}", "pages:read", status=303)
    assert "所计服务" in look(autumn, f"/counts/{key}", "supervisor:450702")
    elsewhere = {"kind": "region", "id": "650100", "name": "乌鲁木齐", "tier": "prefecture"}
    autumn.give(directory=[elsewhere])
    empty = look(autumn, f"/counts/{key}", "supervisor:650100")
    assert "没有。" in empty
    one_hall = "qinnan.202609.demo.hall.*.per_visit.active-1"
    look(autumn, f"/counts/{one_hall}", "supervisor:650100", status=403)
    look(autumn, "/counts/nonsense", "supervisor:450702", status=404)


@pytest.mark.rule("R108")
def test_halls_and_platforms_add_up_to_the_whole_and_so_do_regions(autumn):
    web = {"hall": "xjzwfw", "service": "WEB-1", "channel": "web", "task_code": "t-1"}
    web |= {"progress": [{"what": "finished", "at": "2026-09-03 10:00"}]}
    rating = {"id": "RW", "hall": "xjzwfw", "service": "WEB-1", "level": 1, "origin": "web"}
    rating |= {"rated_at": "2026-09-03 11:00"}
    autumn.give(services=[web], ratings=[rating])
    found = {
        dim: table(autumn, "rates", dim, period="2026-09") for dim in DIMENSIONS if dim != "hour"
    }
    whole = found["hall"]["whole"]["cells"]["services"]["value"]["count"]
    assert whole == 1 + sum(count(row, "services") for row in found["hall"]["rows"])
    (platform,) = found["platform"]["rows"]
    assert (platform["name"], count(platform, "bad")) == ("政务服务网", 1)
    assert [count(row, "services") for row in found["region"]["rows"]] == [whole, whole]
    # A platform is no institution's.
    assert whole - 1 == sum(count(row, "services") for row in found["institution"]["rows"])
    assert {row["name"] for row in found["matter"]["rows"]} == {"消防检查"}
    assert {row["name"] for row in found["staff"]["rows"]} >= {"王芳", "李明"}


def table(practice, kind, dim, **query):
    return practice.get(f"/v1/tables/{kind}/{dim}", scope="figures:read", **query)


def count(row, column):
    return row["cells"][column]["value"]["count"]


@pytest.mark.rule("R83")
@pytest.mark.rule("R82")
def test_a_table_says_its_article_or_that_it_is_ours_and_each_share_its_counts(autumn):
    found = table(autumn, "rates", "window", period="2026-09", profile="qinnan")
    articles = {one["name"]: one["articles"] for one in found["columns"]}
    assert articles["unrated_rate"] == ["第二十四条"]
    assert articles["active_good_rate"] == ["第二十四条", "本系统约定"]
    assert articles["rated_rate"] == ["本系统约定"]
    for row in found["rows"]:
        for name, cell in row["cells"].items():
            value = cell["value"]
            if value["den"] is not None:
                assert (value["said"] is not None) == (value["den"] >= 20), name
    page = look(autumn, "/tables/rates/window?period=2026-09", "pages:read")
    assert "第二十四条" in page
    assert "本系统约定" in page
    assert "总分" not in page, "no weights were given"


@pytest.mark.rule("R86")
def test_the_period_before_stands_beside_and_is_the_table_of_that_period(practice):
    practice.give(directory=DIRECTORY, **world(4, 80))
    practice.go("2026-11-20 00:00")
    now = table(practice, "rates", "staff", period="2026-10")
    before = table(practice, "rates", "staff", period="2026-09")
    assert (now["before_first"], now["before_last"]) == ("2026-09-01", "2026-09-30")
    was = {(row["hall"], row["id"]): row["cells"] for row in before["rows"]}
    assert was
    seen = {(row["hall"], row["id"]): row["cells"] for row in now["rows"]}
    for unit, cells in was.items():
        for name in cells.keys() & seen[unit].keys():
            assert seen[unit][name]["before"] == cells[name]["value"], (unit, name)
    assert len(cells.keys() & seen[unit].keys()) > 7
    assert (
        table(practice, "rates", "staff", period="all")["rows"][0]["cells"]["bad"]["before"]
        is None
    )


@pytest.mark.parametrize(
    ("name", "first", "last", "before"),
    [
        ("2026-02", "2026-02-01", "2026-02-28", "2026-01"),
        ("2026Q1", "2026-01-01", "2026-03-31", "2025Q4"),
        ("2026H2", "2026-07-01", "2026-12-31", "2026H1"),
        ("2024", "2024-01-01", "2024-12-31", "2023"),
    ],
)
def test_a_named_period_and_the_one_before_it(name, first, last, before):
    period = named(name)
    assert period == Period(date.fromisoformat(first), date.fromisoformat(last))
    assert period.before() == named(before)
    assert name_of(period) == name


def test_free_days_have_as_many_days_before_them():
    period = Period(date(2026, 9, 5), date(2026, 10, 2))
    assert period.before() == Period(date(2026, 8, 8), date(2026, 9, 4))
    assert name_of(period) is None
    assert ALL.before() is None
    assert named("0001-01").before() is None, "the calendar begins there"
    for wrong in ("2026-13", "2026Q5", "2026H3", "0000", "26", "2026-9"):
        with pytest.raises(ValueError, match=r"write a month|month must be"):
            named(wrong)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"period": "2026-13"}, "period"),
        ({"to": "2026-09-30"}, "from"),
        ({"from": "2026-09-30", "to": "2026-09-01"}, "to"),
        ({"from": "2024-01-01", "to": "2026-09-01"}, "from"),
        ({"in": "nowhere"}, "in"),
        ({"profile": "nobody"}, "profile"),
        ({"sort": "beauty"}, "sort"),
        ({"dim": "hour"}, "in"),
        ({"dim": "hour", "in": "450702"}, "in"),
        ({"dim": "hour", "in": "demo", "period": "all"}, "period"),
    ],
)
def test_a_wrong_question_is_told_its_field(autumn, query, field):
    dim = query.pop("dim", "staff")
    problem = autumn.get(f"/v1/tables/rates/{dim}", scope="figures:read", status=422, **query)
    assert problem["field"] == field
    path = f"/tables/rates/{dim}?" + "&".join(f"{name}={value}" for name, value in query.items())
    look(autumn, path, "pages:read", status=404 if field == "in" else 422)


def test_the_worst_come_first_and_those_with_few_ratings_last(practice):
    practice.give(directory=DIRECTORY, **rated("demo", "w1", [5] * 20 + [1] * 5))
    practice.give(**rated("demo", "w2", [5] * 20 + [1] * 2))
    practice.give(**rated("other", "w1", [1] * 3))
    practice.go("2026-10-20 00:00")
    asked = {"period": "2026-09", "profile": "qinnan"}
    names = [row["id"] for row in table(practice, "rates", "window", **asked)["rows"]]
    assert names == ["w1", "w2", "w1"]
    assert [row["hall"] for row in table(practice, "rates", "window", **asked)["rows"]] == [
        *("demo", "demo", "other")
    ]
    asked |= {"sort": "bad"}
    bad = [count(row, "bad") for row in table(practice, "rates", "window", **asked)["rows"]]
    assert bad == [5, 3, 2]
    up = table(practice, "rates", "window", order="up", **asked)["rows"]
    assert [count(row, "bad") for row in up] == [2, 3, 5]
    (found,) = table(practice, "rates", "window", q="二号", **asked)["rows"]
    assert found["place"] == "二号大厅"


def rated(hall, window, levels, month="2026-09", task="t-1", **more):
    """Facts of visits to a window, each finished and rated."""
    services, ratings = [], []
    for n, level in enumerate(levels):
        name = f"{hall}-{window}-{month}-{task}-{n}"
        at = f"{month}-{n % 28 + 1:02d} {9 + n // 28:02d}"
        visit = {"hall": hall, "service": name, "window": window, "task_code": task}
        visit |= {"opened_at": f"{at}:00", "staff_no": "0231", **more}
        visit["progress"] = [{"what": "finished", "at": f"{at}:10"}]
        services.append(visit)
        rating = {"id": f"R-{name}", "hall": hall, "service": name, "rated_at": f"{at}:11"}
        level, reasons = level if isinstance(level, tuple) else (level, [])
        ratings.append({**rating, "level": level, "reasons": reasons})
    return {"services": services, "ratings": ratings}


def test_hours_of_a_week_have_the_services_that_began_in_each(autumn):
    """Each in its list, all of them the hall's; by the day under which they count."""
    rows = table(autumn, "rates", "hour", period="2026-09", **{"in": "demo"})["rows"]
    whole = table(autumn, "rates", "hall", period="2026-09", **{"in": "demo"})["whole"]
    assert sum(count(row, "services") for row in rows) == count(whole, "services") > 40
    assert sum(count(row, "bad") for row in rows) == count(whole, "bad") > 5
    began = {one.get("service"): one.get("opened_at") for one in world(1, 120)["services"]}
    seen = 0
    for row in rows:
        weekday, _, hour = row["id"].partition("-")
        _, listed = autumn.opened(row["cells"]["services"]["num_key"])
        for one in listed:
            assert day_of(one["day"]).isoweekday() == int(weekday)
            if one["service"] in began:  # a completion begins when it is over
                assert began[one["service"]][11:13] == hour
                seen += 1
    assert seen > 40
    page = look(autumn, "/hours/demo?period=2026-09", "pages:read")
    cells = re.findall(r'<td class="number[^"]*">\s*(?:<span[^>]*>)?\s*([\d,]+)', page)
    assert sorted(map(int, cells)) == sorted(count(row, "services") for row in rows)
    assert "周一" in page
    early = "qinnan.00010101-00010103.demo.hour.1-09.per_visit.active-5"
    assert autumn.get(f"/v1/figures/{early}/services")["count"] == 0
    assert table(autumn, "rates", "hour", period="0001", **{"in": "demo"})["rows"] == []
    look(autumn, "/hours/nowhere", "pages:read", status=404)
    look(autumn, "/hours/demo?show=beauty", "pages:read", status=404)


@pytest.mark.rule("R12")
@pytest.mark.rule("R109")
def test_reasons_per_matter_are_those_of_the_bad_ratings_by_what_they_are_about(practice):
    matters = [{"kind": "matter", "id": f"m-{n}", "name": f"事项{n}"} for n in (1, 2)]
    practice.give(directory=DIRECTORY + matters)
    levels = [(1, [109]), (2, [210, 214]), (2, [207]), (2, []), (5, [511]), (4, [408])]
    practice.give(**rated("demo", "w1", levels, task="m-1"))
    practice.give(**rated("other", "w1", [(1, [109])] * 2, task="m-2"))
    practice.give(**rated("demo", "w1", [(1, [109])], month="2026-06", task="m-1"))
    practice.go("2026-10-20 00:00")
    rows = table(practice, "reasons", "matter", period="2026Q3")["rows"]
    assert [row["name"] for row in rows] == ["事项1", "事项2"]
    cells = rows[0]["cells"]
    told = {
        name: (cell["value"]["count"], cell["before"]["count"]) for name, cell in cells.items()
    }
    assert told == {
        "bad": (4, 1),
        "documents": (3, 1),
        "time": (0, 0),
        "formalities": (0, 0),
        "online": (0, 0),
        "attitude": (1, 0),
        "missing": (1, 0),
    }
    missing = practice.get(f"/v1/figures/{cells['missing']['num_key']}/services")
    assert missing["count"] == len(missing["services"]) == 1
    key = cells["documents"]["num_key"]
    page = look(practice, f"/counts/{key}", "supervisor:all")
    assert "办公室" in page
    assert "同样内容的证明材料被要求多次提交" in page
    shown = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    assert "材料 · 2026Q3" in shown
    assert "办公室 3 上期 1" in shown, "of each institution the quarter before stands beside"
    (earlier,) = re.findall(r'href="/counts/([^"?]+)\?by=institution">上期', page)
    assert practice.get(f"/v1/figures/{unescape(earlier)}/services")["count"] == 1
    assert "/units/matter/m-1" in page
    unit = look(practice, "/units/matter/m-1?period=2026Q3", "pages:read")
    assert unit.index("需提供办事指南之外的申报材料") < unit.index("可以先受理后补材料")


@pytest.mark.rule("R109")
def test_reasons_of_each_level_are_counted_and_open_into_their_services(practice):
    practice.give(directory=DIRECTORY)
    levels = [(1, [109, 110]), (2, [210]), (5, [511, 517]), (5, [511]), (4, []), (3, [307])]
    practice.give(**rated("demo", "w1", levels, task="m-1"))
    practice.go("2026-10-20 00:00")
    (row,) = table(practice, "reason_levels", "matter", period="2026Q3")["rows"]
    cells = row["cells"]
    counts = {name: cell["value"]["count"] for name, cell in cells.items()}
    levels = {"level_5": 3, "level_4": 0, "level_3": 1, "level_2": 1, "level_1": 2}
    assert counts == {"ratings": 6, **levels}
    for name, count in levels.items():
        key = cells[name]["num_key"]
        assert practice.get(f"/v1/figures/{key}/services")["count"] == count, name


@pytest.mark.rule("R4")
def test_what_became_of_those_who_were_never_invited(practice):
    practice.give(directory=DIRECTORY)
    visits = []
    for n, told in enumerate(("invited", "closed", "closed", "closed", "expired")):
        progress = [
            {"what": one, "at": "2026-09-01 10:00"} for one in {told, "closed", "finished"}
        ]
        visit = {"hall": "demo", "service": f"S{n}", "window": "w1", "staff_no": "0231"}
        visits.append({**visit, "opened_at": "2026-09-01 09:00", "progress": progress})
    ratings = [
        {"id": f"R{n}", "hall": "demo", "service": f"S{n}", "level": level, "origin": "qr"}
        | {"rated_at": "2026-09-01 11:00"}
        for n, level in ((0, 5), (1, 1), (2, 5))
    ]
    practice.give(services=visits, ratings=ratings)
    practice.go("2026-10-20 00:00")
    (row,) = table(practice, "invitations", "staff", period="2026-09")["rows"]
    counts = {name: cell["value"]["count"] for name, cell in row["cells"].items()}
    share = row["cells"]["uninvited_rate"]["value"]
    assert (share["num"], share["den"]) == (counts["good"] + counts["bad"] + counts["unrated"], 5)
    assert {name: counts[name] for name in ("good", "bad", "waiting", "expired")} == {
        **{"good": 1, "bad": 1, "waiting": 0, "expired": 1},
    }


@pytest.mark.rule("R99")
def test_who_was_among_the_last_in_k_periods_is_shown_so_and_not_in_fewer(practice):
    practice.give(directory=DIRECTORY)
    for month in ("2026-07", "2026-08", "2026-09"):
        worst = "other" if month == "2026-07" else "demo"
        for hall in ("demo", "other"):
            levels = [5] * 20 + [1] * (9 if hall == worst else 1)
            practice.give(**rated(hall, "w1", levels, month=month))
    practice.give(**rated("demo", "w2", [1] * 19))
    practice.go("2026-10-20 00:00")
    rows = table(practice, "ranking", "window", period="2026-09")["rows"]
    found = {(row["hall"], row["id"]): row["cells"] for row in rows}
    assert found["demo", "w1"]["low"]["value"]["count"] == 2, "not in July"
    assert found["other", "w1"]["low"]["value"]["count"] == 0
    assert found["demo", "w1"]["rank"]["value"]["count"] == 2
    assert found["demo", "w2"]["rank"]["value"] is None, "N < 20 is not ranked"
    assert found["demo", "w2"]["low"]["value"]["count"] == 0
    assert [(row["hall"], row["id"]) for row in rows][-1] == ("demo", "w2")


def test_a_ranking_says_what_the_rate_would_be_with_twenty_more_like_the_whole(practice):
    practice.give(directory=DIRECTORY, **rated("demo", "w1", [5] * 20))
    practice.give(**rated("other", "w1", [5] * 60 + [1] * 20))
    practice.go("2026-10-20 00:00")
    rows = table(practice, "ranking", "window", period="2026-09")["rows"]
    adjusted = {row["hall"]: row["cells"]["shrunk"]["value"]["said"] for row in rows}
    # The whole: 80 of 100. (20 + 16) / 40 and (60 + 16) / 100.
    assert adjusted == {"demo": "90.0%", "other": "76.0%"}


@pytest.mark.rule("R88")
def test_the_watch_list_has_those_with_ratings_of_the_levels_that_the_text_names(practice):
    practice.give(directory=DIRECTORY, **rated("demo", "w1", [5] * 20 + [3, 2, 1]))
    practice.give(**rated("other", "w1", [5, 4, 5]))
    practice.go("2026-10-20 00:00")
    found = table(practice, "watch", "window", period="2026-09")
    (row,) = found["rows"]
    assert (row["hall"], count(row, "count")) == ("demo", 3)
    (low,) = [one for one in found["columns"] if one["name"] == "low"]
    assert low["articles"][0].startswith("第二十九条")
    refused = practice.get(
        "/v1/tables/watch/window", scope="figures:read", status=422, profile="fujian"
    )
    assert refused["field"] == "profile"


def test_a_spreadsheet_has_the_cells_of_the_page_and_no_name_becomes_a_formula(practice):
    evil = '=HYPERLINK("http://x","y")'
    staff = [{"kind": "staff", "id": "other/0231", "name": evil}]
    practice.give(directory=DIRECTORY + staff)
    practice.give(
        **rated("demo", "w1", [5] * 20 + [1] * 3),
    )
    practice.give(**rated("other", "w1", [5] * 3))
    practice.go("2026-10-20 00:00")
    look(practice, "/tables/rates/staff?period=2026-09", "pages:read")
    path = "/tables/rates/staff/file.{}?period=2026-09"
    raw = practice.client.get(path.format("csv"), headers=HTML)
    assert raw.content.startswith(b"\xef\xbb\xbf"), "Excel reads it as GB18030 without"
    lines = list(csv.reader(io.StringIO(raw.content.decode("utf-8-sig"))))
    by_name = {line[0]: line for line in lines if line}
    assert f"'{evil}" in by_name
    assert not any(cell.startswith(("=", "+", "-", "@")) for line in lines for cell in line)
    heads = by_name["名称"]
    answer = practice.client.get(path.format("xlsx"), headers=HTML)
    sheet = openpyxl.load_workbook(io.BytesIO(answer.content)).worksheets[0]
    cells = {row[0].value: row for row in sheet.iter_rows()}
    assert (cells[evil][0].value, cells[evil][0].data_type) == (evil, "s")
    assert not any(cell.data_type == "f" for row in sheet.iter_rows() for cell in row)
    rows = table(practice, "rates", "staff", period="2026-09")["rows"]
    for row in rows:
        line = cells[row["name"]]
        for name, title in (("active_good_rate", "主动评价好评率"), ("bad", "差评")):
            value, at = row["cells"][name]["value"], heads.index(title)
            if name == "bad":
                assert line[at].value == value["count"]
                continue
            assert [line[at + 1].value, line[at + 2].value] == [value["num"], value["den"]]
            shown = None if line[at].value is None else f"{line[at].value:.1%}"
            assert shown == value["said"]
    look(practice, path.format("pdf"), "pages:read", status=404)
    assert practice.client.get(path.format("csv"), headers=HTML).status_code == 200


def test_a_search_and_its_order_are_the_spreadsheets_too(autumn):
    look(autumn, "/tables/rates/staff", "pages:read")
    query = "period=2026-09&q=王芳&sort=bad&order=up"
    text = autumn.client.get(f"/tables/rates/staff/file.csv?{query}", headers=HTML).content
    lines = [line for line in csv.reader(io.StringIO(text.decode("utf-8-sig"))) if line]
    names = [line[0] for line in lines[5:] if len(line) > 5]
    assert set(names) == {"王芳"}


def test_arranged_refuses_a_column_that_is_none(autumn):
    with autumn.database.read() as connection:
        reader = autumn.centre.tables
        answer = reader.answer(connection, Sight(PROVINCE), "rates", "hall", ALL)
    with pytest.raises(ValueError, match="no column is named beauty"):
        arranged(answer.table, sort="beauty")
    assert "Good rate" in look(autumn, "/tables/rates/hall", "pages:read", language="en")


@pytest.mark.parametrize("path", ["/v1/figures", "/v1/tables/rates/window"])
def test_an_answer_is_not_made_again_while_nothing_has_changed(autumn, path, monkeypatch):
    query = {"from": "2026-09-01", "to": "2026-09-30"}
    headers = autumn.headers("figures:read")

    def ask(tag: str, **more):
        return autumn.client.get(
            path, params=query | more, headers=headers | {"if-none-match": tag}
        )

    first = ask("")
    tag = first.headers["etag"]
    assert tag.startswith('W/"')
    for known in (tag, tag[2:], f'"x", {tag}', "*"):
        with monkeypatch.context() as patch:
            patch.setattr(type(autumn.centre.figures), "report", None)
            patch.setattr(type(autumn.centre.tables), "answer", None)  # nothing is counted
            again = ask(known)
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert ask('"other"').status_code == 200
    other = ask(tag, to="2026-09-29")
    assert other.status_code == 200
    assert other.headers["etag"] != tag
    changes = [
        lambda: autumn.give(**rated("demo", "w1", [1])),
        lambda: autumn.give(directory=[{**DIRECTORY[5], "name": "改名大厅"}]),
        lambda: autumn.go("2026-10-21 00:00"),
    ]
    for change in changes:
        change()
        answer = ask(tag)
        assert (answer.status_code, answer.headers["etag"] != tag) == (200, True)
        tag = answer.headers["etag"]
    coarse = autumn.client.get("/v1/figures", headers=autumn.headers("figures:read:hall:demo"))
    assert "etag" not in coarse.headers, "it would tell that something was rated"


@pytest.mark.rule("R111")
@pytest.mark.rule("R112")
def test_the_rules_are_read_by_everybody_with_the_article_and_days_of_each(practice):
    practice.client.cookies.clear()
    page = practice.client.get("/policies", headers=HTML)
    assert page.status_code == 200, "without a login"
    assert "第十七条第二款" in page.text
    assert "本系统约定" in page.text
    plan = practice.client.get("/policies?profile=ezhou-norm", headers=HTML).text
    assert "2021-03-17" in plan
    assert practice.client.get("/policies?profile=none", headers=HTML).status_code == 404


@pytest.mark.needs("chromium")
def test_in_a_browser_a_table_leads_to_a_unit_whose_months_are_drawn(practice):
    """On a phone, with no fault; the picture is of the table that stands below it."""
    practice.give(directory=DIRECTORY)
    for month, bad in (("2026-08", 2), ("2026-09", 5)):
        practice.give(**rated("demo", "w1", [5] * 25 + [1] * bad, month=month))
    practice.go("2026-10-20 00:00")
    login = made(practice, "supervisor", "450702", "wangfang")
    faults = []
    with served(practice.client.app) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=list(FLAGS)
        )
        page = browser.new_context(
            locale="zh-CN", viewport={"width": 390, "height": 844}
        ).new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda said: said.type == "error" and faults.append(said.text))
        page.goto(f"{server}/tables/rates/window?period=2026-09")
        page.get_by_label("登录名").fill(login)
        page.get_by_label("密码").fill(PASSWORD)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="各项指标")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.get_by_role("link", name="1号窗口").click()
        expect(page.locator("canvas")).to_have_count(1)
        drawn = (
            "() => document.querySelector('canvas').getContext('2d').getImageData(0, 0, 600, 200)"
        )
        assert page.evaluate(f"({drawn})().data.some((one) => one > 0)")
        expect(page.locator("[data-trend] tbody tr")).to_have_count(2)
        expect(page.locator("[data-trend]")).to_contain_text("92.5%")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        browser.close()
    assert faults == []


@contextmanager
def served(app):
    """The address at which an application answers."""
    listener = socket.create_server(("127.0.0.1", 0))
    running = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1))
    thread = threading.Thread(target=running.run, args=([listener],))
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        running.should_exit = True
        thread.join()
        listener.close()
