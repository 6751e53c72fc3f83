"""What a service counts as: each state, under each profile, at its edges."""

from dataclasses import replace

import pytest
from rules_parts import CALENDAR, SENDS, at, policy, rating, stands, visit

from central.ratings.places import policy_day
from central.rules.facts import PENDING
from central.rules.sections import Limit
from central.rules.standing import (
    Decision,
    Family,
    Project,
    Service,
    Side,
    Visit,
    stand,
)
from central.store.judged.facts import ServiceRow

# A visit on Tuesday, 1 September 2026, closed and finished at 10:00. Its last days to rate.
VISIT = visit("2026-09-01 09:50", "2026-09-01 10:00")
LAST_DAY = {"qinnan": "2026-09-08", "fujian": "2026-09-08", "ezhou-norm": "2026-09-08"}
AFTER = {"qinnan": ("unrated", None), "fujian": ("default", 4), "ezhou-norm": ("default", 3)}
limited = pytest.mark.parametrize("name", sorted(LAST_DAY))


@pytest.mark.rule("R28")
@pytest.mark.rule("R29")
@pytest.mark.rule("R30")
@limited
def test_the_last_millisecond_of_the_last_day_is_in_time(name):
    end_ms = at(f"{LAST_DAY[name]} 23:59:59") + 1000
    assert stands(name, VISIT).end_ms == end_ms
    for ms, state in ((end_ms - 1, "active"), (end_ms, AFTER[name][0])):
        one = rating("a", 1, "2026-09-01 10:00", rated_error_ms=0)
        late = type(one)("a", 1, ms, ms)
        found = stands(name, VISIT, [late])
        assert (found.state, found.late) == (state, 0 if state == "active" else 1)


@pytest.mark.rule("R28")
@pytest.mark.rule("R29")
@pytest.mark.rule("R30")
@pytest.mark.rule("R31")
@limited
def test_the_last_second_counts_and_midnight_does_not(name):
    last = rating("a", 2, f"{LAST_DAY[name]} 23:59:59", "2026-09-30 12:00")
    found = stands(name, VISIT, [last])
    assert (found.state, found.level, found.origin, found.late) == ("active", 2, "device", 0)
    late = rating("a", 2, "2026-09-09 00:00:00")
    found = stands(name, VISIT, [late])
    assert (found.state, found.level, found.late) == (*AFTER[name], 1)
    assert found.rating is None


@limited
def test_a_service_waits_until_its_limit_ends(name):
    before = stands(name, VISIT, now="2026-09-08 23:59:59")
    assert (before.state, before.due_ms) == ("waiting", at("2026-09-09 00:00"))
    after = stands(name, VISIT, now="2026-09-09 00:00:00")
    assert (after.state, after.level, after.due_ms) == (*AFTER[name], None)
    assert after.origin == ("default" if after.level else None)
    assert (after.rating, after.day) == (None, 20260901)


def test_without_a_limit_a_service_waits_for_ever():
    found = stands("national", VISIT, now="2030-01-01 00:00")
    assert (found.state, found.due_ms, found.end_ms, found.day) == (
        "waiting",
        None,
        None,
        20260901,
    )
    late = rating("a", 5, "2029-12-31 00:00")
    assert stands("national", VISIT, [late], now="2030-01-01 00:00").state == "active"


@pytest.mark.rule("R28")
def test_labour_day_moves_the_end_of_working_days_and_no_other():
    service = visit("2026-04-30 16:00", "2026-04-30 16:30")
    assert stands("qinnan", service).end_ms == at("2026-05-12 00:00")
    assert stands("fujian", service).end_ms == at("2026-05-08 00:00")


