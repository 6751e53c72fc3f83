"""One hall's batch: read, then judged with the authority of its own hall alone.

Reading needs nothing else; checking MACs only a look at the enrolments.
Next on a rating's way: central/custody/open.py, whose it is; central/custody/batch.py files it.
"""

import itertools
import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection

from central.custody.marks import BAD_MAC, ONLY_RESCUED, RESCUED, WRONG_DEVICE
from central.custody.open import (
    Item,
    KeyOf,
    Opened,
    Rejected,
    Verified,
    VerifiedHead,
    judge_document,
    judge_head,
    judge_progress,
    judge_record,
    open_head,
    open_record,
    rating_of,
    read_item,
    rejected,
    signer_of,
)
from central.store import places, rejections
from central.store.ledger import Epoch, Row
from central.store.places import Enrolment
from protocol.batch import (
    Body,
    EnvelopeItem,
    FactsItem,
    HeadItem,
    Progress,
    ProgressItem,
    ServiceDocument,
)
from protocol.record import Boot

_JSON = json.JSONEncoder()
_SIGNERS_SOUGHT = 10  # in a batch: each may take a look at all keys of the hall

_Enrolled = Mapping[str, list[Enrolment]]
_Item = Item | Rejected


class Letter(NamedTuple):
    """A hall's batch as it was read; nobody has looked yet whose records they are.

    halls: of the token it came with, at least one; the first is the hall's own. raw: decoded JSON
    of any shape. opened: of each item its envelope, taken apart; None for what has none. sent_ms:
    the gateway's time when it packed them; None if it did not say. is_rescued: a technician
    brought it, not the hall's gateway.
    """

    halls: tuple[str, ...]
    raw: list[object]
    items: list[_Item]
    opened: list[Opened | Rejected | None]
    sent_ms: int | None
    is_rescued: bool

    @property
    def devices(self) -> set[str]:
        """The devices that its envelopes name."""
        return {one.members["device"] for one in self.opened if isinstance(one, Opened)}


class SentDocument(NamedTuple):
    """A service document: its place in the hall's batch, its exact bytes, their content, and when
    the service was opened, on the centre's clock.
    """

    at: int
    content: bytes
    document: ServiceDocument
    opened_at_ms: int


class SentProgress(NamedTuple):
    """What became of a service: its place in the batch, and when, on the centre's clock."""

    at: int
    progress: Progress
    at_ms: int


class SentRecord(NamedTuple):
    """A verified record: its place in the batch, its row, and where its device stood."""

    at: int
    row: Row
    place: Enrolment


class SentHead(NamedTuple):
    """A verified head: its place in the batch, and where its device stood."""

    at: int
    head: VerifiedHead
    place: Enrolment


class Refused(NamedTuple):
    """An item that is not taken: its place in the batch, why, and its first bytes."""

    at: int
    why: Rejected
    first_bytes: bytes

    def kept(self, hall: str, now_ms: int) -> dict[str, Any]:
        """As a row of `rejection`."""
        names = ("hall", "reason", "sentence", "first_bytes", "rejected_at_ms")
        said = (hall, self.why.code, self.why.reason, self.first_bytes, now_ms)
        return dict(zip(names, said, strict=True))


class Offer(NamedTuple):
    """One hall's batch of `size` items, judged. halls: of its token; the first is its own."""

    halls: tuple[str, ...]
    size: int
    documents: list[SentDocument]
    progress: list[SentProgress]
    records: list[SentRecord]
    heads: list[SentHead]
    refused: list[Refused]

    @property
    def forgotten(self) -> set[Epoch]:
        """The epochs that no enrolment here remembers: where each stood is this hall's word."""
        named = [(one.row.epoch_key, one.place) for one in self.records]
        named += [(one.head.epoch_key, one.place) for one in self.heads]
        return {epoch for epoch, place in named if place[:2] != epoch}


def read(halls: tuple[str, ...], body: Body, now_ms: int, is_rescued: bool = False) -> Letter:
    """The items, read and taken apart."""
    items = [read_item(one, now_ms) for one in body.items]
    opened = [_open(item) for item in items]
    return Letter(halls, body.items, items, opened, body.now_ms, is_rescued)


def enrolled(connection: Connection, devices: Iterable[str]) -> dict[str, list[Enrolment]]:
    """Every enrolment of these devices, in every hall, by device."""
    found: dict[str, list[Enrolment]] = {}
    for enrolment in places.enrolments(connection, devices):
        found.setdefault(enrolment.device, []).append(enrolment)
    return found


