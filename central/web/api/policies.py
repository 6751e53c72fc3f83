"""GET /v1/policies: the rules (规则) by which services are judged, each value with its article;
GET /v1/quota/…: what the evaluation of a region comes to by them.
"""

from collections.abc import Callable
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query
from pydantic import BaseModel

from central.figures.quota import evaluated, halls_of
from central.ratings.judge import Judge
from central.ratings.period import Period
from central.ratings.versions import key_of
from central.rules.calendar import day_of, number_of
from central.rules.policy import Policy
from central.rules.quota import assessed
from central.store.database import Database
from central.store.judged import standings
from central.web.api.bearer import Bearer, Scopes, require
from central.web.views.quota import QuotaAnswer, view_of
from central.web.views.shown import Source, plain, source_of
from hosting.clock import day


class PolicyValue(Source):
    """A value of a policy. before: what the text that it details says, if a lower level changed
    it.
    """

    value: Any
    before: Any
    before_source: Source | None


class PolicyView(BaseModel):
    """A version of a profile, with a lower level's details where it has some. valid_to: its last
    day, null while no later version is known. sha256: of its text. in_use: services were judged
    by it, so it may not be edited.
    """

    profile: str
    source: str
    place: str
    valid_from: str
    valid_to: str | None
    valid_because: str | None
    sha256: str
    in_use: bool
    values: list[PolicyValue]


class PoliciesAnswer(BaseModel):
    """default: the profile of places to which the directory gives none."""

    default: str
    policies: list[PolicyView]


Volume = Annotated[int | None, Query(ge=0, le=1_000_000_000)]


def create_router(
    database: Database, judge: Judge, bearer: Bearer, now_ms: Callable[[], int]
) -> APIRouter:
    """The routes; they need a token with the scope figures:read."""
    router = APIRouter(prefix="/v1")
    rules = judge.rules

    @router.get("/policies")
    def get_policies(scopes: Annotated[Scopes, Depends(bearer)]) -> PoliciesAnswer:
        """All versions of all policies. Scope figures:read."""
        require(scopes, "read policies")
        with database.read() as connection:
            used = standings.uses(connection)
        policies = rules.policies
        views = [
            _view(policy, key_of(policy) in used)
            for profile in policies.profiles()
            for policy in policies.versions(profile)
        ]
        return PoliciesAnswer(default=rules.default, policies=views)

    @router.get("/quota/{profile}/{region}")
    def get_quota(
        scopes: Annotated[Scopes, Depends(bearer)],
        profile: str,
        region: str,
        on: Annotated[date | None, Query()] = None,
        volume: Volume = None,
        volume_with_lower: Volume = None,
    ) -> QuotaAnswer:
        """Who took part in the evaluation of a region over the period of its tier that `on` is in
        (today unless said), and by which ways: of its own halls, and with those of the regions
        below it. volume: how many enforcement acts (执法量) there were in the period, as the
        region's office counts them; without it nothing is said to be met. Scope figures:read.
        """
        require(scopes, "read policies")
        on = on or day(now_ms())
        with database.read() as connection:
            places = judge.places_now(connection)
            found = places.region(region, number_of(on))
            if found is None:
                raise HTTPException(404, f"the directory has no region {region} on {on}")
            policy = places.policy_of_region(profile, region, number_of(on))
            span = None if policy is None else assessed(policy, found.tier, on)
            if policy is None or span is None:
                why = f"no profile {profile} that is in force on {on} has a period and a quota"
                raise HTTPException(404, f"{why} for the tier of {region}")
            period = Period(span.first, span.last)
            own, lower = halls_of(places, region, number_of(on))
            parts = [
                evaluated(connection, policy, period, halls, found.name)
                for halls in (own, own + lower)
            ]
            lag = judge.lag(connection)
        return view_of(policy, found, span, parts, (volume, volume_with_lower), lag)

    return router


def _view(policy: Policy, in_use: bool) -> PolicyView:
    before = dict(policy.base.values()) if policy.base is not None else {}
    values = []
    for key, value in policy.values():
        old = before.get(key) if key in policy.changed else None
        values.append(
            PolicyValue(
                **source_of(key, value).model_dump(),
                value=plain(value.value),
                before=None if old is None else plain(old.value),
                before_source=None if old is None else source_of(key, old),
            )
        )
    return PolicyView(
        profile=policy.profile,
        source=policy.source,
        place=policy.place,
        valid_from=str(day_of(policy.valid_from)),
        valid_to=None if policy.valid_to is None else str(day_of(policy.valid_to)),
        valid_because=policy.valid_because,
        sha256=policy.sha256,
        in_use=in_use,
        values=values,
    )
