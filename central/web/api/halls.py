"""GET /v1/halls/{hall}: a hall's document, for its gateway."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Header, HTTPException, Response

from central.directory.cells import day_number
from central.directory.hall_document import hall_document
from central.keys import DeviceKeys
from central.people.callers import Callers, UnknownTokenError
from central.people.roles import is_own
from central.store import places
from central.store.database import Database
from central.web.api.bearer import refused, token_in
from hosting.clock import day
from hosting.tokens import EndedTokenError
from protocol.hall import encode_hall


def create_router(
    database: Database, keys: DeviceKeys, callers: Callers, now_ms: Callable[[], int]
) -> APIRouter:
    """The route, for the hall's own token."""
    router = APIRouter()

    @router.get("/v1/halls/{hall}")
    def get_hall(
        hall: str,
        authorization: Annotated[str, Header()] = "",
        if_none_match: Annotated[str, Header()] = "",
    ) -> Response:
        """The hall's document; 304 while its version is the one that If-None-Match names."""
        with database.read() as connection:  # of 3,000 halls that poll, each costs one look
            try:
                holder = callers.holder_in(connection, token_in(authorization))
            except (UnknownTokenError, EndedTokenError) as error:
                raise refused(error) from None
            if not is_own(holder.scopes, "send batches", hall):
                raise HTTPException(403, "this token is not this hall's")
            version = places.version(connection, hall)
        if version and _names(if_none_match, version):
            return Response(status_code=304, headers={"ETag": f'"{version}"'})
        document = hall_document(database, hall, keys, day_number(day(now_ms())))
        if document is None:
            raise HTTPException(404, "no such hall")
        return Response(
            encode_hall(document),
            media_type="application/json",
            headers={"ETag": f'"{document.version}"'},
        )

    return router


def _names(if_none_match: str, version: int) -> bool:
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return f'"{version}"' in tags or "*" in tags