@pytest.mark.rule("R27")
@pytest.mark.parametrize(
    ("rated", "reminded"),
    [("2026-09-02 09:59:59", False), ("2026-09-02 10:00:00", True), (None, True)],
)
def test_who_has_not_rated_in_24_hours_is_reminded(rated, reminded):
    ratings = [rating("a", 5, rated)] if rated else []
    found = stands("qinnan", VISIT, ratings, now="2026-09-02 10:00:00")
    assert found.reminded is reminded
    earlier = stands("qinnan", VISIT, now="2026-09-02 09:59:59")
    assert (earlier.reminded, earlier.due_ms) == (False, at("2026-09-02 10:00"))
    assert earlier.due_ms == earlier.remind_ms


def test_the_reminder_is_followed_by_the_end_and_ezhous_comes_at_once():
    found = stands("qinnan", VISIT, now="2026-09-02 10:00:00")
    assert found.due_ms == at("2026-09-09 00:00")
    found = stands("ezhou-norm", VISIT, now="2026-09-01 10:00:00")
    assert (found.reminded, found.remind_ms) == (True, at("2026-09-01 10:00"))
    pressed = rating("a", 5, "2026-09-01 09:59:50")
    assert not stands("ezhou-norm", VISIT, [pressed], now="2026-09-01 10:00").reminded
    assert stands("fujian", VISIT).remind_ms is None


def test_nobody_is_reminded_while_an_enrolment_is_pending():
    pending = rating("a", 5, "2026-09-01 09:59", void=PENDING)
    found = stands("qinnan", VISIT, [pending])
    assert (found.state, found.reminded, found.due_ms) == ("waiting", False, None)


@pytest.mark.rule("R20")
@limited
def test_the_first_in_time_counts_and_all_others_are_second(name):
    ratings = [
        rating("b", 1, "2026-09-01 09:59:01"),
        rating("a", 5, "2026-09-01 09:59:00", "2026-09-20 08:00"),
        rating("c", 3, "2026-09-20 08:00"),
    ]
    found = stands(name, VISIT, ratings)
    assert (found.state, found.rating, found.level) == ("active", "a", 5)
    assert (found.second, found.late) == (2, 0)


def test_of_one_instant_the_lower_id_counts():
    both = [rating("b", 1, "2026-09-01 09:59"), rating("a", 5, "2026-09-01 09:59")]
    assert stands("qinnan", VISIT, both).rating == "a"


@limited
def test_without_one_in_time_all_are_late_and_the_default_stays(name):
    found = stands(
        name, VISIT, [rating("a", 1, "2026-09-20 08:00"), rating("b", 5, "2026-10-20 08:00")]
    )
    assert (found.state, found.late, found.second) == (AFTER[name][0], 2, 0)


def test_an_uncertain_time_counts_for_the_citizen():
    late = rating("a", 5, "2026-09-09 00:10:00", "2026-09-20 08:00", rated_error_ms=600_000)
    assert stands("qinnan", VISIT, [late]).state == "unrated"
    near = rating("a", 5, "2026-09-09 00:10:00", "2026-09-20 08:00", rated_error_ms=600_001)
    assert stands("qinnan", VISIT, [near]).state == "active"


def test_what_arrived_in_time_was_made_in_time():
    fast_clock = rating("a", 5, "2026-09-10 00:00", "2026-09-08 23:59:59")
    assert stands("qinnan", VISIT, [fast_clock]).state == "active"


def test_without_a_time_a_rating_stands_at_its_arrival():
    undated = rating("a", 5, None, "2026-09-08 23:59:59")
    assert stands("qinnan", VISIT, [undated]).state == "active"
    undated = rating("a", 5, None, "2026-09-09 00:00:00")
    assert stands("qinnan", VISIT, [undated]).late == 1


def test_a_void_rating_counts_nowhere_and_a_pending_one_holds_the_default_back():
    void = rating("a", 5, "2026-09-01 09:59", void="signed_after_revocation")
    found = stands("fujian", VISIT, [void])
    assert (found.state, found.level, found.second, found.late) == ("default", 4, 0, 0)
    pending = rating("a", 5, "2026-09-01 09:59", void=PENDING)
    found = stands("fujian", VISIT, [pending])
    assert (found.state, found.due_ms) == ("waiting", None)
    late = rating("a", 5, "2026-09-09 00:00", void=PENDING)
    assert stands("fujian", VISIT, [late]).state == "default"
    other = rating("b", 2, "2026-09-02 09:59")
    assert stands("fujian", VISIT, [pending, other]).rating == "b"


