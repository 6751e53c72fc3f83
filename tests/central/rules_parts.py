"""What tests of the rules share: the shipped policies, a calendar, instants as people write."""

from datetime import datetime

from central.rules.calendar import Calendar
from central.rules.policy import Policies, Policy, load_policies
from central.rules.standing import Rating, Service, Standing, stand
from hosting.clock import CHINA

CALENDAR = Calendar()
POLICIES: Policies = load_policies()
SENDS = frozenset({"invited", "expired", "closed", "finished", "no_show", "transferred"})


def at(written: str) -> int:
    """Epoch milliseconds of 2026-05-06 17:00 or 2026-05-06 17:00:00 in China."""
    return round(datetime.fromisoformat(written).replace(tzinfo=CHINA).timestamp() * 1000)


def policy(name: str) -> Policy:
    """A shipped profile's version of 2026; the plan's of 2021, which it bound."""
    found = POLICIES.of(name, 20210901 if name == "ezhou-plan" else 20260901)
    assert found is not None
    return found


def visit(opened: str, closed: str | None = None, **more) -> Service:
    """A visit, finished as it was closed unless `finished_ms` is given."""
    opened_ms = at(opened)
    closed_ms = at(closed) if closed else opened_ms + 300_000
    members = {"closed_ms": closed_ms, "finished_ms": closed_ms, "sends": SENDS, **more}
    return Service("demo", members.pop("service", "01VISIT"), opened_ms=opened_ms, **members)


def rating(id: str, level: int, rated: str | None, received: str | None = None, **more) -> Rating:
    """A rating, received as it was made unless said otherwise."""
    rated_at_ms = at(rated) if rated else None
    received_at_ms = at(received) if received else rated_at_ms
    assert received_at_ms is not None
    return Rating(id, level, rated_at_ms, received_at_ms, **more)


def stands(name: str, service: Service, ratings=(), now="2027-06-01 00:00", **more) -> Standing:
    """What a service counts as under a shipped profile."""
    decisions = more.pop("decisions", ())
    return stand(policy(name), CALENDAR, service, ratings, decisions, at(now), **more)
