"""Two versions of a policy: what the first one judged stays as it was, in figures, lists, previews
and recounts.
"""

import random
import re
from html import unescape
from pathlib import Path

import pytest
from central_hall import logged_in
from empty_file import central_in
from rehearsal_hall import DIRECTORY, Practice
from test_central_judged import pingjia, put_settings
from test_central_tables import LINK, look

import central.rules
from central.ratings.recount import differences
from central.ratings.versions import begin, load_rules

QINNAN = Path(central.rules.__file__).with_name("profiles") / "qinnan" / "2022-06-07.toml"
FIRST = QINNAN.read_text()
SECOND = FIRST.replace("2022-06-07", "2026-10-15").replace("5 = 10,", "5 = 100,")
SECOND = re.sub(r"(?m)^good( +)= \{ value = \[5, 4\]", r"good\1= { value = [5]", SECOND)
SECOND = re.sub(r"(?m)^middle( +)= \{ value = \[3\]", r"middle\1= { value = [4, 3]", SECOND)
WEIGHTS = "total_weights = { value = {"
SECOND = SECOND.replace(WEIGHTS, f"{WEIGHTS} visit_good_rate = 60, unrated_rate = 40 ")
WATCH = 'watch = { value = { levels = [3, 2, 1], share = 10, least = 5 }, article = "三" }\n'
OCTOBER = {"from": "2026-10-01", "to": "2026-10-31"}
EARLY = {"from": "2026-10-01", "to": "2026-10-14"}


def month(count: int = 60) -> dict:
    """Visits of October, each rated; some opened on the last day of the first version and finished
    on the first of the second.
    """
    rng = random.Random(count)
    services, ratings = [], []
    for n in range(count):
        day = 14 if n < 5 else rng.randrange(1, 29)
        over = f"2026-10-15 0{9 - n}:10" if n < 5 else f"2026-10-{day:02d} 10:10"
        services.append(
            {
                **{"hall": "demo", "service": f"S{n}", "window": "w1", "staff_no": "0231"},
                "opened_at": f"2026-10-{day:02d} 10:00",
                "progress": [{"what": what, "at": over} for what in ("closed", "finished")],
            }
        )
        rating = {"id": f"R{n}", "hall": "demo", "service": f"S{n}", "origin": "qr"}
        ratings.append({**rating, "level": rng.choice([5, 4, 4, 3]), "rated_at": over})
    return {"services": services, "ratings": ratings}


def by_hand(facts: dict, days: range) -> tuple[int, int, int]:
    """(good, all, points) of services that count on days of October: each by the version of the
    day on which it was opened.
    """
    good = points = number = 0
    levels = {one["service"]: one["level"] for one in facts["ratings"]}
    for one in facts["services"]:
        if int(one["progress"][1]["at"][8:10]) not in days:
            continue
        is_second = one["opened_at"] >= "2026-10-15"
        level = levels[one["service"]]
        number += 1
        good += level == 5 or (level == 4 and not is_second)
        points += {5: 100 if is_second else 10, 4: 8, 3: 6}[level]
    return good, number, points


def write(folder: Path, name: str, text: str) -> Path:
    (folder / "own" / "town").mkdir(parents=True, exist_ok=True)
    file = folder / "own" / "town" / name
    file.write_text(text)
    return file


@pytest.fixture
def facts():
    return month()


@pytest.fixture
def town(tmp_path, facts):
    """A rehearsal that lived through October under both versions; the second came on the 14th."""
    write(tmp_path, "2022-06-07.toml", FIRST)
    put_settings(tmp_path, 'profile = "town"\nprofiles = "own"\n')
    practice = Practice(tmp_path, load_rules("town", tmp_path / "own"))
    practice.give(directory=[row for row in DIRECTORY if "profiles" not in row], **facts)
    practice.go("2026-10-14 18:00")
    practice.close()
    write(tmp_path, "2026-10-15.toml", SECOND)
    practice = restarted(tmp_path, practice)
    practice.go("2026-11-20 00:00")
    yield practice
    practice.close()


def restarted(folder: Path, practice: Practice) -> Practice:
    """The same rehearsal with the rules that stand there now, begun as a start begins it."""
    database = central_in(folder)
    rules = load_rules("town", folder / "own")
    begin(database, rules, practice.clock.now_ms())
    again = Practice(folder, rules, "2026-10-14 18:00", database)
    again._headers = practice._headers
    return again


def told(practice: Practice, **query) -> tuple[dict, dict[str, dict]]:
    """(the answer, its figures by name) of the hall."""
    answer = practice.get("/v1/figures", hall="demo", **query)
    (one,) = answer["sets"]
    return answer, {each["figure"]: each for each in one["figures"] if not each["with_excluded"]}


