"""What a service adds to the counters, and what figures are made of them."""

from dataclasses import replace

import pytest
from rules_parts import POLICIES, at, policy, rating, stands, visit

from central.rules.definitions import (
    FIGURES,
    Mean,
    Share,
    grade_of,
    is_shown_twice,
    shown,
    weighed,
)
from central.rules.facts import PENDING
from central.rules.figure import Attributed, contributions
from central.rules.standing import Decision, Service

PLACE = Attributed("demo", "w1", "I1", "L1", "0231", "M1")
VISIT = visit("2026-09-01 09:50", "2026-09-01 10:00", invited_ms=at("2026-09-01 09:55"))


def added(name, service, ratings=(), place=PLACE, **more):
    return contributions(policy(name), stands(name, service, ratings, **more), service, place)


def whats(name, service, ratings=(), **more):
    found = added(name, service, ratings, **more)
    return {what: both for (dim, _, _, what), both in found.items() if dim == "hall"}


def test_a_service_is_counted_once_in_each_dimension_that_it_has():
    found = added("qinnan", VISIT, [rating("a", 5, "2026-09-01 09:59")])
    assert found == {
        **{
            (dim, id, "per_visit", what): (1, 1)
            for dim, id in (
                ("hall", "demo"),
                ("window", "w1"),
                ("institution", "I1"),
                ("line", "L1"),
                ("staff", "0231"),
                ("matter", "M1"),
            )
            for what in ("active-5", "direct-5", "invited")
        },
        ("origin", "device", "per_visit", "active-5"): (1, 1),
    }
    stub = added("qinnan", VISIT, [rating("a", 5, "2026-09-01 09:59")], Attributed("demo"))
    assert set(stub) == {
        ("hall", "demo", "per_visit", "active-5"),
        ("hall", "demo", "per_visit", "invited"),
        ("origin", "device", "per_visit", "active-5"),
    }


def test_a_default_has_its_own_origin_and_nothing_direct():
    found = added("fujian", VISIT)
    assert found["origin", "default", "per_visit", "default-4"] == (1, 1)
    assert set(whats("fujian", VISIT)) == {"default-4", "invited"}


@pytest.mark.parametrize(
    ("ratings", "more", "expected"),
    [
        ([], {}, {"unrated", "invited"}),
        ([], {"now": "2026-09-02 10:00"}, {"waiting", "invited"}),
        ([rating("a", 5, "2026-09-09 00:00")], {}, {"unrated", "late", "invited"}),
        ([rating("a", 5, "2026-09-01 09:59", void=PENDING)], {}, {"waiting", "invited"}),
        (
            [rating("a", 2, "2026-09-01 09:59", reasons=(214, 207), named=True)],
            {},
            {"active-2", "direct-2", "named", "reason-214", "reason-207", "invited"},
        ),
        (
            [rating("a", 1, "2026-09-01 09:59"), rating("b", 1, "2026-09-01 09:59")],
            {},
            {"active-1", "direct-1", "reason-missing", "second", "invited"},
        ),
        (
            [rating("a", 2, "2026-09-01 09:59", reasons=(214,), named=True)],
            {"decisions": [Decision("a", "mistaken", 1, 1)]},
            {"excluded-2", "direct-excluded-2", "invited"},
        ),
    ],
)
def test_each_state_has_its_own_counter(ratings, more, expected):
    found = whats("qinnan", VISIT, ratings, **more)
    assert set(found) == expected
    assert set(found.values()) == {(1, 1)}


def test_what_is_out_is_counted_nowhere_but_as_a_no_show():
    out = visit("2026-09-01 09:50", rateable=False, expired_ms=1)
    assert added("qinnan", out, [rating("a", 1, "2026-09-01 09:59")]) == {}
    assert set(whats("qinnan", visit("2026-09-01 09:50", no_show_ms=1))) == {"no-show"}


def test_invitations_are_counted_where_the_hall_sends_them():
    uninvited = visit("2026-09-01 09:50", expired_ms=1)
    assert set(whats("qinnan", uninvited)) == {
        *("unrated", "uninvited", "uninvited-unrated", "expired"),
    }
    assert set(whats("qinnan", visit("2026-09-01 09:50", sends=None))) == {"unrated"}


@pytest.mark.rule("R23")
def test_a_batch_counts_once_and_its_projects_beside():
    batch = visit("2026-09-01 09:50", "2026-09-01 10:00", kind="batch", projects=12)
    late = [rating("a", 5, "2026-09-10 09:59"), rating("b", 4, "2026-09-10 09:59")]
    assert whats("fujian", batch, late) == {
        "default-4": (1, 12),
        "late": (2, 24),
        "uninvited": (1, 12),
        "uninvited-default-4": (1, 12),
    }
    counts = {("per_visit", "active-5"): (1, 12), ("per_visit", "active-1"): (1, 1)}
    of = policy("qinnan")
    weight = of.counting.weight.model_copy(update={"value": "project"})
    by_project = replace(of, counting=of.counting.model_copy(update={"weight": weight}))
    rate = FIGURES["active_good_rate"]
    assert rate.of(weighed(counts, of), of) == Share(1, 2)
    assert rate.of(weighed(counts, by_project), by_project) == Share(12, 13)


