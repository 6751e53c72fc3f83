"""Cases as the centre opens and keeps them: from a rating to its end, in a rehearsal's clock."""

import json
import re

import pytest
from rehearsal_hall import DIRECTORY, Practice
from rules_parts import at

from central.ratings.casebook import fold
from central.ratings.recount import differences, recount
from central.rules.cases.samples import sample
from central.store.cases import cases, steps
from central.store.judged import standings

OFFICE, FIRE = "cases:institution:office", "cases:institution:fire-station"
REGION, ALL = "cases:region:450702", "cases"


def visit(name: str, day: str, level: int, id: str, window="w1", **more):
    """A visit that was finished and rated on a day, at nine and half past."""
    service = {"hall": "demo", "service": name, "window": window, "opened_at": f"{day} 09:00"}
    service |= {"progress": [{"what": "finished", "at": f"{day} 09:10"}], "staff_no": "0231"}
    rated = {"id": id, "hall": "demo", "service": name, "level": level, "window": window}
    return service, rated | {"rated_at": f"{day} 09:30:17", "reasons": [214]} | more


def give(practice: Practice, *told) -> None:
    services = {one["service"]: one for one, _ in told}
    practice.give(services=list(services.values()), ratings=[one for _, one in told])


@pytest.fixture
def practice(tmp_path, request):
    profile = getattr(request, "param", "ezhou-norm")
    made = Practice(tmp_path, profile, begin="2026-09-01 00:00")
    made.give(directory=DIRECTORY)
    yield made
    made.close()


def board(practice: Practice, scope=ALL, **query) -> dict:
    return practice.get("/v1/cases", scope, **query)


def only(practice: Practice, scope=ALL) -> dict:
    (found,) = board(practice, scope)["cases"]
    return practice.get(f"/v1/cases/{found['no']}", scope)


def take(practice: Practice, no: str, scope: str, status=201, key: str | None = None, **step):
    headers = practice.headers(scope) | ({"Idempotency-Key": key} if key else {})
    answer = practice.client.post(f"/v1/cases/{no}/steps", json=step, headers=headers)
    assert answer.status_code == status, answer.text
    return answer.json()


def stored(practice: Practice) -> list:
    with practice.database.read() as connection:
        return cases.page(connection, "", 1000)


def test_every_bad_rating_opens_one_case_whatever_counts(practice):
    """Late and second ones too (DOMAIN decision 14), told again and in any order."""
    good = visit("S1", "2026-09-01", 5, "a")
    second = (
        {**good[0]},
        {**visit("S1", "2026-09-01", 1, "b")[1], "rated_at": "2026-09-01 10:00"},
    )
    late = visit("S2", "2026-09-01", 2, "c", received_at="2026-09-20 09:00")
    late[1]["rated_at"] = "2026-09-20 09:00"
    practice.go("2026-09-21 00:00")
    void = visit("S3", "2026-09-01", 1, "d", void="pending_enrolment")
    for told in ([second], [late, good], [second, late, void]):
        give(practice, *told)
    found = {row.rating: row.received_ms for row in stored(practice)}
    assert found == {"b": at("2026-09-01 10:00"), "c": at("2026-09-20 09:00")}
    practice.give(services=[void[0]])
    assert len(stored(practice)) == 2


def test_a_case_of_what_the_directory_says_later_is_told_so_until_somebody_takes_a_step(tmp_path):
    practice = Practice(tmp_path, "ezhou-norm", begin="2026-09-01 00:00")
    give(practice, visit("S1", "2026-09-01", 1, "a"))
    (row,) = stored(practice)
    assert (row.institution, row.region, row.state) == (None, None, "new")
    practice.give(directory=DIRECTORY)
    give(practice, visit("S1", "2026-09-01", 1, "a"))
    (told,) = stored(practice)
    assert (told.no, told.institution, told.region) == (row.no, "office", "450702")
    assert (told.institution_now, told.state) == ("office", "handling")
    practice.go("2026-09-01 10:00")
    take(practice, told.no, OFFICE, what="contacted")
    practice.give(directory=[{**DIRECTORY[5], "institution": "fire-station"}])
    give(practice, visit("S1", "2026-09-01", 1, "a"))
    (again,) = stored(practice)
    assert again.institution == "office"
    practice.close()


