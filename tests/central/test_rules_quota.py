"""Quota, ways, periods, grade, watch list and low ranks: definitions, from numbers by hand."""

from collections import Counter
from datetime import date, datetime

import fire_month
import pytest
from rules_parts import CALENDAR, at, policy

from central.rules.definitions import Share, grade_of, shown, weighed
from central.rules.quota import (
    Participation,
    assessed,
    participation,
    summary_row,
    ways,
)
from central.rules.ranking import low_again, watched
from hosting.clock import CHINA

FIRE = policy("xinjiang-fire")
MONTH = fire_month.month()
COUNTERS = MONTH.counters(FIRE)
OTHERS = ("qinnan", "fujian", "ezhou-norm", "ezhou-plan", "guangdong", "national")


def active(dim: str) -> Counter:
    """(id, level): ratings that count."""
    found: Counter = Counter()
    for (of, id, _, what), (n, _) in COUNTERS.items():
        if of == dim and what.startswith("active-"):
            found[id, int(what.removeprefix("active-"))] += n
    return found


def by(dim: str, at: int) -> Counter:
    """By id (at 0) or by level (at 1)."""
    found: Counter = Counter()
    for key, n in active(dim).items():
        found[key[at]] += n
    return found


@pytest.mark.rule("R11")
@pytest.mark.rule("R13")
def test_each_row_of_the_fire_month_counts_as_the_text_says():
    found = {}
    for row, one in zip(MONTH.rows, MONTH.standings(FIRE)):
        word = {"active": "a", "excluded": "x", "waiting": "w", "out": "o"}[one.state]
        found[row.service.service] = f"{word}{one.level or ''}"
    assert found == {row.service.service: row.expected["xinjiang-fire"] for row in MONTH.rows}


@pytest.mark.rule("R11")
@pytest.mark.rule("R84")
def test_the_fire_months_figures_are_those_counted_by_hand():
    rows = {key[2:]: both for key, both in COUNTERS.items() if key[0] == "hall"}
    found = {
        f"{one.figure.key}{'*' * one.with_excluded}": tuple(
            one.figure.of(weighed(rows, FIRE), FIRE, one.with_excluded)
        )
        for one in shown(FIRE)
    }
    assert found == fire_month.FIGURES
    assert grade_of(Share(*found["active_good_rate"]), FIRE) == "差"  # 第八条 低于80%


@pytest.mark.rule("R85")
def test_who_took_part_counts_once_however_often():
    people = active("participant")
    assert len({id for id, _ in people}) == fire_month.KNOWN
    everybody = sum(active("hall").values())
    assert everybody - sum(people.values()) == fire_month.UNKNOWN


@pytest.mark.rule("R85")
@pytest.mark.parametrize(
    ("tier", "volume", "outcome", "missing"),
    [
        ("county", 26, "met", 0),  # 第十二条: 30 % of 26 are 7.8, and 8 took part
        ("county", 27, "undecided", 1),  # 8.1: the two whom nobody knows may be a ninth
        ("county", 33, "undecided", 2),  # 9.9
        ("county", 34, "not_met", 3),  # 10.2: not even with both
        ("prefecture", 80, "met", 0),  # 10 %, inclusive: 不得低于
        ("prefecture", 81, "undecided", 1),
        ("region", 160, "met", 0),  # 5 %
        ("region", 161, "undecided", 1),
        ("region", 201, "not_met", 3),
        ("region", 0, None, 0),
    ],
)
def test_a_quota_is_met_by_whom_one_knows(tier, volume, outcome, missing):
    found = participation(FIRE, tier, fire_month.KNOWN, fire_month.UNKNOWN, volume)
    assert isinstance(found, Participation)
    assert (found.outcome, found.missing) == (outcome, missing)


@pytest.mark.rule("R85")
def test_no_text_but_one_has_a_quota():
    assert participation(FIRE, "township", 8, 2, 10) is None
    for name in OTHERS:
        assert participation(policy(name), "county", 8, 2, 10) is None
        assert ways(policy(name), {"device": 1}) is None
        assert assessed(policy(name), "county", date(2026, 9, 1)) is None


