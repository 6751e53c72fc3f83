"""POST /v1/batches: what a gateway brings. Next on a rating's way: central/custody/intake.py."""

import asyncio
import contextlib
import logging

from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from central.custody.intake import (
    ClosedError,
    Intake,
    NoHallError,
    Outcome,
    UnfiledError,
)
from central.people.callers import UnknownTokenError
from central.people.roles import reach
from central.store.database import is_of_store
from central.web.api.bearer import Bearer, refused, token_in
from hosting.body import announced, unpack
from hosting.problem import note_refusal, our_fault, problem, problem_of, try_again
from hosting.tokens import EndedTokenError
from protocol.batch import Answer, Body, decode_batch, encode_answer
from protocol.field import ProtocolError
from protocol.limits import BATCH_BYTES
from quick import read_batch

log = logging.getLogger(__name__)

PATH = "/v1/batches"
DESCRIPTION = {
    "post": {
        "summary": "Verdicts in item order and the receipts of every device named, all durable",
        "description": "For tokens with the scope hall:<hall>; protocol/README.md, section 6.",
        "requestBody": {
            "required": True,
            "description": "gzip",
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "required": ["items"],
                        "properties": {
                            "items": {
                                "type": "array",
                                "maxItems": 500,
                                "items": {"type": "object"},
                            }
                        },
                    }
                }
            },
        },
        "security": [{"token": []}],
        "responses": {
            "200": {
                "description": "The answer",
                "content": {"application/json": {"schema": {"type": "object"}}},
            }
        },
    }
}
_SMALL = 64 * 1024  # bytes of a request that uvicorn holds before anybody looks at it
_HEADERS = ((b"content-type", b"application/json"), (b"x-content-type-options", b"nosniff"))
_NO_HALL = "this token is not a hall's"


class BatchDoor:
    """ASGI: takes batches itself, without what a framework does for each request (a third of what
    a live rating costs), and passes everything else on.
    """

    def __init__(self, app: ASGIApp, intake: Intake, bearer: Bearer) -> None:
        self._app = app
        self._intake = intake
        self._bearer = bearer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a batch, or pass the request on."""
        if scope["type"] != "http" or scope["path"] != PATH:
            await self._app(scope, receive, send)
            return
        if scope["method"] != "POST":
            answer = problem(405, "batches are sent by POST", headers={"Allow": "POST"})
            await answer(scope, receive, send)
            return
        try:
            body = await self._take(Headers(scope=scope), receive)
        except Exception as error:
            told = _problem_of(error)
            if told.status_code == 401:
                note_refusal(scope, HTTPException(401))
            await told(scope, receive, send)
            return
        headers = (*_HEADERS, (b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _take(self, headers: Headers, receive: Receive) -> bytes:
        authorization = headers.get("authorization", "")
        if announced(headers) > _SMALL:  # nobody else makes us hold a large one
            scopes = await run_in_threadpool(self._bearer, authorization)
            if reach(scopes, "send batches") is None:
                raise HTTPException(403, _NO_HALL)
        packed = await _body(receive)
        encoding = headers.get("content-encoding", "").strip().lower()
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[Outcome] = loop.create_future()

        def reply(outcome: Outcome) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended: nobody listens any more
                loop.call_soon_threadsafe(_settle, answered, outcome)

        self._intake.offer(
            token_in(authorization), _size(packed), lambda: _read(packed, encoding), reply
        )
        outcome = await answered
        if not isinstance(outcome, Answer):
            raise outcome
        return encode_answer(outcome)


async def _body(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise HTTPException(400, "the body did not come wholly")
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts) if len(parts) > 1 else parts[0]


def _size(packed: bytes) -> int:
    """Of the body, unpacked if it is gzip: by its last four bytes (RFC 1952), which its sender may
    have forged; `unpack` then refuses it.
    """
    is_gzip = packed.startswith(b"\x1f\x8b")
    return max(len(packed), int.from_bytes(packed[-4:], "little") if is_gzip else 0)


def _read(packed: bytes, encoding: str) -> Body:
    plain = unpack(packed, encoding, BATCH_BYTES)
    try:
        return read_batch(plain) or decode_batch(plain)
    except ProtocolError as error:
        raise HTTPException(400, str(error)) from None


def _settle(answered: asyncio.Future[Outcome], outcome: Outcome) -> None:
    if not answered.done():  # else its sender has gone
        answered.set_result(outcome)


def _problem_of(error: Exception) -> JSONResponse:
    if isinstance(error, UnknownTokenError | EndedTokenError):
        error = refused(error)
    if isinstance(error, NoHallError):
        error = HTTPException(403, _NO_HALL)
    if isinstance(error, HTTPException):
        return problem_of(error)
    if isinstance(error, UnfiledError):
        return problem(500, f"{error}")
    if isinstance(error, ClosedError) or is_of_store(error):
        return try_again()
    log.error("POST %s failed", PATH, exc_info=error)
    return our_fault()
