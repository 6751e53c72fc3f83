"""What a service adds to the counters, and the figures that are made of them (RULES 4 and 7).

A counter's key is (dim, id, mode, what), beside the span and the hall that its row has. What a
service added is taken away by computing it again from its stored standing, so `contributions`
reads nothing that is not stored with that.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from central.rules.policy import Policy
from central.rules.standing import Standing

Key = tuple[str, str, str, str]  # dim, id, mode, what
Counts = Mapping[tuple[str, str], int]  # (mode, what): how many, by the policy's weight


@dataclass(frozen=True, slots=True)
class Attributed:
    """Where a service belongs on its day; None where that is not known."""

    hall: str
    window: str | None = None
    institution: str | None = None
    line: str | None = None
    staff: str | None = None
    matter: str | None = None


class Counted(Protocol):
    """What of a service is stored beside its standing; facts.Service has it, too."""

    @property
    def mode(self) -> str: ...
    @property
    def projects(self) -> int: ...
    @property
    def participant(self) -> str | None: ...


def contributions(
    policy: Policy, standing: Standing, service: Counted, place: Attributed
) -> dict[Key, tuple[int, int]]:
    """What a service adds: (ratings, projects) of each counter, none of them 0.

    What is `out` is counted nowhere but as a no-show, or as a second rating of its theme. `direct`
    are the ratings of a member of staff at a window, which alone make the score (钦南 第六条).
    """
    whats = _whats(standing)
    if service.mode == "per_visit" and place.staff is not None and standing.rating is not None:
        word = "direct" if standing.state == "active" else "direct-excluded"
        whats[f"{word}-{standing.level}"] = 1
    dims = [(dim, getattr(place, dim)) for dim in DIMS]
    if policy.quota.share is not None and standing.state == "active":
        dims.append(("participant", service.participant))
    found = {}
    for dim, id in dims:
        if id is not None:
            for what, n in whats.items():
                found[dim, id, service.mode, what] = (n, n * service.projects)
    if standing.origin is not None:
        of_rating = (f"{standing.state}-{standing.level}", "named")
        for what in of_rating:
            if what in whats:
                found["origin", standing.origin, service.mode, what] = (1, service.projects)
    return found


DIMS = ("hall", "window", "institution", "line", "staff", "matter")


def _whats(standing: Standing) -> dict[str, int]:
    state, whats = standing.state, {}
    if standing.no_show:
        whats["no-show"] = 1
    if standing.second:
        whats["second"] = standing.second
    if state == "out":
        return whats
    if standing.late:
        whats["late"] = standing.late
    is_levelled = state in ("active", "default", "excluded")
    outcome = f"{state}-{standing.level}" if is_levelled else state
    whats[outcome] = 1
    if standing.invited is not None:
        whats["invited" if standing.invited else "uninvited"] = 1
    if standing.invited is False:
        whats[f"uninvited-{outcome}"] = 1
    if standing.expired:
        whats["expired"] = 1
    if state == "active":
        if standing.named:
            whats["named"] = 1
        if standing.reason_missing:
            whats["reason-missing"] = 1
        whats.update((f"reason-{code}", 1) for code in standing.reasons)
    return whats