BAD = rating("a", 1, "2026-09-01 09:59:30")
SECOND = rating("b", 5, "2026-09-01 09:59:40")


def decided(*whats: str, rating: str = "a") -> list[Decision]:
    return [
        Decision(rating, what, at(f"2026-09-1{n} 09:00"), n)  # type: ignore[arg-type]
        for n, what in enumerate(whats)
    ]


@pytest.mark.rule("R59")
@pytest.mark.parametrize(
    ("name", "whats", "state"),
    [
        ("qinnan", ["mistaken"], "excluded"),
        ("qinnan", ["malicious"], "excluded"),
        ("qinnan", ["fabricated"], "excluded"),
        ("qinnan", ["appeal_upheld"], "active"),  # no appeal in 钦南
        ("qinnan", ["mistaken", "restored"], "active"),
        ("qinnan", ["mistaken", "restored", "malicious"], "excluded"),
        ("qinnan", ["restored"], "active"),
        ("ezhou-norm", ["mistaken"], "excluded"),
        ("fujian", ["mistaken"], "active"),  # 十三: by appeal only
        ("fujian", ["malicious"], "active"),
        ("fujian", ["appeal_upheld"], "excluded"),
        ("fujian", ["appeal_upheld", "mistaken"], "excluded"),
        ("fujian", ["appeal_upheld", "restored"], "active"),
        ("national", ["malicious"], "excluded"),
    ],
)
def test_the_last_decision_that_a_policy_knows_binds(name, whats, state):
    for decisions in (decided(*whats), decided(*whats)[::-1], decided(*whats) * 2):
        found = stands(name, VISIT, [SECOND, BAD], decisions=decisions)
        assert (found.state, found.rating, found.level) == (state, "a", 1)
        assert found.second == 1


def test_of_two_decisions_of_one_instant_the_one_noted_last_binds():
    decisions = [Decision("a", "mistaken", 5, 1), Decision("a", "restored", 5, 2)]
    assert stands("qinnan", VISIT, [BAD], decisions=decisions).state == "active"


def test_a_decision_on_another_rating_changes_nothing():
    found = stands("qinnan", VISIT, [SECOND, BAD], decisions=decided("mistaken", rating="b"))
    assert (found.state, found.rating) == ("active", "a")


@pytest.mark.rule("R93")
def test_what_is_not_rateable_is_out_and_kept():
    service = visit("2026-09-01 09:50", rateable=False)
    found = stands("qinnan", service, [BAD])
    assert (found.state, found.out_because, found.level) == ("out", "not_rateable", None)
    assert (found.late, found.second, found.due_ms) == (0, 0, None)


@pytest.mark.rule("R93")
@pytest.mark.parametrize(
    ("name", "state"), [("qinnan", "out"), ("fujian", "out"), ("ezhou-norm", "active")]
)
def test_only_matters_on_application_where_the_text_says_so(name, state):
    asked = visit("2026-09-01 09:50", needs_application=False)
    found = stands(name, asked, [BAD])
    assert found.state == state
    assert found.out_because == ("no_application" if state == "out" else None)
    assert stands(name, visit("2026-09-01 09:50"), [BAD]).state == "active"  # not known


@pytest.mark.parametrize("what", ["transferred", "no_show"])
def test_who_was_transferred_or_did_not_come_is_out_unless_rated(what):
    service = visit("2026-09-01 09:50", **{f"{what}_ms": at("2026-09-01 09:55")})
    found = stands("qinnan", service)
    assert (found.state, found.out_because, found.due_ms) == ("out", what, None)
    assert found.no_show is (what == "no_show")
    assert stands("qinnan", service, [BAD]).state == "active"


