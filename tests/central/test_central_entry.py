"""Services and progress told by business systems: once, in any order, and by whom."""

import itertools

import pytest
from central_hall import bearer
from rehearsal_hall import DIRECTORY, Practice

from central.keys import Participants
from central.ratings.entry import completion_of
from central.ratings.recount import differences

VISIT = {"hall": "demo", "service": "S1", "window": "w1", "opened_at": "2026-09-01 09:00"}


@pytest.fixture
def practice(tmp_path):
    made = Practice(tmp_path)
    made.give(directory=DIRECTORY)
    yield made
    made.close()


def stored(practice, table="service"):
    with practice.database.read() as connection:
        return [
            dict(row) for row in connection.exec_driver_sql(f"SELECT * FROM {table}").mappings()
        ]


def standing(practice, service, hall="demo") -> dict:
    practice.centre.judge.settle_all()
    return practice.get(f"/v1/services/{hall}/{service}")["standings"][0]


def test_told_again_it_is_nothing_new_and_otherwise_it_is_refused(practice):
    body = VISIT | {"progress": [{"what": "accepted", "at": "2026-09-01 09:01"}]}
    assert practice.post("/v1/services", body)["is_new"] is True
    before = stored(practice), stored(practice, "progress")
    assert practice.post("/v1/services", body, status=200)["is_new"] is False
    for other in ({"window": "w2"}, {"due_day": "2026-09-08"}, {"kind": "agent"}):
        problem = practice.post("/v1/services", body | other, status=409)
        assert "what came first stays" in problem["detail"]
    moved = body | {"progress": [{"what": "accepted", "at": "2026-09-01 09:02"}]}
    assert "accepted" in practice.post("/v1/services", moved, status=409)["detail"]
    assert (stored(practice), stored(practice, "progress")) == before


def test_a_window_and_staff_that_the_directory_has_not_are_taken_and_named(practice):
    body = VISIT | {"window": "w9", "staff_no": "9999"}
    assert practice.post("/v1/services", body)["unknown"] == ["window", "staff_no"]
    assert stored(practice)[0]["window"] == "w9"
    known = VISIT | {"service": "S2", "staff_no": "0231"}
    assert practice.post("/v1/services", known)["unknown"] == []
    practice.give(directory=[{"kind": "window", "id": "demo/w9", "name": "9号窗口"}])
    assert practice.post("/v1/services", body, status=200)["unknown"] == ["staff_no"]


def test_progress_keeps_its_first_instant(practice):
    practice.post("/v1/services", VISIT)
    more = {"hall": "demo", "progress": [{"what": "finished", "at": "2026-09-01 10:00"}]}
    for _ in range(2):
        practice.post("/v1/services/S1/progress", more, status=200)
    other = {"hall": "demo", "progress": [{"what": "finished", "at": 1788228000001}]}
    practice.post("/v1/services/S1/progress", other, status=409)
    assert practice.post("/v1/services/S9/progress", more, status=404)["detail"].startswith(
        "demo has no service S9: tell of it by POST /v1/services first"
    )
    assert [one["finished_at_ms"] for one in stored(practice)] == [1788228000000]


@pytest.mark.rule("R13")
@pytest.mark.parametrize(
    ("channel", "mode"),
    [
        ("window", "per_visit"),
        ("on_site", "per_visit"),
        ("web", "per_matter"),
        ("app", "per_matter"),
    ]
    + [("self_service", "per_matter"), ("phone", "per_matter")],
)
def test_the_channel_says_what_one_rating_is_of(practice, channel, mode):
    practice.post("/v1/services", {"hall": "xjzwfw", "service": "W1", "channel": channel})
    assert stored(practice)[0]["mode"] == mode


@pytest.mark.rule("R21")
@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_completion_of_a_project_finishes_its_visit_in_any_order(practice, order):
    """钦南 第十七条: the limit runs from the completion; one subject, whatever came first."""
    visit = VISIT | {"project_nos": ["P-1"]}
    visit |= {"progress": [{"what": "closed", "at": "2026-09-01 09:10"}]}
    done = {"hall": "demo", "completes": "P-1"}
    done |= {"progress": [{"what": "finished", "at": "2026-09-03 10:00"}]}
    steps = [
        lambda: practice.post("/v1/services", visit),
        lambda: practice.post("/v1/services", done),
        lambda: practice.give(
            ratings=[
                {"id": "R1", "hall": "demo", "service": "S1", "level": 5}
                | {"rated_at": "2026-09-10 23:59:59"}
            ]
        ),
    ]
    for step in order:
        steps[step]()
        practice.centre.judge.settle_all()
    found = standing(practice, "S1")
    assert (found["state"], found["rating"], found["day"]) == ("active", "R1", 20260903)
    completion = standing(practice, completion_of("P-1"))
    assert (completion["state"], completion["out_because"]) == ("out", "counted_elsewhere")
    assert completion["why"] == "按该规则，同一办件由另一条服务记录计评"