@pytest.mark.rule("R112", "R45")
def test_what_an_earlier_version_judged_counts_by_it(town, facts):
    answer, figures = told(town, **EARLY)
    good, number, points = by_hand(facts, range(1, 15))
    assert (figures["active_good_rate"]["num"], figures["active_good_rate"]["den"]) == (
        good,
        number,
    )
    assert (figures["score"]["sum"], figures["score"]["n"]) == (points, number)
    assert answer["whole"]["good"] == good
    assert answer["good_levels"] == [5, 4]
    assert answer["sets"][0]["valid_from"] == "2022-06-07"
    assert answer["sets"][0]["versions"] == []
    wrong = by_hand(facts, range(1, 15))[0] - sum(one["level"] == 4 for one in facts["ratings"])
    assert wrong != good, "the control: by the second version it would be another figure"


@pytest.mark.rule("R112")
def test_a_table_adds_up_what_each_version_judged_and_each_count_is_its_list(town, facts):
    query = {"period": "2026-10", "profile": "town"}
    answer = town.get("/v1/tables/rates/staff", scope="figures:read", **query)
    (row,) = answer["rows"]
    good, number, points = by_hand(facts, range(1, 32))
    rate, score = row["cells"]["active_good_rate"], row["cells"]["score"]
    assert (rate["value"]["num"], rate["value"]["den"]) == (good, number)
    assert (score["value"]["sum"], score["value"]["n"]) == (points, number)
    for key, count in ((rate["num_key"], good), (rate["den_key"], number)):
        opened, listed = town.opened(key)
        assert opened["count"] == sum(one["times"] for one in listed) == count
    assert "@20220607," in rate["num_key"], "no one list of levels is good: each bears its version"
    early = town.get("/v1/tables/rates/staff", scope="figures:read", profile="town", **EARLY)
    before = early["rows"][0]["cells"]["active_good_rate"]["value"]
    assert (before["num"], before["den"]) == by_hand(facts, range(1, 15))[:2]
    ranks = town.get("/v1/tables/ranking/staff", scope="figures:read", **query)
    assert ranks["rows"][0]["cells"]["active_good_rate"]["value"]["num"] == good
    pages = ["/units/staff/demo/0231", "/tables/rates/hall", "/tables/reasons/staff"]
    counts = {}
    for path in [f"{one}?period=2026-10&profile=town" for one in pages]:
        page = look(town, path, "pages:read", "supervisor:all")
        counts |= {unescape(key): int(n) for key, n in LINK.findall(page)}
    assert {key.split(".")[0] for key in counts} == {"town", "town@20220607", "town@20261015"}
    for key, n in counts.items():
        assert town.get(f"/v1/figures/{key}/services", limit=1000)["count"] == n, key


@pytest.mark.rule("R83")
def test_a_total_is_of_the_rates_with_weights_and_of_none_without(town, facts):
    """钦南 第二十四条 names rates and no weight: only the second version has any, of its own."""
    answer, _ = told(town, **OCTOBER)
    good, number, _ = by_hand(facts, range(1, 32))
    hundredths = (60 * good + 40 * number) * 100 // number  # all are rated: none unrated
    percent = f"{hundredths // 100}.{hundredths % 100:02d}"
    weights = {"visit_good_rate": 60, "unrated_rate": 40}
    assert answer["sets"][0]["total"] == {"percent": percent, "weights": weights, "lacking": []}
    assert told(town, **EARLY)[0]["sets"][0]["total"] is None
    page = look(town, "/units/hall/demo?period=2026-10&profile=town", "pages:read")
    assert percent in page
    assert "一次一评好评率 × 60% + 未评率 × 40%" in page
    nobody = told(town, **{"from": "2026-11-19", "to": "2026-11-19"})[0]["sets"][0]["total"]
    assert (nobody["percent"], nobody["lacking"]) == (None, [*weights])


@pytest.mark.rule("R112")
def test_a_period_over_two_versions_adds_up_what_each_judged(town, facts):
    answer, figures = told(town, **OCTOBER)
    good, number, points = by_hand(facts, range(1, 32))
    rate, score = figures["active_good_rate"], figures["score"]
    assert (rate["num"], rate["den"]) == (good, number)
    assert (score["sum"], score["n"]) == (points, number)
    assert answer["whole"]["good"] == good
    assert sum(one["good"] for one in answer["parts"]) == good
    second, first = answer["sets"][0]["versions"]
    assert (first["valid_from"], first["valid_to"]) == ("2022-06-07", "2026-10-14")
    assert (second["valid_from"], second["valid_to"]) == ("2026-10-15", None)
    head, services = town.opened(rate["num_key"])  # each version's own list of levels
    assert head["count"] == len(services) == good
    counted = 0
    for version in (first, second):
        named = {one["figure"]: one for one in version["figures"] if not one["with_excluded"]}
        for part in ("num", "den"):
            head, services = town.opened(named["active_good_rate"][f"{part}_key"])
            assert head["count"] == len(services) == named["active_good_rate"][part]
        counted += head["count"]
        score_head, _ = town.opened(named["score"]["den_key"])
        assert score_head["count"] == named["score"]["n"]
    assert counted == number
    # Five were opened on the last day of the first version, and count on a day of the second.
    late = told(town, **{"from": "2026-10-15", "to": "2026-10-15"})[0]["sets"][0]["versions"]
    assert [one["valid_from"] for one in late][-1] == "2022-06-07"


