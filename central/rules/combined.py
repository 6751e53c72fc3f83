"""What figures come to together. Of services that several versions of a policy judged each version
counts its own by its own levels, points and weight, and that is added up (RULES 5 and 7). A unit's
rates make a total where weights were set (钦南 第二十四条 names none, a lower level may).
"""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

from central.rules.definitions import Figure, Mean, Share, Shown, shown
from central.rules.figure import Counts
from central.rules.policy import Policy


class Part(NamedTuple):
    """What the services add that one version judged. counts: `weighed` by it."""

    policy: Policy
    counts: Counts


def shown_by(policies: Iterable[Policy], unit: str = "region") -> tuple[Shown, ...]:
    """Which figures any of these versions shows, in the order of the first of them."""
    return tuple(dict.fromkeys(one for policy in policies for one in shown(policy, unit)))


def showing(figure: Figure, policies: Iterable[Policy], unit: str = "region") -> list[Policy]:
    """Those of these versions that show a figure."""
    return [one for one in policies if figure in {each.figure for each in shown(one, unit)}]


def combined(one: Shown, parts: Sequence[Part], unit: str = "region") -> Share | Mean | None:
    """A figure over the versions that show it; None where none of them does."""
    those = showing(one.figure, [part.policy for part in parts], unit)
    values = [
        one.figure.of(part.counts, part.policy, one.with_excluded)
        for part in parts
        if part.policy in those
    ]
    return type(values[0])(*map(sum, zip(*values, strict=True))) if values else None


LESS_IS_BETTER = ("middle_rate", "bad_rate", "unrated_rate", "uninvited_rate")


class Total(NamedTuple):
    """总分: the rates that were given weights, each in percent, by these weights, which are 100
    together; of a rate that is better when it is less what it lacks to 100 (本系统约定).
    hundredths: rounded down; None while a rate is `lacking`: nothing was counted for it, or nobody
    counts it yet.
    """

    hundredths: int | None
    weights: Mapping[str, int]
    lacking: tuple[str, ...]

    def written(self) -> str | None:
        """With two digits; None where there is none."""
        found = self.hundredths
        return None if found is None else f"{found // 100}.{found % 100:02d}"


def total(rates: Mapping[str, Share | Mean], policy: Policy) -> Total | None:
    """The total of a unit's rates; None where no weights were set (R83)."""
    ruled = policy.figures.total_weights
    weights: dict[str, int] = {**ruled.value} if ruled else {}
    if not weights:
        return None
    shares = {key: one for key in weights if isinstance(one := rates.get(key), Share) and one.den}
    lacking = tuple(key for key in weights if key not in shares)
    if lacking:
        return Total(None, weights, lacking)
    found = Fraction(0)
    for key, weight in weights.items():
        rate = Fraction(*shares[key])
        found += weight * (1 - rate if key in LESS_IS_BETTER else rate)
    return Total(int(found * 100), weights, ())