@pytest.mark.rule("R72")
@pytest.mark.rule("R73")
@pytest.mark.rule("R75")
def test_a_bad_rating_is_followed_to_the_citizens_satisfied(practice):
    practice.go("2026-09-03 09:40")
    give(practice, visit("S1", "2026-09-03", 1, "a"))
    found = only(practice, OFFICE)
    assert (found["state_zh"], found["reasons"], found["received"]) == (
        "办理中",
        [214],
        "2026-09-03",
    )
    assert found["left"] == ["contacted", "rectified", "replied"]
    assert found["until"] == {"day": "2026-09-05", "half": "am"}  # 48 hours, by half days
    no = found["no"]
    practice.go("2026-09-04 15:00")
    take(practice, no, OFFICE, what="contacted", at="2026-09-04 10:00")
    answer = take(practice, no, OFFICE, 409, what="called_back")
    assert "a call before it is contacted" in answer["detail"]
    take(practice, no, OFFICE, what="verified_true", text="材料样本确未提供")
    take(practice, no, OFFICE, what="rectified", text="已提供样本", key="k1")
    take(practice, no, OFFICE, what="rectified", text="已提供样本", key="k1")  # sent again
    take(practice, no, OFFICE, what="replied", text="已电话答复")
    take(practice, no, OFFICE, what="called_back")
    take(practice, no, OFFICE, what="satisfied")
    done = take(practice, no, OFFICE, what="closed")
    assert (done["state"], done["left"], done["until"]) == ("closed", [], None)
    assert [one["what"] for one in done["steps"]] == [
        *("contacted", "verified_true", "rectified", "replied", "called_back"),
        *("satisfied", "closed"),
    ]
    assert board(practice)["counts"] == {"open": 0, "over": 0, "today": 0, "week": 0}
    practice.go("2026-09-20 00:00")
    assert practice.get(f"/v1/cases/{no}", OFFICE)["tier"] == 0


@pytest.mark.rule("R72")
def test_what_is_overdue_goes_up_a_tier_by_itself_once_for_each_limit(practice):
    practice.go("2026-09-03 09:40")
    give(practice, visit("S1", "2026-09-03", 1, "a"))
    # 48 hours: to half past nine of the 5th, and to its noon for whoever may not know the hour.
    assert practice.go("2026-09-05 11:59:59")["steps"] == 0
    assert only(practice)["tier"] == 0
    practice.go("2026-09-05 12:00")
    found = only(practice)
    assert (found["tier"], found["is_over"]) == (1, True)
    (step,) = found["steps"]
    assert (step["what"], step["by"], step["to"], step["text"]) == (
        "urged",
        "centre",
        "450000",
        "逾期：回访核实",
    )
    practice.go("2026-10-01 00:00")
    found = only(practice)
    assert (found["tier"], [one["of"] for one in found["steps"]]) == (
        2,
        ["contacted", "rectified"],
    )
    assert [one["on"] for one in found["steps"]] == ["2026-09-05", "2026-09-09"]
    assert board(practice, due="over")["counts"] == {"open": 1, "over": 1, "today": 0, "week": 0}


@pytest.mark.rule("R59")
def test_what_two_accounts_exclude_counts_no_more_and_restored_counts_again(practice):
    practice.go("2026-09-03 09:40")
    give(practice, visit("S1", "2026-09-03", 1, "a"))
    no = only(practice)["no"]

    def state() -> str:
        with practice.database.read() as connection:
            key = ("ezhou-norm", "demo", "S1")
            practice.centre.judge.settle_all()
            return standings.of(connection, ["ezhou-norm"], [("demo", "S1")])[key].state

    step = take(practice, no, REGION, what="malicious", text="多次恶意评价")["steps"][-1]
    practice.centre.judge.settle_all()
    assert state() == "active"
    alone = take(practice, no, REGION, 409, what="confirmed", about=step["id"])
    assert "another one than the first" in alone["detail"]
    take(practice, no, OFFICE, 409, what="confirmed", about=step["id"])
    found = take(practice, no, ALL, what="confirmed", about=step["id"])
    assert (found["excluded"], found["left"], found["owed"]) == ("malicious", [], ["reported"])
    practice.centre.judge.settle_all()
    assert state() == "excluded"
    step = take(practice, no, ALL, what="restored", text="复核后恢复")["steps"][-1]
    take(practice, no, REGION, what="confirmed", about=step["id"])
    practice.centre.judge.settle_all()
    assert state() == "active"