@pytest.mark.rule("R112", "R40")
def test_a_recount_over_two_versions_finds_nothing_and_the_page_names_both(town):
    with town.database.read() as connection:
        assert list(differences(connection, town.centre.judge)) == []
    town.headers("pages:read")
    token = (town.folder / "pages-read.token").read_text().strip()
    town.client.cookies.update(logged_in(town.centre.site, token))
    page = town.client.get("/halls/demo?period=all")
    assert "其中按 2022-06-07 起的版本评判的服务" in page.text
    assert "其中按 2026-10-15 起的版本评判的服务" in page.text


@pytest.mark.rule("R45", "R112")
def test_a_new_version_from_a_past_day_is_refused_until_it_is_accepted(town, tmp_path, facts):
    before = told(town, **EARLY)[1]
    town.close()
    write(tmp_path, "2026-10-05.toml", SECOND.replace("2026-10-15", "2026-10-05"))
    rules = load_rules("town", tmp_path / "own")
    for refused in (pingjia(tmp_path, "recount"), pingjia(tmp_path, "rehearse")):
        assert refused.returncode == 1
        assert "2026-10-05.toml: this version of town is new, and" in refused.stderr
        assert "policy accept town" in refused.stderr
    accepted = pingjia(tmp_path, "policy", "accept", "town")
    assert accepted.returncode == 0, accepted.stderr
    assert "accepted the version of town from 2026-10-05" in accepted.stdout
    database = central_in(tmp_path)
    begin(database, rules, 0)
    again = Practice(tmp_path, rules, "2026-11-20 00:00", database)
    again._headers = town._headers
    again.go("2026-11-20 00:01")
    assert told(again, **EARLY)[1] != before
    again.close()


def test_a_new_version_from_a_day_to_come_needs_nobody(town, tmp_path):
    town.close()
    write(tmp_path, "2027-01-01.toml", SECOND.replace("2026-10-15", "2027-01-01"))
    assert "accept" not in pingjia(tmp_path, "recount").stderr


@pytest.mark.rule("R97")
def test_details_of_a_place_that_judged_nothing_there_need_nobody(town, tmp_path):
    """The hall `other` had no service; `demo` had, and the same file for it is refused."""
    town.close()
    details = 'extends = "town"\nsource = "细则"\n[figures]\n'
    details += (
        'watch = { value = { levels = [3, 2, 1], share = 10, least = 5 }, article = "三" }\n'
    )
    (tmp_path / "details").mkdir()
    put_settings_with_details(tmp_path)
    file = tmp_path / "details" / "2026-10-02.other.toml"
    file.write_text(details)
    assert "accept" not in pingjia(tmp_path, "recount").stderr
    file.rename(tmp_path / "details" / "2026-10-02.demo.toml")
    refused = pingjia(tmp_path, "recount")
    assert refused.returncode == 1
    assert "this version of town for demo is new" in refused.stderr


def put_settings_with_details(folder: Path) -> None:
    (folder / "central.toml").write_text(
        'profile = "town"\nprofiles = "own"\noverrides = "details"\n'
    )


@pytest.mark.rule("R97")
def test_details_are_checked_with_the_settings_of_a_centre_and_tried_on_their_place(
    town, tmp_path
):
    details = (tmp_path / "drafts", 'extends = "town"\nsource = "细则"\n[figures]\n')
    text = details[1] + WATCH
    details[0].mkdir()
    for place, services in (("other", "0 services in force, 0"), ("demo", "60 services in force")):
        file = details[0] / f"2026-10-02.{place}.toml"
        file.write_text(text)
        assert pingjia(tmp_path, "policy", "check", file).returncode == 0
        tried = pingjia(tmp_path, "policy", "preview", file, "--month", "2026-10")
        assert f"2026-10: {services}" in tried.stdout, tried.stderr
    file = details[0] / "2026-10-02.demi.toml"
    file.write_text(text)
    for command in (("check", file), ("preview", file, "--month", "2026-10")):
        refused = pingjia(tmp_path, "policy", *command)
        assert refused.returncode == 1
        assert "no hall and no region demi. Did you mean demo?" in refused.stderr
    assert "2026-10-15.toml" in pingjia(tmp_path, "policy", "list").stdout


def test_a_preview_says_of_what_is_in_force_what_the_api_says(town, tmp_path):
    draft = tmp_path / "drafts" / "town" / "2026-12-01.toml"
    draft.parent.mkdir(parents=True)
    draft.write_text(SECOND.replace("2026-10-15", "2026-12-01"))
    tried = pingjia(tmp_path, "policy", "preview", draft, "--month", "2026-10").stdout
    figures = told(town, **OCTOBER)[1]
    good, score = figures["active_good_rate"], figures["score"]
    assert f"    {good['num']}/{good['den']} =" in tried
    assert f"    {score['sum']}/{score['n']} =" in tried
    assert tried.count("in force: ") == 2
