"""Services, ratings and standings as the API gives them."""

import json

from pydantic import BaseModel

from central.figures.key import CountKey
from central.figures.opened import Counted
from central.ratings.explained import OUT_BECAUSE, Explained, Known, RunningLimit
from central.rules.calendar import day_of
from central.rules.facts import Rating
from central.store.judged.facts import RatingRow, ServiceRow
from central.store.judged.standings import StandingRow
from central.web.views.shown import Source, source_of

_DECIDED = {
    "mistaken": "误评",
    "malicious": "恶意评价",
    "appeal_upheld": "申诉成立",
    "fabricated": "虚假评价",
    "restored": "恢复计入",
}


class ServiceInCount(BaseModel):
    """A service that a count counts, `times` in it, and the matters that it is about."""

    hall: str
    service: str
    day: int
    state: str
    level: int | None
    rating: str | None
    origin: str | None
    mode: str
    window: str | None
    staff: str | None
    institution: str | None
    line: str | None
    task_code: str | None
    projects: int
    times: int


class CountOpened(BaseModel):
    """count, projects: what the counters have in the halls that the token may see; the `times` of
    all pages together are as many. `next` goes into `after`, null at the end.
    """

    key: str
    count: int
    projects: int
    services: list[ServiceInCount]
    next: str | None


class RatingView(BaseModel):
    """A rating, whatever became of it. rated_at_ms: null while nobody knows. void: the mark that
    says why it counts nowhere.
    """

    id: str
    level: int
    rated_at_ms: int | None
    rated_error_ms: int
    received_at_ms: int
    origin: str
    rated_by: str
    named: bool
    reasons: list[int]
    void: str | None


class DecisionView(BaseModel):
    """What people decided about a rating: mistaken, malicious, appeal_upheld, fabricated,
    restored. The last one that a policy knows binds, as `roles` of each standing say. who: the
    account or system that noted it.
    """

    rating: str
    what: str
    what_zh: str
    at_ms: int
    who: str


class ProjectService(BaseModel):
    """A service of a project, as it stands under one policy. rating: the one that counts, or is
    excluded; null for a default.
    """

    hall: str
    service: str
    mode: str
    kind: str
    opened_at_ms: int | None
    finished_at_ms: int | None
    projects: int
    profile: str
    state: str
    out_because: str | None
    level: int | None
    origin: str | None
    rating: RatingView | None


class ProjectView(BaseModel):
    """A project (办件) and the services that were about it, batches included."""

    project_no: str
    services: list[ProjectService]


class DayView(BaseModel):
    """A day of a limit, and whether it counts."""

    day: str
    counts: bool
    provisional: bool


class LimitView(BaseModel):
    """A limit. what: `rate`, or `remind`, after which a citizen is reminded. end_ms: the first
    instant too late. provisional: a day in it is of a year without a notice.
    """

    what: str
    n: int
    unit: str
    begin_ms: int
    end_ms: int
    provisional: bool
    days: list[DayView]


class StandingView(BaseModel):
    """What a service counts as under a policy, and the articles that say so. roles: of each
    rating, `counts`, `excluded`, `second`, `late`, `out` or `void`.
    """

    profile: str
    source: str
    valid_from: str
    state: str
    level: int | None
    rating: str | None
    origin: str | None
    day: int
    out_because: str | None
    why: str | None
    why_en: str | None
    late: int
    second: int
    reminded: bool
    reason_missing: bool
    due_ms: int | None
    roles: dict[str, str]
    limits: list[LimitView]
    articles: list[Source]


class MovedView(BaseModel):
    """A bad rating that a word told later took out of its place. became: late, second, out, or
    month: it counts under day_now, and did under day_before. of_service, what, at_ms: the word
    that did: of which service of the hall, finished or closed, and the instant that it named;
    told_ms: when it came here; told_by: the id of the token that told it, null for the gateway.
    """

    rating: str
    became: str
    day_before: int
    day_now: int
    of_service: str
    what: str
    at_ms: int
    told_ms: int
    told_by: str | None
    noted_ms: int


