"""Cases as answers have them: no rater, no device, no service, and no time finer than a day; a
limit in hours by half days (RULES 8). For everybody alike, so that nothing has to be hidden.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple

from pydantic import BaseModel

from central.cases.desk import Seen
from central.rules.calendar import DAY_MS, HOUR_MS, Calendar, day_number, day_of
from central.rules.cases.limits import CaseTerm, days_of_term, warn_ms
from central.rules.cases.steps import RULES, Step
from central.rules.policy import Policy
from central.store.cases.cases import NEVER_MS, CaseRow, Counts

_CHINA_MS = 8 * HOUR_MS
STATES = {
    "new": "待交办",
    "handling": "办理中",
    "done": "待办结",
    "supervisors": "转主管部门",
    "closed": "已办结",
}
_OWED = {
    "decision": "待第二人确认",
    "appeal": "申诉待裁定",
    "noticed": "待公告",
    "reported": "待上报",
}


class Names(NamedTuple):
    """What the directory calls things, by their ids."""

    matters: Mapping[str, str]
    institutions: Mapping[str, str]
    regions: Mapping[str, str]


class Named(BaseModel):
    """Something of the directory; name: null where the directory has it not."""

    id: str
    name: str | None


class UntilView(BaseModel):
    """Until when: the last day; half: `am` where it ends with the morning."""

    day: date
    half: str | None


class CaseBrief(BaseModel):
    """A case on the board. received: its day. until: of the limit that ends first, of next_step;
    null where no text has one. is_over: has it passed? tier: up how many it went by itself.
    """

    no: str
    kind: str
    received: date
    matter: Named | None
    institution: Named | None
    region: Named | None
    about: str | None
    complexity: str | None
    state: str
    state_zh: str
    next_step: str | None
    next_zh: str | None
    until: UntilView | None
    is_over: bool
    tier: int


class CountsView(BaseModel):
    """Open cases, of all that one sees; over: with a limit missed; today, week: whose limit ends
    today, or within this week, besides.
    """

    open: int
    over: int
    today: int
    week: int


class Board(BaseModel):
    """Open cases by the limit that ends first. next: for `after`."""

    counts: CountsView
    cases: list[CaseBrief]
    next: str | None


class DayView(BaseModel):
    """A day of a limit. counts: towards it; provisional: by no notice yet."""

    day: date
    counts: bool
    provisional: bool


class LimitView(BaseModel):
    """A limit. source: the article, or 本系统约定. from_step, since: what it runs from, and that
    day. became: running, done, ended (because of what), over, uncertain. warn: when its officer is
    told. days: one by one, with those that are skipped.
    """

    profile: str
    step: str
    step_zh: str
    from_step: str
    n: int
    unit: str
    complexity: str | None
    source: str
    round: int
    since: date
    until: UntilView
    extended: bool
    provisional: bool
    became: str
    because: str | None
    is_late: bool
    warn: date | None
    days: list[DayView]


class StepView(BaseModel):
    """A step. by: what whoever took it was. on, noted: days. `of`, `to`, `about`, `day`: as of the
    request.
    """

    id: str
    what: str
    zh: str
    by: str
    institution: str | None
    on: date
    noted: date
    of: str | None
    to: str | None
    about: str | None
    day: date | None
    text: str


class CaseView(CaseBrief):
    """A case with its story. reasons: codes that the citizen chose. is_asked: for a reply.
    reopened: how often. left: steps that it needs before it may be closed; owed: what else.
    policies: profile, first day, source. may: the steps that whoever asks may take in a case of
    this kind.
    """

    reasons: list[int]
    due_day: date | None
    has_contact: bool
    is_asked: bool
    reopened: int
    excluded: str | None
    appeal: str | None
    joined: str | None
    left: list[str]
    owed: list[str]
    owed_zh: list[str]
    policies: list[tuple[str, date, str]]
    limits: list[LimitView]
    steps: list[StepView]
    may: list[str]


def board_of(
    rows: Sequence[CaseRow], counts: Counts, names: Names, now_ms: int, limit: int
) -> Board:
    """The board. rows: one more than `limit` if there are more."""
    page = rows[:limit]
    more = len(rows) > limit
    return Board(
        counts=CountsView(**counts._asdict()),
        cases=[brief_of(row, names, now_ms) for row in page],
        next=f"{page[-1].shown_ms}.{page[-1].no}" if more else None,
    )


def brief_of(row: CaseRow, names: Names, now_ms: int) -> CaseBrief:
    """A case on the board."""
    has_limit = row.shown_ms != NEVER_MS
    return CaseBrief(
        no=row.no,
        kind=row.kind,
        received=_day(row.received_ms),
        matter=_named(row.task_code, names.matters),
        institution=_named(row.institution_now, names.institutions),
        region=_named(row.region, names.regions),
        about=row.about,
        complexity=row.complexity,
        state=row.state,
        state_zh=STATES[row.state],
        next_step=row.next_step,
        next_zh=_zh(row.next_step) if row.next_step else None,
        until=_until(row.shown_ms) if has_limit else None,
        is_over=has_limit and now_ms >= row.shown_ms and row.is_over,
        tier=row.tier,
    )


def case_view(
    seen: Seen, reasons: list[int], names: Names, calendar: Calendar, now_ms: int, role: str
) -> CaseView:
    """A case with its story."""
    row, standing = seen.row, seen.standing
    story = standing.story
    by_profile = {one.profile: one for one in seen.policies}
    return CaseView(
        **brief_of(row, names, now_ms).model_dump(),
        reasons=reasons,
        due_day=None if row.due_day is None else day_of(row.due_day),
        has_contact=row.has_contact,
        is_asked=story.is_asked,
        reopened=story.reopened,
        excluded=story.excluded,
        appeal=story.appeal,
        joined=story.joined,
        left=list(standing.left),
        owed=list(standing.owed),
        owed_zh=[_OWED[one] for one in standing.owed],
        policies=[(one.profile, day_of(one.valid_from), one.source) for one in seen.policies],
        limits=[
            _limit(one, by_profile.get(one.profile), calendar, now_ms) for one in standing.terms
        ],
        steps=[_step(one) for one in seen.steps],
        may=[what for what, rule in RULES.items() if role in rule.by and row.kind in rule.kinds],
    )


def _limit(term: CaseTerm, policy: Policy | None, calendar: Calendar, now_ms: int) -> LimitView:
    became, done_ms = term.became, term.done_ms
    if became == "over" and now_ms < term.shown_ms:
        became = "running"  # its very hour would tell that of the rating
    warn = None if policy is None else warn_ms(term, policy, calendar)
    limit = term.limit
    return LimitView(
        profile=term.profile,
        step=term.step,
        step_zh=_zh(term.step),
        from_step=limit.from_,
        n=limit.n,
        unit=limit.unit,
        complexity=limit.complexity,
        source=term.source,
        round=term.round,
        since=_day(term.from_ms),
        until=_until(term.shown_ms),
        extended=term.until is not None,
        provisional=term.provisional,
        became=became,
        because=term.because,
        is_late=became == "over" or (done_ms is not None and done_ms >= term.shown_ms),
        warn=None if warn is None else _day(warn),
        days=[
            DayView(day=one.day, counts=one.counts, provisional=one.provisional)
            for one in days_of_term(term, calendar)
        ],
    )


def _step(step: Step) -> StepView:
    return StepView(
        id=step.id,
        what=step.what,
        zh=_zh(step.what),
        by=step.actor.role,
        institution=step.actor.institution,
        on=_day(step.at_ms),
        noted=_day(step.noted_ms),
        of=step.of,
        to=step.to,
        about=step.about,
        day=None if step.day is None else day_of(step.day),
        text=step.text,
    )


def _zh(what: str) -> str:
    return RULES[what].zh if what in RULES else "核查"


def _until(shown_ms: int) -> UntilView:
    """shown_ms: the first noon or midnight that is too late."""
    is_noon = (shown_ms + _CHINA_MS) % DAY_MS != 0
    return UntilView(day=_day(shown_ms - 1), half="am" if is_noon else None)


def _day(at_ms: int) -> date:
    return day_of(day_number(at_ms))


def _named(id: str | None, names: Mapping[str, str]) -> Named | None:
    return None if id is None else Named(id=id, name=names.get(id))
