"""Records: what a device signs, and the receipt that the centre signs in return.

A kind is a class whose `fields` say name, type and range, in the order in which they are encoded
(`OrderedDict`, because plain dicts lose their order on MicroPython). Integers only: a board with
single floats cannot hold a time otherwise. Meaning of the fields: protocol/README.md, "Records".
Next: protocol/answer.py seals what the citizen answered.
"""

import json
import sys
from collections import OrderedDict, namedtuple

from protocol.field import (
    Many,
    Maybe,
    OneOf,
    ProtocolError,
    count,
    device_id,
    hex16,
    hex32,
    hex64,
    ms,
    ms_or_null,
    names,
    read,
    seq,
    service,
    staff_no,
    ticket_no,
    version,
    word,
    write,
    wrong_field,
    wrong_whole,
)
from protocol.limits import (
    GAPS,
    SELFTEST_PARTS,
)

V = 1

RESTART = "restart"  # the unused end of a segment: nothing was ever written there
DAMAGE = "damage"  # written once, unreadable now


class UnknownKindError(ProtocolError):
    """A record of a version or kind that this program does not know: kept and marked (REC-7)."""


class _Gap:
    """[from, to, cause], from the lower to the higher seq."""

    cause = OneOf(RESTART, DAMAGE)

    def __call__(self, value, name):
        if type(value) not in (list, tuple) or len(value) != 3:
            raise wrong_field(name, "gap")
        first, last = seq(value[0], name), seq(value[1], name)
        if first > last:
            raise wrong_field(name, "gap")
        return first, last, self.cause(value[2], name)


_IDENTITY = (("device", device_id), ("epoch", seq), ("seq", seq))
_LINK = _IDENTITY + (("prev", hex16),)
_WHEN = (("boot", seq), ("up_ms", ms), ("at", ms_or_null))

_RATING = (
    _LINK
    + (
        ("service", service),
        ("ticket_no", ticket_no),
        ("staff_no", Maybe(staff_no)),
        ("facts", hex64),
        ("answer", hex32),
        ("settings", count),
    )
    + _WHEN
    + (("took_ms", ms), ("shown", count), ("input", OneOf("key", "kiosk")))
)
_REASONS = (
    _LINK
    + (
        ("of", seq),
        ("answer", hex32),
        ("catalogue", count),
    )
    + _WHEN
)
_BOOT = _LINK + (("firmware", version), ("cause", word), ("gaps", Many(_Gap(), 0, GAPS))) + _WHEN
_PARTS = Many(word, 0, SELFTEST_PARTS)
_SELFTEST = _LINK + (("passed", _PARTS), ("failed", _PARTS)) + _WHEN
_HEAD = _IDENTITY + (
    ("mac16", hex16),
    ("boot", seq),
    ("up_ms", ms),
    ("heard", ms_or_null),
    ("shown", count),
    ("invited", count),
)
_RECEIPT = _IDENTITY + (("mac16", hex16), ("at", ms))


class Rating(namedtuple("Rating", names(_RATING))):
    """One press that was journalled; its level is sealed in `answer` (protocol/answer.py)."""

    kind = "rating"
    fields = _RATING


class Reasons(namedtuple("Reasons", names(_REASONS))):
    """What a citizen said to "why?" after the rating with seq `of`, sealed in `answer`; the rating
    itself never changes.
    """

    kind = "reasons"
    fields = _REASONS


class Boot(namedtuple("Boot", names(_BOOT))):
    """The first record of a start; `gaps` names every seq that will never be readable (JRN-4)."""

    kind = "boot"
    fields = _BOOT


class SelfTest(namedtuple("SelfTest", names(_SELFTEST))):
    """What a technician's self-test found; never counted as a rating."""

    kind = "selftest"
    fields = _SELFTEST


class Head(namedtuple("Head", names(_HEAD))):
    """A device's own word on how far its chain goes; carried in `state`, never journalled.

    heard: `at` of the receipt taken last. shown, invited: services since the start that its ticket
    changed to, and that it was asked to invite for.
    """

    kind = "head"
    fields = _HEAD


class Receipt(namedtuple("Receipt", names(_RECEIPT))):
    """The centre's word that it durably holds records 1 to `seq`, signed with the device's key."""

    kind = "receipt"
    fields = _RECEIPT


JOURNALLED = (Rating, Reasons, Boot, SelfTest)
KINDS = JOURNALLED + (Head, Receipt)


def encode(record) -> bytes:
    """The record's bytes, which are signed, stored and never made again (ENV-1).

    Raises ProtocolError if a value is not of its field's type and range.
    """
    members = OrderedDict([("v", V), ("kind", record.kind)])
    members.update(write(record))
    return dump_json(members)


def parse(record: bytes) -> dict:
    """The members of the record's JSON object, unchecked but for its identity.

    Raises ProtocolError if the bytes are no JSON object in UTF-8, or device, epoch or seq cannot
    be read: such bytes belong to nobody (REC-2).
    """
    members = parse_json(record, "a record")
    read(_IDENTITY, members, "a record")
    return members


def decode(members: dict, kinds=JOURNALLED):
    """The record in a parsed object, as an instance of one of `kinds`, every field checked.

    Raises UnknownKindError for another version or kind, ProtocolError for a field out of range.
    """
    if members.get("v") != V or type(members.get("v")) is not int:
        raise UnknownKindError(f"v must be {V}", "v", "unknown_version", (V,))
    for kind in kinds:
        if kind.kind == members.get("kind"):
            return kind(*read(kind.fields, members, "a record"))
    known = ", ".join([kind.kind for kind in kinds])
    raise UnknownKindError(f"kind must be one of {known}", "kind", "unknown_kind", (known,))


def dump_json(value) -> bytes:
    """JSON in UTF-8 without spaces, text as it is: MicroPython reads an escaped surrogate pair as
    two characters.
    """
    if sys.implementation.name == "micropython":  # it writes text as it is anyway
        return json.dumps(value, separators=(",", ":")).encode()
    text = json.dumps(
        value,
        separators=(",", ":"),
        ensure_ascii=False,  # pyright: ignore[reportCallIssue]
    )
    return text.encode()


def parse_json(data: bytes, what: str):
    """The JSON value in UTF-8 bytes. Raises ProtocolError, with `what` as the sentence's subject.

    RuntimeError is what both interpreters raise for nesting that is too deep.
    """
    try:
        return json.loads(str(data, "utf-8"))
    except (ValueError, RuntimeError):
        raise wrong_whole(what, "json")
