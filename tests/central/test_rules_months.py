"""The worked month of each profile, and that every number of a profile matters to it."""

from dataclasses import replace
from typing import Any, get_args

import fire_month
import pytest
from rules_parts import policy
from worked_month import FIGURES, PROFILES, Month, read_month

from central.rules.definitions import FIGURES as DEFINED
from central.rules.definitions import OF_CASES, Mean, score_over, shown, weighed
from central.rules.policy import Policy
from central.rules.sections import Grade, Limit, Low, Unit, Veto, Watch
from central.rules.standing import Standing

MONTH, OF_PLAN, FIRE = read_month(), read_month(year=2021), fire_month.month()
profiles = pytest.mark.parametrize("name", PROFILES)


def month(of: Policy) -> Month:
    return OF_PLAN if of.profile == "ezhou-plan" else MONTH


def written(standing: Standing) -> str:
    word = {
        "out": "o",
        "excluded": "x",
        "active": "a",
        "default": "d",
        "unrated": "u",
        "waiting": "w",
    }
    level = standing.level if standing.level is not None else ""
    return f"{word[standing.state]}{level}{'+s' * standing.second}{'+l' * standing.late}"


def figures(
    of: Policy, unit: str = "region", dim: str = "hall", id: str = "demo"
) -> dict[str, Any]:
    rows = {key[2:]: both for key, both in month(of).counters(of).items() if key[:2] == (dim, id)}
    counts = weighed(rows, of)
    return {
        f"{one.figure.key}{'*' * one.with_excluded}": tuple(
            one.figure.of(counts, of, one.with_excluded)
        )
        for one in shown(of, unit)
    }


@pytest.mark.rule("R13")
@pytest.mark.rule("R20")
@pytest.mark.rule("R21")
@pytest.mark.rule("R22")
@pytest.mark.rule("R23")
@pytest.mark.rule("R24")
@pytest.mark.rule("R25")
@pytest.mark.rule("R26")
@pytest.mark.rule("R28")
@pytest.mark.rule("R29")
@pytest.mark.rule("R30")
@pytest.mark.rule("R93")
@profiles
def test_each_row_of_the_month_counts_as_the_text_says(name):
    of = policy(name)
    found = {
        row.service.service: written(standing)
        for row, standing in zip(month(of).rows, month(of).standings(of))
    }
    assert found == {row.service.service: row.expected[name] for row in MONTH.rows}


@pytest.mark.rule("R10")
@pytest.mark.rule("R80")
@pytest.mark.rule("R82")
@pytest.mark.rule("R83")
@profiles
def test_the_months_figures_are_those_counted_by_hand(name):
    assert figures(policy(name)) == FIGURES[name]
    assert list(figures(policy(name))) == list(FIGURES[name])  # in this order


@pytest.mark.rule("R27")
def test_who_is_reminded_in_the_month():
    def reminded(name: str) -> set[str]:
        of = policy(name)
        standings = zip(month(of).rows, month(of).standings(of))
        return {row.service.service for row, one in standings if one.reminded}

    # 第十七条第一款: rated after 24 hours, or never; V25 was rated one second before.
    late = {"V06", "V07", "V08", "V09", "V26", "V28", "V29"}
    assert reminded("qinnan") == late
    # 第十二条: at completion, whoever has not rated by then.
    at_once = late | {"V25", "V27", "done-C16", "done-C17", "done-C18"}
    assert reminded("ezhou-norm") == reminded("ezhou-plan") == at_once
    for name in ("fujian", "national", "xinjiang-fire", "guangdong"):
        assert reminded(name) == set()


@pytest.mark.rule("R81")
def test_the_score_of_many_is_the_mean_of_ratings_not_of_means():
    of = policy("qinnan")
    each = []
    for staff in ("0231", "0232"):
        found = figures(of, "staff", "staff", staff)["score"]
        each.append(Mean(*found))
    # 0231: five 5, one 4, one 3, three 2, one 1. 0232: one 5, three 4, one 3, one 2, one 1.
    assert each == [Mean(50 + 8 + 6 + 9 + 0, 11), Mean(10 + 24 + 6 + 3 + 0, 7)]
    whole = score_over(each, of)
    assert whole == Mean(*figures(of)["score"])
    mean = of.figures.mean
    assert mean is not None
    other = replace(
        of,
        figures=of.figures.model_copy(
            update={"mean": mean.model_copy(update={"value": "of_means"})}
        ),
    )
    of_means = score_over(each, other)
    assert of_means.sum * whole.n != whole.sum * of_means.n
    assert score_over([Mean(0, 0)], other) == Mean(0, 0)
    assert score_over([Mean(10, 1), Mean(0, 3)], other) == Mean(5, 1)
    assert score_over([Mean(10, 1), Mean(0, 3)], of) == Mean(10, 4)


