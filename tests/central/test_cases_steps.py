"""The steps of a case: who may take which, when, and what follows from each."""

import random
from dataclasses import replace
from typing import get_args

import pytest
from case_parts import (
    AUDITOR,
    CENTRE,
    CITIZEN,
    OFFICER,
    SECOND,
    SUPERVISOR,
    became,
    case,
    refused,
    stands,
    step,
)
from rules_parts import CALENDAR, POLICIES, at, policy

from central.rules.case_section import Step as StepName
from central.rules.cases.findings import (
    Finding,
    ProvenComplaint,
    bars_best,
    reached,
    standing_findings,
)
from central.rules.cases.rates import Handled, rates_of
from central.rules.cases.samples import sample
from central.rules.cases.state import standing_of
from central.rules.cases.steps import RULES, Actor
from central.rules.cases.taking import refusal

FOUND = [step("assigned", "2026-03-02 10:00"), step("verified_true", "2026-03-03 09:00")]


def test_every_step_that_a_policy_can_name_has_its_rule():
    assert set(RULES) == set(get_args(StepName)) - {"verified"}


def test_any_order_and_any_doubling_of_steps_are_one_story():
    of = case("ezhou-norm", "2026-03-02 09:00", has_contact=True)
    told = [
        *FOUND,
        step("contacted", "2026-03-03 11:00"),
        step("rectified", "2026-03-05 09:00"),
        step("called_back", "2026-03-06 09:00"),
        step("not_satisfied", "2026-03-06 10:00"),
        step("replied", "2026-03-09 09:00", noted="2026-03-10 09:00"),
        step("rectified", "2026-03-10 09:00"),
    ]
    expected = stands("ezhou-norm", of, told, now="2026-03-11 09:00")
    shuffle = random.Random(22)
    for _ in range(200):
        some = [*told, *shuffle.choices(told, k=5)]
        shuffle.shuffle(some)
        assert stands("ezhou-norm", of, some, now="2026-03-11 09:00") == expected
    assert expected.left == ("called_back",)


@pytest.mark.parametrize(
    ("new", "why"),
    [
        (step("rectify", "2026-03-04 09:00"), "there is no step rectify"),
        (step("assigned", "2026-03-04 09:00", actor=OFFICER), "taken by supervisor or centre"),
        (step("received", "2026-03-04 09:00"), "taken by centre, not by officer"),
        (step("accepted", "2026-03-04 09:00"), "no step of a case about a rating"),
        (step("measures", "2026-03-04 09:00", text=""), "measures needs text"),
        (step("contacted", "2026-03-01 09:00", noted="2026-03-04 09:00"), "had not come yet then"),
        (step("contacted", "2026-03-04 09:00", noted="2026-03-03 09:00"), "not before"),
        (step("assigned", "2026-03-03 09:00", noted="2026-03-04 09:00"), "leave the time out"),
        (step("classified", "2026-03-04 09:00", of="hard"), "simple, general or complex"),
        (step("called_back", "2026-03-04 09:00"), "a call before it is contacted"),
        (step("satisfied", "2026-03-04 09:00"), "nothing was rectified or answered yet"),
        (step("joined", "2026-03-04 09:00", to="7K3MQ9TX2A"), "not joined to itself"),
        (step("review_asked", "2026-03-04 09:00", actor=CITIZEN), "no step of a case about"),
        (step("confirmed", "2026-03-04 09:00", actor=SECOND, about="x"), "names no decision"),
        (step("reported", "2026-03-04 09:00"), "nothing is owed"),
        (step("appeal_filed", "2026-03-04 09:00"), "needs the supervisor's release first"),
        (step("appeal_denied", "2026-03-04 09:00"), "no appeal waits"),
        (step("released", "2026-03-04 09:00"), "no policy of this case knows an appeal"),
        (step("restored", "2026-03-04 09:00"), "the rating is not excluded"),
        (step("closed", "2026-03-04 09:00"), "it needs contacted, rectified, replied"),
    ],
)
def test_a_step_that_may_not_be_taken_is_told_why(new, why):
    of = case("ezhou-norm", "2026-03-02 09:00")
    assert why in (refused("ezhou-norm", of, FOUND, new) or "")