def test_a_completion_stands_once_in_the_hall_that_accepted_its_project(practice):
    practice.post("/v1/services", VISIT | {"project_nos": ["P-1"]})
    found = practice.post("/v1/services", {"completes": "P-1", "due_day": "2026-09-09"})
    assert found == {
        **{"hall": "demo", "service": completion_of("P-1"), "is_new": True},
        "unknown": [],
    }
    elsewhere = {"hall": "other", "completes": "P-1"}
    problem = practice.post("/v1/services", elsewhere, status=409)
    assert problem["detail"] == "the project's completion stands in demo already"
    problem = practice.post("/v1/services", {"completes": "P-2"}, status=422)
    assert problem["field"] == "hall"


@pytest.mark.rule("R26")
def test_an_extension_moves_the_day_from_which_a_matter_is_overdue(practice):
    """S3 第十七条第三款: rated before it is finished, and overdue: a subject."""
    done = {"hall": "demo", "completes": "P-1", "due_day": "2026-09-04"}
    practice.post("/v1/services", done)
    service = completion_of("P-1")
    extended = {"hall": "demo", "due_day": "2026-09-11"}
    practice.post(f"/v1/services/{service}/progress", extended, status=200)
    rating = {"id": "R1", "hall": "demo", "service": service, "level": 1, "origin": "web"}
    practice.give(ratings=[rating | {"rated_at": "2026-09-08 12:00"}])
    practice.go("2026-09-08 13:00")
    assert standing(practice, service)["out_because"] == "unfinished"
    practice.go("2026-09-12 00:00")
    assert standing(practice, service)["state"] == "active"


def test_nobody_can_read_who_was_served(practice, tmp_path):
    identity = "650102199001010011"
    practice.post("/v1/services", VISIT | {"participant": identity})
    practice.post("/v1/services", VISIT | {"service": "S2", "participant": identity})
    practice.post("/v1/services", VISIT | {"service": "S3", "participant": "other"})
    first, second, third = [one["participant"] for one in stored(practice)]
    assert first == second != third
    assert len(first) == 32
    assert first != Participants(bytes(32)).of(identity)
    for file in tmp_path.glob("central.db*"):
        assert identity.encode() not in file.read_bytes()


