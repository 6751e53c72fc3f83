"""GET /v1/records and /v1/rejections: what is kept, and what was turned away."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel

from central.custody.open import KeyOf, answer_in
from central.people.callers import Holder
from central.people.deeds import Readings
from central.store import places, rejections, walk
from central.store.database import Database
from central.store.ledger import Epoch, Row
from central.store.places import Enrolment
from central.web.api import cursor
from central.web.api.bearer import HolderOf, require
from hosting.problem import FieldError
from protocol.batch import CONFLICT, STORED
from protocol.envelope import split
from protocol.field import ProtocolError, device_id
from protocol.record import Reasons

UNREADABLE_ROW = "unreadable_row"  # no mark: a column holds what no centre ever wrote there

Approval = Literal["approved", "pending", "refused"]


class StoredRecord(BaseModel):
    """A record as it is kept. level, codes: what the answer of a rating, of reasons says; null and
    [] for everything else. marks: the centre's, and `unreadable_row` where somebody edited the
    database so that not all of the row can be read; hall_marks: what the hall said, unverified.
    approval: of the device's enrolment; only ratings of an approved one count.

    rated_at_ms: when a rating was given, at most rated_error_ms off; null while that is not known,
    and for what is no rating.
    """

    envelope: str
    level: int | None
    codes: list[int]
    received_at_ms: int
    verdict: str
    marks: list[str]
    approval: Approval
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


def create_router(
    database: Database, key_of: KeyOf, holder_in: HolderOf, now_ms: Callable[[], int]
) -> APIRouter:
    """The routes; both need a token with the scope records:read."""
    router = APIRouter(prefix="/v1")
    readings = Readings(database, now_ms)

    @router.get("/records")
    def get_records(
        holder: Annotated[Holder, Depends(holder_in)],
        device: Annotated[str | None, Query(max_length=device_id.most)] = None,
        after: Annotated[str | None, Query(max_length=200)] = None,
        limit: Annotated[int, Query(ge=1, le=5000)] = 500,
    ) -> RecordPage:
        """Records by device, epoch and seq; conflicts behind the record that holds their key."""
        require(holder.scopes, "read records")
        readings.note_daily(holder, "records.read", "/v1/records")
        return _page(database, key_of, *_position(device, after), limit)

    @router.get("/rejections")
    def get_rejections(
        holder: Annotated[Holder, Depends(holder_in)],
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> Rejections:
        """What was turned away: counts per hall and reason, and the newest with first bytes."""
        require(holder.scopes, "read records")
        with database.read() as connection:
            counted = rejections.counts(connection)
            newest = rejections.newest(connection, limit)
        return Rejections(
            counts=[RejectionCount(**row._mapping) for row in counted],
            newest=[_newest(row._mapping) for row in newest],
        )

    return router


def _position(device: str | None, after: str | None) -> tuple[str | None, cursor.Position]:
    try:
        wanted = None if device is None else device_id(device, "device")
    except ProtocolError as error:
        raise FieldError("device", str(error)) from None
    try:
        return wanted, cursor.START if after is None else cursor.read_cursor(after)
    except ProtocolError as error:
        raise FieldError("after", str(error)) from None


def _page(
    database: Database, key_of: KeyOf, device: str | None, after: cursor.Position, limit: int
) -> RecordPage:
    with database.read() as connection:
        found = walk.page(connection, device, after, limit + 1)
        enrolments = places.enrolments(connection, {row.device for row, _ in found})
    approvals: dict[Epoch, Approval] = {one[:2]: _approval(one) for one in enrolments}
    records = [
        StoredRecord(
            envelope=row.envelope.decode(errors="replace"),
            level=row.level,
            codes=_codes(row, key_of),
            received_at_ms=row.received_at_ms,
            verdict=CONFLICT if is_conflict else STORED,
            marks=[*row.marks, UNREADABLE_ROW] if row.odd else row.marks,
            approval=approvals.get(row.epoch_key, "approved"),
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
    position = (*row.key, row.mac16 if is_conflict else "")
    return RecordPage(records=records, next=cursor.write_cursor(position))


def _approval(enrolment: Enrolment) -> Approval:
    if enrolment.is_pending:
        return "pending"
    return "approved" if enrolment.approved_at_ms is not None else "refused"


def _codes(row: Row, key_of: KeyOf) -> list[int]:
    if row.kind != Reasons.kind or not row.is_readable:
        return []
    try:
        return [*answer_in(split(row.envelope)[0], row.record, key_of)[1]]
    except ProtocolError:  # somebody edited it: `verify` names what is wrong
        return []


def _newest(row: Any) -> NewestRejection:
    return NewestRejection(
        hall=row["hall"],
        reason=row["reason"],
        sentence=row["sentence"],
        first_bytes=row["first_bytes"].decode("utf-8", "replace"),
        rejected_at_ms=row["rejected_at_ms"],
    )
