# ruff: noqa: E501
"""Policies: what a file may say, which version holds when and where, and what is refused."""

import hashlib
import re
from datetime import date
from pathlib import Path

import pytest
from rules_parts import POLICIES, policy
from typer.testing import CliRunner

from central.cli import app
from central.rules.calendar import read_overrides
from central.rules.policy import SHIPPED, check_file, load_policies
from central.rules.quota import participation
from central.rules.quota import ways as ways_of
from central.rules.sections import Limit
from hosting.error import OperatorError

QINNAN = (SHIPPED / "qinnan" / "2022-06-07.toml").read_text("utf-8")
WATCH = 'watch = { value = { levels = [3, 2, 1], share = 10, least = 5 }, article = "细则 三" }'


def put(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def changed(old: str, new: str) -> str:
    assert old in QINNAN, old
    return QINNAN.replace(old, new, 1)


def refusal(folder: Path, text: str) -> str:
    path = put(folder, "mine/2022-06-07.toml", text)
    with pytest.raises(OperatorError) as caught:
        load_policies(folder)
    assert str(path) in str(caught.value)
    return str(caught.value)


@pytest.mark.rule("R45")
def test_the_shipped_profiles_say_what_their_articles_say():
    names = ("ezhou-norm", "ezhou-plan", "fujian", "guangdong", "national", "qinnan")
    assert POLICIES.profiles() == (*names, "xinjiang-fire")
    qinnan, ezhou, fujian = (policy(name) for name in ("qinnan", "ezhou-norm", "fujian"))
    assert qinnan.time.limit is not None
    assert qinnan.time.limit.value == Limit(n=5, unit="working_days")
    assert qinnan.time.limit.article == "第十七条第二款"
    assert qinnan.levels.good.article is None
    assert qinnan.levels.good.source.startswith("本系统约定: ")
    assert qinnan.levels.points is not None
    assert qinnan.levels.points.value == {5: 10, 4: 8, 3: 6, 2: 3, 1: 0}
    assert fujian.time.default_level is not None
    assert fujian.time.default_level.value == 4
    assert ezhou.time.default_level is not None
    assert ezhou.time.default_level.value == 3
    assert qinnan.time.default_level is None
    national = policy("national")
    assert (national.time.limit, national.time.then, national.case.limits) == (None, None, None)
    assert all(value.article is None for _, value in national.values())
    assert fujian.case.limits is not None
    assert [(one.from_, one.step, one.n, one.unit) for one in fujian.case.limits.value] == [
        ("verified_true", "rectified", 10, "working_days"),
        ("released", "appeal_filed", 7, "working_days"),
    ]


@pytest.mark.rule("R45")
@pytest.mark.rule("R112")
def test_the_later_three_say_what_their_texts_say():
    fire, plan, guangdong = (policy(name) for name in ("xinjiang-fire", "ezhou-plan", "guangdong"))
    assert fire.quota.share is not None
    assert fire.quota.share.value == {"region": 5, "prefecture": 10, "county": 30}
    assert fire.quota.period is not None
    assert fire.quota.period.value == {"region": "year", "prefecture": "half", "county": "quarter"}
    assert fire.figures.grade is not None
    assert [(one.name, one.from_) for one in fire.figures.grade.value] == [
        ("好", 95),
        ("一般", 80),
        ("差", 0),
    ]
    assert fire.time.limit is None
    assert fire.identity.rater is not None
    assert fire.identity.rater.value == "anonymous"
    assert plan.case.limits is not None
    assert [(one.step, one.n, one.unit, one.complexity) for one in plan.case.limits.value] == [
        ("contacted", 1, "working_days", "general"),
        ("rectified", 5, "working_days", "general"),
        ("replied", 15, "working_days", "complex"),
    ]
    # Counting and limits are the norm's; where the plan is silent its values name the norm.
    norm = policy("ezhou-norm")
    for section in ("levels", "counting", "time"):
        ours = {key: value.value for key, value in plan.values() if key.startswith(section)}
        theirs = {key: value.value for key, value in norm.values() if key.startswith(section)}
        assert ours == theirs
    assert all(value.article is None for _, value in guangdong.values())
    assert (fire.valid_because, guangdong.valid_because) != (None, None)  # no day in the text


def test_a_value_stands_on_an_article_or_on_a_reason_of_ours():
    for name in POLICIES.profiles():
        for key, value in policy(name).values():
            assert (value.article is None) != (value.because is None), key


@pytest.mark.rule("R112")
def test_a_version_holds_on_its_days_only():
    assert POLICIES.of("qinnan", 20220606) is None
    assert POLICIES.of("qinnan", 20220607) is policy("qinnan")
    assert POLICIES.of("national", 20000101) is not None
    # S2P 三: from 11 March to 31 December 2021.
    assert POLICIES.of("ezhou-plan", 20210310) is None
    assert POLICIES.of("ezhou-plan", 20210311) is policy("ezhou-plan")
    assert POLICIES.of("ezhou-plan", 20211231) is policy("ezhou-plan")
    assert POLICIES.of("ezhou-plan", 20220101) is None


def test_a_later_version_ends_the_one_before_it(tmp_path):
    later = changed("valid_from = 2022-06-07", "valid_from = 2027-01-01")
    path = put(tmp_path, "qinnan/2027-01-01.toml", later)
    policies = load_policies(tmp_path)
    first, second = policies.versions("qinnan")
    assert (first.valid_from, first.valid_to) == (20220607, 20261231)
    assert (second.valid_from, second.valid_to) == (20270101, None)
    assert policies.of("qinnan", 20261231) is first
    assert policies.of("qinnan", 20270101) is second
    assert second.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert second.files == ("qinnan/2027-01-01.toml",)


def test_the_old_name_is_read_and_a_wrong_one_is_told():
    assert POLICIES.of("ezhou", 20260901) is policy("ezhou-norm")
    with pytest.raises(OperatorError, match=r"no profile is named qinan: .* mean qinnan\?"):
        POLICIES.of("qinan", 20260901)


# What is changed in 钦南's file, and what is said of it.
REFUSED = [
    ("[scope]", "[scop]", "no setting is named scop. Did you mean scope?"),
    ("needs_application =", "needs_aplication =", "Did you mean needs_application?"),
    ('unit = "working_days"', 'unit = "work_days"', "'work_days'. Did you mean working_days?"),
    ("limit  = { value = { n = 5", "limit  = { value = { m = 5", "time.limit.value.n is missing"),
    ("n = 5,", "n = 0,", "limit: n is at least 1"),
    ("n = 5,", "n = -5,", "time.limit.value.n: "),
    ("n = 5,", "n = true,", "time.limit.value.n: "),
    ("n = 5,", 'n = "5",', "time.limit.value.n: "),
    ('n = 24, unit = "hours"', 'n = 5, unit = "working_days"', "remind: it never comes before"),
    ("good   = { value = [5, 4]", "good   = { value = [5, 3]", "level 3 stands in two of good"),
    ("good   = { value = [5, 4]", "good   = { value = [5]", "level 4 stands in none of good"),
    ("good   = { value = [5, 4]", "good   = { value = [6, 5, 4]", "levels.good.value.0: "),
    ("good   = { value = [5, 4]", "good   = { value = [5, 5, 4]", "5 stands twice in it"),
    ("good   = { value = [5, 4]", "good   = { value = []", "levels.good.value: "),
    ("value = [2, 1], article = \"第八条 不", "value = [2], article = \"第八条 不", "level 1 stands in none"),
    ("value = { 5 = 10, 4 = 8,", "value = { 5 = 7, 4 = 8,", "level 4 has more than level 5"),
    ("value = { 5 = 10, 4 = 8,", "value = { 4 = 8,", "exactly the levels of good, middle and bad"),
    ("value = { 5 = 10,", "value = { 9 = 10,", "levels.points.value.9"),
    ("value = { 5 = 10,", "value = { 5 = 101,", "levels.points.value.5: "),
    (', article = "第八条" }', "}", "levels.points: give either article or because"),
    ('article = "第八条" }', 'article = "第八条", because = "x" }', "give either article or because"),
    ('article = "第八条" }', 'articel = "第八条" }', "levels.points.articel. Did you mean article?"),
    ('article = "第八条" }', 'article = "" }', "levels.points.article: "),
    ("late   = { value", "late   = 3\nlat    = { value", "time.late: write { value = …, article"),
    ('then   = { value = "unrated"', 'then   = { value = "unrate"', "Did you mean unrated?"),
    ('then   = { value = "unrated"', 'then   = { value = "default"', "default_level go together"),
    ('starts = { value = "finished"', 'starts = { value = "opened"', "time.starts.value: "),
    ('starts = { value = "finished", article = "第十七条第二款 事项办结后" }', "", "limit needs starts"),
    ('limit  = { value = { n = 5, unit = "working_days" }, article = "第十七条第二款" }', "", "then needs limit"),
    ("per_visit  = { value = true", "per_visit  = { value = 1", "counting.per_visit.value: "),
    ("both       = { value = false", "both       = { value = \"no\"", "counting.both.value: "),
    ('batch      = { value = "one"', 'batch      = { value = "each"', "counting.batch.value: "),
    ('weight     = { value = "rating"', 'weight     = { value = "ratings"', "Did you mean rating?"),
    ("accepted_day = { value = 1", "accepted_day = { value = 2", "counting.accepted_day.value: "),
    ('"bad_reply_rate"', '"bad_replies_rate"', "Did you mean bad_reply_rate?"),
    ("share = 0,", "share = 101,", "figures.watch.value.share: "),
    ('limits  = { value = []', 'limits  = { value = [{ step = "rectify", from = "received", n = 5, unit = "hours" }]', "Did you mean rectified?"),
    ('limits  = { value = []', 'limits  = { value = [{ step = "replied", from = "replied", n = 5, unit = "hours" }]', "are the same step"),
    ('limits  = { value = []', 'limits  = { value = [{ step = "replied", form = "received", n = 5, unit = "hours" }]', "Did you mean from?"),
    ('limits  = { value = []', 'limits  = { value = [{ step = "replied", from = "received", n = 0, unit = "hours" }]', "n is at least 1"),
    ('limits  = { value = []', 'limits  = { value = [{ step = "replied", from = "received", n = 5, unit = "hours" }, { step = "replied", from = "received", n = 6, unit = "hours" }]', "stands twice in it"),
    ("attempts = 3, days = 2", "attempts = 1, days = 2", "cannot be on more days"),
    ("may_extend = true, at_most = 30", "at_most = 30", "at_most needs may_extend"),
    ("may_extend = true, at_most = 30", "may_extend = true, at_most = 10", "is more than n"),
    ('from = "replied", n = 15', 'from = "received", n = 15', "review_asked: it runs from replied"),
    ('limits  = { value = []', 'limits  = { value = [{ step = "replied", from = "received", n = 5, unit = "hours", complexity = "general" }]', "which one until classified?"),
    ('needs   = { value = ["replied"', 'needs   = { value = ["answered"', "case.needs.value.0: "),
    ("bad_fix = 100", "bad_fix = 101", "case.targets.value.bad_fix: "),
    ('exclude = { value = ["mistaken"', 'exclude = { value = ["mistake"', "Did you mean mistaken?"),
    ('place = "450702"', 'place = "钦南区"', "place: "),
    ("valid_from = 2022-06-07", "valid_from = 2022-06-08", "so name the file 2022-06-08.toml"),
    ("valid_from = 2022-06-07", "valid_from = 2022-06-07\nvalid_to = 2022-06-06", "valid_to is before"),
    ("valid_from = 2022-06-07", "", "valid_from is missing"),
    ('place = "450702"', "", "place is missing"),
    ("[levels]", "[levels", "is not TOML"),
    ("value = [2, 1], article = \"第八条 不", "value = [2, true], article = \"第八条 不", "levels.bad.value.1: a level is a whole number"),
    ("value = [2, 1], article = \"第八条 不", "value = [2, 1.0], article = \"第八条 不", "levels.bad.value.1: a level is a whole number"),
    ("value = { 5 = 10,", 'value = { 5 = 10, "05" = 100,', "levels.points.value.05"),
    ("value = { 5 = 10,", 'value = { 5 = 10, "５" = 100,', "levels.points.value.５"),
    ("value = { 5 = 10,", 'value = { 5 = 10, "a\\nb" = 100,', "levels.points.value.a\\nb"),
    ('article = "第八条" }', 'article = " \u3000" }', "levels.points.article: it is blank"),
    ('article = "第八条" }', 'article = "\\u001b[2J" }', "hidden characters, \\x1b[2J"),
    ('article = "第八条" }', 'article = "\u202e条八第" }', "hidden characters, \\u202e条八第"),
    ('source = "', 'source = "a\\nb.toml is right: ', "source: it has line breaks"),
    ("n = 24,", f"n = {'9' * 5000},", "is not TOML"),
    ("n = 24,", f"n = 0x{'f' * 5000},", "time.remind.value.n: "),
]  # fmt: skip


@pytest.mark.rule("R45")
@pytest.mark.parametrize(("old", "new", "told"), REFUSED)
def test_a_wrong_file_is_refused_with_its_key_and_the_nearest_word(tmp_path, old, new, told):
    assert told in refusal(tmp_path, changed(old, new))


def test_the_file_of_the_table_above_is_right(tmp_path):
    put(tmp_path, "mine/2022-06-07.toml", QINNAN)
    assert "mine" in load_policies(tmp_path).profiles()


@pytest.mark.parametrize(
    ("added", "told"),
    [
        ('grade = { value = [{ name = "好", from = 95 }], article = "八" }', "the last one at 0"),
        (
            'grade = { value = [{ name = "好", from = 80 }, { name = "差", from = 80 }, '
            '{ name = "劣", from = 0 }], article = "八" }',
            "each begins below the one before it",
        ),
        ('veto = { value = { highest = "一般" }, article = "八" }', "none of the grades"),
    ],
)
def test_grades_that_cannot_be_are_refused(tmp_path, added, told):
    assert told in refusal(tmp_path, changed("[figures]\n", f"[figures]\n{added}\n"))


QUOTA = 'ways = { value = 2, article = "十二" }'
ORIGINS = 'origins = { value = { window = ["device"], mobile = ["qr"] }, article = "五" }'


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([QUOTA], "quota: ways needs origins"),
        ([QUOTA, ORIGINS.replace('"qr"', '"device"')], "device stands twice in it"),
        ([QUOTA, ORIGINS.replace('"qr"', '"scan"')], "quota.origins.value.mobile.0: "),
        ([QUOTA, ORIGINS.replace("mobile", "mobil")], "quota.origins.value.mobil"),
        ([QUOTA.replace("2", "6"), ORIGINS], "quota.ways.value: "),
        (['share = { value = { town = 5 }, article = "十二" }'], "quota.share.value.town"),
        (
            ['period = { value = { county = "week" }, article = "十一" }'],
            "quota.period.value.county",
        ),
    ],
)
def test_quotas_that_cannot_be_are_refused(tmp_path, lines, told):
    text = QINNAN.replace("[publication]", "[quota]\n" + "\n".join(lines) + "\n[publication]")
    assert told in refusal(tmp_path, text)


