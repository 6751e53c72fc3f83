"""The centre's HTTP API. Thin: it reads requests and writes answers, `intake` and `store` work.

Next on a rating's way: central/intake.py.
"""

import math
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, HTTPException, Query, Request, Response
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from central import body, cursor, figures_api, problem, tokens
from central.callers import Scopes, bearer_of, require
from central.enrolment import hall_document
from central.figures import FiguresReader
from central.intake import Intake
from central.store import ledger, places, rejections
from central.store.database import Database
from central.verify import KeyOf
from protocol.batch import CONFLICT, STORED, decode_batch, encode_answer
from protocol.field import ProtocolError, device_id
from protocol.hall import encode_hall
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


class StoredRecord(BaseModel):
    """A record as it is kept. marks: the centre's; hall_marks: what the hall said, unverified.

    rated_at_ms: when a rating was given, at most rated_error_ms off; null while that is not known,
    and for what is no rating.
    """

    envelope: str
    received_at_ms: int
    verdict: str
    marks: list[str]
    hall: str
    window: str | None
    hall_marks: list[str]
    rated_at_ms: int | None
    rated_error_ms: int | None


class RecordPage(BaseModel):
    """A page of records; `next` goes into `after`, null at the end."""

    records: list[StoredRecord]
    next: str | None


class RejectionCount(BaseModel):
    """How often a hall was told a reason."""

    hall: str
    reason: str
    count: int
    last_at_ms: int


class NewestRejection(BaseModel):
    """One item that was turned away, with its first 256 bytes as text."""

    hall: str
    reason: str
    sentence: str
    first_bytes: str
    rejected_at_ms: int


class Rejections(BaseModel):
    """Counts since the beginning, and the newest ones."""

    counts: list[RejectionCount]
    newest: list[NewestRejection]


class Health(BaseModel):
    """Whether the centre can answer; nothing more is told without a token."""

    status: str


