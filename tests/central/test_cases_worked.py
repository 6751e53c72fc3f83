"""Worked cases: limits counted by hand beside their articles, for each profile and complexity."""

from dataclasses import replace
from typing import Any, get_args

import pytest
from case_parts import OFFICER, SUPERVISOR, became, case, ends, refused, stands, step
from rules_parts import CALENDAR, POLICIES, at, policy

from central.rules.calendar import Calendar, read_overrides
from central.rules.case_section import CaseLimit, Proven, Unreachable
from central.rules.cases.findings import ProvenComplaint, reached
from central.rules.cases.limits import days_of_term, warn_ms
from central.rules.cases.state import standing_of
from central.rules.cases.taking import refusal
from central.rules.policy import Policy
from central.rules.sections import Limit, Unit

GENERAL, COMPLEX, SIMPLE = (
    [step("classified", "2026-01-01 09:00", of=one, id="c")]
    for one in ("general", "complex", "simple")
)

# 春节 2026: 15 to 23 February off, Saturdays 14 and 28 worked. 国庆 2026: 1 to 7 October off,
# Saturday 10 October worked. 国庆 2021: 1 to 7 October off, Saturday 9 October worked.
ROWS = [
    # S0 第十条: verified in 5 working days of receipt. 14 (Sat), 24, 25, 26, 27.
    ("xinjiang-fire", "2026-02-13 17:30", [], {"verified": "2026-02-28 00:00"}),
    # 8, 9, 10 (Sat), 12, 13 October.
    ("xinjiang-fire", "2026-09-30 09:00", [], {"verified": "2026-10-14 00:00"}),
    # Measures in 3 working days of the finding: 28 (Sat), 2, 3 March.
    (
        "xinjiang-fire",
        "2026-02-13 17:30",
        [step("verified_true", "2026-02-27 10:00")],
        {"verified": "2026-02-28 00:00", "measures": "2026-03-04 00:00"},
    ),
    # S1 十六: 10 working days of the finding, none for the finding itself:
    # 30 September, 8, 9, 10 (Sat), 12 to 16, 19 October.
    ("fujian", "2026-09-28 09:00", [], {}),
    (
        "fujian",
        "2026-09-28 09:00",
        [step("verified_true", "2026-09-29 11:00")],
        {"rectified": "2026-10-20 00:00"},
    ),
    # S1 十三: the clerk has 7 working days from the release: 14 (Sat), 24 to 28 (Sat), 2 March.
    (
        "fujian",
        "2026-02-11 09:00",
        [step("released", "2026-02-13 16:00")],
        {"appeal_filed": "2026-03-03 00:00"},
    ),
    # S2 第十五条: 48 hours by the clock, then 5 or 15 natural days, holidays or not.
    (
        "ezhou-norm",
        "2026-09-30 16:00",
        [],
        {"contacted": "2026-10-02 16:00", "rectified": "2026-10-06 00:00"},
    ),
    (
        "ezhou-norm",
        "2026-09-30 16:00",
        COMPLEX,
        {"contacted": "2026-10-02 16:00", "rectified": "2026-10-16 00:00"},
    ),
    ("ezhou-norm", "2026-02-14 08:00", SIMPLE, {"contacted": "2026-02-16 08:00"}),
    # S2P 二(三)2: contacted in 1 working day, 8 October; 5: 8, 9 (Sat), 11, 12, 13.
    (
        "ezhou-plan",
        "2021-09-30 15:00",
        [],
        {"contacted": "2021-10-09 00:00", "rectified": "2021-10-14 00:00"},
    ),
    # 15: 8, 9 (Sat), 11 to 15, 18 to 22, 25, 26, 27.
    (
        "ezhou-plan",
        "2021-09-30 15:00",
        [step("classified", "2021-09-30 16:00", of="complex")],
        {"replied": "2021-10-28 00:00"},
    ),
    # S3 第十九条 限期整改, S1's and ours: no number, no day.
    ("qinnan", "2026-02-13 09:00", GENERAL, {}),
    ("guangdong", "2026-02-13 09:00", GENERAL, {}),
    ("national", "2026-02-13 09:00", GENERAL, {}),
]