@pytest.mark.parametrize("practice", ["fujian"], indirect=True)
@pytest.mark.rule("R77")
def test_an_appeal_is_released_filed_and_upheld(practice):
    practice.go("2026-09-03 09:40")
    give(practice, visit("S1", "2026-09-03", 1, "a"))
    no = only(practice)["no"]
    assert (
        "by an appeal only" in take(practice, no, REGION, 409, what="mistaken", text="x")["detail"]
    )
    take(practice, no, OFFICE, 409, what="appeal_filed", text="x")
    practice.go("2026-09-14 10:00")
    found = take(practice, no, REGION, what="released", text="反映态度生硬")
    # 15 to 18, 20 (Sunday, made up), 21, 22 September.
    (limit,) = found["limits"]
    assert (limit["step"], limit["until"]["day"]) == ("appeal_filed", "2026-09-22")
    take(practice, no, OFFICE, what="appeal_filed", text="监控显示并非本窗口")
    step = take(practice, no, REGION, what="appeal_upheld", of="mistaken", text="票号不符")[
        "steps"
    ][-1]
    found = take(practice, no, ALL, what="confirmed", about=step["id"])
    assert (found["appeal"], found["excluded"], found["left"]) == ("upheld", "mistaken", [])
    practice.centre.judge.settle_all()
    take(practice, no, OFFICE, what="closed")


def test_a_case_under_two_policies_is_one_with_limits_of_both(practice):
    practice.go("2026-09-03 09:40")
    two = next(one for one in DIRECTORY if len(one.get("profiles", [])) == 2)
    give(practice, visit("S2", "2026-09-03", 1, "b", window=two["id"].partition("/")[2]))
    row = next(row for row in stored(practice) if row.rating == "b")
    assert [one[0] for one in json.loads(row.policies)] == ["qinnan", "ezhou-norm"]


@pytest.mark.rule("R50")
def test_a_wish_at_any_level_opens_a_case_or_joins_the_one_there_is(practice):
    practice.go("2026-09-03 09:40")
    give(practice, visit("S1", "2026-09-03", 5, "good"), visit("S2", "2026-09-03", 1, "bad"))
    body = {"kind": "rating", "rating": "good", "has_contact": True, "text": "请问样本在哪"}
    found = practice.post("/v1/cases", body, REGION)
    assert (found["left"], found["limits"], found["is_asked"]) == (["replied"], [], True)
    bad = next(row for row in stored(practice) if row.rating == "bad")
    joined = practice.post("/v1/cases", body | {"rating": "bad"}, REGION)
    assert (joined["no"], joined["has_contact"]) == (bad.no, True)
    assert joined["left"] == ["contacted", "rectified", "replied"]
    practice.post("/v1/cases", body | {"rating": "none"}, REGION, 404)
    practice.post("/v1/cases", body, OFFICE, 403)


@pytest.mark.parametrize("practice", ["qinnan"], indirect=True)
@pytest.mark.rule("R78")
@pytest.mark.rule("R99")
@pytest.mark.rule("R110")
def test_complaints_and_low_ranks_have_cases_and_one_reply_serves_joined_ones(practice):
    practice.go("2026-09-03 09:40")
    give(practice, visit("S1", "2026-09-03", 1, "a"))
    rated = only(practice)
    told = {"kind": "complaint", "hall": "demo", "window": "w1", "text": "态度生硬"}
    headers = practice.headers(REGION) | {"Idempotency-Key": "c1"}
    twice = [practice.client.post("/v1/cases", json=told, headers=headers).json() for _ in (1, 2)]
    assert twice[0]["no"] == twice[1]["no"]
    complaint = twice[0]
    ends = {one["step"]: one["until"]["day"] for one in complaint["limits"]}
    assert ends == dict.fromkeys(("accepted", "evidence", "replied"), "2026-09-08")
    no = complaint["no"]
    take(practice, no, REGION, 409, what="joined", to="0000000000")
    take(practice, no, REGION, what="joined", to=rated["no"])
    answer = take(practice, no, OFFICE, 409, what="replied", text="x")
    assert f"joined to {rated['no']}" in answer["detail"]
    take(practice, rated["no"], OFFICE, what="replied", text="已答复")
    assert practice.get(f"/v1/cases/{no}", OFFICE)["left"] == []
    low = {"kind": "object", "hall": "demo", "about": "staff demo/0231", "due_day": "2026-09-30"}
    found = practice.post("/v1/cases", low, REGION)
    assert (found["left"], found["until"]["day"]) == (["measures", "rectified"], "2026-09-30")
    practice.post("/v1/cases", {**low, "due_day": None}, REGION, 422)
    practice.post("/v1/cases", {**told, "hall": None}, REGION, 422)