def test_a_deed_is_noted_later_with_the_time_when_it_was_done():
    of = case("ezhou-norm", "2026-03-02 09:00")
    late = step("contacted", "2026-03-03 15:00", noted="2026-03-05 09:00")
    assert refused("ezhou-norm", of, FOUND, late) is None
    found = stands("ezhou-norm", of, [*FOUND, late], now="2026-03-05 09:00")
    assert not found.terms[0].is_late
    # As it stood then: a call is no call back before the rectification.
    told = [*FOUND, step("rectified", "2026-03-06 09:00")]
    early = step("called_back", "2026-03-05 09:00", noted="2026-03-06 10:00")
    assert "before it is contacted" in (refused("ezhou-norm", of, told, early) or "")
    assert refused("ezhou-norm", of, told, step("called_back", "2026-03-06 10:00")) is None


@pytest.mark.rule("R50")
def test_who_asks_for_a_reply_at_any_level_gets_one():
    of = case("xinjiang-fire", "2026-03-02 09:00", bad_for=frozenset(), has_contact=True)
    told = [step("asked", "2026-03-02 09:00")]
    found = stands("xinjiang-fire", of, told)
    assert (found.left, found.terms) == (("replied",), ())
    assert "replied" in (
        refused("xinjiang-fire", of, told, step("closed", "2026-03-03 09:00")) or ""
    )
    told.append(step("replied", "2026-03-03 09:00"))
    assert refused("xinjiang-fire", of, told, step("closed", "2026-03-03 10:00")) is None
    # A bad one needs what the policy names, and the reply to who asked; not who did not.
    of = case("xinjiang-fire", "2026-03-02 09:00")
    needs = ("verified", "measures", "rectified")
    assert stands("xinjiang-fire", of).left == needs
    assert stands("xinjiang-fire", of, told[:1]).left == (*needs, "replied")
    # A wish that comes when all was done opens it again.
    done = [step("closed", "2026-03-03 09:00"), step("asked", "2026-03-04 09:00")]
    assert stands("xinjiang-fire", of, done[:1]).state == "closed"
    assert stands("xinjiang-fire", of, done).state == "handling"


DECIDED = step("malicious", "2026-03-04 09:00", id="d")
AGREED = step("confirmed", "2026-03-04 10:00", actor=SECOND, about="d")


@pytest.mark.rule("R59")
def test_an_exclusion_takes_two_accounts_neither_of_the_rated_institution():
    of = case("ezhou-norm", "2026-03-02 09:00")
    theirs = Actor("supervisor-9", "supervisor", "tax")
    assert "not of the rated" in (
        refused("ezhou-norm", of, FOUND, replace(DECIDED, actor=theirs)) or ""
    )
    told = [*FOUND, DECIDED]
    assert refused("ezhou-norm", of, FOUND, DECIDED) is None
    waiting = stands("ezhou-norm", of, told)
    assert (waiting.story.excluded, waiting.owed) == (None, ("decision",))
    same = replace(AGREED, actor=SUPERVISOR)
    assert "another one than the first" in (refused("ezhou-norm", of, told, same) or "")
    assert "not of the rated" in (
        refused("ezhou-norm", of, told, replace(AGREED, actor=theirs)) or ""
    )
    assert refused("ezhou-norm", of, told, replace(AGREED, actor=AUDITOR)) is None
    assert refused("ezhou-norm", of, told, AGREED) is None
    found = stands("ezhou-norm", of, [*told, AGREED])
    assert (found.story.excluded, found.left) == ("malicious", ())
    assert became(found) == {"contacted": "excluded", "rectified": "excluded"}
    # S2 第十五条: told to the authority of its level.
    assert found.owed == ("reported",)
    again = replace(DECIDED, id="e", at_ms=at("2026-03-05 09:00"), noted_ms=at("2026-03-05 09:00"))
    assert "excluded already" in (refused("ezhou-norm", of, [*told, AGREED], again) or "")
    # Restored by two accounts, it stands as before; what the second refuses never was.
    back = step("restored", "2026-03-06 09:00", id="r")
    agreed = step("confirmed", "2026-03-06 10:00", actor=SECOND, about="r")
    assert refused("ezhou-norm", of, [*told, AGREED], back) is None
    found = stands("ezhou-norm", of, [*told, AGREED, back, agreed])
    assert (found.story.excluded, found.left) == (None, ("contacted", "rectified", "replied"))
    no = step("refused", "2026-03-04 10:00", actor=SECOND, about="d")
    assert stands("ezhou-norm", of, [*told, no]).story.excluded is None


