"""Before a request reaches its route: who calls is asked before a body is read, no parameter of
its query is passed over, and JSON needs no header.
"""

import re
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any
from urllib.parse import parse_qsl

from fastapi import Depends, FastAPI, Request
from fastapi.dependencies.models import Dependant
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hosting.problem import FieldError, note_refusal, problem, problem_of

_KNOWN = "pingjia_known"
_BODILESS = ("GET", "HEAD", "OPTIONS")
_FORM = b"application/x-www-form-urlencoded"  # what curl says of everything


class TokenFirst:
    """ASGI: whoever sends a body shows a good token first, before anything of the body is awaited,
    held or parsed.

    paths: a pattern of whole paths that need a token. known: who holds the token of an
    Authorization header; raises the HTTPException to answer with. What it gave is `known_of` the
    request's scope.
    """

    def __init__(self, app: ASGIApp, paths: str, known: Callable[[str], Any]) -> None:
        self._app = app
        self._paths = re.compile(paths)
        self._known = known

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on if its token is good."""
        if (
            scope["type"] == "http"
            and scope["method"] not in _BODILESS
            and self._paths.fullmatch(scope["path"])
        ):
            authorization = Headers(scope=scope).get("authorization", "")
            try:
                scope[_KNOWN] = await run_in_threadpool(self._known, authorization)
            except HTTPException as error:
                note_refusal(scope, error)
                answer = problem_of(error)
                answer.headers["Connection"] = "close"  # its body is not read
                await answer(scope, receive, send)
                return
        await self._app(scope, receive, send)


def known_of(scope: Scope) -> Any:
    """Who calls, if `TokenFirst` has asked; else None."""
    return scope.get(_KNOWN)


class PlainUrl:
    """ASGI: refuses a path or query with a zero character, which no name has and PostgreSQL does
    not take, with 422.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on if its URL is plain."""
        if scope["type"] == "http":
            query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
            wrong = [name for name, value in query if "\0" in name + value]
            if wrong or "\0" in scope["path"]:
                field = "path" if "\0" in scope["path"] else wrong[0].replace("\0", "")
                sentence = f"{field} has a zero character, %00: leave it out"
                await problem(422, sentence, field)(scope, receive, send)
                return
        await self._app(scope, receive, send)


class HeadAsGet:
    """ASGI: answers HEAD as GET without the body (RFC 9110, 9.3.2)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        is_over = False

        async def send_head(message: Message) -> None:
            nonlocal is_over
            if is_over:
                return
            is_over = message["type"] == "http.response.body"
            await send({**message, "body": b"", "more_body": False} if is_over else message)

        async def receive_end() -> Message:
            # What is still to come of the answer, a live stream's, is for nobody.
            return {"type": "http.disconnect"} if is_over else await receive()

        await self._app({**scope, "method": "GET"}, receive_end, send_head)


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
