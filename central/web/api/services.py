"""GET of services: behind a count, of a project, and one with all that decides what it counts as.

Scope services:read:<division>, for the halls in it; never given to a hall or an institution.
"""

from collections.abc import Callable, Collection
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Path, Query
from sqlalchemy import Connection

from central.figures.key import LONGEST, CountKey, read_key
from central.figures.opened import START, Place, open_for
from central.people.callers import Holder
from central.people.deeds import Readings
from central.people.tokens import SERVICES_READ, places_of
from central.ratings.explained import explain
from central.ratings.judge import Judge
from central.store import services
from central.store.database import Database
from central.store.judged import facts, projects, standings
from central.store.tallies import day_of
from central.web.api.bearer import HolderOf, require
from central.web.views.service_views import (
    CountOpened,
    ProjectView,
    ServiceView,
    of_project,
    opened_view,
    service_view,
)
from hosting.problem import FieldError
from hosting.toml import meant
from protocol.field import Identifier, ProtocolError, place_id

_PROJECT = Identifier(64)
_SAID = 200  # characters of a key that an act is about; all of it is in its detail


def create_router(
    database: Database, judge: Judge, holder_in: HolderOf, now_ms: Callable[[], int]
) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/v1")

    readings = Readings(database, now_ms)

    def reader(holder: Annotated[Holder, Depends(holder_in)]) -> Holder:
        require(holder.scopes, "read services")
        return holder

    def divisions(holder: Annotated[Holder, Depends(reader)]) -> tuple[str, ...]:
        return places_of(holder.scopes, SERVICES_READ)

    def readable(
        connection: Connection, halls: Collection[str], opened: Collection[str]
    ) -> set[str]:
        at, today = judge.places_now(connection), day_of(now_ms())
        return {
            hall for hall in halls if any(at.is_within(hall, place, today) for place in opened)
        }

    def require_hall(connection: Connection, hall: str, opened: Collection[str]) -> None:
        if not readable(connection, [hall], opened):
            raise HTTPException(403, f"this token does not open services of {hall}")

    def require_known(connection: Connection, key: CountKey) -> None:
        profiles = {*judge.rules.policies.profiles(), *standings.profiles(connection)}
        if key.profile not in profiles:
            near = meant(key.profile, profiles)
            raise FieldError("key", f"profile: no rules are named {key.profile}.{near}")
        today = day_of(now_ms())
        if key.region is not None:
            regions = judge.places_now(connection).named("region", today)
            if key.region not in regions:
                near = meant(key.region, regions)
                raise HTTPException(404, f"no region is named {key.region}.{near}")
            return
        halls = {*judge.hall_names(connection, today), *facts.halls(connection)}
        if key.hall is not None and key.hall not in halls:
            near = meant(key.hall, halls)
            raise HTTPException(404, f"no hall or platform is named {key.hall}.{near}")

    @router.get("/figures/{key}/services")
    def get_services_of_figure(
        holder: Annotated[Holder, Depends(reader)],
        opened: Annotated[tuple[str, ...], Depends(divisions)],
        key: Annotated[str, Path(max_length=LONGEST)],
        after: Annotated[str | None, Query(max_length=120)] = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 200,
    ) -> CountOpened:
        """The services behind a count, by hall, day and service. key: as `num_key` of a figure
        gives it, `profile.span.hall.dim.id.modes.whats`.
        """
        try:
            wanted = read_key(key)
        except ValueError as error:
            raise FieldError("key", f"{error}") from None
        with database.read() as connection:
            at, today = judge.places_now(connection), day_of(now_ms())
            found = open_for(connection, at, today, wanted, opened, _place(after), limit + 1)
            if found is None:
                raise HTTPException(403, f"this token does not open services of {wanted.hall}")
            require_known(connection, wanted)
        readings.note(holder, "services.open", key[:_SAID], key)
        return opened_view(wanted, [*found.counts.values()], found.services, limit)

    @router.get("/projects/{no}")
    def get_project(
        holder: Annotated[Holder, Depends(reader)],
        opened: Annotated[tuple[str, ...], Depends(divisions)],
        no: str,
    ) -> ProjectView:
        """The services of a project, each with the rating that counts for it."""
        try:
            _PROJECT(no, "no")
        except ProtocolError as error:
            raise FieldError("no", f"{error}") from None
        with database.read() as connection:
            halls = readable(connection, projects.halls_of(connection, [no])[no], opened)
            keys = projects.services_of(connection, {(no, hall) for hall in halls})
            rows = facts.services(connection, [one for ones in keys.values() for one in ones])
            stored = standings.of(connection, standings.profiles(connection), list(rows))
            ratings = services.ratings_by_id(
                connection, {one.rating for one in stored.values() if one.rating}
            )
            reasons = facts.reasons(connection, ratings)
        if not rows:
            raise HTTPException(404, "no service of this project is known here")
        readings.note(holder, "project.open", no)
        views = [
            of_project(
                *(rows[one[1:]], stored[one], ratings.get(stored[one].rating or "")),
                reasons.get(stored[one].rating or "", (None,))[0],
            )
            for one in sorted(stored)
        ]
        return ProjectView(project_no=no, services=views)

    @router.get("/services/{hall}/{service}")
    def get_service(
        holder: Annotated[Holder, Depends(reader)],
        opened: Annotated[tuple[str, ...], Depends(divisions)],
        hall: str,
        service: Annotated[str, Path(max_length=64)],
    ) -> ServiceView:
        """A service: its ratings, what it counts as under each policy, its limits day by day."""
        try:
            place_id(hall, "hall")
        except ProtocolError as error:
            raise FieldError("hall", f"{error}") from None
        with database.read() as connection:
            require_hall(connection, hall, opened)
            known = explain(connection, judge, (hall, service))
        if known is None:
            raise HTTPException(404, "no such service")
        readings.note(holder, "service.open", f"{hall}/{service}")
        return service_view(known)

    return router


def _place(after: str | None) -> Place:
    if after is None:
        return START
    hall, _, rest = after.partition("/")
    day, _, service = rest.partition("/")
    if not day.isdecimal() or len(day) > 8 or not service:
        raise FieldError("after", "after must be a cursor that `next` gave")
    return hall, int(day), service
