"""Who asks of cases, and what of them: by the scope cases:<place> of a token. Who holds one of a
region, or of all, is its supervisor here; who holds one of an institution, the officer of it.
Until there are accounts, a token is one person.
"""

from collections.abc import Callable
from typing import Annotated, NamedTuple

from fastapi import Depends, HTTPException

from central.directory.sight import Sight, sight_of
from central.people.callers import Holder
from central.rules.calendar import day_number
from central.rules.cases.steps import Actor
from central.store.cases.cases import CaseRow, Scope
from central.store.database import Database
from central.web.api.bearer import HolderOf, require


class Caller(NamedTuple):
    """Who asks, and what of it."""

    holder: Holder
    actor: Actor
    sight: Sight

    @property
    def scope(self) -> Scope:
        if self.sight.is_institution:
            return Scope(institution=self.sight.place.id)
        if self.sight.region is not None:
            return Scope(regions=tuple(sorted(self.sight.regions)))
        return Scope()

    def sees(self, row: CaseRow) -> bool:
        scope = self.scope
        if scope.institution is not None:
            return row.institution_now == scope.institution
        return scope.regions is None or row.region in scope.regions

    @property
    def place(self) -> str:
        """What the scope is called."""
        return f"{self.sight.place.kind} {self.sight.place.id}".strip()


def caller_of(
    database: Database, holder_in: HolderOf, now_ms: Callable[[], int]
) -> Callable[[Holder], Caller]:
    """The dependency that gives who asks, or answers 401 or 403."""

    def caller(holder: Annotated[Holder, Depends(holder_in)]) -> Caller:
        place = require(holder.scopes, "read cases")
        with database.read() as connection:
            sight = sight_of(connection, place, day_number(now_ms()))
        if sight is None:
            raise HTTPException(403, f"the directory has no {place.kind} {place.id} any more")
        if sight.is_institution:
            return Caller(holder, Actor(holder.id, "officer", place.id), sight)
        return Caller(holder, Actor(holder.id, "supervisor"), sight)

    return caller
