"""What a request says beside its path: no parameter is passed over, and JSON needs no header."""

from difflib import get_close_matches

from fastapi import Depends, FastAPI, Request
from fastapi.dependencies.models import Dependant
from starlette.types import ASGIApp, Receive, Scope, Send

from hosting.problem import FieldError

_FORM = b"application/x-www-form-urlencoded"  # what curl says of everything


def strict_app(title: str, paths: str) -> FastAPI:
    """An application of which no route passes over a parameter in its query: what it answers
    would be to another question. Pages, which no schema describes, are left out. paths: where
    the API's begin.
    """
    app = FastAPI(
        title=title,
        version="1",
        docs_url=None,
        redoc_url=None,
        dependencies=[Depends(_refuse_unknown)],
    )
    app.add_middleware(_JsonUnlessSaid, paths=paths)
    return app


async def _refuse_unknown(request: Request) -> None:
    if not request.query_params:
        return
    route = request.scope["route"]
    if not route.include_in_schema:
        return
    names = sorted(set(_known_of(route.dependant)))
    for name in request.query_params:
        if name not in names:
            meant = get_close_matches(name, names, 1, 0.5)
            also = f"did you mean {meant[0]}?" if meant else f"there are {', '.join(names)}"
            also = also if names else "there is none here"
            raise FieldError(name, f"no parameter is named {name[:64]}: {also}")


def _known_of(dependant: Dependant) -> list[str]:
    """The query's parameters of a route and of all that it depends on."""
    own = [one.alias for one in dependant.query_params]
    return sum((_known_of(one) for one in dependant.dependencies), own)


class _JsonUnlessSaid:
    """ASGI: a body below these paths is JSON where its sender does not say what it is, or says
    what curl does. These paths take no cookies, so no other site's form opens anything.
    """

    def __init__(self, app: ASGIApp, paths: str) -> None:
        self._app = app
        self._paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] == "http" and scope["path"].startswith(self._paths):
            given = dict(scope["headers"]).get(b"content-type", _FORM)
            if given.split(b";")[0].strip().lower() == _FORM:
                others = [one for one in scope["headers"] if one[0] != b"content-type"]
                scope = {**scope, "headers": [*others, (b"content-type", b"application/json")]}
        await self._app(scope, receive, send)
