"""The rates of the cases that came in a period, by the policy that each was handled by."""

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection

from central.ratings.casebook import case_of, fold, policies_of
from central.ratings.judge import Judge
from central.rules.cases.rates import CaseRates, Handled, rates_of
from central.rules.policy import Policy
from central.store import services
from central.store.cases import cases, steps
from central.store.cases.cases import CaseRow, Scope
from central.store.judged import standings
from central.store.judged.standings import StandingKey, StandingRow

MOST = 20_000  # cases at once; a page has to answer
_AT_ONCE = 500


class TooManyError(Exception):
    """More cases came in the period than are counted at once."""


class PolicyRates(NamedTuple):
    """The rates under one version of a profile."""

    policy: Policy
    found: CaseRates


def rates_between(
    connection: Connection, judge: Judge, scope: Scope, span: tuple[int, int], now_ms: int
) -> list[PolicyRates]:
    """Of the bad ratings that came from span[0] to before span[1]. Raises TooManyError."""
    handled: dict[Policy, list[Handled]] = {}
    after, count = (span[0], ""), 0
    while page := cases.received(connection, scope, span, after, _AT_ONCE):
        after, count = (page[-1].received_ms, page[-1].no), count + len(page)
        if count > MOST:
            raise TooManyError(f"over {MOST:,} cases came then: ask for a shorter time")
        for policy, one in _handled(connection, judge, page, now_ms):
            handled.setdefault(policy, []).append(one)
    found = [PolicyRates(policy, rates_of(policy, ones)) for policy, ones in handled.items()]
    return sorted(found, key=lambda one: (one.policy.profile, one.policy.valid_from))


def _handled(
    connection: Connection, judge: Judge, page: list[CaseRow], now_ms: int
) -> Iterable[tuple[Policy, Handled]]:
    rated = [row for row in page if row.kind == "rating" and row.rating is not None]
    told = steps.of(
        connection, {row.no for row in rated} | {row.joined for row in rated if row.joined}
    )
    ratings = services.ratings_by_id(connection, [row.rating or "" for row in rated])
    profiles = {one.profile for row in rated for one in policies_of(row, judge.rules)}
    of = {(row.hall or "", row.service or "") for row in rated}
    stood = standings.of(connection, profiles, list(of))
    for row in rated:
        shared = told[row.joined] if row.joined else []
        standing, _ = fold(row, told[row.no], judge.rules, now_ms, shared)
        rating = ratings.get(row.rating or "")
        bad = case_of(row).bad_for
        for policy in policies_of(row, judge.rules):
            if policy.profile in bad:
                counts = _counts(row, policy, stood)
                yield policy, Handled(standing, counts, rating is not None and rating.named)


def _counts(row: CaseRow, policy: Policy, stood: dict[StandingKey, StandingRow]) -> str:
    """As what its rating counts under a policy."""
    stands = stood.get((policy.profile, row.hall or "", row.service or ""))
    if stands is None or stands.state == "out":
        return "out"
    if stands.rating == row.rating:
        return stands.state
    return "second" if stands.rating is not None else "late"
