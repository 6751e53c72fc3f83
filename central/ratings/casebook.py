"""Cases as the rules see them: from what is stored to what they are about, and how they stand."""

import json
import secrets
from collections.abc import Iterable, Sequence
from typing import cast

from central.ratings.versions import PolicyKey, Rules, key_of, known_versions
from central.rules.cases.state import CaseStanding, standing_of
from central.rules.cases.steps import Case, Kind, Step
from central.rules.policy import Policy
from central.store.cases.cases import NEVER_MS, CaseRow, Folded

_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: none is taken for another one
_LENGTH = 10


def new_number() -> str:
    """A number for a case: random, so that it tells nothing of when or where."""
    return "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))


def new_step_id() -> str:
    """An id for a step, which tells nothing."""
    return secrets.token_hex(8)


def written(policies: Iterable[tuple[Policy, bool]]) -> str:
    """The policies of a case as they are stored: each with whether its rating is bad under it."""
    return json.dumps([[*key_of(policy), is_bad] for policy, is_bad in policies])


def policies_of(row: CaseRow, rules: Rules) -> list[Policy]:
    """The versions by which a case is handled, for life: those of its rating's day."""
    known = known_versions(rules)
    keys: list[PolicyKey] = [(one[0], one[1], one[2]) for one in json.loads(row.policies)]
    return [known[key] for key in keys if key in known]


def case_of(row: CaseRow) -> Case:
    """What the rules need to know of a case."""
    bad = frozenset([one[0] for one in json.loads(row.policies) if one[3]])
    return Case(
        row.no,
        cast(Kind, row.kind),
        row.received_ms,
        row.institution,
        bad,
        row.due_day,
        row.has_contact,
    )


def fold(
    row: CaseRow, steps: Sequence[Step], rules: Rules, now_ms: int, shared: Sequence[Step] = ()
) -> tuple[CaseStanding, Folded]:
    """How a case stands, and what is stored of that."""
    policies = policies_of(row, rules)
    standing = standing_of(case_of(row), steps, policies, rules.calendar, now_ms, shared)
    told = standing.next
    return standing, Folded(
        steps=sum(1 for one in steps if one.actor.role != "centre"),
        is_open=standing.state != "closed",
        state=standing.state,
        institution_now=standing.story.institution,
        complexity=standing.story.complexity,
        next_step=told and told.step,
        shown_ms=NEVER_MS if told is None else told.shown_ms,
        next_ms=standing.due_ms,
        is_over=standing.is_over,
        tier=standing.story.escalated,
        joined=standing.story.joined,
    )
