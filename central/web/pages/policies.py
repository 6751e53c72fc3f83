"""The page of policies: every version, every value with its article. For everybody, without a
login: local rules are published (R111, S1 第十八条).
"""

import json
from typing import Any

from fastapi import Request, Response

from central.people.callers import Holder
from central.ratings.versions import Rules
from central.rules.calendar import day_of
from central.rules.definitions import OURS
from central.rules.policy import Policy
from central.web.views.shown import plain
from pages import PageError, Site


class PoliciesView:
    """The values of policies.html. Raises PageError for a profile that is none."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    def show(self, profile: str) -> Any:
        """All versions of a profile, the newest first; empty for that of most places."""
        policies = self._rules.policies
        profile = profile or self._rules.default
        if profile not in policies.profiles():
            raise PageError(404, "没有这个页面。")
        versions = [_told(one) for one in reversed(policies.versions(profile))]
        return {
            "profile": profile,
            "profiles": policies.profiles(),
            "default": self._rules.default,
            "versions": versions,
            "ours": OURS,
        }


def add_to(site: Site[Holder], view: PoliciesView) -> None:
    """Add the page."""

    @site.router.get("/policies")
    async def show(request: Request, profile: str = "") -> Response:
        return await site.page(request, "policies.html", lambda: view.show(profile))


def _told(policy: Policy) -> dict[str, Any]:
    values = [
        (key, _text(value.value), value.article, value.because, key in policy.changed)
        for key, value in policy.values()
    ]
    return {
        "source": policy.source,
        "place": policy.place,
        "valid_from": day_of(policy.valid_from),
        "valid_to": None if policy.valid_to is None else day_of(policy.valid_to),
        "because": policy.valid_because,
        "values": values,
    }


def _text(value: Any) -> str:
    value = plain(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