def test_what_an_officer_sees_has_no_rater_no_device_and_no_hour(practice):
    practice.go("2026-09-03 09:40")
    device = visit("S1SECRET", "2026-09-03", 1, "xj-0417.29333341.0000000011")
    device[0]["participant"] = "450702199001011234"
    give(practice, device)
    no = only(practice, OFFICE)["no"]
    take(practice, no, OFFICE, what="contacted", at="2026-09-03 09:35:44")
    # Nor does it tell by what it refuses: an hour before the rating is as good as one after.
    take(practice, no, OFFICE, what="attempted", at="2026-09-03 09:00")
    take(practice, no, OFFICE, 409, what="attempted", at="2026-09-02 23:59")
    with practice.database.read() as connection:
        told = steps.of(connection, [no])[no]
    assert min(one.at_ms for one in told) == at("2026-09-03 09:30:17")
    headers = practice.headers(OFFICE)
    for path in ("/v1/cases", f"/v1/cases/{no}"):
        answer = practice.client.get(path, headers=headers)
        body = answer.text
        for secret in ("xj-0417", "29333341", "S1SECRET", "4507021990", "0231", "09:3", "09:4"):
            assert secret not in body, (path, secret)
        assert not re.search(r"\d{2}:\d{2}", body), path
        assert "etag" not in answer.headers
        numbers = {int(one) for one in re.findall(r"\d{10,}", body)}
        first, last = at("2026-09-03 00:00"), at("2026-09-04 00:00")
        assert not [
            one for one in numbers if first < one < last and one % 43_200_000 != 14_400_000
        ]


def test_who_may_not_see_a_case_is_not_told_that_there_is_one(practice):
    practice.go("2026-09-03 09:40")
    give(practice, visit("S1", "2026-09-03", 1, "a"))
    no = only(practice)["no"]
    assert board(practice, FIRE)["cases"] == []
    assert practice.get(f"/v1/cases/{no}", FIRE, 404)["detail"] == "no such case"
    assert practice.get("/v1/cases/0000000000", FIRE, 404)["detail"] == "no such case"
    take(practice, no, FIRE, 404, what="contacted")
    practice.get("/v1/cases", "figures:read", 403)
    assert only(practice, REGION)["no"] == no
    # Assigned elsewhere it is the other institution's.
    take(practice, no, REGION, what="assigned", to="fire-station")
    assert practice.get(f"/v1/cases/{no}", OFFICE, 404)
    assert only(practice, FIRE)["institution"] == {"id": "fire-station", "name": "消防站"}


def test_the_board_goes_by_the_limit_that_ends_first(practice):
    for n, day in enumerate(("03", "04", "07", "08", "09"), 1):
        practice.go(f"2026-09-{day} 09:40")
        give(practice, visit(f"S{n}", f"2026-09-{day}", 1, f"r{n}"))
    practice.go("2026-09-09 10:00")
    whole = board(practice)
    assert whole["counts"] == {"open": 5, "over": 2, "today": 1, "week": 3}
    days = [one["until"]["day"] for one in whole["cases"]]
    assert days == sorted(days)
    paged, after = [], ""
    while after is not None:
        page = board(practice, limit=2, after=after)
        paged += [one["no"] for one in page["cases"]]
        after = page["next"]
    assert paged == [one["no"] for one in whole["cases"]]
    assert len(board(practice, due="over")["cases"]) == 2
    assert len(board(practice, due="week")["cases"]) == 3
    assert len(board(practice, due="today")["cases"]) == 1
    practice.get("/v1/cases", ALL, 422, after="x")


def test_cases_stand_folded_as_their_steps_say(practice):
    """What is stored decides nothing: folded again, it is the same."""
    for n, day in enumerate(("03", "04"), 1):
        practice.go(f"2026-09-{day} 09:40")
        give(practice, visit(f"S{n}", f"2026-09-{day}", 1, f"r{n}"))
    no = stored(practice)[0].no
    take(practice, no, REGION, what="classified", of="complex")
    practice.go("2026-09-12 00:00")
    rows = stored(practice)
    assert {row.complexity for row in rows} == {None, "complex"}
    with practice.database.read() as connection:
        told = steps.of(connection, [row.no for row in rows])
    rules = practice.centre.judge.rules
    for row in rows:
        _, value = fold(row, told[row.no], rules, practice.clock.now_ms())
        assert cases.folded(row, value) == row
    # Other rules, another calendar: folded again at the next look.
    with practice.database.write() as connection:
        standings.note(connection, cases_by="other")
        connection.exec_driver_sql("UPDATE rating_case SET state = 'new', shown_ms = 1")
    practice.centre.deadlines.settle_all()
    assert stored(practice) == rows