@pytest.mark.rule("R70")
@pytest.mark.rule("R71")
@pytest.mark.rule("R72")
@pytest.mark.rule("R73")
@pytest.mark.rule("R76")
@pytest.mark.parametrize(("name", "received", "steps", "expected"), ROWS)
def test_each_limit_ends_as_the_text_says(name, received, steps, expected):
    found = stands(name, case(name, received), steps, now=received)
    assert ends(found) == expected
    if not expected:
        assert found.next is None
        assert found.due_ms is None


@pytest.mark.rule("R78")
@pytest.mark.parametrize(
    ("received", "steps", "expected"),
    [
        # 制度11 第二条, 第三条: 14 (Sat), 24, 25 February.
        (
            "2026-02-13 09:00",
            [],
            dict.fromkeys(("accepted", "evidence", "replied"), "2026-02-26 00:00"),
        ),
        # 10: 14, 24 to 28 (Sat), 2 to 5 March.
        (
            "2026-02-13 09:00",
            COMPLEX,
            {
                "accepted": "2026-02-26 00:00",
                "evidence": "2026-02-26 00:00",
                "replied": "2026-03-06 00:00",
            },
        ),
        # Extended with approval, 30 at most: to 2 April.
        (
            "2026-02-13 09:00",
            [*COMPLEX, step("extended", "2026-03-05 09:00", of="replied", day=20260402)],
            {
                "accepted": "2026-02-26 00:00",
                "evidence": "2026-02-26 00:00",
                "replied": "2026-04-03 00:00",
            },
        ),
        # 30 April, 6, 7 May; the review in 15: 6 to 9 (Sat), 11 to 15, 18 to 22, 25 May.
        (
            "2026-04-29 09:00",
            [step("replied", "2026-04-30 15:00")],
            {
                "accepted": "2026-05-08 00:00",
                "evidence": "2026-05-08 00:00",
                "replied": "2026-05-08 00:00",
                "review_asked": "2026-05-26 00:00",
            },
        ),
    ],
)
def test_a_complaints_limits_are_its_own(received, steps, expected):
    of = case("qinnan", received, kind="complaint")
    assert ends(stands("qinnan", of, steps, now=received)) == expected
    assert ends(stands("national", of, steps)) == {}


@pytest.mark.rule("R78")
def test_a_complaint_is_extended_with_approval_and_never_beyond_30_working_days():
    of = case("qinnan", "2026-02-13 09:00", kind="complaint")
    told = [*COMPLEX]
    right = step("extended", "2026-03-05 09:00", of="replied", day=20260402, actor=SUPERVISOR)
    assert refused("qinnan", of, told, right) is None
    longer = replace(right, day=20260403)
    assert "at most 2026-04-02" in (refused("qinnan", of, told, longer) or "")
    assert "approval" in (refused("qinnan", of, told, replace(right, actor=OFFICER)) or "")
    assert "no limit of replied" in (refused("qinnan", of, [], right) or "")


@pytest.mark.rule("R71")
def test_a_limit_is_extended_before_its_end_with_a_reason_and_a_later_day():
    of, told = case("fujian", "2026-09-28 09:00"), [step("verified_true", "2026-09-29 11:00")]
    new = step("extended", "2026-10-19 23:59", of="rectified", day=20261030)
    assert refused("fujian", of, told, new) is None
    assert ends(stands("fujian", of, [*told, new])) == {"rectified": "2026-10-31 00:00"}
    for other, why in (
        (step("extended", "2026-10-20 00:00", of="rectified", day=20261030), "before its end"),
        (replace(new, day=20261019), "lasts until 2026-10-19"),
        (replace(new, day=20261032), "day is no day"),
        (replace(new, text=""), "needs text"),
        (replace(new, of="replied"), "no limit of replied"),
    ):
        assert why in (refused("fujian", of, told, other) or ""), why
    of = case("ezhou-norm", "2026-09-28 09:00")
    assert "may be extended" in (
        refused("ezhou-norm", of, [], replace(new, at_ms=new.noted_ms)) or ""
    )