def test_versions_that_overlap_are_refused(tmp_path):
    put(tmp_path, "qinnan/2022-06-07.toml", QINNAN)
    with pytest.raises(OperatorError, match="two files of qinnan begin on 2022-06-07"):
        load_policies(tmp_path)
    later = changed("valid_from = 2022-06-07", "valid_from = 2021-01-01\nvalid_to = 2022-06-07")
    (tmp_path / "qinnan" / "2022-06-07.toml").unlink()
    put(tmp_path, "qinnan/2021-01-01.toml", later)
    with pytest.raises(OperatorError, match="valid_to is not before qinnan"):
        load_policies(tmp_path)
    with pytest.raises(OperatorError, match="is no folder"):
        load_policies(tmp_path / "none")


@pytest.mark.rule("R88")
@pytest.mark.rule("R97")
def test_a_lower_level_details_what_its_base_leaves_to_it(tmp_path):
    text = f'extends = "qinnan"\nsource = "某镇细则"\n[figures]\n{WATCH}\n'
    file = put(tmp_path, "2026-01-01.45070203.toml", text)
    put(tmp_path, "2026-07-01.45070203.toml", text.replace("share = 10", "share = 20"))
    put(tmp_path, "2026-01-01.new-zone.toml", text.replace("share = 10", "share = 30"))
    policies = load_policies(None, tmp_path)
    base = policies.of("qinnan", 20260301)
    assert base is not None

    def share(day: int, *regions: str) -> int:
        found = policies.of_place("qinnan", day, regions)
        assert found is not None
        assert found.figures.watch is not None
        return found.figures.watch.value.share

    assert share(20251231, "450702031") == 0
    assert share(20260101, "450702031", "450702") == 10
    assert share(20260630, "45070203") == 10
    assert share(20260701, "45070203") == 20
    assert share(20260701, "45070204", "450702") == 0
    assert share(20260701, "new-zone", "45070203") == 30
    assert policies.of_place("qinnan", 20220101, ("45070203",)) is None
    detailed = policies.of_place("qinnan", 20260301, ("45070203",))
    assert detailed is not None
    assert (detailed.valid_from, detailed.valid_to) == (20260101, 20260630)
    assert detailed.changed == ("figures.watch",)
    assert detailed.base is base
    both = [one.figures.watch.article for one in (base, detailed) if one.figures.watch]
    assert both == ["第二十九条; no threshold: 0 = a sorted list", "细则 三"]
    assert detailed.time == base.time
    hashes = (base.sha256, hashlib.sha256(file.read_bytes()).hexdigest())
    assert (
        detailed.sha256
        == hashlib.sha256("".join(f"{one}\n" for one in hashes).encode()).hexdigest()
    )
    assert detailed.files == ("qinnan/2022-06-07.toml", "2026-01-01.45070203.toml")