@pytest.mark.rule("R59")
@pytest.mark.rule("R77")
def test_in_fujian_only_an_appeal_excludes_and_its_days_run_from_the_release():
    of = case("fujian", "2026-02-02 09:00")
    assert "by an appeal only" in (
        refused("fujian", of, FOUND, replace(DECIDED, what="mistaken")) or ""
    )
    # The supervisor took eleven days; the clerk has seven working days all the same: to 2 March.
    told = [step("released", "2026-02-13 16:00")]
    for when, why in (("2026-03-02 23:59", None), ("2026-03-03 00:00", "ended with 2026-03-02")):
        assert (why or "") in (refused("fujian", of, told, step("appeal_filed", when)) or "")
    assert refused("fujian", of, told, step("appeal_filed", "2026-03-02 23:59")) is None
    assert "taken by officer" in (
        refused("fujian", of, told, step("appeal_filed", "2026-03-02 09:00", actor=SUPERVISOR))
        or ""
    )
    told.append(step("appeal_filed", "2026-02-24 09:00"))
    assert stands("fujian", of, told).owed == ("appeal",)
    upheld = step("appeal_upheld", "2026-02-25 09:00", id="u", of="mistaken")
    assert "of is malicious or mistaken" in (
        refused("fujian", of, told, replace(upheld, of="wrong")) or ""
    )
    assert refused("fujian", of, told, upheld) is None
    agreed = step("confirmed", "2026-02-25 10:00", actor=SECOND, about="u")
    found = stands("fujian", of, [*told, upheld, agreed])
    assert (found.story.excluded, found.story.excluded_by) == ("mistaken", "appeal_upheld")
    assert (found.left, found.owed) == ((), ())
    denied = step("appeal_denied", "2026-02-25 09:00")
    found = stands("fujian", of, [*told, denied])
    assert (found.story.appeal, found.left) == ("denied", ("verified", "rectified"))
    assert "an appeal already" in (
        refused("fujian", of, [*told, denied], step("appeal_filed", "2026-02-26 09:00")) or ""
    )


def test_nobody_loses_an_appeal_by_a_day_that_no_notice_has_settled():
    of = case("fujian", "2026-12-24 09:00")
    told = [step("released", "2026-12-28 09:00")]
    assert refused("fujian", of, told, step("appeal_filed", "2027-02-01 09:00")) is None


@pytest.mark.rule("R58")
def test_a_malicious_rating_is_announced_before_its_case_is_closed():
    of = case("xinjiang-fire", "2026-03-02 09:00")
    told = [*FOUND, DECIDED]
    new = step("noticed", "2026-03-05 09:00")
    assert "only a rating that is found malicious" in (
        refused("xinjiang-fire", of, told, new) or ""
    )
    told.append(AGREED)
    closed = step("closed", "2026-03-06 09:00")
    assert refused("xinjiang-fire", of, told, closed) == "before it is closed it needs noticed"
    assert refused("xinjiang-fire", of, told, new) is None
    assert refused("xinjiang-fire", of, [*told, new], closed) is None
    of = case("ezhou-norm", "2026-03-02 09:00")
    assert "asks for a public notice" in (refused("ezhou-norm", of, told, new) or "")


@pytest.mark.rule("R60")
def test_the_dishonesty_list_comes_after_the_supervisors_check():
    of = case("qinnan", "2026-03-02 09:00")
    new = step("dishonesty_list", "2026-03-05 09:00")
    assert "after the supervisor found" in (refused("qinnan", of, [*FOUND, DECIDED], new) or "")
    told = [*FOUND, DECIDED, AGREED]
    assert refused("qinnan", of, told, new) is None
    assert "taken by officer" in (
        refused("qinnan", of, told, replace(new, actor=SUPERVISOR)) or ""
    )
    assert "has a dishonesty list" in (refused("ezhou-norm", of, told, new) or "")


