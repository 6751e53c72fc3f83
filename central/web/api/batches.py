"""POST /v1/batches: what a gateway brings. Next on a rating's way: central/custody/intake.py."""

from typing import Annotated

from fastapi import APIRouter, Header, HTTPException, Request, Response
from starlette.concurrency import run_in_threadpool

from central.custody.intake import Intake
from central.people import tokens
from central.web.api.bearer import Bearer, Scopes
from hosting.body import announced, unpack
from protocol.batch import decode_batch, encode_answer
from protocol.field import ProtocolError
from protocol.limits import BATCH_BYTES
from quick import read_batch

_SMALL = 64 * 1024  # bytes of a request that uvicorn holds before anybody looks at it
_BATCH = {
    "requestBody": {
        "required": True,
        "description": "gzip; protocol/README.md, section 6",
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["items"],
                    "properties": {
                        "items": {"type": "array", "maxItems": 500, "items": {"type": "object"}}
                    },
                }
            }
        },
    }
}


def create_router(intake: Intake, bearer: Bearer) -> APIRouter:
    """The route, for tokens with the scope hall:<hall>."""
    router = APIRouter()

    @router.post("/v1/batches", openapi_extra=_BATCH)
    async def post_batch(
        request: Request, authorization: Annotated[str, Header()] = ""
    ) -> Response:
        """Verdicts in item order and the receipts of every device named, all durable."""
        if announced(request.headers) > _SMALL:  # nobody else makes us hold a large one
            await run_in_threadpool(lambda: _halls(bearer(authorization)))
        packed = await request.body()
        encoding = request.headers.get("content-encoding", "").strip().lower()

        def take() -> bytes:
            return _take(intake, _halls(bearer(authorization)), packed, encoding)

        # Token and intake in one change of thread: a second one would delay a live rating.
        return Response(await run_in_threadpool(take), media_type="application/json")

    return router


def _halls(scopes: Scopes) -> tuple[str, ...]:
    halls = tokens.halls_of(scopes)
    if not halls:
        raise HTTPException(403, "this token is not a hall's")
    return halls


def _take(intake: Intake, halls: tuple[str, ...], packed: bytes, encoding: str) -> bytes:
    plain = unpack(packed, encoding, BATCH_BYTES)
    items = read_batch(plain)
    if items is None:
        try:
            items = decode_batch(plain)
        except ProtocolError as error:
            raise HTTPException(400, str(error)) from None
    return encode_answer(intake.take(halls, items))