def test_a_limit_of_hours_ends_to_the_second_and_is_shown_by_half_days():
    of = case("ezhou-norm", "2026-09-30 16:00")
    (contacted, _) = stands("ezhou-norm", of, now="2026-10-01 00:00").terms
    assert contacted.shown_ms == at("2026-10-03 00:00")
    assert contacted.end_ms == at("2026-10-02 16:00")
    for when, expected in (("2026-10-02 15:59:59", "running"), ("2026-10-02 16:00", "over")):
        assert became(stands("ezhou-norm", of, now=when))["contacted"] == expected
    done = [step("contacted", "2026-10-02 15:59:59")]
    assert not stands("ezhou-norm", of, done).terms[0].is_late
    assert stands("ezhou-norm", of, [step("contacted", "2026-10-02 16:00")]).terms[0].is_late


def test_a_limit_shows_its_days_one_by_one_with_the_holidays_skipped():
    (term,) = stands("xinjiang-fire", case("xinjiang-fire", "2026-02-13 17:30")).terms
    found = days_of_term(term, CALENDAR)
    assert [(one.day.day, one.counts) for one in found] == [
        *((13, False), (14, True), *((day, False) for day in range(15, 24))),
        *((24, True), (25, True), (26, True), (27, True)),
    ]
    told = [step("verified_true", "2026-09-29 11:00")]
    told.append(step("extended", "2026-10-16 09:00", of="rectified", day=20261030))
    (term,) = stands("fujian", case("fujian", "2026-09-28 09:00"), told).terms
    assert str(days_of_term(term, CALENDAR)[-1].day) == "2026-10-30"
    assert term.until == 20261030


def test_in_a_year_without_a_notice_nobody_is_told_overdue(tmp_path):
    """29, 30, 31 December count; 1 January is off in every year; 4 and 5 January are guesses."""
    of = case("xinjiang-fire", "2026-12-28 10:00")
    found = stands("xinjiang-fire", of)
    assert ends(found) == {"verified": "2027-01-06 00:00 ?"}
    assert became(found) == {"verified": "uncertain"}
    assert (found.is_over, found.due_ms) == (False, None)
    path = tmp_path / "days.toml"
    path.write_text('complete = [2027]\n[days]\n2027-01-04 = "off"\n', "utf-8")
    told = Calendar(read_overrides(path))
    found = stands("xinjiang-fire", of, calendar=told)
    assert ends(found) == {"verified": "2027-01-07 00:00"}
    assert (found.is_over, became(found)) == (True, {"verified": "over"})
    found = stands("xinjiang-fire", of, calendar=told, now="2027-01-06 12:00")
    assert found.due_ms == at("2027-01-07 00:00")


@pytest.mark.rule("R73")
def test_a_citizen_who_is_not_satisfied_makes_it_be_done_again_twice():
    of = case("ezhou-norm", "2026-03-02 09:00", has_contact=True)
    told = [step("assigned", "2026-03-02 09:01"), step("contacted", "2026-03-03 09:00")]
    for fixed, called, said in (("05", "06", "06"), ("10", "11", "11"), ("13", "14", "14")):
        told += [
            step("rectified", f"2026-03-{fixed} 09:00"),
            step("called_back", f"2026-03-{called} 09:00"),
            step("not_satisfied", f"2026-03-{said} 10:00"),
        ]
    first = {"contacted": "2026-03-04 09:00", "rectified": "2026-03-08 00:00"}
    assert ends(stands("ezhou-norm", of, told[:4], now="2026-03-06 09:30")) == first
    # Five natural days from the word: 7 to 11 March, and 12 to 16.
    second = first | {"rectified1": "2026-03-12 00:00"}
    found = stands("ezhou-norm", of, told[:5], now="2026-03-06 10:00")
    assert (ends(found), found.left, found.state) == (
        second,
        ("rectified", "replied", "called_back"),
        "handling",
    )
    third = second | {"rectified2": "2026-03-17 00:00"}
    found = stands("ezhou-norm", of, told[:8], now="2026-03-11 10:00")
    assert (ends(found), became(found)["rectified2"]) == (third, "running")
    # The third time it is the supervisor's, and no limit begins.
    found = stands("ezhou-norm", of, told, now="2026-03-14 10:00")
    assert (ends(found), found.state) == (third, "supervisors")


