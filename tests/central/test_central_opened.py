"""A figure opens into its services, a service says why it stands so, a project has its rating."""

import itertools
import random

import pytest
from central_hall import logged_in
from rehearsal_hall import DIRECTORY, Practice, world

from central.figures.key import read_key
from central.store.tables import metadata

UNITS = (
    {},
    {"hall": "demo"},
    {"hall": "demo", "window": "w2"},
    {"hall": "demo", "dim": "staff", "id": "0232"},
    {"dim": "matter", "id": "t-1"},
    {"dim": "institution", "id": "fire-station"},
    {"dim": "line", "id": "fire"},
)


@pytest.fixture
def practice(tmp_path):
    made = Practice(tmp_path)
    yield made
    made.close()


def counted_by_hand(practice, key):
    """From the stored standings, one by one, without the counters and without the list's query."""
    wanted = read_key(key)
    column = {"matter": "task_code"}.get(wanted.dim, wanted.dim)
    with practice.database.read() as connection:
        rows = connection.execute(metadata.tables["standing"].select()).mappings().all()
    total = 0
    for row in rows:
        is_there = row["profile"] == wanted.profile and row["mode"] in wanted.modes
        if wanted.period.first is not None:
            digits = str(row["day"])
            day = f"{digits[:4]}-{digits[4:6]}-{digits[6:]}"
            is_there &= str(wanted.period.first) <= day <= str(wanted.period.last)
        is_there &= wanted.hall in (None, row["hall"])
        is_there &= wanted.dim == "hall" or row[column] == wanted.id
        for word in row["whats"].split() if is_there else ():
            what, _, times = word.partition("=")
            total += (what in wanted.whats) * int(times or 1)
    return total


@pytest.mark.rule("R80", "R81", "R83", "R45")
def test_each_count_of_a_random_world_is_as_long_as_its_list(practice):
    practice.give(directory=DIRECTORY, **world(1, 50))
    practice.go("2026-10-20 00:00")
    numbers = {}
    periods = ({}, {"from": "2026-09-01", "to": "2026-09-30"})
    periods += ({"from": "2026-09-10", "to": "2026-10-02"},)
    for unit, period in itertools.product(UNITS, periods):
        for found in practice.get("/v1/figures", **unit, **period)["sets"]:
            for figure in found["figures"]:
                for part, number in (("num", "num"), ("den", "den"), ("den", "n")):
                    key = figure[f"{part}_key"]
                    if key is not None and figure[number] is not None:
                        assert numbers.setdefault(key, figure[number]) == figure[number]
    chosen = random.Random(1).sample(sorted(key for key in numbers if numbers[key]), 60)
    for key in chosen:
        head, services = practice.opened(key)
        times = sum(one["times"] for one in services)
        assert head["count"] == times == numbers[key] == counted_by_hand(practice, key), key
        assert head["projects"] == sum(one["times"] * one["projects"] for one in services)
        places = [(one["hall"], one["day"], one["service"]) for one in services]
        assert places == sorted(set(places))


