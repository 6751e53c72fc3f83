"""Figures: what each is, of which counters, by which article (RULES 7).

A figure is a function of counters and a policy. Which ones a policy shows, and in which order,
says its `figures.rates`; where excluding a rating stands on no article, each is shown twice
(DOMAIN decision 7). Shares are compared by whole numbers and shown rounded down.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from central.rules.figure import Counts
from central.rules.policy import Policy
from central.rules.sections import LEVELS, Value

WINDOW_MODES = ("per_visit", "per_matter")  # forms (survey) never enter them (R16)
OURS = "本系统约定"
_DIRECT = ("direct", "direct-excluded")  # words of the score's counters


class Share(NamedTuple):
    """A share: num of den. den 0: there is none."""

    num: int
    den: int

    def percent(self, digits: int = 1) -> str | None:
        """In percent, rounded down; None where there is no share."""
        if self.den == 0:
            return None
        return _written(self.num * 100 * 10**digits // self.den, digits)

    def is_at_least(self, percent: int) -> bool:
        """Does it reach so many percent (inclusive: DOMAIN decision 3)?"""
        return self.den > 0 and self.num * 100 >= percent * self.den


class Mean(NamedTuple):
    """A mean: sum over n. n 0: there is none."""

    sum: int
    n: int

    def mean(self, digits: int = 2) -> str | None:
        """The mean, rounded down; None where there is none."""
        if self.n == 0:
            return None
        return _written(self.sum * 10**digits // self.n, digits)


@dataclass(frozen=True, slots=True)
class Figure:
    """What a figure is. num, den: sums of counters, by the words of `_counted`.

    modes: those whose services it is about. levels: the keys of a policy's `levels` on which it
    stands.
    """

    key: str
    zh: str
    en: str
    meaning_zh: str
    meaning_en: str
    num: tuple[str, ...]
    den: tuple[str, ...]
    modes: tuple[str, ...] = WINDOW_MODES
    levels: tuple[str, ...] = ()

    def of(self, counts: Counts, policy: Policy, with_excluded: bool = False) -> Share | Mean:
        """The figure. counts: of one counter row set, `weighed`. with_excluded: the excluded
        ratings counted as if they were not.
        """
        if self.key == "score":
            return _score(counts, policy, self.modes, with_excluded)
        return Share(
            sum(_counted(counts, policy, self.modes, word, with_excluded) for word in self.num),
            sum(_counted(counts, policy, self.modes, word, with_excluded) for word in self.den),
        )

    def counters(
        self, policy: Policy, with_excluded: bool = False
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The counters that are added up for num and for den; of the score none and those of n."""
        if self.key == "score":
            points = policy.levels.points.value if policy.levels.points else {}
            words = _DIRECT[: 1 + with_excluded]
            return (), tuple(f"{word}-{level}" for word in words for level in points)
        num, den = (
            tuple(what for word in words for what in _whats(policy, word, with_excluded))
            for words in (self.num, self.den)
        )
        return num, den

    def sources(self, policy: Policy) -> tuple[tuple[str, Value | None], ...]:
        """What it stands on under a policy: key and value, with its article or our reason; None
        for a figure that the policy does not name itself: 本系统约定.
        """
        named = policy.figures.scores if self.key == "score" else policy.figures.rates
        has = self.key == "score" or self.key in policy.figures.rates.value
        key = "figures.scores" if self.key == "score" else "figures.rates"
        groups = tuple((f"levels.{name}", getattr(policy.levels, name)) for name in self.levels)
        return ((key, named if has else None), *groups)


class Shown(NamedTuple):
    """A figure that a policy shows. with_excluded: the second one of two."""

    figure: Figure
    with_excluded: bool


_ALL = ("active", "default", "excluded", "unrated", "waiting")
FIGURES = {
    one.key: one
    for one in (
        Figure(
            "active_good_rate",
            "主动评价好评率",
            "Good rate of active ratings",
            "计入的主动评价中好评所占比例，不含默认评价",
            "good ratings among the ratings that count, defaults left out",
            ("active:good",),
            ("active:grouped",),
            levels=("good",),
        ),
        Figure(
            "good_rate",
            "好评率",
            "Good rate",
            "主动评价与默认评价中好评所占比例",
            "good ones among the ratings that count and the defaults",
            ("active:good", "default:good"),
            ("active:grouped", "default:grouped"),
            levels=("good",),
        ),
        Figure(
            "middle_rate",
            "中评率",
            "Middle rate",
            "计入的主动评价中中评所占比例",
            "middle ratings among the ratings that count",
            ("active:middle",),
            ("active:grouped",),
            levels=("middle",),
        ),
        Figure(
            "bad_rate",
            "差评率",
            "Bad rate",
            "计入的主动评价中差评所占比例",
            "bad ratings among the ratings that count",
            ("active:bad",),
            ("active:grouped",),
            levels=("bad",),
        ),
        Figure(
            "visit_good_rate",
            "一次一评好评率",
            "Good rate of visits",
            "现场服务的主动评价中好评所占比例",
            "good ratings among those that count, of visits to a window",
            ("active:good",),
            ("active:grouped",),
            ("per_visit",),
            ("good",),
        ),
        Figure(
            "matter_good_rate",
            "一事一评好评率",
            "Good rate of matters",
            "按事项的主动评价中好评所占比例",
            "good ratings among those that count, of matters",
            ("active:good",),
            ("active:grouped",),
            ("per_matter",),
            ("good",),
        ),
        Figure(
            "unrated_rate",
            "未评率",
            "Unrated rate",
            "全部应评服务中超出时限未评价的比例；尚在时限内的另列",
            "services unrated at the end of their limit among all; those still within it beside",
            ("unrated",),
            _ALL,
        ),
        Figure(
            "rated_rate",
            "评价率",
            "Rated rate",
            "全部应评服务中有计入评价的比例",
            "services with a rating that counts among all",
            ("active",),
            _ALL,
        ),
        Figure(
            "uninvited_rate",
            "未提示评价率",
            "Uninvited rate",
            "已结束服务中从未提示评价的比例，限会上报提示的大厅",
            "services never invited among the closed ones, in halls that send invitations",
            ("uninvited",),
            ("invited", "uninvited"),
        ),
        Figure(
            "score",
            "平均分",
            "Score",
            "窗口工作人员所获直接评价的平均分",
            "mean points of the ratings that staff at windows received",
            (),
            (),
            ("per_visit",),
            ("points",),
        ),
    )
}
# Named in policies, made of the steps of cases: not of these counters.
OF_CASES = ("bad_reply_rate", "bad_fix_rate", "named_fix_rate", "fix_satisfied_rate")
ALWAYS = ("rated_rate", "uninvited_rate")