def test_a_limit_begins_as_the_policy_says():
    unfinished = visit("2026-09-01 09:50", "2026-09-01 10:00", finished_ms=None)
    found = stands("qinnan", unfinished, now="2027-01-01 00:00")
    assert (found.state, found.begin_ms, found.day) == ("waiting", None, 20260901)
    assert stands("qinnan", unfinished, [rating("a", 1, "2026-12-01 09:00")]).state == "active"
    assert stands("fujian", unfinished).begin_ms == at("2026-09-01 10:00")
    unknown = visit("2026-09-01 09:50", "2026-09-01 10:00", finished_ms=None, sends=None)
    assert stands("qinnan", unknown).begin_ms == at("2026-09-01 10:00")
    said = stands("qinnan", unknown, project=Project(unfinished=True))
    assert said.begin_ms is None
    later = visit("2026-09-01 09:50", "2026-09-01 10:00", finished_ms=at("2026-09-03 11:00"))
    assert stands("qinnan", later).begin_ms == at("2026-09-03 11:00")
    assert stands("qinnan", later).day == 20260903
    assert stands("fujian", later).begin_ms == at("2026-09-01 10:00")
    completed = visit(
        "2026-09-01 09:50",
        "2026-09-01 10:00",
        finished_ms=None,
        completed_ms=at("2026-09-04 11:00"),
    )
    assert stands("qinnan", completed).begin_ms == at("2026-09-04 11:00")
    opened = Service("demo", "01", opened_ms=at("2026-09-01 09:50"))
    assert stands("qinnan", opened).begin_ms == at("2026-09-01 09:50")
    assert stands("fujian", opened).begin_ms == at("2026-09-01 09:50")


def completion(finished: str | None = None, **more) -> Service:
    return Service(
        "demo",
        "done-0123456789abcdef0123456789abcdef",
        "per_matter",
        project_no="P1",
        channel="web",
        finished_ms=at(finished) if finished else None,
        **more,
    )


ONE = Visit("01A", at("2026-09-01 09:50"), at("2026-09-01 10:00"), None)
SPOT = Visit("01A", at("2026-09-01 09:50"), at("2026-09-01 10:00"), at("2026-09-01 10:00"))


@pytest.mark.rule("R13")
@pytest.mark.rule("R21")
def test_online_a_matter_is_rated_once_after_its_completion():
    for name in ("qinnan", "fujian", "ezhou-norm", "national"):
        open_one = stands(name, completion(), project=Project())
        assert (open_one.state, open_one.out_because) == ("out", "unfinished")
        done = completion("2026-09-01 10:00")
        found = stands(name, done, [BAD], project=Project())
        assert (found.state, found.begin_ms) == ("active", at("2026-09-01 10:00"))


@pytest.mark.rule("R21")
@pytest.mark.rule("R22")
@pytest.mark.parametrize(
    ("name", "visits", "state"),
    [
        ("ezhou-norm", (ONE,), "active"),  # 第十三条: each visit and the completion
        ("ezhou-norm", (SPOT,), "out"),  # finished on the spot: once
        ("qinnan", (ONE,), "out"),  # every visit, no completion beside
        ("fujian", (ONE,), "out"),
        ("qinnan", (), "active"),
    ],
)
def test_a_completion_is_a_subject_beside_visits_where_the_text_says_both(name, visits, state):
    project = Project(visits)
    rated = rating("a", 1, "2026-09-02 12:00")
    found = stands(name, completion("2026-09-02 10:00"), [rated], project=project)
    assert (found.state, found.out_because) == (
        state,
        None if state == "active" else "counted_elsewhere",
    )
    service = visit("2026-09-01 09:50", service="01A", project_no="P1", finished_ms=None)
    assert stands(name, service, [BAD], project=project).state == "active"


