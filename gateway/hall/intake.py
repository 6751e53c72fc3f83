"""Intake: what one delivery is worth, judged by everything that needs no key.

Values in, values out. The hall refuses only what is no envelope of this device; whatever else is
wrong is a mark, and the centre judges (REC-7, TOP-2).
"""

import hashlib
import json
from collections.abc import Container
from typing import NamedTuple

from protocol import batch
from protocol.access import parse_topic
from protocol.envelope import split
from protocol.field import ProtocolError
from protocol.limits import ENVELOPE_BYTES, MESSAGE_BYTES
from protocol.message import State, Will, decode_message
from protocol.record import Rating, UnknownKindError, V, decode, parse
from protocol.topic import RECORD, STATE
from protocol.topic import topic as topic_of
from quick import read_rating

TOO_LARGE = "too_large"
NOT_UTF8 = "not_utf8"
NOT_AN_ENVELOPE = "not_an_envelope"
NOT_A_RECORD = "not_a_record"
OTHER_DEVICE = "other_device"
UNKNOWN_DEVICE = "unknown_device"
BAD_STATE = "bad_state"
BAD_TOPIC = "bad_topic"
INTAKE_FAILED = "intake_failed"  # our own fault, see the log

BEGINNING_BYTES = 256  # of a refused payload that is too long for an envelope


class Accepted(NamedTuple):
    """An envelope of this device. kind is the record's word, "unknown" if it has none.

    service: of a well-formed rating. made_at_ms: the device's own time, or None.
    """

    device: str
    epoch: int
    seq: int
    kind: str
    mac16: str
    service: str | None
    made_at_ms: int | None
    marks: tuple[str, ...]
    envelope: bytes
    sha256: bytes


class Told(NamedTuple):
    """What a device, or its last will, said of itself. is_kept: some time ago, to the broker."""

    device: str
    message: State | Will
    is_kept: bool = False


class Refused(NamedTuple):
    """A payload that belongs to nobody. device is "" when the topic names none of ours."""

    device: str
    topic: str
    reason: str
    detail: str
    size: int
    beginning: bytes


Judged = Accepted | Told | Refused


def judge(topic: str, payload: bytes, hall: str, known: Container[str]) -> Judged:
    """Accepted, Told or Refused for one delivery; `known` are the hall's device ids."""
    try:
        its_hall, device, name = parse_topic(topic)
    except ProtocolError as error:
        return refused("", topic, BAD_TOPIC, str(error), payload)
    if its_hall != hall or name not in (RECORD, STATE):
        return refused("", topic, BAD_TOPIC, "no device may publish there", payload)
    if device not in known:
        return refused("", topic, UNKNOWN_DEVICE, f"the hall has no {device}", payload)
    limit = ENVELOPE_BYTES if name == RECORD else MESSAGE_BYTES
    if len(payload) > limit:
        detail = f"{len(payload)} bytes, {limit} are allowed"
        return refused(device, topic, TOO_LARGE, detail, payload)
    try:
        payload.decode()
    except UnicodeDecodeError as error:
        return refused(device, topic, NOT_UTF8, str(error), payload)
    if name == STATE:
        return _state(device, topic, payload)
    return _record(device, topic, payload)


def row(
    accepted: Accepted,
    received_at_ms: int,
    window: str | None,
    is_live: bool,
    received_ran_ms: int | None = None,
) -> dict:
    """The envelope as the store keeps it, with what the hall knows beside it. received_ran_ms: the
    running time when it came, None if that was not now.
    """
    return {
        "device": accepted.device,
        "epoch": accepted.epoch,
        "seq": accepted.seq,
        "kind": accepted.kind,
        "mac16": accepted.mac16,
        "service": accepted.service,
        "marks": json.dumps(accepted.marks) if accepted.marks else "[]",
        "envelope": accepted.envelope,
        "sha256": accepted.sha256,
        "received_at_ms": received_at_ms,
        "received_ran_ms": received_ran_ms,
        "window": window,
        "live": is_live,
    }


def reread(
    envelope: bytes, hall: str, received_at_ms: int, window: str | None, marks: tuple[str, ...]
) -> dict | None:
    """The row of an envelope that was kept once, with these marks beside its own; None for bytes
    that are no envelope of any device.
    """
    try:
        device = parse(split(envelope)[0])["device"]
    except ProtocolError:
        return None
    accepted = judge(topic_of(hall, device, RECORD), envelope, hall, (device,))
    if type(accepted) is not Accepted:
        return None
    accepted = accepted._replace(marks=(*accepted.marks, *marks))
    return row(accepted, received_at_ms, window, is_live=False)


def refused(device: str, topic: str, reason: str, detail: str, payload: bytes) -> Refused:
    """The refusal of a payload, with as much of it as the quarantine keeps."""
    return Refused(
        device=device,
        topic=topic[:256],
        reason=reason,
        detail=detail[:256],
        size=len(payload),
        # Whole if it could be an envelope, so that it can be judged again after a fix.
        beginning=payload if len(payload) <= ENVELOPE_BYTES else payload[:BEGINNING_BYTES],
    )


def _state(device: str, topic: str, payload: bytes) -> Told | Refused:
    try:
        will = decode_message(Will, payload)
        state = decode_message(State, payload) if will.online else will
    except ProtocolError as error:
        return refused(device, topic, BAD_STATE, str(error), payload)
    return Told(device, state)


def _record(device: str, topic: str, payload: bytes) -> Accepted | Refused:
    try:
        record, mac = split(payload)
    except ProtocolError as error:
        return refused(device, topic, NOT_AN_ENVELOPE, str(error), payload)
    rating = read_rating(record)
    if rating is not None and rating.device == device:
        return Accepted(
            *(device, rating.epoch, rating.seq, rating.kind, mac[:16], rating.service, rating.at),
            *((), payload, hashlib.sha256(payload).digest()),
        )
    try:
        members = parse(record)
    except ProtocolError as error:
        return refused(device, topic, NOT_A_RECORD, str(error), payload)
    if members["device"] != device:
        detail = f"the record is of {members['device']}"
        return refused(device, topic, OTHER_DEVICE, detail, payload)
    service, made_at_ms, marks = _look_closer(members)
    kind = members.get("kind")
    return Accepted(
        device=device,
        epoch=members["epoch"],
        seq=members["seq"],
        kind=kind if type(kind) is str and len(kind) <= 32 and kind.isascii() else "unknown",
        mac16=mac[:16],
        service=service,
        made_at_ms=made_at_ms,
        marks=marks,
        envelope=payload,
        sha256=hashlib.sha256(payload).digest(),
    )


def _look_closer(members: dict) -> tuple[str | None, int | None, tuple[str, ...]]:
    try:
        record = decode(members)
    except UnknownKindError:
        is_known = members.get("v") == V and type(members.get("v")) is int
        return None, None, (batch.UNKNOWN_KIND if is_known else batch.UNKNOWN_VERSION,)
    except ProtocolError:
        return None, None, (batch.MALFORMED,)
    return record.service if type(record) is Rating else None, record.at, ()
