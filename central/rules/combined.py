"""Figures of services that several versions of a policy judged: each version counts its own by its
own levels, points and weight, and what they come to is added up (RULES 5 and 7).
"""

from collections.abc import Iterable, Sequence
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
