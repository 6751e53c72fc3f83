"""Which steps may be taken: `refusal` says why one may not, in a sentence for who would take it.
Values in, values out.
"""

from collections.abc import Callable, Iterable, Sequence

from central.rules.calendar import Calendar, day_number, day_of, end_of_day, epoch_day
from central.rules.cases.limits import limits_for, terms_of_case
from central.rules.cases.state import left_in, owed_in
from central.rules.cases.steps import DECISIONS, RULES, Case, Step
from central.rules.cases.story import Story, days_of, story_of
from central.rules.policy import Policy
from central.rules.terms import terms_of

_AFTER_CLOSING = ("asked", "satisfied", "not_satisfied", "confirmed", "refused", "restored")
_AFTER_CLOSING += (
    "noticed",
    "reported",
    "referred",
    "dishonesty_list",
    "review_asked",
    "released",
)
_AFTER_CLOSING += ("appeal_filed", "appeal_upheld", "appeal_denied")


def refusal(
    case: Case,
    steps: Iterable[Step],
    step: Step,
    policies: Sequence[Policy],
    calendar: Calendar,
    shared: Iterable[Step] = (),
) -> str | None:
    """Why `step` may not be taken, None if it may. steps: those that were taken, without it."""
    told = list(steps)
    why = _of_kind(case, step)
    if why is not None:
        return why
    story = story_of(case, told, shared, until_ms=step.at_ms)
    now = story_of(case, told, shared)
    if now.closed_ms is not None and step.what not in _AFTER_CLOSING:
        return "the case is closed: only the citizen, an appeal or a decision goes on from here"
    if now.joined is not None and step.what in ("replied", "rectified", "contacted"):
        return f"it is joined to {now.joined}: one reply serves both, take the step there"
    special = _CHECKS.get(step.what)
    return None if special is None else special(story, now, step, policies, calendar)


def _of_kind(case: Case, step: Step) -> str | None:
    """What holds of every step of its kind."""
    rule = RULES.get(step.what)
    if rule is None:
        return f"there is no step {step.what}"
    if step.actor.role not in rule.by:
        return f"{step.what} is taken by {' or '.join(rule.by)}, not by {step.actor.role}"
    if case.kind not in rule.kinds:
        return f"{step.what} is no step of a case about {_article(case.kind)}"
    for name in rule.needs:
        if not getattr(step, name):
            return f"{step.what} needs {name}"
    if step.at_ms > step.noted_ms:
        return "a step is noted when it was taken, not before"
    # By days: whoever tries one hour after another must not learn when the rating came.
    if epoch_day(step.at_ms) < epoch_day(case.received_ms):
        return "the case had not come yet then"
    if step.at_ms != step.noted_ms and not rule.may_be_past:
        return f"{step.what} is taken by noting it: leave the time out"
    return None


def _article(kind: str) -> str:
    return {"rating": "a rating", "complaint": "a complaint"}.get(kind, "an object")


def _classified(story: Story, now: Story, step: Step, policies: Sequence[Policy], _: Calendar):
    if step.of not in ("simple", "general", "complex"):
        return "of is simple, general or complex"
    return None


def _extended(
    story: Story, now: Story, step: Step, policies: Sequence[Policy], calendar: Calendar
) -> str | None:
    """Only a limit that may be extended, before it ends (S1 十六 在期限内), to a later day, and no
    further than the text allows.
    """
    terms = [
        one
        for one in terms_of_case(story, policies, calendar, step.at_ms)
        if one.step == step.of and one.limit.may_extend and one.round == story.reopened
    ]
    if not terms:
        return f"no limit of {step.of} that runs may be extended"
    for term in terms:
        if term.became not in ("running", "uncertain"):
            return (
                f"the limit of {step.of} has ended: it is extended before its end, or not at all"
            )
        try:
            end_ms = end_of_day(step.day or 0)
        except ValueError:
            return "day is no day: write it as 2026-09-30"
        if end_ms <= term.end_ms:
            return f"day: the limit lasts until {day_of(day_number(term.end_ms - 1))} already"
        if term.limit.at_most is not None:
            most = term.limit.model_copy(update={"n": term.limit.at_most})
            last_ms = calendar.end_ms(term.from_ms, most).ms
            if end_ms > last_ms:
                return f"day: at most {day_of(day_number(last_ms - 1))}, {term.source}"
    if step.actor.role == "officer" and story.case.kind == "complaint":
        return (
            "the limit of a complaint is extended with the supervisor's approval (制度11 第三条)"
        )
    return None


