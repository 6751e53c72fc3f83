"""Errors as `application/problem+json` (RFC 9457): what is wrong, and in which field."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

log = logging.getLogger(__name__)

_RETRY_S = "2"
_ABOUT_BODY = (400, 413, 415)


class FieldError(Exception):
    """A field of the request is wrong; the text is a sentence."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


def handle_problems(
    app: FastAPI, statuses: Mapping[type[Exception], int], busy: tuple[type[Exception], ...]
) -> None:
    """Let every error of `app` leave as a problem.

    statuses: of the app's own errors, whose text is a sentence and whose `field`, if they have
    one, is the request's. busy: errors of the store after which the same request may succeed.
    """

    async def on_error(_request: Request, error: Exception) -> JSONResponse:
        status = next(statuses[kind] for kind in type(error).__mro__ if kind in statuses)
        return problem(status, f"{error}", getattr(error, "field", None))

    async def on_busy(request: Request, error: Exception) -> JSONResponse:
        log.warning("%s %s failed, try again: %s", request.method, request.url.path, error)
        return try_again()

    for kind in statuses:
        app.add_exception_handler(kind, on_error)
    for kind in busy:
        app.add_exception_handler(kind, on_busy)
    app.add_exception_handler(FieldError, _on_field)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(Exception, _on_ours)


def problem(
    status: int,
    detail: str,
    field: str | None = None,
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> JSONResponse:
    """The answer; `field` is the name of the request's field that is wrong. more: its further
    members.
    """
    title = HTTPStatus(status).phrase
    content: dict[str, Any] = {"type": "about:blank", "title": title, "status": status}
    content["detail"] = detail
    if field is not None:
        content["field"] = field
    content.update(more)
    return JSONResponse(content, status, headers, "application/problem+json")


def problem_of(error: HTTPException) -> JSONResponse:
    """The answer that an HTTPException stands for."""
    status = error.status_code
    field = "body" if status in _ABOUT_BODY else None
    return problem(status, f"{error.detail}", field, error.headers)


def try_again() -> JSONResponse:
    """The answer after which the same request may succeed."""
    headers = {"Retry-After": _RETRY_S}
    return problem(503, "the store takes nothing now; try again", headers=headers)


def our_fault() -> JSONResponse:
    """The answer where the server itself is at fault."""
    return problem(500, "the server failed; nothing of this request was kept")


async def _on_http(_request: Request, error: Any) -> JSONResponse:
    return problem_of(error)


async def _on_field(_request: Request, error: Any) -> JSONResponse:
    return problem(422, f"{error}", error.field)


async def _on_invalid(_request: Request, error: Any) -> JSONResponse:
    first = error.errors()[0]
    place, *rest = first["loc"]
    field = ".".join(str(part) for part in rest) or str(place)
    if first["type"] == "json_invalid":
        return problem(400, "the body must be JSON in UTF-8", "body")
    return problem(422, f"{field}: {first['msg']}", field)


async def _on_ours(_request: Request, _error: Exception) -> JSONResponse:
    return our_fault()
