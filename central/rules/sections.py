"""What a policy may say: its sections and keys, the same for every region (RULES 5).

A value stands with the article that it comes from, or with `because` where the text is silent.
What a text lacks is absent, None here; what needs it then shows nothing.
"""

import itertools
from typing import Annotated, Any, Generic, Literal, TypeVar, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    model_validator,
)

from hosting.log import harmless

T = TypeVar("T")

# 5 非常满意 … 1 非常不满意; 13, 12, 11 = 好, 一般, 差 (DOMAIN decision 19: never as 5, 3, 1).
_Level = Literal[5, 4, 3, 2, 1, 13, 12, 11]
LEVELS: tuple[int, ...] = get_args(_Level)
FIVE_LEVELS: tuple[_Level, ...] = (5, 4, 3, 2, 1)
Unit = Literal["working_days", "natural_days", "hours"]
Tier = Literal["region", "prefecture", "county"]
Origin = Literal[
    "device",
    "qr",
    "web",
    "app",
    "sms",
    "hotline",
    "written",
    "phone",
    "survey",
    "third_party",
    "upload",
]
# 新疆消防 第五条 (一) to (五).
Way = Literal["window", "internet", "mobile", "phone", "third_party"]
Rate = Literal[
    "visit_good_rate",
    "matter_good_rate",
    "active_good_rate",
    "good_rate",
    "middle_rate",
    "bad_rate",
    "unrated_rate",
    "rated_rate",
    "uninvited_rate",
    "bad_reply_rate",
    "bad_fix_rate",
    "named_fix_rate",
    "fix_satisfied_rate",
]


def once_each(value: tuple[Any, ...]) -> tuple[Any, ...]:
    twice = [one for index, one in enumerate(value) if one in value[:index]]
    if twice:
        raise ValueError(f"{twice[0]} stands twice in it")
    return value


def _level_key(key: Any) -> Any:
    """The level of a key; one spelling each: of "5", "05" and "５" the last would win unseen."""
    return next((level for level in LEVELS if key == str(level)), key)


def _whole(value: Any) -> Any:
    """Raises ValueError for true and 1.0, which Python holds for 1."""
    if isinstance(value, bool | float):
        raise ValueError("a level is a whole number, 5")
    return value


def _plain(text: str) -> str:
    """Raises ValueError for what a reader does not see, or sees elsewhere than it stands."""
    if not text.strip():
        raise ValueError("it is blank: write what the text says")
    if harmless(text) != text:
        raise ValueError(
            f"it has line breaks or hidden characters, {harmless(text)[:80]}: one line of plain "
            "text"
        )
    return text


Many = Annotated[tuple[T, ...], AfterValidator(once_each)]
Some = Annotated[tuple[T, ...], Field(min_length=1), AfterValidator(once_each)]
Text = Annotated[str, Field(min_length=1, max_length=300), AfterValidator(_plain)]
Percent = Annotated[int, Field(strict=True, ge=0, le=100)]
Level = Annotated[_Level, BeforeValidator(_whole)]
LevelKey = Annotated[_Level, BeforeValidator(_level_key)]