@pytest.mark.rule("R25")
def test_an_agent_or_the_applicant_rates_once_after_completion():
    here = Visit("01A", at("2026-09-01 09:50"), at("2026-09-01 10:00"), None, "agent")
    project = Project((here,))
    visited = visit(
        "2026-09-01 09:50", service="01A", kind="agent", project_no="P1", finished_ms=None
    )
    done = completion("2026-09-02 10:00")
    rated = rating("b", 4, "2026-09-02 12:00")
    kept = stands("ezhou-norm", visited, [BAD], project=project)
    assert (kept.state, kept.out_because) == ("out", "counted_elsewhere")
    assert stands("ezhou-norm", done, [rated], project=project).state == "active"
    assert stands("qinnan", visited, [BAD], project=project).state == "active"
    spot = Visit("01A", here.opened_ms, here.closed_ms, here.closed_ms, "agent")
    project = Project((spot,))
    finished = visit("2026-09-01 09:50", service="01A", kind="agent", project_no="P1")
    assert stands("ezhou-norm", finished, [BAD], project=project).state == "active"
    assert stands("ezhou-norm", done, [rated], project=project).state == "out"


@pytest.mark.rule("R26")
def test_an_overdue_unfinished_matter_may_be_rated():
    service = completion(due_day=20260910)
    early = rating("a", 1, "2026-09-05 09:00")
    in_time = stands("qinnan", service, [early], project=Project(), now="2026-09-10 23:59:59")
    assert (in_time.state, in_time.out_because) == ("out", "unfinished")
    assert in_time.due_ms == at("2026-09-11 00:00")
    overdue = stands("qinnan", service, [early], project=Project((ONE,)), now="2026-09-11 00:00")
    assert (overdue.state, overdue.level, overdue.day) == ("active", 1, 20260905)
    unrated = stands("qinnan", service, project=Project(), now="2026-12-01 00:00")
    assert (unrated.state, unrated.out_because) == ("out", "unfinished")
    moved = completion(due_day=20260920)
    assert (
        stands("qinnan", moved, [early], project=Project(), now="2026-09-20 23:59").state == "out"
    )
    assert stands("fujian", service, [early], project=Project()).state == "out"
    # Finished late: what was rated before stays the matter's, whatever visits it had.
    late = completion("2026-09-15 10:00", due_day=20260910)
    found = stands("qinnan", late, [early], project=Project((ONE,)))
    assert (found.state, found.day) == ("active", 20260915)
    after = rating("a", 1, "2026-09-15 10:00")
    found = stands("qinnan", late, [after], project=Project((ONE,)))
    assert found.out_because == "counted_elsewhere"
    on_time = completion("2026-09-10 10:00", due_day=20260910)
    assert stands("qinnan", on_time, [early], project=Project((ONE,))).state == "out"


@pytest.mark.rule("R26")
def test_without_a_due_day_the_day_of_acceptance_is_day_1():
    service = completion(
        accepted_ms=at("2026-04-30 09:00"), promised=Limit(n=3, unit="working_days")
    )
    rated = rating("a", 1, "2026-05-06 09:00")
    # 30 April, 6 and 7 May.
    assert stands(
        "qinnan", service, [rated], now="2026-05-07 23:59", project=Project()
    ).due_ms == at("2026-05-08 00:00")
    assert stands("qinnan", service, [rated], now="2026-05-08 00:00", project=Project()).state == (
        "active"
    )


def theme(whole, of_whole, part, of_part) -> Family:
    return Family((Side(whole, tuple(of_whole)),), (Side(part, tuple(of_part)),))


@pytest.mark.rule("R24")
@pytest.mark.parametrize("name", ["ezhou-norm", "qinnan", "national"])
def test_the_rating_made_first_decides_whether_whole_or_parts_count(name):
    whole = visit("2026-09-01 09:50", kind="theme", service="01T", projects=3)
    part = visit("2026-09-01 09:50", part_of="01T", service="01P", mode="per_matter")
    first, later = rating("a", 2, "2026-09-01 09:58"), rating("b", 5, "2026-09-01 09:59")
    family = theme(whole, [first], part, [later])
    assert stands(name, whole, [first], family=family).state == "active"
    found = stands(name, part, [later], family=family)
    assert (found.state, found.out_because, found.second) == ("out", "part", 1)
    family = theme(whole, [later], part, [first])
    found = stands(name, whole, [later], family=family)
    assert (found.state, found.out_because, found.second) == ("out", "whole", 1)
    assert stands(name, part, [first], family=family).state == "active"
    unrated = visit("2026-09-01 09:50", part_of="01T", service="01Q", mode="per_matter")
    assert stands(name, unrated, family=family).out_because == "part"
    assert stands(name, whole, family=theme(whole, [], part, [])).state in (
        "waiting",
        "unrated",
        "default",
    )