@pytest.mark.parametrize(
    ("scope", "hall", "status"),
    [
        ("services:write:demo", "demo", 201),
        ("services:write:demo", "other", 403),
        ("services:write:xjzwfw", "xjzwfw", 201),
        ("services:write:4507", "demo", 201),
        ("services:write:450702", "xjzwfw", 201),
        ("services:write:all", "demo", 201),
        ("services:write:all", "nowhere", 422),
        ("services:read:all", "demo", 403),
        ("figures:read", "demo", 403),
    ],
)
def test_a_token_writes_for_its_place_only(practice, scope, hall, status):
    practice.post("/v1/services", VISIT | {"hall": hall}, scope=scope, status=status)
    assert len(stored(practice)) == (status == 201)
    more = {"hall": hall, "progress": [{"what": "finished", "at": "2026-09-01 10:00"}]}
    expected = 200 if status == 201 else 404 if status == 422 else 403
    practice.post("/v1/services/S1/progress", more, scope=scope, status=expected)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"service": None}, "service"),
        ({"completes": "P"}, "service"),
        ({"service": "done-1"}, "completes"),
        ({"service": "S 1"}, "service"),
        ({"hall": "Demo"}, "hall"),
        ({"channel": "fax"}, "channel"),
        ({"opened_at": "yesterday"}, "opened_at"),
        ({"opened_at": -1}, "opened_at"),
        ({"due_day": "2026-02-30"}, "due_day"),
        ({"matters": 0}, "matters"),
        ({"project_nos": ["P"] * 101}, "project_nos"),
        ({"participant": "x" * 129}, "participant"),
        ({"progress": [{"what": "rated", "at": 1}]}, "progress.0.what"),
        ({"progress": [{"what": "closed", "at": 1}] * 2}, "progress"),
        ({"level": 5}, "level"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_kept(practice, change, field):
    body = {name: one for name, one in (VISIT | change).items() if one is not None}
    problem = practice.post("/v1/services", body, status=422)
    assert field in problem["field"] + problem["detail"]
    assert stored(practice) == []


@pytest.mark.rule("R93", "R108")
def test_a_platform_without_a_gateway_has_its_figures(practice):
    for n, level in enumerate((5, 5, 1)):
        web = {"hall": "xjzwfw", "service": f"W{n}", "channel": "web", "task_code": "t-1"}
        over = [{"what": "finished", "at": "2026-09-01 10:00"}]
        practice.post("/v1/services", web | {"progress": over})
        rating = {"id": f"R{n}", "hall": "xjzwfw", "service": f"W{n}", "level": level}
        practice.give(ratings=[rating | {"rated_at": "2026-09-01 10:05", "origin": "web"}])
    answer = practice.get("/v1/figures", hall="xjzwfw")
    assert answer["whole"]["name"] == "政务服务网"
    assert (answer["whole"]["good"], answer["whole"]["total"]) == (2, 3)
    whole = practice.get("/v1/figures")
    assert [one["id"] for one in whole["parts"]] == ["demo", "other", "xjzwfw"]
    assert whole["whole"]["total"] == 3
    matter = practice.get("/v1/figures", dim="matter", id="t-1")["sets"][0]["figures"]
    rate = next(one for one in matter if one["figure"] == "matter_good_rate")
    assert (rate["num"], rate["den"]) == (2, 3)


@pytest.mark.rule("R21")
@pytest.mark.parametrize("own_word", [True, False])
@pytest.mark.parametrize("is_first", [True, False])
def test_a_project_done_online_and_its_completion_are_one_subject(practice, own_word, is_first):
    """Whoever tells of the completion, and in whatever order: the online row is rated."""
    over = [{"what": "finished", "at": "2026-09-02 16:00"}]
    online = {"hall": "xjzwfw", "service": "WEB-3", "channel": "web", "project_nos": ["P-30"]}
    online |= {"opened_at": "2026-09-01 09:00", "progress": over if own_word else []}
    calls = [online, {"hall": "xjzwfw", "completes": "P-30", "progress": over}]
    for body in calls if is_first else calls[::-1]:
        practice.post("/v1/services", body)
        practice.centre.judge.settle_all()
    rating = {"id": "R1", "hall": "xjzwfw", "service": "WEB-3", "level": 5, "origin": "web"}
    practice.give(ratings=[rating | {"rated_at": "2026-09-03 09:00"}])
    practice.go("2026-09-20 00:00")
    assert standing(practice, "WEB-3", "xjzwfw")["state"] == "active"
    completion = standing(practice, completion_of("P-30"), "xjzwfw")
    assert (completion["state"], completion["out_because"]) == ("out", "counted_elsewhere")


def test_what_is_still_to_come_is_refused_by_a_real_centre(hall, tmp_path):
    hall.tokens.add("services:write:all", tmp_path / "write.token")
    headers = bearer(tmp_path / "write.token")
    ahead = hall.clock.ms + 600_000
    late = [{"what": "finished", "at": ahead}]
    for body, field in (
        ({"opened_at": ahead}, "opened_at"),
        ({"progress": late}, "progress.0.at"),
    ):
        told = {"hall": "demo", "service": "S1", **body}
        answer = hall.client.post("/v1/services", json=told, headers=headers)
        assert (answer.status_code, answer.json()["field"]) == (422, field)
        assert "is still to come" in answer.json()["detail"]
    told = {"hall": "demo", "service": "S1", "opened_at": hall.clock.ms + 60_000}
    assert hall.client.post("/v1/services", json=told, headers=headers).status_code == 201
    more = {"hall": "demo", "progress": late}
    answer = hall.client.post("/v1/services/S1/progress", json=more, headers=headers)
    assert answer.status_code == 422


def test_a_service_lists_what_people_decided_about_its_rating(practice):
    practice.post("/v1/services", VISIT)
    rating = {"id": "R1", "hall": "demo", "service": "S1", "level": 1, "origin": "qr"}
    found = {"hall": "demo", "service": "S1", "rating": "R1", "who": "supervisor"}
    practice.give(
        ratings=[rating | {"rated_at": "2026-09-01 10:00"}],
        decisions=[
            found | {"what": "restored", "at": "2026-09-03 10:00"},
            found | {"what": "mistaken", "at": "2026-09-02 10:00"},
        ],
    )
    listed = practice.get("/v1/services/demo/S1")["decisions"]
    assert [(one["what"], one["what_zh"], one["who"]) for one in listed] == [
        ("mistaken", "误评", "supervisor"),
        ("restored", "恢复计入", "supervisor"),
    ]


def bad_rating_of_other(practice) -> None:
    """A visit of `other` for project PB, closed nine days before it was rated badly; its hall
    sends `finished`, and has not.
    """
    visit = {"hall": "other", "service": "V1", "window": "w1", "project_nos": ["PB"]}
    visit |= {"opened_at": "2026-09-01 09:00"}
    visit |= {"progress": [{"what": "closed", "at": "2026-09-01 09:10"}]}
    rating = {"id": "RB", "hall": "other", "service": "V1", "level": 1}
    practice.give(
        services=[visit], ratings=[rating | {"rated_at": "2026-09-10 08:00", "origin": "qr"}]
    )


DONE = {"completes": "PB", "progress": [{"what": "finished", "at": "2026-09-01 10:00"}]}


@pytest.mark.rule("R20")
@pytest.mark.parametrize("first", ["visit", "completion"])
@pytest.mark.parametrize("scope", ["services:write:demo", "services:write:all"])
def test_no_hall_completes_the_project_of_another(practice, first, scope):
    """Else it could make that one's bad rating late. The control: who speaks for both can."""
    is_both = scope == "services:write:all"
    practice.go("2026-09-10 09:00")
    if first == "visit":
        bad_rating_of_other(practice)
    status = 409 if first == "visit" and not is_both else 201
    found = practice.post("/v1/services", DONE | {"hall": "demo"}, scope=scope, status=status)
    if status == 409:
        assert found["detail"].startswith("demo has not accepted this project: other has, and")
    if first == "completion":
        bad_rating_of_other(practice)
    stands = standing(practice, "V1", "other")
    told = (stands["state"], stands["level"], stands["late"])
    assert told == (("unrated", None, 1) if is_both else ("active", 1, 0))
    own = DONE | {"progress": [{"what": "finished", "at": "2026-09-09 10:00"}]}
    found = practice.post("/v1/services", own, scope="services:write:other")
    assert found["hall"] == "other"
    practice.centre.judge.settle_all()
    with practice.database.read() as connection:
        assert list(differences(connection, practice.centre.judge)) == []


@pytest.mark.parametrize("is_both", [False, True], ids=["a hall's word", "control: of both"])
def test_no_hall_takes_the_place_of_another_halls_completion(practice, is_both):
    """A visit for the project elsewhere would stand for the completion, and drop its rating."""
    scope = "services:write:all" if is_both else "services:write:other"
    practice.go("2026-09-10 09:00")
    practice.post("/v1/services", DONE | {"hall": "other"}, scope=scope)
    service = completion_of("PB")
    rating = {"id": "R", "hall": "other", "service": service, "level": 1, "origin": "web"}
    practice.give(ratings=[rating | {"rated_at": "2026-09-02 12:00"}])
    assert standing(practice, service, "other")["state"] == "active"
    practice.give(services=[VISIT | {"project_nos": ["PB"]}])
    assert standing(practice, service, "other")["state"] == ("out" if is_both else "active")
    with practice.database.read() as connection:
        assert list(differences(connection, practice.centre.judge)) == []


@pytest.mark.rule("R23")
@pytest.mark.parametrize("order", [0, 1], ids=["completion first", "visit first"])
def test_a_visit_with_several_projects_stands_for_each_of_them(practice, order):
    """钦南 第十五条: completed by one row, and named second by a visit: one subject, any order."""
    done = {"hall": "demo", "completes": "ZA2", "window": "w1"}
    done |= {"progress": [{"what": "finished", "at": "2026-10-12 10:00"}]}
    visit = VISIT | {"kind": "batch", "project_nos": ["ZA1", "ZA2"]}
    visit |= {"opened_at": "2026-10-12 09:00"}
    service = completion_of("ZA2")
    rating = {"id": "R", "hall": "demo", "service": service, "level": 5, "origin": "web"}
    practice.go("2026-10-13 09:00")
    came = [done, visit][:: -1 if order else 1]
    practice.give(services=came[:1])
    practice.give(ratings=[rating | {"rated_at": "2026-10-12 11:00"}])
    practice.give(services=came[1:])
    assert standing(practice, service)["out_because"] == "counted_elsewhere"
    with practice.database.read() as connection:
        assert list(differences(connection, practice.centre.judge)) == []