class ServiceView(BaseModel):
    """A service. An instant of each kind of progress, null where none was told. settled_to_ms: up
    to when time is judged; pending: something came that is not judged yet.
    """

    hall: str
    service: str
    mode: str
    kind: str
    channel: str
    window: str | None
    staff_no: str | None
    project_no: str | None
    task_code: str | None
    part_of: str | None
    projects: int
    opened_at_ms: int | None
    accepted_at_ms: int | None
    invited_at_ms: int | None
    expired_at_ms: int | None
    closed_at_ms: int | None
    finished_at_ms: int | None
    transferred_at_ms: int | None
    no_show_at_ms: int | None
    due_day: int | None
    settled_to_ms: int
    pending: bool
    ratings: list[RatingView]
    decisions: list[DecisionView]
    moved: MovedView | None
    standings: list[StandingView]


def opened_view(
    key: CountKey, counts: list[tuple[int, int]], found: list[Counted], limit: int
) -> CountOpened:
    """A page of a count. counts: of each hall; found: one more than the limit if there are."""
    shown = found[:limit]
    is_more = len(found) > limit
    return CountOpened(
        key=str(key),
        count=sum(one[0] for one in counts),
        projects=sum(one[1] for one in counts),
        services=[_counted(one.row, one.times) for one in shown],
        next="/".join(map(str, shown[-1].place)) if is_more else None,
    )


def service_view(known: Known) -> ServiceView:
    """A service with all that is known of it."""
    row = known.dossier.row
    names = [name for name in ServiceView.model_fields if name in ServiceRow._fields]
    return ServiceView(
        **{name: getattr(row, name) for name in names},
        settled_to_ms=known.settled_ms,
        pending=known.is_pending,
        ratings=[_rating(one) for one in sorted(known.dossier.ratings, key=lambda r: r.place)],
        decisions=[
            DecisionView(
                rating=one.rating,
                what=one.what,
                what_zh=_DECIDED[one.what],
                at_ms=one.at_ms,
                who=one.who,
            )
            for one in sorted(known.dossier.decisions, key=lambda one: (one.at_ms, one.n))
        ],
        moved=MovedView(**known.moved._asdict()) if known.moved else None,
        standings=[_standing(one) for one in known.under],
    )


def _counted(row: StandingRow, times: int) -> ServiceInCount:
    names = [name for name in ServiceInCount.model_fields if name != "times"]
    return ServiceInCount(times=times, **{name: getattr(row, name) for name in names})


def of_project(
    row: ServiceRow, stood: StandingRow, rating: RatingRow | None, reasons: list[int] | None
) -> ProjectService:
    """A service of a project. reasons: what was answered after the rating, None for nothing."""
    return ProjectService(
        hall=row.hall,
        service=row.service,
        mode=row.mode,
        kind=row.kind,
        opened_at_ms=row.opened_at_ms,
        finished_at_ms=row.finished_at_ms,
        projects=row.projects,
        profile=stood.profile,
        state=stood.state,
        out_because=stood.out_because,
        level=stood.level,
        origin=stood.origin,
        rating=None if rating is None else _stored_rating(rating, reasons),
    )


def _rating(one: Rating) -> RatingView:
    names = [name for name in RatingView.model_fields if name != "reasons"]
    return RatingView(reasons=[*one.reasons], **{name: getattr(one, name) for name in names})


def _stored_rating(row: RatingRow, answered: list[int] | None) -> RatingView:
    names = [name for name in RatingView.model_fields if name != "reasons"]
    reasons = json.loads(row.reasons) if answered is None else answered
    return RatingView(reasons=reasons, **{name: getattr(row, name) for name in names})


def _standing(one: Explained) -> StandingView:
    policy, standing = one.policy, one.standing
    values = dict(policy.values())
    why = OUT_BECAUSE.get(standing.out_because or "", (None, None))
    names = ("state", "level", "rating", "origin", "day", "out_because", "late", "second")
    names += ("reminded", "reason_missing", "due_ms")
    return StandingView(
        profile=policy.profile,
        source=policy.source,
        valid_from=str(day_of(policy.valid_from)),
        why=why[0],
        why_en=why[1],
        roles=one.roles,
        limits=[_limit(each) for each in one.limits],
        articles=[source_of(key, values[key]) for key in one.keys],
        **{name: getattr(standing, name) for name in names},
    )


def _limit(one: RunningLimit) -> LimitView:
    return LimitView(
        what=one.what,
        n=one.limit.n,
        unit=one.limit.unit,
        begin_ms=one.begin_ms,
        end_ms=one.end_ms,
        provisional=one.provisional,
        days=[
            DayView(day=str(day.day), counts=day.counts, provisional=day.provisional)
            for day in one.days
        ],
    )
