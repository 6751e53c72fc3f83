"""Answers that are no success: problem+json (RFC 9457) with the field's name, bodies bounded."""

import logging
import re
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DatabaseError
from starlette.exceptions import HTTPException as AnyHTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.services import ConflictError, NoSuchError
from protocol.field import ProtocolError

log = logging.getLogger(__name__)

BODY_BYTES = 256 * 1024  # some hundred matters


def answer(status: int, title: str, detail: str, field: str | None = None) -> JSONResponse:
    """A problem; `field` names the member of the request that is wrong."""
    content: dict[str, Any] = {"type": "about:blank", "title": title, "status": status}
    content["detail"] = detail
    if field is not None:
        content["field"] = field
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
    media_type = "application/problem+json"
    return JSONResponse(content, status, headers=headers, media_type=media_type)


def install(app: FastAPI) -> None:
    """Answer every error of this API as a problem."""
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(AnyHTTPException, _http)
    app.add_exception_handler(ProtocolError, _protocol)
    app.add_exception_handler(NoSuchError, _no_such)
    app.add_exception_handler(ConflictError, _conflict)
    app.add_exception_handler(DatabaseError, _unavailable)
    app.add_middleware(BoundedBody)


class BoundedBody:
    """ASGI: a request body above BODY_BYTES is answered with 413 and not read on."""

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the whole body first, so that the answer can still be chosen."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            if len(body) > BODY_BYTES:
                detail = f"A request may have {BODY_BYTES} bytes."
                await answer(413, "Too large", detail)(scope, receive, send)
                return
            if not message.get("more_body", False):
                break
        await self._app(scope, _once(bytes(body), receive), send)


def _once(body: bytes, receive: Receive) -> Receive:
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_body() -> Message:
        return messages.pop() if messages else await receive()

    return receive_body


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place, *rest = first["loc"]
    field = ".".join(str(part) for part in rest) or str(place)
    if first["type"] == "json_invalid":
        return answer(400, "Not JSON", "The body must be JSON in UTF-8.", "body")
    return answer(422, "Invalid", f"{field}: {first['msg']}.", field)


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException | AnyHTTPException)
    return answer(error.status_code, "Refused", str(error.detail))


async def _protocol(request: Request, error: Exception) -> JSONResponse:
    named = re.match(r"(\w+) (?:must|may only) ", str(error))  # as protocol/field.py says it
    return answer(422, "Invalid", f"{error}.", named[1] if named else None)


async def _no_such(request: Request, error: Exception) -> JSONResponse:
    return answer(404, "Not found", f"{error}.")


async def _unavailable(request: Request, error: Exception) -> JSONResponse:
    log.error("the database failed a request: %s", error)
    return answer(503, "Unavailable", "The database takes nothing now; see /healthz. Try again.")


async def _conflict(request: Request, error: Exception) -> JSONResponse:
    return answer(409, "Conflict", f"{error}.")