@pytest.mark.rule("R79")
@pytest.mark.rule("R100")
def test_it_is_relayed_by_12345_and_referred_with_the_reply_still_due():
    of = case("ezhou-norm", "2026-03-02 09:00")
    relayed = step("relayed", "2026-03-02 10:00", to="12345", actor=CENTRE)
    referred = step("referred", "2026-03-03 10:00", to="纪检监察")
    for new in (relayed, referred):
        assert refused("ezhou-norm", of, FOUND, new) is None
    found = stands("ezhou-norm", of, [*FOUND, relayed, referred])
    assert found.left == ("contacted", "rectified", "replied")
    assert "no policy of this case has relay" in (refused("qinnan", of, FOUND, relayed) or "")
    bare = policy("qinnan")
    bare = replace(bare, case=bare.case.model_copy(update={"refer": None}))
    assert "has refer" in (refused("qinnan", of, FOUND, referred, [bare]) or "")


@pytest.mark.rule("R101")
def test_what_has_no_legal_basis_is_explained_and_counts_as_replied():
    of = case("ezhou-norm", "2026-03-02 09:00")
    told = [step("contacted", "2026-03-02 15:00"), step("no_legal_basis", "2026-03-04 09:00")]
    found = stands("ezhou-norm", of, told)
    assert (found.left, became(found)["rectified"]) == ((), "no_legal_basis")
    complex_one = [step("classified", "2026-03-02 09:30", of="complex"), told[1]]
    found = stands("ezhou-plan", case("ezhou-plan", "2021-03-15 09:00"), complex_one)
    assert became(found) == {"replied": "done"}


@pytest.mark.rule("R113")
def test_departments_confer_before_the_reply_to_a_complex_one():
    of = case("ezhou-plan", "2021-09-01 09:00")
    told = [step("classified", "2021-09-01 10:00", of="complex")]
    reply = step("replied", "2021-09-06 09:00")
    assert "会商" in (refused("ezhou-plan", of, told, reply) or "")
    conferred = step("consulted", "2021-09-03 09:00", to="自然资源、税务")
    assert refused("ezhou-plan", of, [*told, conferred], reply) is None
    assert "needs to" in (refused("ezhou-plan", of, told, replace(conferred, to=None)) or "")
    assert refused("ezhou-plan", of, [], reply) is None  # a general one
    assert refused("ezhou-norm", of, told, reply) is None


@pytest.mark.rule("R110")
def test_one_reply_serves_joined_cases():
    first = case("ezhou-norm", "2026-03-02 09:00")
    other = replace(case("ezhou-norm", "2026-03-03 09:00"), no="0000000000")
    told = [step("joined", "2026-03-03 10:00", to=first.no)]
    served = [
        step("contacted", "2026-03-02 15:00"),  # before the other one came
        step("contacted", "2026-03-04 09:00"),
        step("rectified", "2026-03-05 09:00"),
        step("replied", "2026-03-05 10:00"),
    ]
    assert stands("ezhou-norm", other, told, shared=served[:1]).left == (
        "contacted",
        "rectified",
        "replied",
    )
    found = stands("ezhou-norm", other, told, shared=served)
    assert (found.left, found.state) == ((), "done")
    assert became(found) == {"contacted": "done", "rectified": "done"}
    why = refused("ezhou-norm", other, told, step("replied", "2026-03-05 11:00")) or ""
    assert f"joined to {first.no}" in why
    again = step("joined", "2026-03-05 11:00", to="1111111111")
    assert "already" in (refused("ezhou-norm", other, told, again) or "")


@pytest.mark.rule("R99")
def test_who_ranks_low_has_a_case_with_measures_and_a_day():
    """S1 十六, S3 第二十九条 限期整改: no number, the day is that of whoever opened it."""
    of = case("qinnan", "2026-03-02 09:00", kind="object", due_day=20260331)
    found = stands("qinnan", of, now="2026-03-31 23:59")
    assert (found.left, became(found)) == (("measures", "rectified"), {"rectified": "running"})
    assert found.due_ms == at("2026-04-01 00:00")
    assert became(stands("qinnan", of, now="2026-04-01 00:00")) == {"rectified": "over"}
    done = [step("measures", "2026-03-03 09:00"), step("rectified", "2026-03-20 09:00")]
    assert stands("qinnan", of, done).left == ()
    assert "no step of a case about an object" in (
        refused("qinnan", of, done, step("replied", "2026-03-21 09:00")) or ""
    )