def test_every_counter_there_is_opens_into_its_list(practice):
    """The units above and all others, `second` and `no-show` too, of which one service may be
    counted twice."""
    practice.give(directory=DIRECTORY, **world(7, 40))
    practice.go("2026-10-20 00:00")
    figure = metadata.tables["figure"]
    with practice.database.read() as connection:
        rows = [row for row in connection.execute(figure.select()) if row.ratings]
    rows = random.Random(1).sample(rows, 120)
    assert {"second", "late", "no-show", "named"} <= {row.what for row in rows}
    assert {"origin", "staff"} <= {row.dim for row in rows}
    for row in rows:
        key = ".".join(
            (row.profile, str(row.span), row.hall, row.dim, row.id or "*", row.mode, row.what)
        )
        head, services = practice.opened(key)
        assert head["count"] == row.ratings == sum(one["times"] for one in services), key


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("qinnan.202609.demo", "seven parts"),
        ("qinnan.202613.demo.hall.*.per_visit.late", "span"),
        ("qinnan.20260230.demo.hall.*.per_visit.late", "span"),
        ("qinnan.20260902-20260901.demo.hall.*.per_visit.late", "span"),
        ("qinnan.0.demo.floor.*.per_visit.late", "dim"),
        ("qinnan.0.demo.hall.w1.per_visit.late", "id"),
        ("qinnan.0.*.staff.0231.per_visit.late", "hall"),
        ("qinnan.0.demo.hall.*.per_hour.late", "modes"),
        ("qinnan.0.demo.hall.*.per_visit.%25", "whats"),
        ("qinnan.0.demo.origin.qr.per_visit.late", "origin"),
        ("qinnan.202609.demo.hour.8-09.per_visit.active-5", "an hour of the week is 1-09"),
        ("qinnan.0.demo.hour.1-09.per_visit.active-5", "at most 366 days"),
        ("qinnan.20240101-20260901.demo.hour.1-09.per_visit.active-5", "at most 366 days"),
        ("qinnan.202609.*.hour.1-09.per_visit.active-5", "hall"),
        ("qinnan.0.demo.hall.*.per_visit.activ-2", "'activ-2'. Did you mean active-2?"),
        ("qinnan.0.demo.hall.*.per_visit.active-6", "nothing is counted as 'active-6'"),
        ("qinan.0.demo.hall.*.per_visit.active-2", "Did you mean qinnan?"),
    ],
)
def test_a_wrong_key_is_told_what_is_wrong(practice, key, told):
    problem = practice.get(f"/v1/figures/{key}/services", status=422)
    assert problem["field"] == "key"
    assert told in problem["detail"]


def test_a_hall_that_is_not_there_is_told_in_a_key_and_in_figures(practice):
    practice.give(directory=DIRECTORY)
    count = "/v1/figures/qinnan.202609.dmo.hall.*.per_visit.active-2/services"
    assert practice.get(count, status=404)["detail"].endswith("Did you mean demo?")
    assert practice.get("/v1/figures", status=404, hall="dmo")["detail"].endswith("mean demo?")
    assert practice.get(count.replace("dmo", "demo"))["count"] == 0
    answer = practice.get("/v1/figures", **{"from": "2026-09-01", "to": "2026-09-30"})
    assert (answer["from"], answer["to"]) == ("2026-09-01", "2026-09-30")


def test_a_key_reads_back_as_it_was_written():
    for key in (
        "qinnan.202609.demo.staff.0231@20260901.per_visit,per_matter.active-5,active-4",
        "qinnan@20220607.202609.demo.hall.*.per_visit.active-5",
        "ezhou-norm.0.*.hall.*.survey.unrated",
        "fujian.20260905.demo.window.w1.per_visit.late",
        "fujian.202609.demo.hour.1-09.per_visit.active-5",
        "fujian.20260905-20261004.demo.window.w1.per_visit.late",
    ):
        assert str(read_key(key)) == key


@pytest.mark.rule("R23")
def test_a_batch_has_one_rating_which_stands_on_each_of_its_projects(practice):
    visit = {
        "hall": "demo",
        "service": "S1",
        "kind": "batch",
        "project_nos": ["P-1", "P-2", "P-3"],
    }
    closed = [{"what": "finished", "at": "2026-09-01 10:00"}]
    visit |= {"opened_at": "2026-09-01 09:00", "progress": closed, "window": "w1"}
    rating = {"id": "R1", "hall": "demo", "service": "S1", "level": 2, "origin": "qr"}
    rating |= {"rated_at": "2026-09-01 10:05", "reasons": [214]}
    practice.give(directory=DIRECTORY, services=[visit], ratings=[rating])
    for number in ("P-1", "P-2", "P-3"):
        (found,) = practice.get(f"/v1/projects/{number}")["services"]
        assert (found["service"], found["projects"], found["state"]) == ("S1", 3, "active")
        assert found["rating"] | {"id": "R1", "level": 2, "reasons": [214]} == found["rating"]
    count = practice.get("/v1/figures/qinnan.0.demo.hall.*.per_visit.active-2/services")
    assert (count["count"], count["projects"]) == (1, 3)
    practice.get("/v1/projects/P-4", status=404)