@pytest.mark.rule("R85")
@pytest.mark.rule("R97")
def test_a_prefecture_asks_for_more_than_the_quota_and_never_for_less(tmp_path):
    """新疆消防 第十七条 details the methods and standards, 第十二条 says 不得低于."""
    text = 'extends = "xinjiang-fire"\nsource = "某市细则"\n[quota]\n'
    share = 'share = { value = { region = 5, prefecture = 12, county = 40 }, article = "细则 二" }'
    ways = 'ways = { value = 3, article = "细则 三" }'
    path = put(tmp_path, "2026-01-01.6501.toml", f"{text}{share}\n{ways}\n")
    policies = load_policies(None, tmp_path)
    found = policies.of_place("xinjiang-fire", 20260901, ("650102", "6501", "65"))
    assert found is not None
    for tier, volume, outcome in (("prefecture", 66, "met"), ("prefecture", 67, "not_met")):
        one = participation(found, tier, 8, 0, volume)  # 12 % of 66 are 7.92, of 67 8.04
        assert one is not None
        assert one.outcome == outcome
    assert participation(policy("xinjiang-fire"), "prefecture", 8, 0, 67) == (8, 0, 67, 10)
    used = ways_of(found, {"device": 1, "web": 1})
    assert used is not None
    assert not used.is_enough
    assert policies.of_place("xinjiang-fire", 20260901, ("650201",)) is policies.of(
        "xinjiang-fire", 20260901
    )
    for less, told in (
        (
            share.replace("prefecture = 12", "prefecture = 9"),
            "quota.share.prefecture is at least 10",
        ),
        (share.replace("county = 40", "county = 29"), "quota.share.county is at least 30"),
        (share.replace("prefecture = 12, ", ""), "quota.share.prefecture is at least 10"),
        (ways.replace("3", "1"), "quota.ways is at least 2"),
    ):
        path.write_text(f"{text}{less}\n", "utf-8")
        with pytest.raises(OperatorError) as caught:
            load_policies(None, tmp_path)
        assert str(path) in str(caught.value)
        assert told in str(caught.value)