def create_app(
    database: Database, intake: Intake, figures: FiguresReader, key_of: KeyOf
) -> FastAPI:
    """The API over an open database; `figures` reads from the same one."""
    app = FastAPI(title="Pingjia centre", version="1", docs_url=None, redoc_url=None)
    problem.handle_problems(app)
    bearer = bearer_of(database)
    app.include_router(figures_api.create_router(figures, bearer))

    @app.post("/v1/batches", openapi_extra=_BATCH)
    async def post_batch(
        request: Request, authorization: Annotated[str, Header()] = ""
    ) -> Response:
        """Verdicts in item order and the receipts of every device named, all durable."""
        if _announced(request) > _SMALL:  # nobody else makes us hold a large one
            await run_in_threadpool(lambda: _halls(bearer(authorization)))
        packed = await _read(request)
        encoding = request.headers.get("content-encoding", "").strip().lower()

        def take() -> bytes:
            return _take(intake, _halls(bearer(authorization)), packed, encoding)

        # A live rating is not kept waiting by a change of thread for its token alone.
        return Response(await run_in_threadpool(take), media_type="application/json")

    @app.get("/v1/halls/{hall}")
    def get_hall(
        hall: str,
        scopes: Annotated[Scopes, Depends(bearer)],
        if_none_match: Annotated[str, Header()] = "",
    ) -> Response:
        """The hall's document; 304 while its version is the one that If-None-Match names."""
        if tokens.hall_scope(hall) not in scopes:
            raise HTTPException(403, "this token is not this hall's")
        with database.read() as connection:
            version = places.version(connection, hall)
        if version and _names(if_none_match, version):
            return Response(status_code=304, headers={"ETag": f'"{version}"'})
        document = hall_document(database, hall, key_of)
        if document is None:
            raise HTTPException(404, "no such hall")
        return Response(
            encode_hall(document),
            media_type="application/json",
            headers={"ETag": f'"{document.version}"'},
        )

    @app.get("/v1/records")
    def get_records(
        scopes: Annotated[Scopes, Depends(bearer)],
        device: Annotated[str | None, Query(max_length=32)] = None,
        after: Annotated[str | None, Query(max_length=200)] = None,
        limit: Annotated[int, Query(ge=1, le=5000)] = 500,
    ) -> RecordPage:
        """Records by device, epoch and seq; conflicts behind the record that holds their key."""
        require(scopes, tokens.RECORDS_READ)
        return _page(database, *_place(device, after), limit)

    @app.get("/v1/rejections")
    def get_rejections(
        scopes: Annotated[Scopes, Depends(bearer)],
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> Rejections:
        """What was turned away: counts per hall and reason, and the newest with first bytes."""
        require(scopes, tokens.RECORDS_READ)
        with database.read() as connection:
            counted = rejections.counts(connection)
            newest = rejections.newest(connection, limit)
        return Rejections(
            counts=[RejectionCount(**row._mapping) for row in counted],
            newest=[_newest(row._mapping) for row in newest],
        )

    @app.get("/healthz")
    def get_health() -> Health:
        """200 while the database answers."""
        with database.read() as connection:
            places.has_devices(connection)
        return Health(status="ok")

    return app


def _halls(scopes: Scopes) -> tuple[str, ...]:
    halls = tokens.halls_of(scopes)
    if not halls:
        raise HTTPException(403, "this token is not a hall's")
    return halls


def _announced(request: Request) -> float:
    """How long the body is by its header; endless if nothing that can be believed is said."""
    length = request.headers.get("content-length", "")
    is_number = length.isascii() and length.isdigit() and len(length) < 20
    return int(length) if is_number else math.inf


async def _read(request: Request) -> bytes:
    if BATCH_BYTES < _announced(request) < math.inf:
        raise body.too_large()
    packed = bytearray()
    async for piece in request.stream():
        packed += piece
        if len(packed) > BATCH_BYTES:
            raise body.too_large()
    return bytes(packed)


def _take(intake: Intake, halls: tuple[str, ...], packed: bytes, encoding: str) -> bytes:
    plain = body.unpack(packed, encoding)
    items = read_batch(plain)
    if items is None:
        try:
            items = decode_batch(plain)
        except ProtocolError as error:
            raise body.BodyError(400, str(error)) from None
    return encode_answer(intake.take(halls, items))


def _names(if_none_match: str, version: int) -> bool:
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return f'"{version}"' in tags or "*" in tags


def _place(device: str | None, after: str | None) -> tuple[str | None, cursor.Place]:
    try:
        wanted = None if device is None else device_id(device, "device")
    except ProtocolError as error:
        raise problem.FieldError("device", str(error)) from None
    try:
        return wanted, cursor.START if after is None else cursor.read_cursor(after)
    except ProtocolError as error:
        raise problem.FieldError("after", str(error)) from None


def _page(database: Database, device: str | None, after: cursor.Place, limit: int) -> RecordPage:
    with database.read() as connection:
        found = ledger.page(connection, device, after, limit + 1)
    records = [
        StoredRecord(
            envelope=row.envelope.decode(),
            received_at_ms=row.received_at_ms,
            verdict=CONFLICT if is_conflict else STORED,
            marks=row.marks,
            hall=row.hall,
            window=row.window,
            hall_marks=row.hall_marks,
            rated_at_ms=row.rated_at_ms,
            rated_error_ms=row.rated_error_ms,
        )
        for row, is_conflict in found[:limit]
    ]
    if len(found) <= limit:
        return RecordPage(records=records, next=None)
    row, is_conflict = found[limit - 1]
    place = (*row.key, row.mac16 if is_conflict else "")
    return RecordPage(records=records, next=cursor.write_cursor(place))


def _newest(row: Any) -> NewestRejection:
    return NewestRejection(
        hall=row["hall"],
        reason=row["reason"],
        sentence=row["sentence"],
        first_bytes=row["first_bytes"].decode("utf-8", "replace"),
        rejected_at_ms=row["rejected_at_ms"],
    )