@pytest.mark.rule("R28", "R82")
def test_a_service_says_which_rating_counts_and_by_which_articles(practice):
    visit = {"hall": "demo", "service": "S1", "window": "w1", "opened_at": "2026-09-29 09:00"}
    visit |= {"progress": [{"what": "finished", "at": "2026-09-29 10:00"}]}
    ratings = [
        {"id": name, "hall": "demo", "service": "S1", "level": level, "rated_at": when}
        for name, level, when in (
            ("late", 5, "2026-10-13 00:00:00"),
            ("counts", 1, "2026-10-12 23:59:59"),
            ("second", 5, "2026-10-12 23:59:59.500"),
        )
    ]
    practice.give(directory=DIRECTORY, services=[visit], ratings=ratings)
    practice.go("2026-11-01 00:00")
    found = practice.get("/v1/services/demo/S1")
    (standing,) = found["standings"]
    assert (standing["state"], standing["rating"]) == ("active", "counts")
    assert standing["roles"] == {"counts": "counts", "second": "second", "late": "second"}
    # 30 September and 8, 9, 10 (worked) and 12 October: the holidays are skipped one by one.
    rate = standing["limits"][0]
    days = {day["day"]: day["counts"] for day in rate["days"]}
    assert [day for day, counts in days.items() if counts] == [
        *("2026-09-30", "2026-10-08", "2026-10-09", "2026-10-10", "2026-10-12")
    ]
    assert days["2026-10-01"] is days["2026-09-29"] is False
    articles = {one["key"]: one for one in standing["articles"]}
    assert articles["time.limit"]["article"] == "第十七条第二款"
    assert articles["levels.good"]["article"] is None
    assert articles["levels.good"]["ours"].startswith("本系统约定")
    assert standing["reason_missing"]
    assert articles["reasons.required"]["article"].startswith("第十八条")


def test_services_are_opened_for_divisions_only(practice):
    practice.give(directory=DIRECTORY, **world(3, 20))
    count = "/v1/figures/qinnan.0.*.hall.*.per_visit,per_matter.waiting/services"
    whole = practice.get(count, scope="services:read:all")
    assert practice.get(count, scope="services:read:45") == whole
    assert practice.get(count, scope="services:read:450702") == whole
    for path in (count, "/v1/services/demo/S0", "/v1/projects/P-1-0"):
        practice.get(path, scope="figures:read", status=403)
        practice.get(path, scope="records:read", status=403)
    elsewhere = {"kind": "region", "id": "650100", "name": "乌鲁木齐", "tier": "prefecture"}
    practice.give(directory=[elsewhere])
    assert practice.get(count, scope="services:read:650100")["count"] == 0
    practice.get("/v1/services/demo/S0", scope="services:read:650100", status=403)
    key = "/v1/figures/qinnan.0.demo.hall.*.per_visit.waiting/services"
    practice.get(key, scope="services:read:650100", status=403)


@pytest.mark.parametrize("scope", ["services:read:demo", "services:read:", "services:read:99"])
def test_no_token_opens_services_of_a_hall(practice, scope):
    practice.give(directory=DIRECTORY)
    with pytest.raises(Exception, match="the directory has no region"):
        practice.headers(scope)


@pytest.mark.rule("R44", "R82", "R97")
def test_policies_are_given_with_the_article_of_every_value(practice):
    answer = practice.get("/v1/policies")
    assert answer["default"] == "qinnan"
    assert {one["profile"] for one in answer["policies"]} >= {
        *("national", "qinnan", "fujian", "ezhou-norm")
    }
    for policy in answer["policies"]:
        for value in policy["values"]:
            assert (value["article"] is None) != (value["ours"] is None), value
    (qinnan,) = [one for one in answer["policies"] if one["profile"] == "qinnan"]
    limit = next(one for one in qinnan["values"] if one["key"] == "time.limit")
    assert limit["value"] == {"n": 5, "unit": "working_days"}
    assert not qinnan["in_use"]
    practice.give(directory=DIRECTORY, **world(1, 3))
    (qinnan,) = [
        one for one in practice.get("/v1/policies")["policies"] if one["profile"] == "qinnan"
    ]
    assert qinnan["in_use"]


