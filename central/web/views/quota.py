"""What a region's evaluation comes to, as GET /v1/quota/… gives it."""

from datetime import date

from pydantic import BaseModel

from central.figures.quota import Evaluated
from central.ratings.judge import Lag
from central.ratings.places import Region
from central.rules.policy import Policy
from central.rules.quota import Span, participation
from central.web.views.shown import Source, source_of

_SAID = {"met": "达到", "not_met": "未达到", "undecided": "无法判定"}


class BadItem(BaseModel):
    """A matter (事项) with bad ratings."""

    task_code: str
    ratings: int


class GradeView(BaseModel):
    """The active good rate, num of den, forms left out, and its grade; null where the policy has
    none, or nobody rated. with_excluded: the second one of two. A finding (第十六条) is not in it:
    none are kept here yet.
    """

    with_excluded: bool
    num: int
    den: int
    grade: str | None


class QuotaPart(BaseModel):
    """The ratings that count of some halls. participants: distinct known ones; unknown: ratings by
    nobody knows whom. percent: the least share of the volume; outcome: met, not_met, undecided
    (said: 达到, 未达到, 无法判定); missing: how many known ones more it takes; null without it.
    ways: those of the text's five in use; others: origins that are none of them. good, middle,
    bad, bad_items: the results of the summary table (附件3), of all ways.
    """

    halls: list[str]
    participants: int
    unknown: int
    volume: int | None
    percent: int | None
    outcome: str | None
    said: str | None
    missing: int | None
    ways: list[str]
    others: list[str]
    ways_wanted: int | None
    ways_enough: bool | None
    good: int
    middle: int
    bad: int
    bad_items: list[BadItem]
    grades: list[GradeView]


class QuotaAnswer(BaseModel):
    """The evaluation of a region over its period; first, last: its days, both included. own: its
    own halls; with_lower: those of the regions below it, too; whose volume a quota is of, the text
    does not say: both are shown. settled_to_ms, pending: as in GET /v1/figures.
    """

    profile: str
    source: str
    region: str
    name: str
    tier: str
    period: str
    first: date
    last: date
    sources: list[Source]
    own: QuotaPart
    with_lower: QuotaPart
    settled_to_ms: int
    pending: int


def view_of(
    policy: Policy,
    region: Region,
    span: Span,
    parts: list[Evaluated],
    volumes: tuple[int | None, int | None],
    lag: Lag,
) -> QuotaAnswer:
    """As it is given. parts, volumes: of its own halls, and with those below."""
    own, with_lower = (
        _part(policy, region.tier, part, volume)
        for part, volume in zip(parts, volumes, strict=True)
    )
    quota = {f"quota.{name}": value for name, value in policy.quota if value is not None}
    return QuotaAnswer(
        profile=policy.profile,
        source=policy.source,
        region=region.id,
        name=region.name,
        tier=region.tier,
        period=span.kind,
        first=span.first,
        last=span.last,
        sources=[source_of(*each) for each in quota.items()],
        own=own,
        with_lower=with_lower,
        settled_to_ms=lag.settled_ms,
        pending=lag.pending,
    )


def _part(policy: Policy, tier: str, part: Evaluated, volume: int | None) -> QuotaPart:
    found = participation(policy, tier, part.known, part.unknown, volume or 0)
    outcome = None if found is None else found.outcome
    return QuotaPart(
        halls=[*part.halls],
        participants=part.known,
        unknown=part.unknown,
        volume=volume,
        percent=None if found is None else found.percent,
        outcome=outcome,
        said=None if outcome is None else _SAID[outcome],
        missing=None if found is None or volume is None else found.missing,
        ways=[] if part.ways is None else [*part.ways.used],
        others=[] if part.ways is None else [*part.ways.others],
        ways_wanted=None if part.ways is None else part.ways.wanted,
        ways_enough=None if part.ways is None else part.ways.is_enough,
        good=part.row.good,
        middle=part.row.middle,
        bad=part.row.bad,
        bad_items=[BadItem(task_code=task, ratings=n) for task, n in part.row.bad_items],
        grades=[
            GradeView(
                with_excluded=one.with_excluded,
                num=one.rate.num,
                den=one.rate.den,
                grade=one.grade,
            )
            for one in part.grades
        ],
    )
