"""Before a request reaches the application: who calls is asked before a body is read."""

import re
from collections.abc import Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hosting.problem import note_refusal, problem_of

_KNOWN = "pingjia_known"
_BODILESS = ("GET", "HEAD", "OPTIONS")


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