@pytest.mark.rule("R15")
def test_ways_in_use_are_those_of_the_article():
    found = ways(FIRE, by("origin", 0))
    assert found is not None
    assert (found.used, found.others) == (fire_month.WAYS, fire_month.OTHERS)
    assert (found.wanted, found.is_enough) == (2, True)
    for origins, used, others, is_enough in (
        (
            {"device": 9, "written": 3},
            ("window",),
            ("written",),
            False,
        ),  # paper: no way of its own
        ({"device": 9, "hotline": 1, "upload": 1}, ("window",), ("hotline", "upload"), False),
        ({"qr": 1, "app": 1, "sms": 1}, ("mobile",), (), False),
        ({"device": 9, "qr": 1}, ("window", "mobile"), (), True),
        ({"device": 9, "web": 0}, ("window",), (), False),
        ({}, (), (), False),
    ):
        found = ways(FIRE, origins)
        assert found is not None
        assert (found.used, found.others, found.is_enough) == (used, others, is_enough)


@pytest.mark.rule("R86")
@pytest.mark.parametrize(
    ("tier", "day", "first", "last"),
    [
        ("region", date(2026, 9, 30), date(2026, 1, 1), date(2026, 12, 31)),
        ("prefecture", date(2026, 6, 30), date(2026, 1, 1), date(2026, 6, 30)),
        ("prefecture", date(2026, 7, 1), date(2026, 7, 1), date(2026, 12, 31)),
        ("county", date(2026, 9, 30), date(2026, 7, 1), date(2026, 9, 30)),
        ("county", date(2026, 12, 31), date(2026, 10, 1), date(2026, 12, 31)),
        ("county", date(2024, 1, 1), date(2024, 1, 1), date(2024, 3, 31)),
    ],
)
def test_a_tier_is_evaluated_over_its_own_period(tier, day, first, last):
    found = assessed(FIRE, tier, day)
    assert found is not None
    assert (found.first, found.last) == (first, last)
    assert assessed(FIRE, "village", day) is None


@pytest.mark.rule("R87")
def test_a_row_of_the_summary_has_exactly_the_forms_columns():
    """附件3: 被评价执法单位（执法人员）、参与评价单位（个人）、评价方式和渠道、评价结果（好、
    一般、差）、差评事项.
    """
    levels, items = by("hall", 1), Counter()
    for (matter, level), n in active("matter").items():
        items[matter] += n if level in FIRE.levels.bad.value else 0
    row = summary_row(FIRE, "某大队", fire_month.KNOWN, by("origin", 0), levels, items)
    assert row._fields == ("rated", "participants", "ways", "good", "middle", "bad", "bad_items")
    told = ("某大队", fire_month.KNOWN, fire_month.WAYS, *fire_month.RESULTS, fire_month.BAD_ITEMS)
    assert tuple(row) == told


@pytest.mark.rule("R55")
@pytest.mark.rule("R84")
@pytest.mark.parametrize(
    ("share", "grade", "vetoed"),
    [
        ((95, 100), "好", "一般"),  # 第八条第二款: not 好, the rate stays
        ((9499, 10000), "一般", "一般"),
        ((80, 100), "一般", "一般"),
        ((7999, 10000), "差", "差"),
        ((0, 0), None, None),
    ],
)
def test_a_finding_bars_the_best_grade_and_no_other(share, grade, vetoed):
    assert grade_of(Share(*share), FIRE) == grade
    assert grade_of(Share(*share), FIRE, is_vetoed=True) == vetoed
    for name in OTHERS:
        assert grade_of(Share(*share), policy(name), is_vetoed=True) is None


def levels(**counts: int) -> dict[tuple[str, str], int]:
    return {("per_visit", f"active-{name[1:]}"): n for name, n in counts.items()}