LIMIT = 'limit = { value = { n = 9, unit = "working_days" }, article = "细则 一" }'


@pytest.mark.rule("R45")
@pytest.mark.rule("R97")
@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("2026-01-01.4507", f'extends = "qinnan"\nsource = "x"\n[figures]\n{WATCH}', "no place within 450702"),
        ("2026-01-01.450702", f'extends = "qinnan"\nsource = "x"\n[time]\n{LIMIT}', "does not let a lower level change time.limit; it may change figures.total_weights, figures.watch, figures.low."),
        ("2026-01-01.450702", f'extends = "qinnan"\nsource = "x"\n[figures]\n{WATCH.replace("watch", "wach")}', "Did you mean figures.watch?"),
        ("2026-01-01.450702", f'extends = "qinnan"\nsource = "x"\n[figure]\n{WATCH}', "change figure.watch; it may change"),
        ("2026-01-01.450702", f'extends = "qinnan"\nsource = "x"\n[figures]\n{WATCH.replace("10", "101")}', "figures.watch.value.share: "),
        ("2026-01-01.450702", f'extends = "qinan"\nsource = "x"\n[figures]\n{WATCH}', "extends: no profile is named qinan"),
        ("2026-01-01.450702", f'source = "x"\n[figures]\n{WATCH}', "extends is missing"),
        ("2026-01-01.450702", f'extends = "qinnan"\n[figures]\n{WATCH}', "source is missing"),
        ("2026-01-01.450702", f'extends = "qinnan"\nsource = "x\\ny"\n[figures]\n{WATCH}', "source: it has line breaks"),
        ("2026-01-01.450702", f'extends = "qin\\nan"\nsource = "x"\n[figures]\n{WATCH}', "named qin\\nan"),
        ("2026-01-01.450702", 'extends = "qinnan"\nsource = "x"\n"a\\nb" = 3', "named a\\nb"),
        ("2026-01-01.450702", 'extends = "qinnan"\nsource = "x"\nlevels = 3', "no setting is named levels"),
        ("2026-02-30.450702", f'extends = "qinnan"\nsource = "x"\n[figures]\n{WATCH}', "name it by its first day"),
        ("qinnan", f'extends = "qinnan"\nsource = "x"\n[figures]\n{WATCH}', "name it by its first day"),
        ("2026-01-01.42", f'extends = "ezhou"\nsource = "x"\n[figures]\n{WATCH}', "no place within 4207"),
        ("2026-01-01.420701", f'extends = "ezhou"\nsource = "x"\n[figures]\n{WATCH}', "it may change nothing"),
    ],
)  # fmt: skip
def test_details_that_may_not_be_are_refused(tmp_path, name, text, told):
    path = put(tmp_path, f"{name}.toml", text)
    with pytest.raises(OperatorError) as caught:
        load_policies(None, tmp_path)
    assert str(path) in str(caught.value)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("folder", "name"),
    [("overrides", "2026-01-01.450702.TOML"), ("profiles", "qinnan/2027-01-01.Toml")]
    + [("profiles", "2027-01-01.toml")],
)
def test_a_file_that_would_not_be_read_is_told(tmp_path, folder, name):
    path = put(tmp_path, name, QINNAN)
    folders = (tmp_path, None) if folder == "profiles" else (None, tmp_path)
    with pytest.raises(OperatorError, match="it is not read") as caught:
        load_policies(*folders)
    assert str(path) in str(caught.value)