def test_who_cannot_be_reached_ends_what_would_reach_him():
    of = case("ezhou-norm", "2026-03-02 09:00", has_contact=True)
    calls = [step("attempted", f"2026-03-0{day} {hour}:00") for day, hour in ((2, 14), (3, 10))]
    new = step("unreachable", "2026-03-03 17:00")
    assert "3 attempts on 2 days: there are 2 on 2" in (
        refused("ezhou-norm", of, calls, new) or ""
    )
    third = step("attempted", "2026-03-03 16:00")
    assert refused("ezhou-norm", of, [*calls, third], new) is None
    same = [step("attempted", f"2026-03-03 {hour}:00") for hour in (10, 11, 12)]
    assert "on 2 days: there are 3 on 1" in (refused("ezhou-norm", of, same, new) or "")
    found = stands("ezhou-norm", of, [*calls, third, new])
    assert became(found) == {"contacted": "unreachable", "rectified": "over"}
    assert found.left == ("rectified",)
    # Who was reached since is not unreachable; who left no contact is at once.
    reached_since = [*calls, third, step("contacted", "2026-03-03 16:30")]
    assert "there are 0" in (refused("ezhou-norm", of, reached_since, new) or "")
    of = replace(of, has_contact=False)
    assert refused("ezhou-norm", of, [], new) is None


def test_a_warning_comes_a_working_day_before():
    found = stands(
        "xinjiang-fire", case("xinjiang-fire", "2026-09-30 09:00"), now="2026-10-01 00:00"
    )
    (term,) = found.terms  # the last day is Tuesday 13 October
    assert warn_ms(term, policy("xinjiang-fire"), CALENDAR) == at("2026-10-12 00:00")
    (contacted, fixed) = stands(
        "ezhou-norm", case("ezhou-norm", "2026-10-08 09:00"), now="2026-10-08 09:00"
    ).terms
    assert warn_ms(fixed, policy("ezhou-norm"), CALENDAR) == at("2026-10-12 00:00")
    assert warn_ms(contacted, policy("ezhou-norm"), CALENDAR) == at("2026-10-09 00:00")
    done = stands(
        "ezhou-norm",
        case("ezhou-norm", "2026-10-08 09:00"),
        [step("rectified", "2026-10-09 09:00")],
    )
    assert warn_ms(done.terms[1], policy("ezhou-norm"), CALENDAR) is None


# ---- every number of a profile's case part matters ----

UNUSED = {"case.targets", "case.officer", "case.responsible", "case.reply_any_level"}
WORDS = {"general": "complex", "12345": ""}
TRIED = {"xinjiang-fire": 26, "fujian": 27, "ezhou-norm": 34, "ezhou-plan": 34, "qinnan": 50}
TRIED |= {"guangdong": 11, "national": 11}


def variants(value: Any) -> list[Any]:
    """The value changed by one: a number up and down, a member less, another word."""
    if isinstance(value, bool):
        return [None]
    if isinstance(value, int):
        return [value - 1, value + 1] if value else [value + 1]
    if isinstance(value, str):
        return [WORDS[value] or None]
    if isinstance(value, CaseLimit | Limit):
        units = [one for one in get_args(Unit) if one != value.unit]
        numbers = [value.model_copy(update={"n": n}) for n in (value.n - 1, value.n + 1)]
        most = getattr(value, "at_most", None)
        if most is not None:
            numbers += [value.model_copy(update={"at_most": n}) for n in (most - 1, most + 1)]
        return [*numbers, *(value.model_copy(update={"unit": one}) for one in units)]
    if isinstance(value, Unreachable | Proven):
        return [value.model_copy(update={name: n}) for name, old in value for n in variants(old)]
    gone = [tuple(one for one in value if one is not each) for each in value]
    changed = [
        (*value[:n], other, *value[n + 1 :])
        for n, one in enumerate(value)
        if isinstance(one, CaseLimit)
        for other in variants(one)
    ]
    return gone + changed