def test_one_rating_under_two_policies_has_one_story_and_limits_of_both():
    both = [policy("xinjiang-fire"), policy("ezhou-norm")]
    names = frozenset(one.profile for one in both)
    of = replace(case("ezhou-norm", "2026-03-02 09:00"), bad_for=names)
    found = standing_of(of, FOUND, both, CALENDAR, at("2026-03-04 08:00"))
    assert [(one.profile, one.step, one.became) for one in found.terms] == [
        ("ezhou-norm", "contacted", "running"),
        ("xinjiang-fire", "measures", "running"),
        ("ezhou-norm", "rectified", "running"),
        ("xinjiang-fire", "verified", "done"),
    ]
    assert found.left == ("measures", "rectified", "contacted", "replied")
    # Bad under one of them only: the other has no limits on it.
    one = standing_of(
        replace(of, bad_for=frozenset({"ezhou-norm"})), (), both, CALENDAR, at("2026-03-04 08:00")
    )
    assert {term.profile for term in one.terms} == {"ezhou-norm"}
    # Mistaken means nothing under S0 第十条, and excludes under S2 第十五条: it may be found.
    assert refusal(of, FOUND, replace(DECIDED, what="mistaken"), both, CALENDAR) is None
    assert "no policy of this case excludes" in (
        refusal(of, FOUND, replace(DECIDED, what="mistaken"), both[:1], CALENDAR) or ""
    )


def test_a_finding_that_it_is_not_so_leaves_only_the_reply():
    of = case("ezhou-norm", "2026-03-02 09:00")
    told = [step("contacted", "2026-03-02 15:00"), step("verified_false", "2026-03-03 09:00")]
    found = stands("ezhou-norm", of, told)
    assert (found.left, became(found)["rectified"]) == (("replied",), "verified_false")
    # Found true after all, from then on.
    again = stands(
        "fujian",
        case("fujian", "2026-03-02 09:00"),
        [*told, step("verified_true", "2026-03-05 09:00")],
    )
    assert [term.from_ms for term in again.terms] == [at("2026-03-05 09:00")]


def test_a_missed_limit_goes_up_a_tier_for_each():
    of = case("ezhou-norm", "2026-03-02 09:00")
    urged = [
        step("urged", "2026-03-05 00:00", actor=CENTRE),
        step("urged", "2026-03-06 09:00"),
        step("urged", "2026-03-08 00:00", actor=CENTRE),
    ]
    found = stands("ezhou-norm", of, urged)
    assert (found.story.escalated, len(found.story.urged)) == (2, 3)


@pytest.mark.rule("R57")
@pytest.mark.rule("R103")
def test_a_stored_seed_draws_the_same_list_again():
    names = [f"case-{n}" for n in range(999)]
    seed = "0123456789abcdef0123456789abcdef"
    first = sample(names, seed, 5)
    assert (len(first.drawn), first.of) == (50, 999)  # 49.95, rounded up
    assert sample(reversed(names), seed, 5) == first
    assert set(sample(names, seed, 10).drawn) >= set(first.drawn)
    other = sample(names, seed.replace("0", "9"), 5)
    assert len(set(other.drawn) & set(first.drawn)) < 15
    assert sample(names[1:], seed, 5).sha256 != first.sha256
    assert len(sample(names, seed, 100).drawn) == 999
    assert sample([], seed, 5).drawn == ()
    for wrong in ((names, seed, 0), (names, seed, 101), (names, "7", 5)):
        with pytest.raises(ValueError, match=r"percent|seed"):
            sample(*wrong)