# Used by standings, figures, quotas and lists; the others are of cases, people and papers, and
# have their own months.
USED = {
    *("levels.good", "levels.middle", "levels.bad", "levels.points", "scope.needs_application"),
    *("counting.per_visit", "counting.per_matter", "counting.both", "counting.agent"),
    *("counting.weight", "counting.unfinished_overdue", "counting.accepted_day"),
    *("time.limit", "time.starts", "time.default_level", "time.remind", "reasons.required"),
    *("figures.scores", "figures.mean", "figures.rates", "case.exclude", "case.exclude_only_by"),
    *("figures.grade", "figures.veto", "figures.watch", "figures.low", "case.limits"),
    *("quota.share", "quota.ways", "quota.origins", "quota.period"),
}
WORDS = (
    ("first", "first_after_completion"),
    ("rating", "project"),
    ("finished", "closed"),
    ("of_ratings", "of_means"),
    ("好", "一般"),
    ("一般", "差"),
    ("year", "half"),
    ("half", "quarter"),
)

# A file with day 2 is refused. An appeal that is upheld does not say which of the two it was.
# Where no visit is rated, there is none beside the completion, and none before it.
SAME = {("xinjiang-fire", "counting.both"), ("xinjiang-fire", "counting.agent")}
TRIED = {"qinnan": 54, "fujian": 36, "ezhou-norm": 39, "national": 14}
TRIED |= {"xinjiang-fire": 52, "guangdong": 21, "ezhou-plan": 43}
ONLY = {("qinnan", "counting.accepted_day"): [0], ("fujian", "case.exclude"): [()]}


def variants(value: Any) -> list[Any]:
    """The value changed by one: a number up and down, a list by a member, a word by another."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value - 1, value + 1]
    if isinstance(value, Limit):
        numbers = [value.model_copy(update={"n": n}) for n in (value.n - 1, value.n + 1) if n >= 0]
        units = [
            value.model_copy(update={"unit": one}) for one in get_args(Unit) if one != value.unit
        ]
        return [*numbers, *(units if value.n else [])]
    if isinstance(value, Grade):  # the last one begins at 0, or its file is refused
        numbers = [value.from_ - 1, value.from_ + 1] if value.from_ else []
        return [value.model_copy(update={"from_": n}) for n in numbers]
    if isinstance(value, Veto | Watch | Low):
        return [
            value.model_copy(update={name: one})
            for name, old in value
            for one in variants(old)
            if one != -1
        ]
    if isinstance(value, dict):
        return [{**value, key: n} for key, old in value.items() for n in variants(old)]
    if isinstance(value, tuple):
        drop = [one for one in value if one not in OF_CASES and not isinstance(one, Grade)]
        gone = [tuple(one for one in value if one != each) for each in drop]
        changed = [
            (*value[:n], other, *value[n + 1 :])
            for n, one in enumerate(value)
            if isinstance(one, Grade | Limit)
            for other in variants(one)
        ]
        return gone + changed
    return [other for pair in WORDS if value in pair for other in pair if other != value]


def outcome(of: Policy) -> tuple[Any, ...]:
    units = [("window", "window", "w1"), *(("staff", "staff", one) for one in ("0231", "0232"))]
    units += [
        ("institution", "hall", "demo"),
        ("line", "hall", "demo"),
        ("region", "hall", "demo"),
    ]
    found = [figures(of, *unit) for unit in units]
    staff = [Mean(*one["score"]) for one in found[1:3] if "score" in one]
    named = [one.figure.sources(of)[0][1] is not None for one in shown(of)]
    of_fire = [one for each in FIRE.standings(of) for one in (each.state, each.level)]
    rows = {key[2:]: both for key, both in FIRE.counters(of).items() if key[0] == "hall"}
    fire = [one.figure.of(weighed(rows, of), of, one.with_excluded) for one in shown(of)]
    told = (of_fire, fire, fire_month.told_by(of))
    return month(of).standings(of), found, named, score_over(staff, of), told


@pytest.mark.rule("R45")
@profiles
def test_every_number_of_a_profile_matters(name):
    of = policy(name)
    before = outcome(of)
    tried = 0
    for key, value in of.values():
        if key not in USED:
            continue
        section, member = key.split(".")
        for other in ONLY.get((name, key)) or variants(value.value):
            new = value.model_copy(update={"value": other})
            part = getattr(of, section).model_copy(update={member: new})
            is_same = outcome(replace(of, **{section: part})) == before
            assert is_same == ((name, key) in SAME), f"{key} = {other}"
            tried += 1
    assert tried == TRIED[name]
    assert outcome(replace(of)) == before  # the control


def test_every_figure_that_a_policy_can_name_is_defined_or_a_cases():
    from central.rules.sections import Rate

    assert set(get_args(Rate)) == (set(DEFINED) | set(OF_CASES)) - {"score"}
