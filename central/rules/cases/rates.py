"""The rates of cases (R74, R75, S3 第二十四条): each over all, and over what is settled, with what
is not due yet and who cannot be reached beside it. Values in, values out.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from central.rules.cases.state import CaseStanding
from central.rules.policy import Policy

BAD_REPLY, BAD_FIX, NAMED_FIX, FIX_SATISFIED = (
    "bad_reply_rate",
    "bad_fix_rate",
    "named_fix_rate",
    "fix_satisfied_rate",
)
RATES = (BAD_REPLY, BAD_FIX, NAMED_FIX, FIX_SATISFIED)


@dataclass(slots=True)
class CaseRate:
    """num of den. settled: of den those that are done, closed, or have missed a limit; waiting:
    the others, not due yet; unreachable: of den, whose rater is.
    """

    num: int = 0
    den: int = 0
    settled: int = 0
    waiting: int = 0
    unreachable: int = 0


@dataclass(frozen=True, slots=True)
class Handled:
    """A bad rating's case under one policy. counts: `active` or `excluded` where its rating is the
    one that counts, else `late`, `second` or `out`. named: did the rater give an identity?
    """

    standing: CaseStanding
    counts: str
    named: bool


@dataclass(slots=True)
class CaseRates:
    """The rates of many cases. beside: how many late, second or out ones there are, by their word:
    they are handled, and in no rate; false: found not to be so; no_basis: without legal basis.
    """

    rates: dict[str, CaseRate]
    beside: dict[str, int]
    false: int = 0
    no_basis: int = 0


def rates_of(policy: Policy, handled: Iterable[Handled]) -> CaseRates:
    """The rates under a policy.

    差评回复率: replied / bad ratings that count or are excluded. 差评回访整改率: called back and
    rectified / valid ones, those that count and were neither found false nor without legal basis;
    named_fix_rate: of them the named. 满意率: satisfied / called back and rectified. The call back
    is the one after the rectification where the policy needs that, else 回访核实, `contacted`.
    """
    found = CaseRates({one: CaseRate() for one in RATES}, {})
    needs = policy.case.needs.value if policy.case.needs else ()
    call = "called_back" if "called_back" in needs or "contacted" not in needs else "contacted"
    for one in handled:
        story = one.standing.story
        if one.counts not in ("active", "excluded"):
            found.beside[one.counts] = found.beside.get(one.counts, 0) + 1
            continue
        replied = story.has("replied") or story.no_basis_ms is not None
        _add(found.rates[BAD_REPLY], one, replied)
        if story.finding is False:
            found.false += 1
        elif story.no_basis_ms is not None:
            found.no_basis += 1
        elif one.counts == "active":
            fixed = story.at("rectified", story.reopened) is not None
            again = story.reopened if call == "called_back" else None
            fixed = fixed and story.at(call, again) is not None
            _add(found.rates[BAD_FIX], one, fixed)
            if one.named:
                _add(found.rates[NAMED_FIX], one, fixed)
            if fixed:
                _add(found.rates[FIX_SATISFIED], one, story.is_satisfied is True)
    return found


def _add(rate: CaseRate, one: Handled, is_done: bool) -> None:
    standing = one.standing
    rate.den += 1
    rate.num += is_done
    rate.unreachable += standing.story.unreachable_ms is not None
    settled = is_done or standing.state == "closed" or standing.is_over
    rate.settled += settled
    rate.waiting += not settled
