"""ETags of figures: whoever asks again, and nothing has changed since, is answered 304 before
anything is counted.

A tag stands for all that an answer is made of: what the judge has written, the directory, the
rules, the day, who asks and for what. It is weak: `settled_to_ms` may be older than the judge's.
"""

import hashlib
from importlib.metadata import version
from typing import Any

from fastapi import Request, Response
from sqlalchemy import Connection

from central.people.roles import Place
from central.ratings.judge import Judge
from central.ratings.versions import Rules
from central.store import places
from central.store.judged import facts, standings

UNCHANGED: dict[int | str, dict[str, Any]] = {
    304: {"description": "Nothing has changed since the answer that If-None-Match names"}
}


class Etags:
    """Makes the tags of answers over the figures of a judge."""

    def __init__(self, judge: Judge) -> None:
        self._rules = _rules(judge.rules)

    def of(self, connection: Connection, request: Request, place: Place, today: int) -> str:
        """The tag of an answer to this request for the holder of a scope for this place."""
        state = standings.state(connection)
        pending, _ = facts.pending(connection)
        parts = (
            *(self._rules, request.url.path, sorted(request.query_params.multi_items()), place),
            *(today, state.turn, state.directory, state.failure, pending),
            places.changes(connection),
        )
        return f'W/"{hashlib.sha256(repr(parts).encode()).hexdigest()[:32]}"'


def unchanged(tag: str, if_none_match: str) -> Response | None:
    """The answer to a client that has what this tag stands for; None if it has not."""
    return (
        Response(status_code=304, headers={"ETag": tag}) if is_named(tag, if_none_match) else None
    )


def is_named(tag: str, if_none_match: str) -> bool:
    """Whether a client's If-None-Match names a tag; as weak ones are compared (RFC 9110 8.8.3)."""
    wanted = tag.removeprefix("W/")
    tags = [one.strip().removeprefix("W/") for one in if_none_match.split(",")]
    return wanted in tags or "*" in tags


def _rules(rules: Rules) -> str:
    versions = [
        policy.sha256
        for profile in rules.policies.profiles()
        for policy in rules.policies.versions(profile)
    ]
    return repr((version("pingjia"), rules.default, rules.calendar.sha256, versions))