def _unreachable(
    story: Story, now: Story, step: Step, policies: Sequence[Policy], _: Calendar
) -> str | None:
    """No contact is known, or so many attempts on so many days since the rater was reached."""
    if not story.case.has_contact and not story.has("contacted"):
        return None
    asked = [one.case.unreachable.value for one in policies if one.case.unreachable]
    attempts = max([one.attempts for one in asked], default=1)
    days = max([one.days for one in asked], default=1)
    if len(story.attempts) < attempts or days_of(story.attempts) < days:
        return (
            f"unreachable needs {attempts} attempts on {days} days: there are "
            f"{len(story.attempts)} on {days_of(story.attempts)}"
        )
    return None


def _called_back(story: Story, now: Story, step: Step, *_: object) -> str | None:
    """整改后回访 counts only after the rectification; a call before it is `contacted`."""
    if story.at("rectified", story.reopened) is None:
        return "called_back is the call after the rectification: a call before it is contacted"
    return None


def _replied(
    story: Story, now: Story, step: Step, policies: Sequence[Policy], _: Calendar
) -> str | None:
    """S2P 二(三)2: a complex one is conferred on before the reply."""
    for policy in policies:
        complexity = story.complexity or (policy.case.complexity and policy.case.complexity.value)
        consult = policy.case.consult.value if policy.case.consult else ()
        if complexity in consult and not story.has("consulted") and story.case.kind == "rating":
            return "a complex case is conferred on (会商, consulted) before the reply"
    return None


def _satisfied(story: Story, now: Story, step: Step, *_: object) -> str | None:
    """The citizen's own word; an officer enters it with the call after the rectification."""
    if not (story.has("rectified") or story.has("replied") or story.has("no_legal_basis")):
        return "nothing was rectified or answered yet that one could be satisfied with"
    is_entered = step.actor.role != "citizen"
    if is_entered and story.at("called_back", story.reopened) is None:
        return "who is not the citizen enters it after called_back, as the rater said it"
    return None


def _released(story: Story, now: Story, step: Step, policies: Sequence[Policy], _: Calendar):
    if not _appeals(now, policies):
        return "no policy of this case knows an appeal"
    return "it was released already" if now.released_ms is not None else None


def _appeal_filed(
    story: Story, now: Story, step: Step, policies: Sequence[Policy], calendar: Calendar
) -> str | None:
    """Within its days from the release; by a provisional day nobody loses it."""
    terms = terms_of_case(story, policies, calendar, step.at_ms)
    terms = [one for one in terms if one.step == "appeal_filed"]
    if not terms:
        return "an appeal needs the supervisor's release first"
    if now.appeal is not None:
        return "there was an appeal already"
    if all(one.because == "lapsed" for one in terms):
        last = day_of(day_number(max(one.end_ms for one in terms) - 1))
        return f"the days of the appeal ended with {last}, {terms[0].source}"
    return None


def _appeal_decided(
    story: Story, now: Story, step: Step, policies: Sequence[Policy], _: Calendar
) -> str | None:
    if now.appeal != "filed" or any(one.what == "appeal_upheld" for one in now.pending.values()):
        return "no appeal waits for a decision"
    if step.what == "appeal_upheld":
        values = [one.case.exclude.value for one in policies if one.case.exclude]
        known = sorted({one for value in values for one in value})
        if step.of not in known:
            return f"of is {' or '.join(known)}: what was it found to be?"
        return _outsider(now, step)
    return None


def _decision(
    story: Story, now: Story, step: Step, policies: Sequence[Policy], _: Calendar
) -> str | None:
    """A finding that no policy of the case would act on is told why, and not kept in vain."""
    if step.what == "restored":
        if now.excluded is None:
            return "the rating is not excluded"
    elif now.excluded is not None:
        return f"the rating is excluded already: {now.excluded}"
    elif all(step.what not in terms_of(policy).excluding for policy in policies):
        by = [one.case.exclude_only_by for one in policies if one.case.exclude_only_by]
        if by:
            return f"under this policy it is excluded by an appeal only ({by[0].source})"
        return f"no policy of this case excludes a rating as {step.what}"
    if any(one.what == step.what for one in now.pending.values()):
        return f"{step.what} waits for its second account already"
    return _outsider(now, step)