def weighed(
    counters: Mapping[tuple[str, str], tuple[int, int]], policy: Policy
) -> dict[tuple[str, str], int]:
    """(mode, what): (ratings, projects), as a policy weighs them (DOMAIN decision 11)."""
    which = 1 if policy.counting.weight.value == "project" else 0
    return {key: both[which] for key, both in counters.items()}


def shown(policy: Policy, unit: str = "region") -> tuple[Shown, ...]:
    """Which figures a policy shows of a unit (window, staff, institution, line, region, hall), in
    this order; those of cases (OF_CASES) are not among them.

    Beside the overall good rate always stands the active one. Each stands twice where excluding
    ratings has no article.
    """
    keys: list[str] = ["score"] if _has_score(policy, unit) else []
    for key in policy.figures.rates.value:
        if key == "good_rate" and "active_good_rate" not in policy.figures.rates.value:
            keys.append("active_good_rate")
        keys.append(key)
    keys += [key for key in ALWAYS if key not in keys]
    found = []
    for key in keys:
        if key in FIGURES:
            found.append(Shown(FIGURES[key], False))
            if is_shown_twice(policy) and key not in ("unrated_rate", "uninvited_rate"):
                found.append(Shown(FIGURES[key], True))
    return tuple(found)


def score_over(scores: Iterable[Mean], policy: Policy) -> Mean:
    """The score of an institution, line or region, from those of its staff: the mean of all
    ratings (钦南 第六条), or where the policy says so the mean of the means, as a fraction.
    """
    scores = [one for one in scores if one.n]
    mean = policy.figures.mean
    if mean is None or mean.value == "of_ratings" or not scores:
        return Mean(sum(one.sum for one in scores), sum(one.n for one in scores))
    of_means = sum((Fraction(one.sum, one.n) for one in scores), Fraction(0)) / len(scores)
    return Mean(of_means.numerator, of_means.denominator)


def is_shown_twice(policy: Policy) -> bool:
    """Does excluding a rating stand on no article?"""
    return policy.case.exclude is None or policy.case.exclude.article is None


def grade_of(share: Share, policy: Policy, is_vetoed: bool = False) -> str | None:
    """The grade of an active good rate; None where the policy has no grades, or there is no share.

    is_vetoed: is there a finding against the unit or person (新疆消防 第十六条)? Then it gets none
    better than `figures.veto`; the rate itself stays.
    """
    if policy.figures.grade is None or share.den == 0:
        return None
    names = [grade.name for grade in policy.figures.grade.value]
    bounds = [grade.from_ for grade in policy.figures.grade.value]
    at = next(n for n, bound in enumerate(bounds) if share.is_at_least(bound))
    if is_vetoed and policy.figures.veto is not None:
        at = max(at, names.index(policy.figures.veto.value.highest))
    return names[at]


def _counted(
    counts: Counts, policy: Policy, modes: Iterable[str], word: str, with_excluded: bool
) -> int:
    """One word of a figure, added up."""
    whats = _whats(policy, word, with_excluded)
    return sum(counts.get((mode, what), 0) for mode in modes for what in whats)


def _whats(policy: Policy, word: str, with_excluded: bool) -> tuple[str, ...]:
    """The counters of one word of a figure: a `what` without level; a state over all levels,
    `active`; or over those that the policy groups, `active:good`, `active:grouped`.
    """
    state, _, group = word.partition(":")
    if state not in ("active", "default", "excluded"):
        return (state,)
    states = [state]
    if with_excluded:
        states = {"active": ["active", "excluded"], "excluded": []}.get(state, states)
    return tuple(f"{one}-{level}" for one in states for level in _levels(policy, group))


def _levels(policy: Policy, group: str) -> tuple[int, ...]:
    levels = policy.levels
    if group == "grouped":
        return levels.good.value + levels.middle.value + levels.bad.value
    return getattr(levels, group).value if group else LEVELS


def _has_score(policy: Policy, unit: str) -> bool:
    """Is the score one of the unit's figures? A window's is that of its staff (钦南 第六条)."""
    if policy.levels.points is None or policy.figures.scores is None:
        return False
    return {"staff": "window", "hall": "region"}.get(unit, unit) in policy.figures.scores.value


def _written(scaled: int, digits: int) -> str:
    whole, rest = divmod(scaled, 10**digits)
    return f"{whole}.{rest:0{digits}d}" if digits else str(whole)


def _score(counts: Counts, policy: Policy, modes: Iterable[str], with_excluded: bool) -> Mean:
    points = policy.levels.points.value if policy.levels.points else {}
    words = _DIRECT[: 1 + with_excluded]
    total = n = 0
    for level, each in points.items():
        here = sum(counts.get((mode, f"{word}-{level}"), 0) for mode in modes for word in words)
        total += each * here
        n += here
    return Mean(total, n)