def test_the_examples_of_the_docs_are_right(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "policies.md").read_text("utf-8")
    details, days = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    put(tmp_path, f"details/{details.splitlines()[0].removeprefix('# ')}", details)
    found = load_policies(None, tmp_path / "details").of_place("qinnan", 20270101, ("45070203",))
    assert found is not None
    assert found.changed == ("figures.watch",)
    read = read_overrides(put(tmp_path, "days.toml", days))
    assert [read[date(2027, 2, day)] for day in (5, 6, 7)] == [False, True, False]


@pytest.mark.parametrize(
    ("limit", "remind", "is_taken"),
    [
        (("1", "working_days"), ("24", "hours"), True),  # it ends at least a second later
        (("1", "working_days"), ("47", "hours"), True),
        (("1", "natural_days"), ("47", "hours"), True),
        (("1", "natural_days"), ("48", "hours"), False),
        (("24", "hours"), ("23", "hours"), True),
        (("24", "hours"), ("24", "hours"), False),
        (("24", "hours"), ("1", "natural_days"), False),
        (("2", "working_days"), ("2", "natural_days"), True),  # over a weekend
        (("2", "natural_days"), ("2", "working_days"), False),
    ],
)
def test_a_reminder_is_refused_only_if_it_never_comes_in_time(tmp_path, limit, remind, is_taken):
    text = changed('n = 24, unit = "hours"', f'n = {remind[0]}, unit = "{remind[1]}"')
    limited = 'limit  = { value = { n = 5, unit = "working_days"'
    assert text.count(limited) == 1
    words = f'n = {limit[0]}, unit = "{limit[1]}"'
    text = text.replace('n = 5, unit = "working_days"', words)
    file = put(tmp_path, "mine/2022-06-07.toml", text)
    if is_taken:
        assert check_file(file)
        return
    with pytest.raises(OperatorError, match="it never comes before limit ends"):
        check_file(file)


