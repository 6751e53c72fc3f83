"""Whose record is it, and is its MAC good? Values in, values out.

Only what the device's key signed becomes a record (BAT-4). Whatever else is wrong with it is a
mark, never a reason to drop it. Next on a rating's way: central/custody/batch.py files it.
"""

from collections.abc import Callable, Container, Iterable
from typing import Any, NamedTuple

import quick
from central.custody.marks import (
    BAD_MAC,
    MALFORMED_DOCUMENT,
    MALFORMED_ENVELOPE,
    MALFORMED_HEAD,
    MALFORMED_ITEM,
    OTHER_HALL,
    UNKNOWN_DEVICE,
    WRONG_KIND,
)
from protocol import batch, opened
from protocol.batch import (
    EnvelopeItem,
    FactsItem,
    HeadItem,
    Progress,
    ProgressItem,
    ServiceDocument,
)
from protocol.envelope import is_mac, split
from protocol.field import Identifier, ProtocolError, hex16, ms, place_id, word
from protocol.limits import SERVICE_CHARS
from protocol.record import (
    JOURNALLED,
    Head,
    Rating,
    Reasons,
    Receipt,
    UnknownKindError,
    V,
    decode,
    parse,
)

# Signed with a device's key for another purpose than being a record (REC-5).
_NO_RECORDS = ("head", "receipt", "settings", "update")

COMPLETION = "done-"  # what the service of a completed project begins with (RULES 3)
_NO_COMPLETION = (
    "a service done-… stands for the completion of a project, which POST /v1/services tells: a "
    "hall's batch has only services that were opened at its windows"
)

KeyOf = Callable[[str, int], bytes]
Item = FactsItem | EnvelopeItem | ProgressItem | HeadItem


class Rejected(NamedTuple):
    """An item that is not taken: a code of central/custody/marks.py, and a sentence with it."""

    code: str
    reason: str


class Opened(NamedTuple):
    """An envelope's exact bytes, taken apart: the record, its MAC, and the record's members.

    Their identity is checked (REC-2), the MAC is not. decoded: the record if it is a well-formed
    one of the kind that is usual; `members` then has only its kind and its identity.
    """

    envelope: bytes
    record: bytes
    mac: str
    members: dict[str, Any]
    decoded: Any = None


class Verified(NamedTuple):
    """A record with a good MAC.

    kind: empty if it has no readable one. prev: None if it has no readable one. record: the
    decoded record, None if this program cannot read it; then `marks` says why. level, codes: what
    its answer says, if it is a rating's or one of reasons.
    """

    device: str
    epoch: int
    seq: int
    kind: str
    prev: str | None
    mac16: str
    envelope: bytes
    record: Any
    marks: tuple[str, ...]
    level: int | None = None
    codes: tuple[int, ...] = ()


class VerifiedHead(NamedTuple):
    """A head with a good MAC; receipt_seq: of the receipt shown with it, 0 if there is none, None
    if it is one that the centre never signed for this device. settings: the version that the hall
    says the device uses, or None.
    """

    head: Any
    envelope: bytes
    receipt_seq: int | None
    settings: int | None = None

    @property
    def epoch_key(self) -> tuple[str, int]:
        """Whose head it is."""
        return self.head.device, self.head.epoch


def rejected(code: str, sentence: object) -> Rejected:
    """The rejection with this word and sentence, at most 200 characters."""
    return Rejected(code, f"{code}: {sentence}"[:200])


def read_item(raw: object, now_ms: int) -> Item | Rejected:
    """One raw item of a batch, or Rejected.

    What the hall wrote beside an envelope cannot keep a signed record out (BAT-4): a member that
    is wrong there counts as absent, and a wrong time of receipt becomes `now_ms`.
    """
    if (item := quick.read_item(raw)) is not None:
        return item
    try:
        return batch.decode_item(raw)
    except ProtocolError as error:
        if isinstance(raw, dict) and "facts" not in raw and isinstance(raw.get("envelope"), str):
            return _without_wrong_members(raw, now_ms)
        return rejected(MALFORMED_ITEM, error)


def open_record(envelope: str) -> Opened | Rejected:
    """An envelope that may be a record's, taken apart; nothing is verified yet."""
    opened = _open(envelope, MALFORMED_ENVELOPE, quick.read_rating)
    if isinstance(opened, Opened) and opened.members.get("kind") in _NO_RECORDS:
        return rejected(WRONG_KIND, "it was signed for another purpose than being a record")
    return opened


def open_head(envelope: str) -> Opened | Rejected:
    """An envelope that may be a head's, taken apart; nothing is verified yet."""
    opened = _open(envelope, MALFORMED_HEAD, quick.read_head)
    if isinstance(opened, Opened) and opened.members.get("kind") != Head.kind:
        return rejected(WRONG_KIND, "it was signed for another purpose than being a head")
    return opened


def judge_record(opened: Opened, enrolled: Container[str], key_of: KeyOf) -> Verified | Rejected:
    """A record, if its MAC is good.

    enrolled: the devices ever enrolled in the caller's halls. key_of: the key of (device, epoch).
    """
    refusal = _refusal(opened, enrolled, key_of)
    if refusal is not None:
        return refusal
    members = opened.members
    record: Any = opened.decoded
    marks: tuple[str, ...] = ()
    level, codes = None, ()
    try:
        record = record or decode(members, JOURNALLED)
        level, codes = answer_in(opened.record, record, key_of)
    except UnknownKindError:
        is_our_version = type(members.get("v")) is int and members["v"] == V
        record, marks = None, (batch.UNKNOWN_KIND if is_our_version else batch.UNKNOWN_VERSION,)
    except ProtocolError:
        record, marks = None, (batch.MALFORMED,)
    if record is not None:
        identity = (record.device, record.epoch, record.seq, record.kind, record.prev)
        told = (opened.mac[:16], opened.envelope, record, marks, level, codes)
        return Verified(*identity, *told)
    return Verified(
        device=members["device"],
        epoch=members["epoch"],
        seq=members["seq"],
        kind=_or_none(word, members.get("kind")) or "",
        prev=_or_none(hex16, members.get("prev")),
        mac16=opened.mac[:16],
        envelope=opened.envelope,
        record=None,
        marks=marks,
    )