class Part(BaseModel):
    """What a policy's file is made of: a key that is not one of its fields is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Value(Part, Generic[T]):
    """A value, and the article that it comes from or why it was set; exactly one of the two.

    local: may a lower level's file set another one (R97)?
    """

    value: T
    article: Text | None = None
    because: Text | None = None
    local: StrictBool = False

    @property
    def source(self) -> str:
        """The article; where there is none, why we set it, said to be ours."""
        return self.article if self.article is not None else f"本系统约定: {self.because}"

    @model_validator(mode="before")
    @classmethod
    def _is_table(cls, members: Any) -> Any:
        if not isinstance(members, dict | Value):
            raise ValueError("write { value = …, article = … } or { value = …, because = … }")
        return members

    @model_validator(mode="after")
    def _has_one_source(self) -> "Value[T]":
        if (self.article is None) == (self.because is None):
            raise ValueError("give either article or because, the one that is true")
        return self


class Limit(Part):
    """A time that runs: n days or hours (calendar.Calendar.end_ms)."""

    n: Annotated[int, Field(strict=True, ge=0, le=3650)]
    unit: Unit


class Levels(Part):
    """Which levels are 好评, 中评, 差评, and how many points one gives."""

    good: Value[Some[Level]]
    middle: Value[Some[Level]]
    bad: Value[Some[Level]]
    points: Value[dict[LevelKey, Annotated[int, Field(strict=True, ge=0, le=100)]]] | None = None

    @model_validator(mode="after")
    def _are_groups(self) -> "Levels":
        groups = (self.good.value, self.middle.value, self.bad.value)
        named = list(itertools.chain(*groups))
        for level in named:
            if named.count(level) > 1:
                raise ValueError(f"level {level} stands in two of good, middle, bad")
        for level in FIVE_LEVELS:
            if level not in named:
                raise ValueError(f"level {level} stands in none of good, middle, bad")
        group = {level: n for n, levels in enumerate(groups) for level in levels}
        for one, other in itertools.combinations(named, 2):
            if (one > 10) == (other > 10) and one < other and group[one] != group[other]:
                raise ValueError(f"level {one} stands in a better group than level {other}")
        if self.points:
            if set(self.points.value) != set(named):
                raise ValueError("points must have exactly the levels of good, middle and bad")
            for better, worse in itertools.pairwise(FIVE_LEVELS):
                if self.points.value[worse] > self.points.value[better]:
                    raise ValueError(f"points: level {worse} has more than level {better}")
        return self


class Scope(Part):
    """Which services are rated at all."""

    needs_application: Value[StrictBool] | None = None
    excepted: Value[Many[Text]] | None = None


class Counting(Part):
    """What is one rating (RULES 3)."""

    per_visit: Value[StrictBool]
    per_matter: Value[StrictBool]
    both: Value[StrictBool]
    batch: Value[Literal["one"]]
    theme: Value[Literal["whole_or_parts"]]
    agent: Value[Literal["first", "first_after_completion"]]
    weight: Value[Literal["rating", "project"]]
    unfinished_overdue: Value[StrictBool] | None = None
    accepted_day: Value[Annotated[int, Field(strict=True, ge=0, le=1)]] | None = None

    @model_validator(mode="after")
    def _counts_something(self) -> "Counting":
        if not self.per_visit.value and not self.per_matter.value:
            raise ValueError("per_visit or per_matter must be true, or nothing is ever rated")
        if self.both.value and not (self.per_visit.value and self.per_matter.value):
            raise ValueError("both needs per_visit and per_matter to be true")
        return self


class Time(Part):
    """How long one may rate, and what a service is then."""

    limit: Value[Limit] | None = None
    starts: Value[Literal["finished", "closed"]] | None = None
    then: Value[Literal["unrated", "default"]] | None = None
    default_level: Value[Literal[5, 4, 3, 2, 1]] | None = None
    remind: Value[Limit] | None = None
    late: Value[Literal["kept_not_counted"]] | None = None

    @model_validator(mode="after")
    def _fits(self) -> "Time":
        lacks = [one for one in ("limit", "starts", "then") if getattr(self, one) is None]
        is_default = self.then is not None and self.then.value == "default"
        limit, remind = (one and one.value for one in (self.limit, self.remind))
        never = "remind: it never comes before limit ends, and so reminds nobody"
        faults = {
            f"limit needs {' and '.join(lacks)}: from when, and what is it then?": limit and lacks,
            "then needs limit: after how long?": self.then and not limit,
            'then = "default" and default_level go together': is_default
            != bool(self.default_level),
            "limit: n is at least 1": limit and limit.n < 1,
            "remind needs starts: from when?": remind and not self.starts,
            never: limit and limit.n and remind and _is_too_late(remind, limit),
        }
        if found := [sentence for sentence, is_there in faults.items() if is_there]:
            raise ValueError("; ".join(found))
        return self


class Reasons(Part):
    """On which levels a reason is asked for by rule."""

    required: Value[Many[Level]] | None = None
    missing: Value[Literal["follow_up"]] | None = None


class Identity(Part):
    """Who the rater is to others. Changes no figure."""

    rater: Value[Literal["anonymous", "encouraged", "real_name"]] | None = None
    third_party: Value[Literal["consent"]] | None = None
    query: Value[Many[Literal["supervisor", "officer", "auditor"]]] | None = None


class Watch(Part):
    """The list of those to look at: levels, and from which share (percent) and count on."""

    levels: Some[Level]
    share: Percent
    least: Annotated[int, Field(strict=True, ge=0)]


class Low(Part):
    """Who ranks low again and again: among the last so many percent, in so many periods on end."""

    last: Annotated[int, Field(strict=True, ge=1, le=50)]
    periods: Annotated[int, Field(strict=True, ge=2, le=12)]


class Grade(Part):
    """A grade, and the percentage from which on it is given (inclusive: DOMAIN decision 3)."""

    model_config = ConfigDict(populate_by_name=True)

    name: Text
    from_: Percent = Field(alias="from")


class Veto(Part):
    """The best grade that a unit or person with a finding may get."""

    highest: Text


class Figures(Part):
    """Which figures are shown, in this order (central/rules/figure.py)."""

    scores: Value[Many[Literal["window", "institution", "line", "region"]]] | None = None
    mean: Value[Literal["of_ratings", "of_means"]] | None = None
    rates: Value[Some[Rate]]
    total_weights: Value[dict[Rate, Percent]] | None = None
    watch: Value[Watch] | None = None
    low: Value[Low] | None = None
    grade: Value[Some[Grade]] | None = None
    veto: Value[Veto] | None = None

    @model_validator(mode="after")
    def _fits(self) -> "Figures":
        bounds = [one.from_ for one in self.grade.value] if self.grade else [0]
        if bounds[-1] != 0 or any(one <= other for one, other in itertools.pairwise(bounds)):
            raise ValueError("grade: each begins below the one before it, the last one at 0")
        names = [one.name for one in self.grade.value] if self.grade else []
        weights = self.total_weights.value if self.total_weights else {}
        if weights and sum(weights.values()) != 100:
            raise ValueError(f"total_weights: they are {sum(weights.values())}, and must be 100")
        if self.veto and self.veto.value.highest not in names:
            raise ValueError(f"veto: highest is none of the grades ({', '.join(names)})")
        return self


class Quota(Part):
    """How many must take part (percent of a volume), by how many ways, how often.

    origins: which origins of ratings are which way; those of none are ways apart.
    """

    share: Value[dict[Tier, Percent]] | None = None
    ways: Value[Annotated[int, Field(strict=True, ge=1, le=5)]] | None = None
    origins: Value[dict[Way, Some[Origin]]] | None = None
    period: Value[dict[Tier, Literal["year", "half", "quarter"]]] | None = None

    @model_validator(mode="after")
    def _fits(self) -> "Quota":
        if self.ways and not self.origins:
            raise ValueError("ways needs origins: which ratings came by which way?")
        once_each(tuple(itertools.chain(*(self.origins.value if self.origins else {}).values())))
        return self


class Publication(Part):
    """What is published, and who gets a copy."""

    what: Value[Many[Literal["service", "ratings", "handling", "cases"]]] | None = None
    copy_to: Value[Many[Text]] | None = None


def _is_too_late(remind: Limit, limit: Limit) -> bool:
    """Never before the limit ends? Days end up to 24 hours late, and working days skip others."""
    least = remind.n if remind.unit == "hours" else remind.n * 24
    most = limit.n if limit.unit == "hours" else (limit.n + (remind.unit == "hours")) * 24
    return least >= most and (limit.unit != "working_days" or remind.unit == limit.unit)
