"""The centre's HTTP application: its API, a file a subject beside this one, and its pages."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel
from sqlalchemy import exc
from starlette.types import ASGIApp

from central.custody.intake import Intake
from central.custody.marks import CENTRE_CLOCK
from central.steady import PlainClock
from central.store import places
from central.store.database import Database
from central.web.api import batches
from central.web.api.batches import BatchDoor
from central.web.api.bearer import Bearer
from hosting.body import BoundedBody
from hosting.parameters import strict_app
from hosting.problem import handle_problems
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


class Health(BaseModel):
    """Whether the centre can answer: `ok`, or `centre_clock` while its own clock is in doubt,
    which loses nothing. Nothing more is told without a token.
    """

    status: str


def create_app(
    database: Database,
    intake: Intake,
    bearer: Bearer,
    clock: PlainClock,
    *parts: APIRouter | Site[Any],
) -> ASGIApp:
    """The application: the batches' door before everything, routers of the API, and the site with
    its pages last.
    """
    app = strict_app("Pingjia centre", "/v1/")
    handle_problems(app, {}, _BUSY)
    for part in parts:
        if isinstance(part, Site):
            part.install(app)
        else:
            app.include_router(part)

    @app.get("/healthz")
    def get_health() -> Health:
        """200 while the database answers."""
        with database.read() as connection:
            places.has_devices(connection)
        return Health(status="ok" if clock.doubt() is None else CENTRE_CLOCK)

    described = app.openapi

    def openapi() -> dict[str, Any]:
        described()["paths"][batches.PATH] = batches.DESCRIPTION
        return described()

    app.openapi = openapi
    return BoundedBody(BatchDoor(app, intake, bearer), _BODY_BYTES, _LARGE_BODIES)