@pytest.mark.rule("R55")
def test_a_finding_of_the_auditors_bars_the_best_grade_until_it_is_withdrawn():
    mine = Finding("1", "tampered", "tax", "demo/0231", 20260301, "录像", "auditor-1", 0)
    whole = Finding("2", "not_carried_out", "tax", None, 20260305, "台账", "auditor-1", 0)
    gone = replace(whole, id="3", withdraws="2")
    month = (20260301, 20260331)
    assert bars_best([mine], "tax", None, *month)
    assert bars_best([mine], "tax", "demo/0231", *month)
    assert not bars_best([mine], "tax", "demo/0232", *month)
    assert not bars_best([mine], "police", None, *month)
    assert not bars_best([mine], "tax", None, 20260401, 20260430)
    assert not bars_best([whole], "tax", "demo/0231", *month)
    assert standing_findings([gone, mine, whole]) == [mine]
    assert not bars_best([whole, gone], "tax", None, *month)


@pytest.mark.rule("R114")
def test_the_third_proven_complaint_is_shown_and_not_the_second():
    of = policy("qinnan")
    years = [20251230, 20260105, 20260301, 20260601]
    told = [ProvenComplaint(day, "demo", "w1", "0231", day == 20260601) for day in years]
    found = {(one.what, one.who, one.year): one.count for one in reached(of, told)}
    assert found == {("staff_in_year", "0231", 2026): 3, ("window_ever", "w1", None): 4}
    assert [one.what for one in reached(of, told[1:3])] == []
    rude = [replace(one, is_breach=True) for one in told]
    assert ("breaches_in_year", 2026) in {(one.what, one.year) for one in reached(of, rude)}
    assert reached(policy("national"), told) == []


def test_every_profile_says_when_a_case_is_done():
    for name in POLICIES.profiles():
        of = case(name, "2021-09-01 09:00")
        assert stands(name, of).left, name


DONE = [
    *FOUND,
    step("contacted", "2026-03-03 15:00"),
    step("rectified", "2026-03-05 09:00"),
    step("replied", "2026-03-05 10:00"),
    step("called_back", "2026-03-06 09:00"),
]


@pytest.mark.rule("R74")
@pytest.mark.rule("R75")
def test_the_rates_of_cases_are_those_counted_by_hand():
    def rates(name: str, *told) -> dict[str, tuple[int, ...]]:
        of = case(name, "2026-03-02 09:00", has_contact=True)
        handled = [
            Handled(stands(name, of, steps, now="2026-03-06 12:00"), counts, named)
            for steps, counts, named in told
        ]
        found = rates_of(policy(name), handled)
        told_rates = {
            key: (one.num, one.den, one.settled, one.waiting, one.unreachable)
            for key, one in found.rates.items()
        }
        return told_rates | {"beside": found.beside, "false": found.false, "no": found.no_basis}

    satisfied = [*DONE, step("satisfied", "2026-03-06 10:00")]
    again = [*DONE, step("not_satisfied", "2026-03-06 10:00")]
    found = rates(
        "qinnan",
        (satisfied, "active", True),
        (DONE, "active", False),
        (again, "active", True),  # it is to be done again
        (DONE[:3], "active", True),
        ([], "late", False),
        ([], "second", False),
        ([*FOUND, step("verified_false", "2026-03-04 09:00")], "active", False),
        ([step("no_legal_basis", "2026-03-04 09:00")], "active", False),
        ([*FOUND, DECIDED, AGREED], "excluded", False),
    )
    # Replied: three, and the one without legal basis, of seven that count or are excluded.
    assert found["bad_reply_rate"] == (4, 7, 4, 3, 0)
    # Valid: the first four; the third's fix is undone by the citizen's word.
    assert found["bad_fix_rate"] == (2, 4, 2, 2, 0)
    assert found["named_fix_rate"] == (1, 3, 1, 2, 0)
    assert found["fix_satisfied_rate"] == (1, 2, 1, 1, 0)
    assert (found["beside"], found["false"], found["no"]) == ({"late": 1, "second": 1}, 1, 1)
    # 鄂州: the call is 回访核实; a limit that was missed is settled, who cannot be reached beside.
    calls = [step("attempted", f"2026-03-0{n} 10:00") for n in (2, 3, 4)]
    gone = [*calls, step("unreachable", "2026-03-04 11:00")]
    found = rates(
        "ezhou-norm", (DONE[:5], "active", True), ([], "active", True), (gone, "active", True)
    )
    assert found["named_fix_rate"] == (1, 3, 2, 1, 1)
    assert found["bad_reply_rate"] == (1, 3, 2, 1, 1)