def outcome(of: Policy) -> tuple[Any, ...]:
    """What a policy makes of cases in which each of its numbers decides something."""
    year = 2021 if of.profile == "ezhou-plan" else 2026
    told: list[Any] = []

    def day(month: int, day: int, hour: str = "09:00") -> str:
        return f"{year}-{month:02}-{day:02} {hour}"

    def look(kind: str, steps: list[Any], now: str, **more: Any) -> None:
        one = case(of.profile, more.pop("received", day(3, 1)), kind=kind, **more)
        found = standing_of(one, steps, [of], CALENDAR, at(now))
        warned = [warn_ms(term, of, CALENDAR) for term in found.terms]
        told.append((found.terms, found.left, found.owed, found.state, warned))

    def ask(kind: str, steps: list[Any], new: Any, **more: Any) -> None:
        one = case(of.profile, day(3, 1), kind=kind, **more)
        told.append(refusal(one, steps, new, [of], CALENDAR) is None)

    found = [step("verified_true", day(3, 2))]
    for steps in ([], found, [*found, step("released", day(3, 3))]):
        for how in (None, "general", "complex"):
            by = [step("classified", day(3, 1), of=how)] if how else []
            look("rating", [*by, *steps], day(3, 2, "10:00"))
            look("rating", by, day(3, 3), received=day(3, 2))  # ends behind a weekend
    look("complaint", [step("replied", day(3, 2))], day(3, 2, "10:00"))
    look("complaint", [step("classified", day(3, 1), of="complex")], day(3, 2, "10:00"))
    look("complaint", [], day(3, 6), received=day(3, 5))
    more = step("extended", day(3, 5), of="replied", actor=SUPERVISOR)
    start = {2021: 20210401, 2026: 20260401}[year]
    for last in range(start, start + 30):
        ask("complaint", [step("classified", day(3, 1), of="complex")], replace(more, day=last))
    for calls in (
        [2],
        [2, 3],
        [2, 3, 4],
        [2, 2, 2],
        [2, 2, 3],
        [2, 2, 3, 4],
        [2, 2, 2, 3],
        [2, 2, 2, 2],
    ):
        steps = [
            step("attempted", day(3, one, f"1{n}:00"), id=f"a{n}") for n, one in enumerate(calls)
        ]
        ask("rating", steps, step("unreachable", day(3, 9)), has_contact=True)
    again: list[Any] = []
    for n in range(5):
        again += [step("rectified", day(4, 2 + 3 * n)), step("not_satisfied", day(4, 3 + 3 * n))]
        look("rating", again, day(4, 3 + 3 * n, "10:00"))
    for what in ("mistaken", "malicious"):
        decided = step(what, day(3, 4), id="d")
        ask("rating", found, decided)
        both = [*found, decided, step("confirmed", day(3, 5), about="d")]
        look("rating", both, day(3, 6))
        ask("rating", both, step("noticed", day(3, 6)))
        ask("rating", both, step("dishonesty_list", day(3, 6)))
        appeal = [step("released", day(3, 3)), step("appeal_filed", day(3, 4))]
        ask("rating", appeal, step("appeal_upheld", day(3, 5), of=what))
    look("rating", [step("rectified", day(3, 3))], day(3, 4))
    for what in ("relayed", "referred", "released"):
        ask("rating", found, step(what, day(3, 4)))
    by = [step("classified", day(3, 1), of="complex")]
    ask("rating", by, step("replied", day(3, 4)))
    for counts in (2, 3, 4):
        told.append(
            reached(
                of, [ProvenComplaint(year * 10_000 + 301, "demo", "w1", "0231", True)] * counts
            )
        )
    return tuple(told)


@pytest.mark.rule("R45")
@pytest.mark.parametrize("name", POLICIES.profiles())
def test_every_number_of_a_profiles_case_part_matters(name):
    of = policy(name)
    before, tried = outcome(of), 0
    for key, value in of.values():
        if not key.startswith("case.") or key in UNUSED:
            continue
        member = key.removeprefix("case.")
        for other in variants(value.value):
            new = None if other is None else value.model_copy(update={"value": other})
            part = of.case.model_copy(update={member: new})
            assert outcome(replace(of, case=part)) != before, f"{key} = {other}"
            tried += 1
    assert tried == TRIED[name]
    assert outcome(replace(of)) == before  # the control
