"""The limits of a case: when each began, when it ends, and what became of it. Derived from steps,
policy and calendar, and kept nowhere as truth: another calendar gives other days.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from central.rules.calendar import (
    DAY_MS,
    HOUR_MS,
    Calendar,
    Day,
    day_number,
    day_of,
    end_of_day,
    epoch_day,
    number_of,
)
from central.rules.case_section import CaseLimit
from central.rules.cases.story import Story
from central.rules.policy import Policy
from central.rules.sections import Limit

Became = Literal["running", "done", "ended", "over", "uncertain"]
RIGHTS = ("appeal_filed", "review_asked")  # whoever has them may let them pass
_AGAIN = ("rectified", "called_back")  # what a citizen who is not satisfied makes be done again
_HALF_MS = 12 * HOUR_MS
_CHINA_MS = 8 * HOUR_MS  # a noon or midnight in China is a whole number of half days with it
_OF_OBJECT = CaseLimit.model_validate(
    {"step": "rectified", "from": "received", "n": 1, "unit": "natural_days"}
)

# What ends a limit without the step that it waits for.
_ENDS = {
    "contacted": ("unreachable", "excluded"),
    "verified": ("excluded",),
    "measures": ("verified_false", "no_legal_basis", "excluded"),
    "rectified": ("verified_false", "no_legal_basis", "excluded"),
    "called_back": ("unreachable", "verified_false", "no_legal_basis", "excluded"),
    "replied": ("unreachable", "excluded"),
    "evidence": ("accepted", "declined"),
}
_INSTEAD = {"replied": ("no_legal_basis", "declined"), "accepted": ("declined",)}


@dataclass(frozen=True, slots=True)
class CaseTerm:
    """A limit of a case under one policy.

    round: 0, and one more each time the citizen made it be done again. end_ms: the first instant
    too late. shown_ms: the same for who may not learn the hour of the receipt: the next noon or
    midnight of a limit in hours. until: the last day of an extension. became: `running`; `done`,
    at done_ms; `ended` by `because`; `over`, missed; `uncertain`: it would be, but for a day that
    no notice has settled (DOMAIN decision 22). source: the article, or that it is ours.
    """

    profile: str
    limit: CaseLimit
    round: int
    from_ms: int
    end_ms: int
    provisional: bool
    until: int | None
    became: Became
    done_ms: int | None
    because: str | None
    source: str

    @property
    def step(self) -> str:
        """What is to be done."""
        return self.limit.step

    @property
    def is_late(self) -> bool:
        """Was it missed, or done too late?"""
        is_done_late = self.done_ms is not None and self.done_ms >= self.end_ms
        return self.became == "over" or (is_done_late and not self.provisional)

    @property
    def shown_ms(self) -> int:
        half_ms = -(-(self.end_ms + _CHINA_MS) // _HALF_MS) * _HALF_MS - _CHINA_MS
        return half_ms if self.limit.unit == "hours" else self.end_ms

    @property
    def key(self) -> str:
        """What names it among the limits of its case."""
        return f"{self.profile}/{self.step}/{self.limit.from_}/{self.round}"


def terms_of_case(
    story: Story, policies: Iterable[Policy], calendar: Calendar, now_ms: int
) -> list[CaseTerm]:
    """All limits that have begun, of every policy and round, as they stand at `now_ms`: those that
    end first in front.
    """
    found = []
    if story.case.kind == "object" and story.case.due_day is not None:
        end = (end_of_day(story.case.due_day), False, None)
        found.append(_term("", _OF_OBJECT, story, 0, story.case.received_ms, end, now_ms, ""))
    for policy in policies:
        limits = limits_for(story, policy)
        if limits is None:
            continue
        for limit in limits[0]:
            if limit.complexity in (None, complexity_in(story, policy)):
                found += _of_limit(policy, limit, limits[1], story, calendar, now_ms)
    return sorted(found, key=lambda one: (one.end_ms, one.key))


def limits_for(story: Story, policy: Policy) -> tuple[tuple[CaseLimit, ...], str] | None:
    """The limits of a policy on such a case, with their source; None where it has none on it."""
    case = policy.case
    if story.case.kind == "complaint":
        value = case.complaint_limits
    else:
        value = case.limits if policy.profile in story.case.bad_for else None
    return None if value is None else (value.value, value.source)


def complexity_in(story: Story, policy: Policy) -> str | None:
    """As what the case is handled under a policy."""
    fallback = policy.case.complexity.value if policy.case.complexity else None
    if story.case.kind == "complaint":
        fallback = fallback or "general"  # 一般投诉事项原则上
    return story.complexity or fallback


def days_of_term(term: CaseTerm, calendar: Calendar) -> list[Day]:
    """Each day from day 0 to the last one of a limit, with those that do not count, as they are
    skipped; of an extension, all days to its last one.
    """
    if term.until is None:
        return calendar.days_of(term.from_ms, term.limit)
    days = epoch_day(term.end_ms - 1) - epoch_day(term.from_ms)
    return calendar.days_of(term.from_ms, Limit(n=days, unit="natural_days"))


def warn_ms(term: CaseTerm, policy: Policy, calendar: Calendar) -> int | None:
    """When the officer is told that a limit ends soon: at the beginning of the last of the days
    that leave `case.warn` before its last day; None where no policy asks for it.
    """
    value = policy.case.warn
    if value is None or term.became != "running":
        return None
    warn, day = value.value, day_of(day_number(term.end_ms - 1))
    if warn.unit == "hours":
        return max(term.from_ms, term.end_ms - warn.n * HOUR_MS)
    left = warn.n
    while left > 0:
        day -= timedelta(days=1)
        left -= warn.unit == "natural_days" or calendar.is_working(day)[0]
    return max(term.from_ms, end_of_day(number_of(day)) - DAY_MS)


def _of_limit(
    policy: Policy,
    limit: CaseLimit,
    source: str,
    story: Story,
    calendar: Calendar,
    now_ms: int,
) -> list[CaseTerm]:
    found = []
    again = range(1, _rounds(story, policy)) if limit.step in _AGAIN else ()
    for round in (0, *again):
        from_ms = story.rounds[round] if round else _start(story, limit.from_)
        if from_ms is None:
            continue
        end_ms, provisional = calendar.end_ms(from_ms, limit)
        until = None
        if round == story.reopened and limit.may_extend and limit.step in story.extended:
            until = story.extended[limit.step][0]
            end_ms, provisional = max(end_ms, end_of_day(until)), False
        end = (end_ms, provisional, until)
        found.append(_term(policy.profile, limit, story, round, from_ms, end, now_ms, source))
    return found


def _rounds(story: Story, policy: Policy) -> int:
    """How many rounds have limits; beyond what the policy allows the case is the supervisor's."""
    most = policy.case.reopen.value if policy.case.reopen else 0
    return min(len(story.rounds), most + 1)