@pytest.mark.rule("R24")
def test_a_late_rating_of_a_part_does_not_take_the_whole_its_default():
    whole = visit("2026-09-01 09:50", "2026-09-01 10:00", kind="theme", service="01T")
    part = visit("2026-09-01 09:50", "2026-09-01 10:00", part_of="01T", service="01P")
    late = rating("a", 2, "2026-09-09 00:00")
    found = stands("ezhou-norm", whole, family=theme(whole, [], part, [late]))
    assert (found.state, found.level) == ("default", 3)
    near = rating("a", 2, "2026-09-09 00:00", rated_error_ms=1)
    assert (
        stands("ezhou-norm", whole, family=theme(whole, [], part, [near])).out_because == "whole"
    )


@pytest.mark.rule("R24")
def test_whole_and_part_are_in_time_by_their_own_limits():
    """A part finishes days after the whole: a rating too late for that is not for it."""
    whole = visit("2026-09-01 09:50", "2026-09-01 10:00", kind="theme", service="01T")
    part = visit("2026-09-05 09:50", "2026-09-05 10:00", part_of="01T", service="01P")
    late, near = rating("a", 2, "2026-09-09 10:00"), rating("b", 5, "2026-09-10 10:00")
    family = theme(whole, [late], part, [near])
    assert stands("ezhou-norm", part, [near], family=family).state == "active"
    assert stands("ezhou-norm", whole, [late], family=family).out_because == "whole"
    family = theme(whole, [late], part, [])
    assert stands("ezhou-norm", whole, [late], family=family).late == 1


@pytest.mark.rule("R23")
def test_a_batch_is_one_subject():
    batch = visit("2026-09-01 09:50", kind="batch", projects=12, project_no="P1")
    for name in ("qinnan", "ezhou-norm", "fujian", "national"):
        assert stands(name, batch, [BAD], project=Project((ONE,))).state == "active"


def test_a_form_has_neither_limit_nor_default():
    form = Service("demo", "01F", "survey", channel="written", closed_ms=at("2026-09-01 10:00"))
    for name in ("qinnan", "fujian", "ezhou-norm", "national"):
        found = stands(name, form)
        assert (found.state, found.end_ms, found.due_ms) == ("waiting", None, None)
        assert stands(name, form, [BAD]).state == "active"


@pytest.mark.rule("R10")
@pytest.mark.parametrize("level", [5, 4, 3, 2, 1])
def test_every_level_has_the_same_path(level):
    for name in ("qinnan", "fujian", "ezhou-norm", "national"):
        found = stands(name, VISIT, [rating("a", level, "2026-09-01 09:59")])
        assert (found.state, found.level) == ("active", level)


@pytest.mark.rule("R12")
@pytest.mark.parametrize(
    ("name", "level", "more", "missing"),
    [
        ("qinnan", 2, {}, True),
        ("qinnan", 1, {}, True),
        ("qinnan", 3, {}, False),
        ("qinnan", 2, {"reasons": (214,)}, False),
        ("qinnan", 2, {"has_text": True}, False),  # 第十八条: or another one, in words
        ("fujian", 1, {}, False),
        ("ezhou-norm", 1, {}, False),
    ],
)
def test_a_bad_rating_without_reason_is_listed_where_one_is_asked_for(name, level, more, missing):
    found = stands(name, VISIT, [rating("a", level, "2026-09-01 09:59", **more)])
    assert found.reason_missing is missing
    assert found.reasons == more.get("reasons", ())


