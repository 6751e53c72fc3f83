"""Findings of auditors (S0 第十六条, R55) and proven complaints (S3 制度11 第四条, R114): what
follows from how many. Values in, values out.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from central.rules.policy import Policy

# S0 第十六条: 未按规定开展评价, 篡改评价结果, 打击报复, 泄漏评价人信息.
FindingKind = Literal["not_carried_out", "tampered", "retaliated", "leaked"]
FINDING_KINDS: tuple[FindingKind, ...] = get_args(FindingKind)


@dataclass(frozen=True, slots=True)
class Finding:
    """What an auditor found. unit: an institution or hall, by its id; person: hall/staff_no, None
    where it is the unit's. day: of the deed, 20260901. evidence: what it stands on. withdraws: the
    id of the finding that this one takes back; nothing is deleted.
    """

    id: str
    kind: FindingKind
    unit: str
    person: str | None
    day: int
    evidence: str
    by: str
    at_ms: int
    withdraws: str | None = None


def standing_findings(findings: Iterable[Finding]) -> list[Finding]:
    """Those that stand: neither withdrawn nor withdrawals, by their days."""
    known = list(findings)
    gone = {one.withdraws for one in known if one.withdraws is not None}
    stand = [one for one in known if one.withdraws is None and one.id not in gone]
    return sorted(stand, key=lambda one: (one.day, one.id))


def bars_best(
    findings: Iterable[Finding], unit: str, person: str | None, first: int, last: int
) -> bool:
    """Whether a finding of these days bars the grade 好 (S0 第八条第二款): of a unit, what it or
    any of its people did; of a person, their own deeds.
    """
    return any(
        one.unit == unit and first <= one.day <= last and person in (None, one.person)
        for one in standing_findings(findings)
    )


@dataclass(frozen=True, slots=True)
class ProvenComplaint:
    """A complaint that was found true. is_breach: attitude, or a breach of 制度1, 2, 4."""

    day: int
    hall: str
    window: str | None
    staff: str | None
    is_breach: bool = False


@dataclass(frozen=True, slots=True)
class Reached:
    """What a number of proven complaints has come to. what: `staff_in_year` (年度考核不能评优),
    `window_ever` (约谈窗口负责人或撤换), `breaches_in_year` (离岗培训或清退). who: a window or a
    person; year: None for what has no period.
    """

    what: str
    hall: str
    who: str
    year: int | None
    count: int


def reached(policy: Policy, complaints: Iterable[ProvenComplaint]) -> list[Reached]:
    """Who has so many proven complaints that something follows; empty under a policy that has no
    such rule.
    """
    if policy.case.proven is None:
        return []
    counts: dict[tuple[str, str, str, int | None], int] = {}
    for one in complaints:
        year = one.day // 10_000
        keys = [("window_ever", one.window, None)]
        keys += [("staff_in_year", one.staff, year)]
        keys += [("breaches_in_year", one.staff, year)] if one.is_breach else []
        for what, who, of in keys:
            if who is not None:
                key = (what, one.hall, who, of)
                counts[key] = counts.get(key, 0) + 1
    least = policy.case.proven.value
    found = [
        Reached(*key, count) for key, count in counts.items() if count >= getattr(least, key[0])
    ]
    return sorted(found, key=lambda one: (one.what, one.hall, one.who, one.year or 0))