def _start(story: Story, what: str) -> int | None:
    if what == "received":
        return story.case.received_ms
    if what == "verified_true":
        return story.true_ms
    if what == "released":
        return story.released_ms
    return story.at(what)


def _term(
    profile: str,
    limit: CaseLimit,
    story: Story,
    round: int,
    from_ms: int,
    end: tuple[int, bool, int | None],
    now_ms: int,
    source: str,
) -> CaseTerm:
    end_ms, provisional, until = end
    names = (limit.step, *_INSTEAD.get(limit.step, ()))
    of_round = None if limit.step not in _AGAIN else round
    done = [at for name in names if (at := story.at(name, of_round)) is not None]
    done_ms = min(done, default=None)
    ended = [
        (at, why) for why in _ENDS.get(limit.step, ()) if (at := _ended_ms(story, why)) is not None
    ]
    if round < story.reopened and limit.step in _AGAIN:
        ended.append((story.rounds[round + 1], "not_satisfied"))
    if story.closed_ms is not None and limit.step not in RIGHTS:
        ended.append((max(story.closed_ms, from_ms), "closed"))
    ended_ms, why = min(ended, default=(None, None))
    because = None
    became: Became = "running"
    if done_ms is not None and (ended_ms is None or done_ms <= ended_ms):
        became = "done"
    elif ended_ms is not None:
        became, done_ms, because = "ended", None, why
    elif now_ms >= end_ms:
        became = "uncertain" if provisional else "over"
    if limit.step in RIGHTS and became == "over":
        became, because = "ended", "lapsed"
    args = (end_ms, provisional, until, became, done_ms, because, source)
    return CaseTerm(profile, limit, round, from_ms, *args)


def _ended_ms(story: Story, why: str) -> int | None:
    instants = {
        "unreachable": story.unreachable_ms,
        "verified_false": story.false_ms,
        "no_legal_basis": story.no_basis_ms,
        "excluded": story.excluded_ms,
    }
    return instants[why] if why in instants else story.at(why)
