"""A fire window in a government hall, through the real judge: two policies, two sets of figures,
and who took part, of a tier's own halls and those below it (新疆消防 第三条, 第十一条至第十五条).
"""

import re
from datetime import date

import pytest
from rehearsal_hall import Practice
from test_central_tables import look

from central.figures.quota import evaluated, halls_of
from central.ratings.period import Period
from central.ratings.recount import differences
from central.rules.quota import assessed, participation

REGIONS = [("650000", "region", None), ("650100", "prefecture", "650000")]
REGIONS += [("650102", "county", "650100"), ("650200", "prefecture", "650000")]
DIRECTORY = [
    *(
        {"kind": "region", "id": id, "name": id, "tier": tier, **({"up": up} if up else {})}
        for id, tier, up in REGIONS
    ),
    {"kind": "hall", "id": "zhidui", "name": "支队大厅", "up": "650100"},
    {"kind": "window", "id": "zhidui/w1", "name": "1号窗口", "profiles": ["xinjiang-fire"]},
    {"kind": "hall", "id": "zwzx", "name": "政务服务中心", "up": "650102"},
    {"kind": "window", "id": "zwzx/w1", "name": "1号窗口"},
    {
        **{"kind": "window", "id": "zwzx/w9", "name": "消防窗口"},
        "profiles": ["ezhou", "xinjiang-fire"],
    },
    {"kind": "matter", "id": "t-1", "name": "消防检查"},
]


def visit(hall: str, service: str, window: str, **more) -> dict:
    """Closed on 8 September."""
    closed = {"what": "closed", "at": "2026-09-08 09:30"}
    told = {"hall": hall, "service": service, "window": window, "opened_at": "2026-09-08 09:00"}
    return {**told, "task_code": "t-1", "progress": [closed], **more}


def rated(hall: str, service: str, level: int, origin: str = "device", n: int = 1) -> dict:
    id = f"R-{service}-{n}"
    told = {"id": id, "hall": hall, "service": service, "level": level, "origin": origin}
    return {**told, "rated_at": f"2026-09-08 10:{n:02}"}


@pytest.fixture
def practice(tmp_path, database):
    made = Practice(tmp_path, "national", database=database)
    made.give(directory=DIRECTORY)
    services = [
        # The detachment's own: Ma twice, Li once.
        visit("zhidui", "Z1", "w1", participant="Ma"),
        visit("zhidui", "Z2", "w1", participant="Ma"),
        visit("zhidui", "Z3", "w1", participant="Li"),
        # In the government hall: not the fire service's; Ma again; two whom nobody knows.
        visit("zwzx", "G1", "w1", participant="Wu"),
        visit("zwzx", "F1", "w9", participant="Ma"),
        visit("zwzx", "F2", "w9"),
        visit("zwzx", "F3", "w9"),
        # A project of two visits: 一事一评 rates its completion, which knows who it was.
        visit("zwzx", "F4", "w9", project_nos=["P-1"]),
        {
            **{"hall": "zwzx", "completes": "P-1", "window": "w9", "participant": "Zhao"},
            "progress": [{"what": "finished", "at": "2026-09-10 09:00"}],
        },
        # Finished at the window: its rating is the matter's, and its business system knows whose.
        visit("zwzx", "F5", "w9", project_nos=["P-2"])
        | {"progress": [{"what": w, "at": "2026-09-08 09:30"} for w in ("closed", "finished")]},
        {"hall": "zwzx", "completes": "P-2", "window": "w9", "participant": "Sun"},
    ]
    for one in services:
        made.post("/v1/services", one)
    completion = made.post(
        "/v1/services", {"hall": "zwzx", "completes": "P-1"} | services[8], status=200
    )["service"]
    made.give(
        ratings=[
            *(rated("zhidui", one, 5) for one in ("Z1", "Z2")),
            rated("zhidui", "Z3", 2, "qr"),
            rated("zwzx", "G1", 1),
            rated("zwzx", "F1", 4),
            *(rated("zwzx", "F2", 5, n=n) for n in (1, 2)),
            rated("zwzx", "F3", 1),
            rated("zwzx", "F4", 5),
            rated("zwzx", completion, 12, "web"),
            rated("zwzx", "F5", 3),
        ]
    )
    made.centre.judge.settle_all()
    return made


