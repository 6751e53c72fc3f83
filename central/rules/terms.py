"""A policy as `stand` needs it: read once, so that a service costs microseconds."""

from dataclasses import dataclass
from functools import lru_cache

from central.rules.policy import Policy
from central.rules.sections import Limit


@dataclass(frozen=True, slots=True)
class Terms:
    """excluding: the decisions that exclude a rating under this policy."""

    per_visit: bool
    per_matter: bool
    both: bool
    agent_after: bool
    unfinished_overdue: bool
    accepted_day: int
    needs_application: bool
    limit: Limit | None
    starts: str | None
    default_level: int | None
    remind: Limit | None
    reason_required: frozenset[int]
    excluding: frozenset[str]
    policy_from: int


@lru_cache(maxsize=256)
def terms_of(policy: Policy) -> Terms:
    """The terms of a policy; one object a policy (a policy equals itself only)."""
    counting, time, scope = policy.counting, policy.time, policy.scope
    required = policy.reasons.required
    return Terms(
        per_visit=counting.per_visit.value,
        per_matter=counting.per_matter.value,
        both=counting.both.value,
        agent_after=counting.agent.value == "first_after_completion",
        unfinished_overdue=bool(counting.unfinished_overdue and counting.unfinished_overdue.value),
        accepted_day=counting.accepted_day.value if counting.accepted_day else 0,
        needs_application=bool(scope.needs_application and scope.needs_application.value),
        limit=time.limit.value if time.limit else None,
        starts=time.starts.value if time.starts else None,
        default_level=time.default_level.value if time.default_level else None,
        remind=time.remind.value if time.remind else None,
        reason_required=frozenset(required.value if required else ()),
        excluding=_excluding(policy),
        policy_from=policy.valid_from,
    )


def _excluding(policy: Policy) -> frozenset[str]:
    """What is no citizen's rating (`fabricated`) counts under no policy. Where an appeal is the
    only way, a finding alone excludes nothing; where there is no appeal, its step means nothing.
    """
    case = policy.case
    findings = case.exclude.value if case.exclude else ()
    only_by = case.exclude_only_by.value if case.exclude_only_by else ()
    limits = case.limits.value if case.limits else ()
    words = {"fabricated"}
    if not only_by:
        words.update(findings)
    if findings and ("appeal" in only_by or any(one.step == "appeal_filed" for one in limits)):
        words.add("appeal_upheld")
    return frozenset(words)
