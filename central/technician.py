"""What a technician's bench asks of the centre: a bundle for a device, an end for a dead one, and
to take what was read out of it.

A token opens this with the scope enrol:<hall>, for that hall's devices only.
"""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Response
from pydantic import BaseModel, Field

from central import problem, revocation, tokens
from central.booking import RESCUED
from central.callers import Scopes, require
from central.enrolment import Enrolment
from central.error import CentralError
from central.intake import Intake
from central.store import places
from central.store.database import Database
from central.verify import KeyOf
from protocol.batch import EnvelopeItem, encode_answer
from protocol.field import write
from protocol.limits import BATCH_ITEMS, ENVELOPE_BYTES


class NewDevice(BaseModel, extra="forbid"):
    """Which device is to stand at which window; ids as in protocol/README.md."""

    device: str = Field(max_length=32)
    window: str = Field(max_length=32)


class DeviceView(BaseModel):
    """A device of the hall. highest_seq: of the records held, 0 for none; head_seq: up to where
    the device itself said that its records go, null if it never did.
    """

    device: str
    window: str
    epoch: int
    revoked: bool
    highest_seq: int
    head_seq: int | None


class Devices(BaseModel):
    """The hall's devices, by id."""

    devices: list[DeviceView]


class Rescued(BaseModel, extra="forbid"):
    """Envelopes that were read out of a device's journal."""

    envelopes: list[Annotated[str, Field(max_length=ENVELOPE_BYTES)]] = Field(
        max_length=BATCH_ITEMS
    )


def create_router(
    database: Database,
    intake: Intake,
    key_of: KeyOf,
    now_ms: Callable[[], int],
    bearer: Callable[[str], Scopes],
) -> APIRouter:
    """The calls of a bench, over an open database."""
    router = APIRouter(prefix="/v1/halls/{hall}")
    enrolment = Enrolment(database, now_ms)

    def technician(hall: str, scopes: Annotated[Scopes, Depends(bearer)]) -> str:
        require(scopes, tokens.enrol_scope(hall))
        return hall

    @router.get("/devices")
    def get_devices(hall: Annotated[str, Depends(technician)]) -> Devices:
        """The hall's devices and how far the centre holds their records."""
        with database.read() as connection:
            return Devices(devices=_views(connection, places.current_devices(connection, hall)))

    @router.post("/devices", status_code=201)
    def post_device(hall: Annotated[str, Depends(technician)], new: NewDevice) -> Response:
        """Enrol a device at a window; the answer is its bundle, which is given only once."""
        with database.read() as connection:
            former = places.epochs(connection, new.device)
        if former and former[0].hall != hall:
            raise HTTPException(409, f"{new.device} belongs to another hall")
        try:
            bundle = enrolment.issue(new.device, hall, new.window, key_of)
        except CentralError as error:
            raise problem.FieldError("device", str(error)) from None
        headers = {"Cache-Control": "no-store"}
        return Response(bundle, 201, headers, "application/json")

    @router.delete("/devices/{device}")
    def delete_device(hall: Annotated[str, Depends(technician)], device: str) -> DeviceView:
        """Revoke a device; what it signed until now stays, and is still taken in."""
        with database.write() as connection:
            rows = [
                row for row in places.current_devices(connection, hall) if row.device == device
            ]
            if not rows:
                raise HTTPException(404, f"the hall {hall} has no device {device}")
            if rows[0].revoked_at_ms is None:
                at_ms = now_ms()
                revocation.revoke(connection, device, at_ms, "replaced by a technician", at_ms)
            return _views(connection, rows)[0].model_copy(update={"revoked": True})

    @router.post("/rescued")
    def post_rescued(hall: Annotated[str, Depends(technician)], rescued: Rescued) -> Response:
        """Take envelopes that a technician read out of a device, as a batch of the hall's."""
        now = now_ms()
        items: list[object] = [
            write(EnvelopeItem(envelope, now, None, None, (RESCUED,)))
            for envelope in rescued.envelopes
        ]
        return Response(encode_answer(intake.take((hall,), items)), media_type="application/json")

    return router


def _views(connection: Any, rows: list[Any]) -> list[DeviceView]:
    known = places.ends(connection, [row.device for row in rows])
    ends = {(end.device, end.epoch): end for end in known}
    return [
        DeviceView(
            device=row.device,
            window=row.window,
            epoch=row.epoch,
            revoked=row.revoked_at_ms is not None,
            highest_seq=ends[row.device, row.epoch].highest_seq,
            head_seq=ends[row.device, row.epoch].head_seq,
        )
        for row in rows
    ]