def judge(
    connection: Connection, letter: Letter, known: _Enrolled, key_of: KeyOf, now_ms: int
) -> Offer:
    """The items sorted into documents, records, heads and refusals, each with its place.

    known: every enrolment of the devices named, as `enrolled` gives them. A device once enrolled
    in one of the letter's halls is known in all its epochs, also in one that a restored backup
    does not remember: its key proves that the centre enrolled it.
    """
    halls = letter.halls
    ahead_ms = 0 if letter.sent_ms is None else letter.sent_ms - now_ms  # the hall's clock
    ours = {
        device: known[device]
        for device in letter.devices
        if any(enrolment.hall in halls for enrolment in known.get(device, ()))
    }
    offer = Offer(halls, len(letter.items), [], [], [], [], [])
    wrong: dict[int, Opened] = {}
    for at, (item, envelope) in enumerate(zip(letter.items, letter.opened, strict=True)):
        why: Rejected | None = None
        if isinstance(item, FactsItem):
            document = judge_document(item, halls)
            if isinstance(document, Rejected):
                why = document
            else:
                opened_at_ms = _instant(document.opened_at_ms, ahead_ms, now_ms)
                sent = SentDocument(at, item.facts.encode(), document, opened_at_ms)
                offer.documents.append(sent)
        elif isinstance(item, ProgressItem):
            progress = judge_progress(item, halls)
            if isinstance(progress, Rejected):
                why = progress
            else:
                at_ms = _instant(progress.at_ms, ahead_ms, now_ms)
                offer.progress.append(SentProgress(at, progress, at_ms))
        elif not isinstance(envelope, Opened):
            why = envelope
        elif isinstance(item, HeadItem):
            head = judge_head(envelope, item, ours, key_of)
            if isinstance(head, Rejected):
                why = head
            else:
                offer.heads.append(SentHead(at, head, _place(head.epoch_key, halls, ours)))
        elif isinstance(item, EnvelopeItem):
            verified = judge_record(envelope, ours, key_of)
            if isinstance(verified, Rejected):
                why = verified
            else:
                place = _place((verified.device, verified.epoch), halls, ours)
                row = _row(verified, item, place, now_ms)
                if letter.is_rescued:
                    row.hall_marks.append(RESCUED)
                    if verified.kind != Boot.kind:  # the bench itself has the board write one
                        row.mark(ONLY_RESCUED)  # if another holds its place, this row is gone
                offer.records.append(SentRecord(at, row, place))
        if why is not None:
            offer.refused.append(Refused(at, why, _first_bytes(letter.raw[at])))
            if why.code == BAD_MAC and isinstance(envelope, Opened):
                wrong[at] = envelope
    return _name_signers(connection, offer, wrong, key_of) if wrong else offer


def _name_signers(
    connection: Connection, offer: Offer, wrong: dict[int, Opened], key_of: KeyOf
) -> Offer:
    """The offer; of some wrong MACs it is said which other enrolment's key made them."""
    known = [place[:2] for place in places.enrolments_in(connection, offer.halls)]
    signers = {
        at: signer_of(envelope, known, key_of)
        for at, envelope in list(wrong.items())[:_SIGNERS_SOUGHT]
    }
    refused = []
    for one in offer.refused:
        if (signer := signers.get(one.at)) is not None:
            sentence = f"it was signed with the key of {signer[0]}, epoch {signer[1]}"
            one = one._replace(why=rejected(WRONG_DEVICE, sentence))
        refused.append(one)
    return offer._replace(refused=refused)


def _instant(at_ms: int | None, ahead_ms: int, now_ms: int) -> int:
    """An instant of the hall's on the centre's clock: not in the future; now if it has none."""
    return now_ms if at_ms is None else max(0, min(at_ms - ahead_ms, now_ms))


def _open(item: _Item) -> Opened | Rejected | None:
    if isinstance(item, EnvelopeItem):
        return open_record(item.envelope)
    if isinstance(item, HeadItem):
        return open_head(item.head)
    return item if isinstance(item, Rejected) else None


def _place(epoch: Epoch, halls: tuple[str, ...], known: _Enrolled) -> Enrolment:
    """The enrolment of an epoch; of one that nobody remembers, the newest in these halls."""
    enrolments = known[epoch[0]]
    place = next((one for one in enrolments if one.epoch == epoch[1]), None)
    if place is not None:
        return place
    return max((one for one in enrolments if one.hall in halls), key=lambda one: one.epoch)


def _row(verified: Verified, item: EnvelopeItem, place: Enrolment, now_ms: int) -> Row:
    """The ledger's row of a record: signed columns from it, the others from hall and enrolment.

    Of a device that was moved within its hall, the hall says at which of its windows it was.
    """
    row = Row(
        device=verified.device,
        epoch=verified.epoch,
        seq=verified.seq,
        mac16=verified.mac16,
        kind=verified.kind,
        prev=verified.prev,
        envelope=verified.envelope,
        received_at_ms=item.received_at_ms,
        stored_at_ms=now_ms,
        hall=place.hall,
        window=item.window if item.window in place.windows else place.window,
        service=item.service,
        facts=None,
        marks=list(verified.marks),
        hall_marks=[mark for mark in item.marks if mark != RESCUED],
        codes=verified.codes,
        _record=verified.record,
    )
    if (rating := rating_of(verified)) is not None:
        row.service, row.facts, row.level = rating.service, rating.facts, verified.level
    return row


def _first_bytes(raw: object) -> bytes:
    """The beginning of what was sent, for the person who looks for the cause."""
    text = raw
    if isinstance(raw, dict):
        text = next(
            (raw[name] for name in ("envelope", "head", "facts", "progress") if name in raw), raw
        )
    if not isinstance(text, str):
        try:  # in pieces: it may be megabytes
            text = "".join(itertools.islice(_JSON.iterencode(text), rejections.FIRST_BYTES))
        except RecursionError:
            text = "nested too deeply to show"
    return text[: rejections.FIRST_BYTES].encode("utf-8", "replace")[: rejections.FIRST_BYTES]