def test_named_is_the_counting_ratings():
    ratings = [rating("a", 5, "2026-09-01 09:58"), rating("b", 5, "2026-09-01 09:59", named=True)]
    assert not stands("qinnan", VISIT, ratings).named
    assert stands("qinnan", VISIT, ratings[1:]).named


@pytest.mark.rule("R4")
def test_what_is_known_of_an_invitation():
    assert stands("qinnan", VISIT).invited is False
    assert stands("qinnan", visit("2026-09-01 09:50", invited_ms=1)).invited is True
    assert stands("qinnan", visit("2026-09-01 09:50", sends=None)).invited is None
    assert stands("qinnan", visit("2026-09-01 09:50", sends=frozenset({"closed"}))).invited is None
    open_one = Service("demo", "01", opened_ms=at("2026-09-01 09:50"), sends=SENDS)
    assert stands("qinnan", open_one).invited is None
    assert stands("qinnan", visit("2026-09-01 09:50", expired_ms=1)).expired


def test_a_provisional_day_is_said():
    december = visit("2026-12-28 09:50")
    assert stands("qinnan", december).provisional
    assert not stands("fujian", december).provisional
    assert not stands("qinnan", VISIT).provisional


@pytest.mark.rule("R112")
def test_a_service_is_judged_by_the_version_of_the_day_it_was_opened():
    def day(rated: str | None = None, **instants: str) -> int:
        row = dict.fromkeys(ServiceRow._fields) | {"stored_at_ms": at("2026-10-01 00:00")}
        row["mode"] = "per_matter" if "accepted" in instants else "per_visit"
        row |= {f"{what}_at_ms": at(written) for what, written in instants.items()}
        return policy_day(ServiceRow(**row), at(rated) if rated else None)  # type: ignore[arg-type]

    assert day(opened="2026-08-31 23:59", closed="2026-09-01 00:10") == 20260831
    assert day(accepted="2026-09-01 10:00", finished="2026-09-02 10:00") == 20260901
    # What nobody has described has the first day that is told, never that of its arrival.
    assert day(finished="2026-09-02 10:00", closed="2026-09-01 10:00") == 20260901
    assert day(closed="2026-09-02 10:00", rated="2026-09-01 10:00") == 20260901
    assert day(rated="2026-09-01 10:00", invited="2026-08-31 10:00") == 20260831
    assert day(no_show="2026-09-02 10:00", invited="2026-09-01 10:00") == 20260901
    assert day() == 20261001
    service = visit("2026-08-31 23:59", "2026-09-01 00:10")
    assert stands("qinnan", service).policy_from == 20220607


def test_a_stub_stands_under_the_day_of_its_rating():
    stub = Service("demo", "01STUB")
    found = stands("qinnan", stub, [BAD])
    assert (found.state, found.day, found.end_ms) == ("active", 20260901, None)


@pytest.mark.rule("R46")
def test_two_policies_at_one_window_give_two_standings():
    found = {name: stands(name, VISIT).state for name in ("qinnan", "fujian", "national")}
    assert found == {"qinnan": "unrated", "fujian": "default", "national": "waiting"}
    assert stand(policy("qinnan"), CALENDAR, VISIT, [BAD], [], 0).level == 1


# Per matter only, as 新疆消防 第四条 (the profile comes with its own issue).
@pytest.fixture(scope="module")
def fire(tmp_path_factory):
    from central.rules.policy import SHIPPED, load_policies

    folder = tmp_path_factory.mktemp("policies")
    text = (SHIPPED / "national" / "2000-01-01.toml").read_text("utf-8")
    (folder / "fire").mkdir()
    text = text.replace("per_visit  = { value = true", "per_visit  = { value = false")
    (folder / "fire" / "2000-01-01.toml").write_text(text, "utf-8")
    return load_policies(folder).of("fire", 20260901)


