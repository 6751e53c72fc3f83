"""What a technician's bench asks of the centre: a bundle for a device, an end for a dead one, and
to take what was read out of it.

A token opens this with the scope enrol:<hall>, for that hall's devices only, until its end. A
technician who has enrolled as many devices as the token may still does all the rest.
"""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Response
from pydantic import BaseModel, Field

from central.custody.intake import Intake
from central.directory.devices import Devices, UsedUpError
from central.people import tokens
from central.people.tokens import Holder
from central.store import places
from central.store.database import Database
from central.web.api.bearer import HolderOf, require
from hosting.clock import written
from hosting.error import OperatorError
from hosting.problem import FieldError
from protocol.batch import encode_answer
from protocol.field import device_id, place_id
from protocol.limits import BATCH_ITEMS, ENVELOPE_BYTES


class NewDevice(BaseModel, extra="forbid"):
    """Which device is to stand at which window; ids as in protocol/README.md."""

    device: str = Field(max_length=device_id.most)
    window: str = Field(max_length=place_id.most)


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


class DeviceViews(BaseModel):
    """The hall's devices, by id."""

    devices: list[DeviceView]


class Rescued(BaseModel, extra="forbid"):
    """Envelopes that were read out of a device's journal."""

    envelopes: list[Annotated[str, Field(max_length=ENVELOPE_BYTES)]] = Field(
        max_length=BATCH_ITEMS
    )


def create_router(
    database: Database,
    devices: Devices,
    intake: Intake,
    holder_in: HolderOf,
    now_ms: Callable[[], int],
) -> APIRouter:
    """The calls of a bench, over an open database."""
    router = APIRouter(prefix="/v1/halls/{hall}")

    def holder(hall: str, holder: Annotated[Holder, Depends(holder_in)]) -> Holder:
        require(holder.scopes, tokens.enrol_scope(hall))
        if holder.ends_at_ms is not None and now_ms() >= holder.ends_at_ms:
            raise HTTPException(
                403,
                f"this token was good until {written(holder.ends_at_ms)}; "
                "ask the centre's operator for a new one",
            )
        return holder

    def technician(hall: str, _: Annotated[Holder, Depends(holder)]) -> str:
        return hall

    @router.get("/devices")
    def get_devices(hall: Annotated[str, Depends(technician)]) -> DeviceViews:
        """The hall's devices and how far the centre holds their records."""
        with database.read() as connection:
            return DeviceViews(
                devices=_views(connection, places.current_devices(connection, hall))
            )

    @router.post("/devices", status_code=201)
    def post_device(
        hall: str, who: Annotated[Holder, Depends(holder)], new: NewDevice
    ) -> Response:
        """Enrol a device at a window; the answer is its bundle, which is given only once."""
        with database.read() as connection:
            former = places.epochs(connection, new.device)
        if former and former[0].hall != hall:
            raise HTTPException(409, f"{new.device} belongs to another hall")
        try:
            bundle = devices.issue(new.device, hall, new.window, who.id)
        except UsedUpError as error:
            raise HTTPException(403, str(error)) from None
        except OperatorError as error:
            raise FieldError("device", str(error)) from None
        headers = {"Cache-Control": "no-store"}
        return Response(bundle, 201, headers, "application/json")

    @router.delete("/devices/{device}")
    def delete_device(hall: Annotated[str, Depends(technician)], device: str) -> DeviceView:
        """Revoke a device; what it signed until now stays, and is still taken in."""
        if not devices.retire(device, hall, "replaced by a technician"):
            raise HTTPException(404, f"the hall {hall} has no device {device}")
        with database.read() as connection:
            rows = places.current_devices(connection, hall)
            return _views(connection, [row for row in rows if row.device == device])[0]

    @router.post("/rescued")
    def post_rescued(hall: Annotated[str, Depends(technician)], rescued: Rescued) -> Response:
        """Take envelopes that a technician read out of a device, as a batch of the hall's."""
        answer = intake.rescue(hall, rescued.envelopes)
        return Response(encode_answer(answer), media_type="application/json")

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