QUARTER = Period(date(2026, 7, 1), date(2026, 9, 30))


def fire(practice, region: str, with_lower: bool):
    """What the fire service's evaluation comes to."""
    with practice.database.read() as connection:
        places = practice.centre.judge.places_now(connection)
        policy = places.policy("xinjiang-fire", 20260930)
        own, lower = halls_of(places, region, 20260930)
        halls = own + lower if with_lower else own
        return policy, evaluated(connection, policy, QUARTER, halls, region)


@pytest.mark.rule("R46")
@pytest.mark.rule("R11")
def test_a_fire_window_has_two_sets_of_figures(practice):
    answer = practice.get("/v1/figures", hall="zwzx", window="w9")
    sets = {one["profile"]: one for one in answer["sets"]}
    assert list(sets) == ["ezhou-norm", "xinjiang-fire"]

    def figure(profile: str, key: str) -> tuple[int, int]:
        one = next(one for one in sets[profile]["figures"] if one["figure"] == key)
        return one["num"], one["den"]

    # 第四条 一事一评: F1 4, F2 5, F3 1, F5 3 and the completion's 一般; not F4, a visit of P-1.
    assert figure("xinjiang-fire", "active_good_rate") == (2, 5)
    # 鄂州 第十三条: each visit and the completion; 一般 is none of the five levels: F1 to F5.
    assert figure("ezhou-norm", "active_good_rate") == (3, 5)
    assert figure("ezhou-norm", "bad_rate") == (1, 5)
    with practice.database.read() as connection:
        assert list(differences(connection, practice.centre.judge)) == []


@pytest.mark.rule("R85")
@pytest.mark.rule("R86")
def test_who_took_part_is_counted_over_own_and_lower_halls(practice):
    policy, own = fire(practice, "650100", with_lower=False)
    assert own.halls == ("zhidui",)
    assert (own.known, own.unknown) == (2, 0)  # Ma, Li
    _, both = fire(practice, "650100", with_lower=True)
    assert both.halls == ("zhidui", "zwzx")
    assert (both.known, both.unknown) == (4, 2)  # Ma but once, Li, Zhao, Sun; F2, F3; never Wu
    span = assessed(policy, "prefecture", date(2026, 9, 30))
    assert span is not None
    assert (span.first, span.last) == (date(2026, 7, 1), date(2026, 12, 31))
    for volume, outcome in ((40, "met"), (41, "undecided"), (60, "undecided"), (61, "not_met")):
        one = participation(policy, "prefecture", both.known, both.unknown, volume)
        assert one is not None
        assert one.outcome == outcome
    _, county = fire(practice, "650102", with_lower=True)
    assert (county.known, county.unknown) == (3, 2)
    _, elsewhere = fire(practice, "650200", with_lower=True)
    assert (elsewhere.known, elsewhere.unknown, elsewhere.halls) == (0, 0, ())


@pytest.mark.rule("R15")
@pytest.mark.rule("R87")
def test_the_summary_is_of_the_same_counts(practice):
    _, both = fire(practice, "650100", with_lower=True)
    assert both.ways is not None
    assert both.ways.used == ("window", "internet", "mobile")
    row = both.row
    # 5, 5, 2 | 4, 5, 1, 一般, 3
    assert (row.participants, row.good, row.middle, row.bad) == (4, 4, 2, 2)
    assert row.bad_items == (("t-1", 2),)
    _, own = fire(practice, "650100", with_lower=False)
    assert own.ways is not None
    assert own.ways.used == ("window", "mobile")


def cells_of(page: str, tag: str) -> list[str]:
    """The cells of the rows of a page's tables, in order, as text."""
    found = re.findall(rf"<{tag}[^>]*>(.*?)</{tag}>", page, re.DOTALL)
    return [" ".join(re.sub(r"<[^>]+>", "", one).split()) for one in found]


