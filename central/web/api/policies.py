"""GET /v1/policies: the rules (规则) by which services are judged, each value with its article."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from central.people import tokens
from central.ratings.versions import Rules, key_of
from central.rules.calendar import day_of
from central.rules.policy import Policy
from central.store.database import Database
from central.store.judged import standings
from central.web.api.bearer import Bearer, Scopes, require
from central.web.views.shown import Source, plain, source_of


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


def create_router(database: Database, rules: Rules, bearer: Bearer) -> APIRouter:
    """The route; it needs a token with the scope figures:read."""
    router = APIRouter(prefix="/v1")

    @router.get("/policies")
    def get_policies(scopes: Annotated[Scopes, Depends(bearer)]) -> PoliciesAnswer:
        """All versions of all policies. Scope figures:read."""
        require(scopes, tokens.FIGURES_READ)
        with database.read() as connection:
            used = standings.uses(connection)
        policies = rules.policies
        views = [
            _view(policy, key_of(policy) in used)
            for profile in policies.profiles()
            for policy in policies.versions(profile)
        ]
        return PoliciesAnswer(default=rules.default, policies=views)

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