def test_per_matter_one_row_of_a_project_is_a_subject(fire):
    def state(service, project=None, ratings=(BAD,)):
        return stand(fire, CALENDAR, service, ratings, [], at("2027-01-01 00:00"), project)

    alone = visit("2026-09-01 09:50", service="01A")
    assert state(alone).state == "active"
    open_one = Service("demo", "01", opened_ms=at("2026-09-01 09:50"))
    assert state(open_one, ratings=()).out_because == "unfinished"
    assert state(open_one).state == "active"
    second = Visit("01B", at("2026-09-02 09:50"), None, at("2026-09-02 10:00"))
    one = visit("2026-09-01 09:50", service="01A", project_no="P1")
    two = visit("2026-09-02 09:50", service="01B", project_no="P1")
    done = completion("2026-09-03 10:00")
    for visits, subject in (((SPOT, second), "01B"), ((ONE, ONE), done.service), ((SPOT,), "01A")):
        project = Project(visits)
        unfinished = visits[0].finished_ms is None
        services = [
            one
            if not unfinished
            else visit("2026-09-01 09:50", service="01A", project_no="P1", finished_ms=None),
            two
            if not unfinished
            else visit("2026-09-02 09:50", service="01B", project_no="P1", finished_ms=None),
            done,
        ][:: 1 if len(visits) > 1 else 2]
        found = [one.service for one in services if state(one, project).state == "active"]
        assert found == [subject]


def test_without_a_begin_a_service_stands_under_the_day_it_was_closed():
    over_midnight = visit("2026-08-31 23:59", "2026-09-01 00:10", finished_ms=None)
    assert stands("qinnan", over_midnight).day == 20260901
    assert stands("national", over_midnight).day == 20260901
    open_one = Service("demo", "01", opened_ms=at("2026-08-31 23:59"))
    assert stands("national", open_one).day == 20260831


@pytest.mark.rule("R26")
def test_a_matter_that_finished_with_its_due_day_was_not_overdue():
    early, seen = rating("a", 1, "2026-09-05 09:00"), Project((ONE,))
    finished = {"finished_ms": at("2026-09-11 00:00")}  # the first instant after its due day
    overdue = replace(completion(due_day=20260910), **finished)
    assert stands("qinnan", overdue, [early], project=seen).state == "active"
    on_time = replace(overdue, finished_ms=finished["finished_ms"] - 1)
    assert stands("qinnan", on_time, [early], project=seen).state == "out"


@pytest.mark.rule("R25")
def test_an_agents_completion_is_the_subject_where_visits_count_alone():
    counting = policy("ezhou-norm").counting
    both = counting.both.model_copy(update={"value": False})
    of = replace(policy("ezhou-norm"), counting=counting.model_copy(update={"both": both}))
    for kind, state in (("agent", "waiting"), ("single", "out")):
        seen = Project((replace(ONE, kind=kind),))
        done = completion("2026-09-02 10:00")
        assert stand(of, CALENDAR, done, [], [], at("2026-09-02 11:00"), seen).state == state


@pytest.mark.rule("R21")
def test_a_terminals_matter_and_its_completion_are_one_subject():
    then_ms = at("2026-09-02 10:00")
    kiosk = Service("demo", "01K", "per_matter", project_no="P1", completed_ms=then_ms)
    both = Project(has_online=True)
    assert stands("qinnan", kiosk, project=both).state == "unrated"
    beside = stands("qinnan", completion("2026-09-02 10:00"), project=both)
    assert beside.out_because == "counted_elsewhere"
    assert stands("qinnan", completion("2026-09-02 10:00"), project=Project()).state == "unrated"
    assert stands("qinnan", kiosk, project=Project((ONE,), has_online=True)).state == "out"
    spot = Visit("01K", None, None, then_ms)
    done = replace(kiosk, completed_ms=None, finished_ms=then_ms)
    project = Project((spot,))
    assert stands("qinnan", done, project=project).state == "unrated"
    assert stands("qinnan", completion("2026-09-02 10:00"), project=project).state == "out"