def _outsider(story: Story, step: Step) -> str | None:
    """DOMAIN decision 20: neither of the two is of the rated institution."""
    rated = {story.case.institution, story.institution} - {None}
    if step.actor.institution in rated:
        return "whoever decides is not of the rated institution"
    return None


def _second(story: Story, now: Story, step: Step, *_: object) -> str | None:
    decided = now.pending.get(step.about or "")
    if decided is None:
        return "about names no decision that waits for a second account"
    if decided.actor.id == step.actor.id:
        return "the second account is another one than the first"
    return _outsider(now, step)


def _noticed(
    story: Story, now: Story, step: Step, policies: Sequence[Policy], _: Calendar
) -> str | None:
    if now.excluded != "malicious":
        return "only a rating that is found malicious, by two accounts, is announced"
    if not any(one.case.public_notice for one in policies):
        return "no policy of this case asks for a public notice"
    return None


def _dishonesty_list(
    story: Story, now: Story, step: Step, policies: Sequence[Policy], _: Calendar
) -> str | None:
    """S3 第十八条: after the supervisor's check, by the officer's institution."""
    if not any(one.case.dishonesty_list and one.case.dishonesty_list.value for one in policies):
        return "no policy of this case has a dishonesty list"
    if now.excluded != "malicious":
        return (
            "only after the supervisor found the rating malicious, confirmed by a second account"
        )
    return None


def _allowed(key: str) -> "Check":
    def check(story: Story, now: Story, step: Step, policies: Sequence[Policy], _: Calendar):
        if any(getattr(one.case, key) is not None for one in policies):
            return None
        return f"no policy of this case has {key}"

    return check


def _reported(
    story: Story, now: Story, step: Step, policies: Sequence[Policy], _: Calendar
) -> str | None:
    if "reported" in owed_in(now, policies):
        return None
    return "nothing is owed to the authority above now"


def _joined(story: Story, now: Story, step: Step, *_: object) -> str | None:
    if step.to == story.case.no:
        return "a case is not joined to itself"
    return f"it is joined to {now.joined} already" if now.joined else None


def _review_asked(
    story: Story, now: Story, step: Step, policies: Sequence[Policy], calendar: Calendar
) -> str | None:
    terms = terms_of_case(story, policies, calendar, step.at_ms)
    terms = [one for one in terms if one.step == "review_asked"]
    if not terms:
        return "a review is asked for after the reply"
    return "the days of the review have ended" if terms[0].because == "lapsed" else None


def _closed(
    story: Story, now: Story, step: Step, policies: Sequence[Policy], _: Calendar
) -> str | None:
    left = (*left_in(now, policies), *owed_in(now, policies))
    return f"before it is closed it needs {', '.join(left)}" if left else None


def _appeals(story: Story, policies: Sequence[Policy]) -> bool:
    found = [limits_for(story, one) for one in policies]
    return any(limit.step == "appeal_filed" for one in found if one for limit in one[0])


Check = Callable[[Story, Story, Step, Sequence[Policy], Calendar], str | None]
_CHECKS: dict[str, Check] = {
    "classified": _classified,
    "relayed": _allowed("relay"),
    "joined": _joined,
    "unreachable": _unreachable,
    "extended": _extended,
    "called_back": _called_back,
    "replied": _replied,
    "satisfied": _satisfied,
    "not_satisfied": _satisfied,
    "released": _released,
    "appeal_filed": _appeal_filed,
    "appeal_upheld": _appeal_decided,
    "appeal_denied": _appeal_decided,
    **dict.fromkeys([one for one in DECISIONS if one != "appeal_upheld"], _decision),
    "confirmed": _second,
    "refused": _second,
    "noticed": _noticed,
    "dishonesty_list": _dishonesty_list,
    "referred": _allowed("refer"),
    "reported": _reported,
    "review_asked": _review_asked,
    "closed": _closed,
}