@pytest.mark.parametrize("practice", ["qinnan"], indirect=True)
@pytest.mark.rule("R75")
def test_the_rates_of_a_period_are_over_all_and_over_what_is_settled(practice):
    practice.go("2026-09-03 09:40")
    give(practice, *(visit(f"S{n}", "2026-09-03", 1, f"r{n}", named=n < 2) for n in range(3)))
    give(practice, visit("S0", "2026-09-03", 2, "second", rated_at="2026-09-03 09:35"))
    for row in stored(practice):
        if row.rating in ("r0", "second"):
            for what in ("replied", "rectified", "called_back"):
                take(practice, row.no, OFFICE, what=what, text="x")
    days = {"from": "2026-09-03", "to": "2026-09-03"}
    (found,) = practice.get("/v1/cases/rates", ALL, **days)["profiles"]
    told = {one["rate"]: (one["num"], one["den"], one["waiting"]) for one in found["rates"]}
    assert told == {
        "bad_reply_rate": (1, 3, 2),
        "bad_fix_rate": (1, 3, 2),
        "named_fix_rate": (1, 2, 1),
        "fix_satisfied_rate": (0, 1, 1),
    }
    assert (found["beside"], found["rates"][0]["target"]) == ({"second": 1}, 100)
    assert practice.get("/v1/cases/rates", FIRE, **days)["profiles"] == []
    practice.get("/v1/cases/rates", ALL, 422, **{"from": "2026-09-04", "to": "2026-09-03"})


@pytest.mark.rule("R57")
@pytest.mark.rule("R103")
def test_a_spot_check_is_drawn_by_a_seed_that_is_kept(practice):
    practice.go("2026-09-03 09:40")
    give(practice, *(visit(f"S{n}", "2026-09-03", 1, f"r{n}") for n in range(30)))
    days = {"first": "2026-09-01", "last": "2026-09-03", "percent": 10}
    practice.post("/v1/cases/samples", days, REGION, 422)  # the day is not over
    practice.go("2026-09-04 09:00")
    made = practice.post("/v1/cases/samples", days, REGION)
    assert (made["of"], len(made["drawn"]), made["is_same"]) == (30, 3, True)
    again = sample([row.no for row in stored(practice)], made["seed"], 10)
    assert [*again.drawn] == made["drawn"]
    other = practice.post("/v1/cases/samples", days, REGION)
    assert other["seed"] != made["seed"]
    assert practice.get("/v1/cases/samples", ALL)["samples"] == []
    practice.get("/v1/cases/samples", OFFICE, 403)
    with practice.database.write() as connection:
        connection.exec_driver_sql("DELETE FROM rating_case WHERE rating = 'r7'")
    listed = practice.get("/v1/cases/samples", REGION)["samples"]
    assert [one["is_same"] for one in listed] == [False, False]


def test_ratings_of_before_there_were_cases_have_none(practice):
    with practice.database.write() as connection:
        standings.note(connection, cases_since_ms=at("2026-09-03 00:00"))
    practice.go("2026-09-05 00:00")
    give(practice, visit("S1", "2026-09-02", 1, "old"), visit("S2", "2026-09-03", 1, "new"))
    assert [row.rating for row in stored(practice)] == ["new"]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("UPDATE judge SET turn = turn", set()),  # the control
        ("DELETE FROM rating_case WHERE rating = 'r1'", {"case_missing"}),
        ("UPDATE rating_case SET state = 'closed', is_open = false", {"case_differs"}),
        ("UPDATE rating_case SET received_ms = received_ms + 86400000", {"case_differs"}),
        ("DELETE FROM case_step", {"case_differs"}),
        ("UPDATE case_step SET what = 'replied' WHERE what = 'contacted'", {"case_differs"}),
    ],
)
def test_verify_finds_a_case_that_is_gone_or_otherwise(practice, change, found):
    for n, day in enumerate(("03", "04"), 1):
        practice.go(f"2026-09-{day} 09:40")
        give(practice, visit(f"S{n}", f"2026-09-{day}", 1, f"r{n}"))
    for row in stored(practice):
        take(practice, row.no, OFFICE, what="contacted")
    practice.go("2026-09-05 00:00")
    with practice.database.write() as connection:
        connection.exec_driver_sql(change)
    with practice.database.read() as connection:
        told = {name for name, *_ in differences(connection, practice.centre.judge)}
    assert told == found
    if found == {"case_missing"}:
        recount(practice.database, practice.centre.judge, lambda hall: None)
        assert {row.rating for row in stored(practice)} == {"r1", "r2"}
