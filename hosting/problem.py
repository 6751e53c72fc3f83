"""Errors as `application/problem+json` (RFC 9457): what is wrong, and in which field."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
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


class Problem(BaseModel):
    """What was wrong (RFC 9457). detail: a sentence; field: the request's field that is wrong."""

    type: str
    title: str
    status: int
    detail: str
    field: str | None = None


_WORDS = {
    400: "What was sent cannot be read",
    401: "No token, or none that is good",
    403: "The token is not for this",
    404: "There is no such thing",
    405: "Not by this method",
    408: "The body did not come in time",
    409: "It contradicts what stands",
    413: "The body is too large",
    415: "The body's encoding is not known",
    422: "A field is wrong",
    500: "The server is at fault",
    503: "The store takes nothing now; try again",
}


def describe_problems(app: FastAPI, more: Mapping[str, Any] = {}) -> None:
    """Let the OpenAPI document of `app` say what every error of it is: a problem, with each of its
    statuses, and that a token goes into the header Authorization. more: paths that are described
    by hand.
    """
    described = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = described()
            document["paths"].update(more)
            parts = document.setdefault("components", {})
            schemas = parts.setdefault("schemas", {})
            for name in ("HTTPValidationError", "ValidationError"):
                schemas.pop(name, None)
            schemas["Problem"] = Problem.model_json_schema()
            parts["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
            for path, methods in document["paths"].items():
                for method, operation in methods.items():
                    _describe(path, method, operation)
        return app.openapi_schema or {}

    app.openapi = openapi


def _describe(path: str, method: str, operation: dict[str, Any]) -> None:
    """Add to an operation the problems that it may end in."""
    fields = operation.get("parameters", [])
    is_closed = "security" in operation or any(one["name"] == "authorization" for one in fields)
    fields = [one for one in fields if one["name"] != "authorization"]
    statuses = {500, 503}
    if is_closed:
        operation["security"] = [{"token": []}]
        statuses |= {401, 403}
    if "{" in path:
        statuses |= {404, 409}
    if fields:
        operation["parameters"] = fields
        statuses |= {400, 404, 422}
    else:
        operation.pop("parameters", None)
    if method != "get":
        statuses |= {400, 408, 409, 413, 415, 422}
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    answers = operation["responses"]
    for status in sorted(statuses):
        if status == 422 or f"{status}" not in answers:
            answers[f"{status}"] = {"description": _WORDS[status], "content": problem}


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
    headers = dict(error.headers or {})
    if status == 401:  # strangers keep no connection (hosting/server.py)
        headers["Connection"] = "close"
    return problem(status, f"{error.detail}", field, headers)


def try_again() -> JSONResponse:
    """The answer after which the same request may succeed."""
    headers = {"Retry-After": _RETRY_S}
    return problem(503, "the store takes nothing now; try again", headers=headers)


def our_fault() -> JSONResponse:
    """The answer where the server itself is at fault."""
    return problem(500, "the server failed; nothing of this request was kept")


def note_refusal(scope: Any, error: HTTPException) -> None:
    """A line in the log for a token that was shown and is not good, without the token."""
    headers = dict(scope["headers"])
    if error.status_code == 401 and b"authorization" in headers:
        host, _ = scope.get("client") or ("somebody", 0)
        log.warning("refused a token: %s %s from %s", scope["method"], scope["path"][:200], host)


async def _on_http(request: Request, error: Any) -> JSONResponse:
    note_refusal(request.scope, error)
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
