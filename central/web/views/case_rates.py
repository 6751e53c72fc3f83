"""The rates of cases as answers have them."""

from collections.abc import Sequence
from datetime import date

from pydantic import BaseModel

from central.cases.rates import PolicyRates
from central.rules.calendar import day_of

_RATES = {
    "bad_reply_rate": "差评回复率",
    "bad_fix_rate": "差评回访整改率",
    "named_fix_rate": "实名差评回访整改率",
    "fix_satisfied_rate": "差评回访整改满意率",
}


class RateView(BaseModel):
    """num of den. settled: of den those done, closed or late; waiting: not due yet; unreachable:
    of den, whose rater is. target: in percent, where a text has one.
    """

    rate: str
    rate_zh: str
    num: int
    den: int
    settled: int
    waiting: int
    unreachable: int
    target: int | None


class ProfileRates(BaseModel):
    """The rates under one version of a profile. beside: cases of ratings that count nowhere, by
    late, second, out; false, no_basis: found not to be so, without legal basis.
    """

    profile: str
    policy_from: date
    source: str
    rates: list[RateView]
    beside: dict[str, int]
    false: int
    no_basis: int


class RatesView(BaseModel):
    """The rates of the bad ratings that came from a day to another."""

    first: date
    last: date
    profiles: list[ProfileRates]


def rates_view(first: date, last: date, found: Sequence[PolicyRates]) -> RatesView:
    """The rates."""
    return RatesView(first=first, last=last, profiles=[_rates(one) for one in found])


def _rates(one: PolicyRates) -> ProfileRates:
    targets = one.policy.case.targets.value if one.policy.case.targets else {}
    rates = [
        RateView(
            rate=key,
            rate_zh=_RATES[key],
            num=rate.num,
            den=rate.den,
            settled=rate.settled,
            waiting=rate.waiting,
            unreachable=rate.unreachable,
            target={f"{name}_rate": n for name, n in targets.items()}.get(key),
        )
        for key, rate in one.found.rates.items()
    ]
    return ProfileRates(
        profile=one.policy.profile,
        policy_from=day_of(one.policy.valid_from),
        source=one.policy.source,
        rates=rates,
        beside=one.found.beside,
        false=one.found.false,
        no_basis=one.found.no_basis,
    )
