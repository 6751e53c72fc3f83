"""How a case stands: its state, what it needs before it may be closed, what is due next."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from central.rules.calendar import Calendar
from central.rules.cases.limits import RIGHTS, CaseTerm, terms_of_case
from central.rules.cases.steps import Case, Step
from central.rules.cases.story import Story, story_of
from central.rules.policy import Policy

# 待交办, 办理中, 待办结 (all is done that it needs), 转主管部门 (not satisfied too often), 办结.
State = Literal["new", "handling", "done", "supervisors", "closed"]
_GONE = {  # what a case needs no more once it is so
    "baseless": ("measures", "rectified", "called_back"),
    "unreachable": ("contacted", "replied", "called_back"),
}


@dataclass(frozen=True, slots=True)
class CaseStanding:
    """left: the steps that it needs before it may be closed, in their order. owed: what else is
    owed first: `decision`, `appeal`, `noticed`, `reported`. terms: its limits. next: the one that
    ends first of those that run. is_over: is any missed?
    """

    story: Story
    state: State
    left: tuple[str, ...]
    owed: tuple[str, ...]
    terms: tuple[CaseTerm, ...]
    next: CaseTerm | None
    is_over: bool

    @property
    def due_ms(self) -> int | None:
        """The next instant at which time alone changes something."""
        return min([one.shown_ms for one in self.terms if _waits(one)], default=None)


def standing_of(
    case: Case,
    steps: Iterable[Step],
    policies: Sequence[Policy],
    calendar: Calendar,
    now_ms: int,
    shared: Iterable[Step] = (),
) -> CaseStanding:
    """How a case stands at `now_ms` under the policies of its rating's day: one, or two with one
    story and limits of their own (DOMAIN decision 21). shared: as of `story_of`.
    """
    story = story_of(case, steps, shared)
    if story.institution is None and any(one.case.responsible for one in policies):
        story.institution = case.institution  # 谁办理、谁负责: nobody has to assign it
    terms = terms_of_case(story, policies, calendar, now_ms)
    left, owed = left_in(story, policies), owed_in(story, policies)
    waiting = [one for one in terms if one.became in ("running", "uncertain", "over")]
    duties = [one for one in waiting if one.step not in RIGHTS]
    most = min([one.case.reopen.value for one in policies if one.case.reopen], default=0)
    if story.closed_ms is not None:
        state: State = "closed"
    elif story.reopened > most:
        state = "supervisors"
    elif not left and not owed:
        state = "done"
    else:
        state = "new" if story.institution is None else "handling"
    return CaseStanding(
        story,
        state,
        left,
        owed,
        tuple(terms),
        duties[0] if duties and state != "closed" else None,
        any(one.became == "over" for one in terms),
    )


def left_in(story: Story, policies: Sequence[Policy]) -> tuple[str, ...]:
    """The steps that a case needs before it may be closed, and has not.

    A bad rating found true, or of which nothing else was found, needs what its policies name; one
    that is excluded nothing, but that who asked for a reply gets one, unless it is no citizen's or
    a malicious one's. A wish at any level, and a complaint, need a reply (S0 第九条).
    """
    case, needs = story.case, list[str]()
    if case.kind == "object":
        needs = ["measures", "rectified"]
    elif case.kind == "rating" and story.excluded is None:
        for policy in policies:
            if policy.profile in case.bad_for and policy.case.needs is not None:
                needs += [one for one in policy.case.needs.value if one not in needs]
    is_answered = story.excluded not in ("malicious", "fabricated")
    if "replied" not in needs and is_answered and (case.kind == "complaint" or story.is_asked):
        needs.append("replied")
    gone = set[str]()
    if story.finding is False or story.no_basis_ms is not None:
        gone.update(_GONE["baseless"])
    if story.unreachable_ms is not None:
        gone.update(_GONE["unreachable"])
    left = []
    for need in needs:
        again = story.reopened if need in ("rectified", "called_back") else None
        done = story.at(need, again) is not None
        if need == "replied":
            done = done or story.no_basis_ms is not None or story.has("declined")
        if not done and need not in gone:
            left.append(need)
    asks_again = story.reopened and story.at("called_back", story.reopened) is None
    if asks_again and case.kind == "rating" and "called_back" not in [*left, *gone]:
        left.append("called_back")  # whoever was not satisfied is asked again
    return tuple(left)


def owed_in(story: Story, policies: Sequence[Policy]) -> tuple[str, ...]:
    """What else is owed before a case may be closed: a decision's second account, the answer to an
    appeal, the public notice of a malicious rating, the word to the authority above.
    """
    owed = []
    if story.pending:
        owed.append("decision")
    if story.appeal == "filed":
        owed.append("appeal")
    notice = any(
        one.case.public_notice and story.excluded in one.case.public_notice.value
        for one in policies
    )
    if notice and not story.has("noticed"):
        owed.append("noticed")
    told = {what for one in policies if one.case.report for what in one.case.report.value}
    excluded = story.excluded is not None and story.excluded != "fabricated"
    is_told = (excluded and "excluded" in told) or (
        "rectified" in told and story.at("rectified", story.reopened) is not None
    )
    if is_told and story.case.kind == "rating" and not story.has("reported"):
        owed.append("reported")
    return tuple(owed)


def _waits(term: CaseTerm) -> bool:
    """Does time alone make something of it? Nobody is told "overdue" by a provisional day."""
    return term.became == "running" and not term.provisional