@pytest.mark.rule("R16")
def test_a_form_enters_no_rate_and_no_score():
    form = Service("demo", "01F", "survey", channel="written", closed_ms=at("2026-09-01 10:00"))
    found = added("qinnan", form, [rating("a", 1, "2026-09-01 10:00", origin="written")])
    counts = {key[2:]: both[0] for key, both in found.items() if key[0] == "hall"}
    assert counts == {("survey", "active-1"): 1}
    for figure in FIGURES.values():
        assert tuple(figure.of(counts, policy("qinnan"))) == (0, 0)


@pytest.mark.rule("R11")
def test_a_level_of_three_is_never_one_of_five():
    counts = {("per_visit", "active-13"): 3, ("per_visit", "active-5"): 1}
    of = policy("qinnan")
    assert FIGURES["active_good_rate"].of(counts, of) == Share(1, 1)
    assert FIGURES["rated_rate"].of(counts, of) == Share(4, 4)
    found = added("qinnan", VISIT, [rating("a", 13, "2026-09-01 09:59")])
    assert ("hall", "demo", "per_visit", "active-13") in found
    assert FIGURES["score"].of({("per_visit", "direct-13"): 3}, of) == Mean(0, 0)


def test_shares_are_compared_by_whole_numbers_and_shown_rounded_down():
    assert Share(19, 20).is_at_least(95)
    assert not Share(949_999, 1_000_000).is_at_least(95)
    assert Share(949_999, 1_000_000).percent() == "94.9"
    assert Share(2, 3).percent() == "66.6"
    assert Share(2, 3).percent(0) == "66"
    assert Share(1, 1).percent(2) == "100.00"
    assert Share(1, 30).percent(2) == "3.33"
    assert Share(0, 0).percent() is None
    assert not Share(0, 0).is_at_least(0)
    assert Mean(116, 18).mean() == "6.44"
    assert Mean(1, 200).mean(1) == "0.0"
    assert Mean(0, 0).mean() is None


@pytest.mark.rule("R80")
def test_points_are_those_of_the_article():
    of = policy("qinnan")
    for level, points in ((5, 10), (4, 8), (3, 6), (2, 3), (1, 0)):
        assert FIGURES["score"].of({("per_visit", f"direct-{level}"): 2}, of) == Mean(
            2 * points, 2
        )


@pytest.mark.rule("R81")
def test_the_four_dimensions_have_a_score_where_the_text_gives_points():
    for unit in ("staff", "window", "institution", "line", "region"):
        assert shown(policy("qinnan"), unit)[0].figure.key == "score"
        for name in ("fujian", "ezhou-norm", "national"):
            assert "score" not in [one.figure.key for one in shown(policy(name), unit)]
    assert "score" not in [one.figure.key for one in shown(policy("qinnan"), "matter")]


@pytest.mark.rule("R82")
def test_a_figure_says_its_article_or_that_it_is_ours():
    good = FIGURES["active_good_rate"]

    def sources(name, figure=good):
        return [(key, value and value.source) for key, value in figure.sources(policy(name))]

    assert sources("ezhou-norm") == [
        ("figures.rates", "第十四条 好评、中评、差评等次"),
        ("levels.good", "第十四条 “非常满意”“满意”为“好评”等次"),
    ]
    assert sources("qinnan") == [
        ("figures.rates", "第二十四条"),
        ("levels.good", "本系统约定: 第二十四条 names 好评率 without its levels"),
    ]
    assert sources("qinnan", FIGURES["rated_rate"]) == [("figures.rates", None)]


@pytest.mark.rule("R59")
def test_both_figures_are_shown_where_excluding_has_no_article():
    twice = {name: is_shown_twice(policy(name)) for name in POLICIES.profiles()}
    once = {name for name, is_twice in twice.items() if not is_twice}
    assert once == {"fujian", "ezhou-norm", "ezhou-plan"}
    counts = {
        ("per_visit", "active-5"): 3,
        ("per_visit", "excluded-1"): 1,
        ("per_visit", "direct-5"): 3,
        ("per_visit", "direct-excluded-1"): 1,
    }
    of = policy("qinnan")
    for key, one, other in (
        ("active_good_rate", (3, 3), (3, 4)),
        ("rated_rate", (3, 4), (4, 4)),
        ("score", (30, 3), (30, 4)),
    ):
        assert tuple(FIGURES[key].of(counts, of)) == one
        assert tuple(FIGURES[key].of(counts, of, with_excluded=True)) == other


def test_every_figure_has_its_words_in_both_languages():
    for figure in FIGURES.values():
        assert all((figure.zh, figure.en, figure.meaning_zh, figure.meaning_en))


@pytest.mark.rule("R84")
@pytest.mark.parametrize(
    ("share", "grade"),
    [
        ((95, 100), "好"),
        ((949, 1000), "一般"),
        ((80, 100), "一般"),
        ((799, 1000), "差"),
        ((0, 0), None),
    ],
)
def test_a_grade_begins_at_its_percentage(share, grade):
    assert grade_of(Share(*share), policy("national")) is None
    assert grade_of(Share(*share), policy("xinjiang-fire")) == grade