@pytest.mark.rule("R87")
def test_the_summary_is_printed_with_exactly_the_columns_of_the_form(practice):
    path = "/summary/xinjiang-fire/650100?on=2026-09-30&by=消防支队"
    page = look(practice, path, "pages:read")
    assert cells_of(page, "th") == [
        *("评价活动发起单位", "评价时间", "被评价执法单位（执法人员）", "参与评价单位（个人）"),
        *("评价方式和渠道", "评价结果", "差评事项", "好", "一般", "差"),
        *("支队大厅", "政务服务中心", "合计"),
    ]
    assert cells_of(page, "td") == [
        *("消防支队", "2026-07-01 – 2026-12-31"),
        *("2", "窗口评价、移动终端评价", "2", "0", "1", "消防检查 1"),
        *("3", "窗口评价、互联网评价", "2", "2", "1", "消防检查 1"),
        *("4", "窗口评价、互联网评价、移动终端评价", "4", "2", "2", "消防检查 2"),
    ]
    assert "另有 2 份评价不知参与者是谁" in page
    assert "Summary table" in look(practice, path, "pages:read", language="en")
    lower = look(practice, "/summary/xinjiang-fire/650102", "pages:read:region:650102")
    assert "政务服务中心" in lower
    assert "支队大厅" not in lower
    look(practice, path, "pages:read:region:650102", status=404)
    look(practice, "/summary/national/650100", "pages:read", status=404)
    look(practice, "/summary/xinjiang-fire/nowhere", "pages:read", status=404)
    look(practice, "/summary/xinjiang-fire/650100?on=soon", "pages:read", status=422)


@pytest.mark.rule("R85")
def test_who_is_excluded_took_no_part_until_restored(practice):
    def known() -> tuple[int, int]:
        practice.centre.judge.settle_all()
        _, found = fire(practice, "650100", with_lower=False)
        return found.known, found.unknown

    about = {"hall": "zhidui", "service": "Z3", "rating": "R-Z3-1"}
    for what, expected in (("mistaken", 2), ("malicious", 1), ("restored", 2)):  # 第十条
        at = {"mistaken": "10", "malicious": "11", "restored": "12"}[what]
        practice.give(decisions=[about | {"what": what, "at": f"2026-09-{at} 09:00"}])
        assert known() == (expected, 0)
    about = {"hall": "zhidui", "service": "Z1", "rating": "R-Z1-1"}
    practice.give(decisions=[about | {"what": "malicious", "at": "2026-09-12 09:00"}])
    assert known() == (2, 0)  # Ma's other rating counts
    with practice.database.read() as connection:
        assert list(differences(connection, practice.centre.judge)) == []


@pytest.mark.rule("R85")
@pytest.mark.rule("R86")
def test_a_regions_evaluation_is_asked_for(practice):
    path, on = "/v1/quota/xinjiang-fire/650100", {"on": "2026-09-30"}
    found = practice.get(path, **on, volume=20, volume_with_lower=41)
    assert (found["tier"], found["period"]) == ("prefecture", "half")
    assert (found["first"], found["last"]) == ("2026-07-01", "2026-12-31")
    own, both = found["own"], found["with_lower"]
    assert (own["participants"], own["unknown"], own["percent"]) == (2, 0, 10)
    assert (own["outcome"], own["said"], own["missing"]) == ("met", "达到", 0)
    assert (both["outcome"], both["said"], both["missing"]) == ("undecided", "无法判定", 1)
    assert (both["ways"], both["ways_enough"]) == (["window", "internet", "mobile"], True)
    grade = {"with_excluded": False, "num": 4, "den": 8, "grade": "差"}  # 第八条
    assert both["grades"] == [grade, {**grade, "with_excluded": True}]
    assert [one["grade"] for one in own["grades"]] == ["差", "差"]  # 2 of 3
    assert both["bad_items"] == [{"task_code": "t-1", "ratings": 2}]
    articles = {one["key"]: one["article"] for one in found["sources"]}
    assert articles["quota.share"] == "第十二条 不得低于执法量的5%、10%、30%"
    found = practice.get(path, **on)
    assert (found["own"]["outcome"], found["own"]["missing"]) == (None, None)
    for other, told in (
        ("xinjiang-fire/659999", "the directory has no region 659999"),
        ("qinnan/650100", "no profile qinnan that is in force"),
        ("fire/650100", "no profile fire that is in force"),
    ):
        assert told in practice.get(f"/v1/quota/{other}", status=404, **on)["detail"]
    assert practice.get(path, status=422, volume=-1)["status"] == 422