@pytest.mark.rule("R46")
def test_two_policies_at_a_window_give_two_sets_of_figures(practice):
    practice.give(directory=DIRECTORY, **world(5))
    practice.go("2026-10-20 00:00")
    window = practice.get("/v1/figures", hall="demo", window="w2")
    first, second = window["sets"]
    assert (first["profile"], second["profile"]) == ("qinnan", "ezhou-norm")
    names = [[one["figure"] for one in found["figures"]] for found in (first, second)]
    assert "middle_rate" in names[1]
    assert "middle_rate" not in names[0]
    defaults = practice.get("/v1/figures/ezhou-norm.0.demo.window.w2.per_visit.default-3/services")
    assert defaults["count"] > 0
    unrated = practice.get("/v1/figures/qinnan.0.demo.window.w2.per_visit.unrated/services")
    assert unrated["count"] > 0


@pytest.mark.rule("R41", "R43")
def test_the_feed_gives_what_was_stored_and_judged_in_order(practice):
    practice.give(directory=DIRECTORY, **world(2))
    practice.go("2026-10-20 00:00")
    items = practice.feed()
    assert [one["n"] for one in items] == sorted({one["n"] for one in items})
    last = {}
    for one in items:
        if one["what"] not in ("remind", "late", "second"):
            last[one["profile"], one["hall"], one["service"]] = one
    seen = set()
    for hall, service in {(key[1], key[2]) for key in last}:
        found = practice.get(f"/v1/services/{hall}/{service}")
        for standing in found["standings"]:
            told = last.get((standing["profile"], hall, service))
            if told is None:
                assert standing["state"] == "waiting"
                continue
            rating = told["rating"] and told["rating"]["id"]
            assert (told["what"], told["level"], rating) == (
                *(standing["state"], standing["level"], standing["rating"]),
            )
            if told["rating"]:
                stored = next(one for one in found["ratings"] if one["id"] == rating)
                assert told["rating"]["codes"] == stored["reasons"]
            seen.add(standing["state"])
    assert seen >= {"active", "unrated", "default", "excluded", "out"}
    # What time alone changed stands in the order of its instants, and since those instants.
    by_time = [one["at_ms"] for one in items if one["what"] in ("unrated", "default", "remind")]
    assert by_time == sorted(by_time)
    assert practice.get("/v1/feed", after=items[-1]["n"]) == {"items": [], "next": items[-1]["n"]}


@pytest.mark.rule("R82", "R83")
def test_the_page_shows_each_figure_with_its_article_or_says_that_it_is_ours(practice):
    practice.give(directory=DIRECTORY, **world(1, 50))
    practice.go("2026-10-20 00:00")
    practice.headers("pages:read")
    token = (practice.folder / "pages-read.token").read_text().strip()
    practice.client.cookies.update(logged_in(practice.centre.site, token))
    for path in ("/?period=all", "/halls/demo?period=all", "/halls/demo/windows/w2?period=all"):
        page = " ".join(practice.client.get(path).text.split())
        assert "未评率" in page
        assert "第二十四条" in page  # 钦南 names its rates there
        assert "本系统约定" in page  # and not which levels are good
        assert "第十四条" in page  # 鄂州 names them, for the window that has its rules, too
        assert "总分" not in page  # no weights were given: no total, no grade
    english = practice.client.get("/halls/demo", headers={"accept-language": "en"}).text
    assert "Unrated rate" in english
    answer = practice.get("/v1/figures", hall="demo")
    (good,) = [
        one
        for one in answer["sets"][0]["figures"]
        if one["figure"] == "active_good_rate" and not one["with_excluded"]
    ]
    page = practice.client.get("/halls/demo?period=all").text
    shown = f"{good['percent']}%" if good["percent"] else f"{good['num']}<span"
    assert shown in page