def answer_in(record: bytes, decoded: Any, key_of: KeyOf) -> tuple[int | None, tuple[int, ...]]:
    """The level or the codes in the sealed answer of a record whose MAC was good; (None, ()) for
    a kind without one. decoded: the record. Raises ProtocolError for an answer that is none.
    """
    kind = type(decoded)
    if kind is not Rating and kind is not Reasons:
        return None, ()
    key = key_of(decoded.device, decoded.epoch)
    plain = opened.open_answer(key, record, decoded.answer)
    return (opened.level_in(plain), ()) if kind is Rating else (None, opened.codes_in(plain))


def judge_head(
    opened: Opened, item: HeadItem, enrolled: Container[str], key_of: KeyOf
) -> VerifiedHead | Rejected:
    """A head with the receipt that its device holds, both verified."""
    refusal = _refusal(opened, enrolled, key_of)
    if refusal is not None:
        return refusal
    try:
        head: Any = opened.decoded or decode(opened.members, (Head,))
    except ProtocolError as error:
        return rejected(MALFORMED_HEAD, error)
    receipt_seq = _receipt_seq(item.receipt, head, key_of)
    return VerifiedHead(head, opened.envelope, receipt_seq, item.settings)


def signer_of(
    opened: Opened, known: Iterable[tuple[str, int]], key_of: KeyOf
) -> tuple[str, int] | None:
    """Whose key made this MAC, among the (device, epoch) known: somebody has that key."""
    for device, epoch in known:
        if is_mac(key_of(device, epoch), opened.record, opened.mac):
            return device, epoch
    return None


def judge_document(item: FactsItem, halls: Container[str]) -> ServiceDocument | Rejected:
    """A service document of one of the caller's halls."""
    content = item.facts.encode()
    try:
        document = quick.read_document(content) or batch.decode_document(content)
    except ProtocolError as error:
        return rejected(MALFORMED_DOCUMENT, error)
    if document.hall not in halls:
        return rejected(OTHER_HALL, "the token is not for the hall that this document names")
    if document.service.startswith(COMPLETION):
        return rejected(MALFORMED_DOCUMENT, _NO_COMPLETION)
    return document


def judge_progress(item: ProgressItem, halls: Container[str]) -> Progress | Rejected:
    """What became of a service of one of the caller's halls."""
    if item.progress.hall not in halls:
        return rejected(OTHER_HALL, "the token is not for the hall that this progress names")
    if item.progress.service.startswith(COMPLETION):
        return rejected(MALFORMED_ITEM, _NO_COMPLETION)
    return item.progress


def rating_of(verified: Verified) -> Any:
    """The rating, if it is a well-formed one; None for anything else."""
    return verified.record if type(verified.record) is Rating else None


def _open(text: str, malformed: str, read: Callable[[bytes], Any]) -> Opened | Rejected:
    try:
        envelope = text.encode()
        record, mac = split(envelope)
        if (one := read(record)) is not None:
            members = {"kind": one.kind, "device": one.device, "epoch": one.epoch, "seq": one.seq}
            return Opened(envelope, record, mac, members, one)
        return Opened(envelope, record, mac, parse(record))
    except ProtocolError as error:
        return rejected(malformed, error)
    except UnicodeEncodeError:  # half a surrogate pair, which JSON can carry and UTF-8 cannot
        return rejected(malformed, "an envelope must be UTF-8")


def _refusal(opened: Opened, enrolled: Container[str], key_of: KeyOf) -> Rejected | None:
    device, epoch = opened.members["device"], opened.members["epoch"]
    if device not in enrolled:
        return rejected(UNKNOWN_DEVICE, "no such device was ever enrolled in this hall")
    if not is_mac(key_of(device, epoch), opened.record, opened.mac):
        return rejected(BAD_MAC, "the MAC was not made over these bytes with the device's key")
    return None


def _receipt_seq(text: str | None, head: Any, key_of: KeyOf) -> int | None:
    if text is None:
        return 0
    opened = _open(text, MALFORMED_HEAD, quick.read_receipt)
    if not isinstance(opened, Opened) or _refusal(opened, (head.device,), key_of) is not None:
        return None
    try:
        receipt: Any = opened.decoded or decode(opened.members, (Receipt,))
    except ProtocolError:
        return None
    return receipt.seq if receipt.epoch == head.epoch else None


def _without_wrong_members(raw: dict[str, Any], now_ms: int) -> EnvelopeItem:
    received_at_ms = _or_none(ms, raw.get("received_at_ms"))
    return EnvelopeItem(
        raw["envelope"],
        now_ms if received_at_ms is None else received_at_ms,
        _or_none(place_id, raw.get("window")),
        _or_none(Identifier(SERVICE_CHARS), raw.get("service")),
        (),
    )


def _or_none(check: Callable[[Any, str], Any], value: object) -> Any:
    try:
        return check(value, "")
    except ProtocolError:
        return None
