"""Errors as `application/problem+json` (RFC 9457): what is wrong, and in which field."""

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import IntegrityError, OperationalError
from starlette.exceptions import HTTPException as StarletteHTTPException

from central.body import BodyError

log = logging.getLogger(__name__)
_RETRY_S = "2"


class FieldError(Exception):
    """A field of the request is wrong; the text is a sentence."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


def handle_problems(app: FastAPI) -> None:
    """Let every error of `app` leave as a problem."""
    app.add_exception_handler(StarletteHTTPException, _http)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(BodyError, _body)
    app.add_exception_handler(FieldError, _field)
    # Another transaction was faster, or the database is away: the same request may succeed.
    app.add_exception_handler(IntegrityError, _busy)
    app.add_exception_handler(OperationalError, _busy)
    app.add_exception_handler(Exception, _ours)


def problem(
    status: int, detail: str, field: str | None = None, headers: Any = None
) -> JSONResponse:
    """The answer; `field` is the name of the request's field that is wrong."""
    content: dict[str, Any] = {"type": "about:blank", "status": status, "detail": detail}
    if field is not None:
        content["field"] = field
    return JSONResponse(content, status, headers, "application/problem+json")


def _http(_request: Request, error: Any) -> JSONResponse:
    return problem(error.status_code, str(error.detail), headers=error.headers)


def _field(_request: Request, error: Any) -> JSONResponse:
    return problem(422, str(error), error.field)


def _validation(_request: Request, error: Any) -> JSONResponse:
    first = error.errors()[0]
    field = str(first["loc"][-1]) if first["loc"] else None
    return problem(422, f"{field}: {first['msg']}", field)


def _body(_request: Request, error: Any) -> JSONResponse:
    return problem(error.status, str(error), "body")


def _busy(_request: Request, error: Exception) -> JSONResponse:
    log.warning("a transaction failed and may be tried again: %s", type(error).__name__)
    return problem(503, "the store is busy; try again", headers={"Retry-After": _RETRY_S})


def _ours(_request: Request, _error: Exception) -> JSONResponse:
    return problem(500, "the centre failed; nothing of this request was kept")
