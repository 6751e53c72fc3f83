"""The centre's HTTP application: its API, a file a subject beside this one, and its pages."""

from typing import Any

from fastapi import APIRouter
from sqlalchemy import exc
from starlette.types import ASGIApp

from central.custody.intake import Intake
from central.steady import PlainClock
from central.store.database import Database
from central.web.api import batches
from central.web.api.batches import BatchDoor
from central.web.api.bearer import Bearer
from central.web.api.health import StoreWatch, add_health
from hosting.body import BoundedBody
from hosting.door import HeadAsGet, PlainUrl, TokenFirst, strict_app
from hosting.problem import describe_problems, handle_problems
from pages import Site
from protocol.limits import BATCH_BYTES

_BODY_BYTES = 64 * 1024
_LARGE_BODIES = {
    "/v1/batches": BATCH_BYTES,
    "/v1/halls/[^/]+/rescued": BATCH_BYTES,
    "/v1/directory/[^/]+": BATCH_BYTES,
    "/v1/rehearsal/facts": BATCH_BYTES,
}
# Another transaction was faster, the database is away, or no connection to it came free: the same
# request may succeed.
_BUSY = (exc.IntegrityError, exc.OperationalError, exc.TimeoutError)


def create_app(
    database: Database,
    intake: Intake | None,
    bearer: Bearer,
    clock: PlainClock,
    watch: StoreWatch,
    *parts: APIRouter | Site[Any],
) -> ASGIApp:
    """The application: the batches' door before everything, routers of the API, and the site with
    its pages last. intake: None for a process that takes no batches.
    """
    app = strict_app("Pingjia centre", "/v1/")
    handle_problems(app, {}, _BUSY)
    for part in parts:
        if isinstance(part, Site):
            part.install(app)
        else:
            app.include_router(part)

    add_health(app, database, clock, watch)
    if intake is None:
        describe_problems(app, {})
        inner = TokenFirst(app, "/v1/.*", bearer)
    else:
        describe_problems(app, {batches.PATH: batches.DESCRIPTION})
        # Batches are asked for their token by their own door.
        inner = TokenFirst(BatchDoor(app, intake, bearer), "/v1/(?!batches$).*", bearer)
    return HeadAsGet(PlainUrl(BoundedBody(inner, _BODY_BYTES, _LARGE_BODIES)))
