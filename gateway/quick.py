"""A well-formed rating, read by msgspec: what the hall takes in most, at a fifth of the cost.

Only ever a shortcut: what does not fit here is read by protocol/, which alone decides what is
wrong with it. tests/gateway/test_gateway_quick.py holds both to the same verdicts.
"""

from typing import Annotated, Literal

import msgspec

from protocol.limits import (
    DEVICE_CHARS,
    MS_MAX,
    SEQ_MAX,
    SERVICE_CHARS,
    STAFF_NO_CHARS,
    TICKET_NO_CHARS,
)


def _text(alphabet: str, shortest: int, longest: int):
    return Annotated[str, msgspec.Meta(pattern=rf"\A[{alphabet}]{{{shortest},{longest}}}\Z")]


def _integer(low: int, high: int):
    return Annotated[int, msgspec.Meta(ge=low, le=high)]


_Device = _text("a-z0-9-", *DEVICE_CHARS)
_Hex16 = _text("0-9a-f", 16, 16)
_Service = _text("A-Za-z0-9-", 1, SERVICE_CHARS)
_TicketNo = _text("A-Za-z0-9-", 1, TICKET_NO_CHARS)
_StaffNo = _text("A-Za-z0-9-", 1, STAFF_NO_CHARS)
_Seq = _integer(1, SEQ_MAX)
_Count = _integer(0, SEQ_MAX)
_Ms = _integer(0, MS_MAX)


class QuickRating(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The members of protocol.record.Rating; unknown ones are for protocol/ to pass over."""

    v: Literal[1]
    kind: Literal["rating"]
    device: _Device  # type: ignore[valid-type]
    epoch: _Seq  # type: ignore[valid-type]
    seq: _Seq  # type: ignore[valid-type]
    prev: _Hex16  # type: ignore[valid-type]
    service: _Service  # type: ignore[valid-type]
    ticket_no: _TicketNo  # type: ignore[valid-type]
    staff_no: _StaffNo | None  # type: ignore[valid-type]
    facts: _Hex16  # type: ignore[valid-type]
    level: _integer(1, 5)  # type: ignore[valid-type]
    settings: _Count  # type: ignore[valid-type]
    boot: _Seq  # type: ignore[valid-type]
    up_ms: _Ms  # type: ignore[valid-type]
    at: _Ms | None  # type: ignore[valid-type]
    took_ms: _Ms  # type: ignore[valid-type]
    input: Literal["key", "touch"]


_decoder = msgspec.json.Decoder(QuickRating)


def read_rating(record: bytes) -> QuickRating | None:
    """The rating in a record's bytes; None if it is anything else, or not wholly well-formed."""
    try:
        return _decoder.decode(record)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
