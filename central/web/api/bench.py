"""What a technician's bench asks of the centre: a bundle for a device, an end for a dead one, to
take what was read out of it, and whether an epoch that ended is closed.

A token opens this with the scope enrol:<hall>, for that hall's devices only, until its end. A
technician who has enrolled as many devices as the token may still does all the rest.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Path, Response
from pydantic import BaseModel, Field

from central.custody.heads import end_head
from central.custody.intake import Intake
from central.directory.devices import Devices, TakenError, UsedUpError
from central.directory.endings import place_of
from central.people.callers import Holder
from central.people.deeds import who_of
from central.store import covers, places
from central.store.database import Database
from central.store.places import Enrolment
from central.web.api.bearer import HolderOf, require
from hosting.error import OperatorError
from hosting.problem import FieldError
from protocol.batch import HeadItem, encode_answer
from protocol.field import device_id, place_id, seq
from protocol.limits import BATCH_ITEMS, ENVELOPE_BYTES

Epoch = Annotated[int, Path(ge=seq.low, le=seq.high)]


class NewDevice(BaseModel, extra="forbid"):
    """Which device is to stand at which window; ids as in protocol/README.md.

    replaces: enrol it anew if the hall has it already, because its own board is on the bench or
    somebody gave their word.
    """

    device: str = Field(max_length=device_id.most)
    window: str = Field(max_length=place_id.most)
    replaces: bool = False


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


class EpochView(BaseModel):
    """An enrolment of a device, whether it has ended, and whether all of it is proven to be there.

    closed: null, `device` if a head closed it that the device signed after the end, or `operator`.
    covered_seq: up to where every record is held or named; proven_seq: up to where the device's
    records go, as such a head says, null without one.
    """

    device: str
    epoch: int
    ended_at_ms: int | None
    closed: str | None
    covered_seq: int
    proven_seq: int | None


class RescuedHead(BaseModel, extra="forbid"):
    """A head that a device signed on the bench, and the receipt that it was handed there."""

    head: str = Field(max_length=ENVELOPE_BYTES)
    receipt: str | None = Field(max_length=ENVELOPE_BYTES)


class Rescued(BaseModel, extra="forbid"):
    """Envelopes that were read out of a device's journal, and heads of it."""

    envelopes: list[Annotated[str, Field(max_length=ENVELOPE_BYTES)]] = Field(
        max_length=BATCH_ITEMS
    )
    heads: list[RescuedHead] = Field(default=[], max_length=1)


def create_router(
    database: Database,
    devices: Devices,
    intake: Intake,
    holder_in: HolderOf,
) -> APIRouter:
    """The calls of a bench, over an open database."""
    router = APIRouter(prefix="/v1/halls/{hall}")

    def holder(hall: str, holder: Annotated[Holder, Depends(holder_in)]) -> Holder:
        require(holder.scopes, "enrol devices", hall)
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
            bundle = devices.issue(new.device, hall, new.window, who.id, new.replaces)
        except TakenError as error:
            raise HTTPException(409, str(error)) from None
        except UsedUpError as error:
            raise HTTPException(403, str(error)) from None
        except OperatorError as error:
            raise FieldError("device", str(error)) from None
        headers = {"Cache-Control": "no-store"}
        return Response(bundle, 201, headers, "application/json")

    @router.delete("/devices/{device}")
    def delete_device(
        hall: str, who: Annotated[Holder, Depends(holder)], device: str
    ) -> DeviceView:
        """Revoke a device; what it signed until now stays, and is still taken in."""
        if not devices.retire(device, hall, "replaced by a technician", who_of(who)):
            raise HTTPException(404, f"the hall {hall} has no device {device}")
        with database.read() as connection:
            rows = places.current_devices(connection, hall)
            return _views(connection, [row for row in rows if row.device == device])[0]

    @router.post("/rescued")
    def post_rescued(hall: Annotated[str, Depends(technician)], rescued: Rescued) -> Response:
        """Take what a technician read out of a device, as a batch of the hall's. The receipt of an
        epoch that has ended is one that was signed after that.
        """
        heads = [HeadItem(one.head, one.receipt, None) for one in rescued.heads]
        answer = intake.rescue(hall, rescued.envelopes, heads)
        return Response(encode_answer(answer), media_type="application/json")

    @router.get("/devices/{device}/epochs/{epoch}")
    def get_epoch(
        hall: Annotated[str, Depends(technician)], device: str, epoch: Epoch
    ) -> EpochView:
        """Whether an enrolment of a device of this hall has ended, and is closed."""
        with database.read() as connection:
            place = place_of(connection, (device, epoch))
            if place is None or place.hall != hall:
                raise HTTPException(404, f"the hall {hall} never had {device} in epoch {epoch}")
            return _epoch(connection, place)

    return router


def _epoch(connection: Any, place: Enrolment) -> EpochView:
    epoch = place[:2]
    chain, ending = covers.chain(connection, epoch), covers.ending(connection, epoch)
    closed = None
    if ending is not None and ending.closed_at_ms is not None:
        closed = "device" if ending.closed_by is None else "operator"
    head = None if ending is None or ending.head is None else end_head(ending.head)
    return EpochView(
        device=place.device,
        epoch=place.epoch,
        ended_at_ms=place.ended_at_ms,
        closed=closed,
        covered_seq=0 if chain is None else chain.covered_seq,
        proven_seq=None if head is None else head.seq,
    )


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