def test_all_that_is_wrong_in_a_file_is_told_at_once(tmp_path):
    text = changed('"working_days"', '"work_days"').replace("[scope]", "[scop]")
    text = text.replace("[5, 4]", "[5, 6]")
    with pytest.raises(OperatorError) as told:
        check_file(put(tmp_path, "mine/2022-06-08.toml", text))
    for one in ("mean working_days?", "mean scope?", "levels.good", "name the file 2022-06-07"):
        assert one in str(told.value)
    details = 'extends = "qinnan"\nsource = "细则"\n[levels]\ngood = 1\n[time]\nlimit = 2\n'
    with pytest.raises(OperatorError) as told:
        check_file(put(tmp_path, "2026-01-01.45070203.toml", details))
    assert "levels.good" in str(told.value)
    assert "time.limit" in str(told.value)


def test_the_commands_list_and_check(tmp_path):
    run = CliRunner().invoke
    details = put(
        tmp_path,
        "2026-01-01.45070203.toml",
        f'extends = "qinnan"\nsource = "某镇细则"\n[figures]\n{WATCH}\n',
    )
    listed = run(app, ["policy", "list", "--overrides", str(tmp_path)])
    assert listed.exit_code == 0
    assert "  * qinnan/2022-06-07.toml: 钦南区" in listed.output
    assert "  * 2026-01-01.45070203.toml: 某镇细则" in listed.output
    checked = run(app, ["policy", "check", str(details)])
    assert "becomes levels=(3, 2, 1) share=10 least=5 (细则 三)" in checked.output
    assert "  * xinjiang-fire/2020-01-01.toml: 新疆消防" in listed.output
    assert "    ezhou-plan/2021-03-11.toml: 鄂州市" in listed.output  # not in force any more
    assert "from 2021-03-11 to 2021-12-31" in listed.output
    fire = run(app, ["policy", "check", str(SHIPPED / "xinjiang-fire" / "2020-01-01.toml")])
    assert "levels.good: 第八条 “好”; of the five, 5 and 4: decision 12" in fire.output
    shipped = run(app, ["policy", "check", str(SHIPPED / "national" / "2000-01-01.toml")])
    assert "0 values stand on an article" in shipped.output
    wrong = put(tmp_path, "mine/2022-06-07.toml", changed('"working_days"', '"work_days"'))
    refused = run(app, ["policy", "check", str(wrong)])
    assert isinstance(refused.exception, OperatorError)
    assert "Did you mean working_days?" in str(refused.exception)