@pytest.mark.rule("R88")
def test_the_watch_list_begins_with_the_most_concentrated():
    units = {
        "a": levels(l5=8, l3=1, l1=1),  # 2 of 10 are 基本满意以下, 1 of 10 差评
        "b": levels(l5=1, l3=2, l2=1),  # 3 of 4; 1 of 4
        "c": levels(l4=5),
        "d": {},
        "e": levels(l5=16, l3=1, l1=3),  # 4 of 20; 3 of 20
    }
    found = watched(units, policy("qinnan"))
    assert found is not None
    # 第二十九条 基本满意以下: 3, 2, 1; equal shares by the number; no ratings, no share.
    assert [(one.id, *one.share) for one in found] == [
        ("b", 3, 4),
        ("e", 4, 20),
        ("a", 2, 10),
        ("c", 0, 5),
    ]
    found = watched(units, policy("ezhou-plan"))
    assert found is not None
    assert [one.id for one in found] == ["b", "e", "a", "c"]  # 二(三)3 差评: 1/4, 3/20, 1/10, 0/5
    assert [one.share.num for one in found] == [1, 3, 1, 0]
    for name in ("fujian", "ezhou-norm", "national", "xinjiang-fire", "guangdong"):
        assert watched(units, policy(name)) is None


def ranks(low: set[str], few: frozenset[str] = frozenset()) -> dict[str, Share]:
    """Thirty people: 100 ratings each, 19 of the few; the low ones are at 50 %."""
    people = [f"p{n:02}" for n in range(30)]
    return {
        id: Share(9, 19) if id in few else Share(50 if id in low else 80 + n % 15, 100)
        for n, id in enumerate(people)
    }


@pytest.mark.rule("R99")
def test_who_ranks_low_in_three_periods_on_end_is_named():
    """福建 十六 连续排名靠后: the last tenth, which is three of thirty, in three periods."""
    of = policy("fujian")
    low = ranks({"p01", "p02", "p03"})
    other = ranks({"p01", "p04", "p05"})
    assert low_again([low, low, low], of) == ["p01", "p02", "p03"]
    assert low_again([low, low, other], of) == ["p01"]
    assert low_again([low, other, ranks({"p07", "p08", "p09"})], of) == []  # k - 1: not
    assert low_again([low, low], of) == []
    assert low_again([ranks(set()), low, low, low], of) == ["p01", "p02", "p03"]
    # Below 20 ratings nobody is ranked, and four who are equal are none of three.
    few = ranks({"p01", "p02"}, frozenset({"p02"}))
    assert "p02" not in (low_again([few, few, few], of) or ())
    equal = ranks({"p01", "p02", "p03", "p04"})
    assert low_again([equal, equal, equal], of) == []
    # Who is ranked alone is not the last; of two one is.
    alone = {"p01": Share(50, 100), "p02": Share(0, 19)}
    assert low_again([alone] * 3, of) == []
    assert low_again([alone | {"p03": Share(51, 100)}] * 3, of) == ["p01"]
    for name in ("ezhou-norm", "ezhou-plan", "national", "xinjiang-fire", "guangdong"):
        assert low_again([low, low, low], policy(name)) is None


def ends(name: str, received: str) -> dict[tuple[str, str, str], str]:
    """The last day of each limit of a case that begins then."""
    limits = policy(name).case.limits
    assert limits is not None
    found = {}
    for one in limits.value:
        last_ms = CALENDAR.end_ms(at(received), one).ms - 1
        last = datetime.fromtimestamp(last_ms / 1000, CHINA)
        found[one.from_, one.step, one.complexity or ""] = f"{last:%m-%d}"
    return found


def test_the_limits_of_cases_over_the_holidays_of_their_year():
    """2021: 19 to 21 September and 1 to 7 October off; 18, 26 September and 9 October worked.
    2026: 25 to 27 September and 1 to 7 October off; 10 October worked.
    """
    # Friday; worked: 18, 22, 23, 24, 26 | 27 to 30 September, 8, 9, 11 to 14 October.
    assert ends("ezhou-plan", "2021-09-17 10:00") == {
        ("received", "contacted", "general"): "09-18",  # 二(三)2: 1 working day
        ("received", "rectified", "general"): "09-26",  # 5
        ("received", "replied", "complex"): "10-14",  # 15
    }
    # Thursday; worked: 28, 29, 30 September, 8, 9 October.
    assert ends("xinjiang-fire", "2026-09-24 10:00") == {
        ("received", "verified", ""): "10-09",  # 第十条: 5 working days
        ("verified_true", "measures", ""): "09-30",  # 3
    }
