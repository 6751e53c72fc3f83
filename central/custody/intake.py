"""Intake of batches: one transaction, and only then an answer (BAT-3, RCT-1).

Reading items and checking MACs need only a look at the enrolments; both are done before the
transaction that writes begins.
Next on a rating's way: central/custody/open.py, whose it is; central/custody/batch.py files it.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from functools import cache

from central.custody.batch import file_batches
from central.custody.marks import BAD_MAC, RESCUED, WRONG_DEVICE
from central.custody.offer import Offer, Refused, SentDocument, SentHead, SentRecord
from central.custody.open import (
    KeyOf,
    Opened,
    Rejected,
    Verified,
    judge_document,
    judge_head,
    judge_record,
    open_head,
    open_record,
    rating_of,
    read_item,
    rejected,
    signer_of,
)
from central.store import places, rejections
from central.store.database import Database
from central.store.ledger import Epoch, Row
from central.store.places import Enrolment
from protocol.batch import Answer, EnvelopeItem, FactsItem, HeadItem
from protocol.field import write

_SIGNERS_SOUGHT = 10  # in a batch: each may take a look at all keys of the hall

_Enrolled = Mapping[str, list[Enrolment]]
_Item = FactsItem | EnvelopeItem | HeadItem | Rejected


class Intake:
    """Takes the batches of gateways."""

    def __init__(self, database: Database, key_of: KeyOf, now_ms: Callable[[], int]) -> None:
        self._database = database
        self._key_of = key_of
        self._now_ms = now_ms

    def take(self, halls: tuple[str, ...], raw_items: list[object]) -> Answer:
        """Verdicts in item order, the receipts of all devices named, the hall's version.

        halls: those of the caller's token, at least one; the first is the version's. raw_items:
        decoded JSON of any shape. Everything the answer says is durable when this returns; if it
        raises, nothing is kept.
        """
        now_ms = self._now_ms()
        offer = self._judge(halls, raw_items, now_ms)
        with self._database.write() as connection:
            (answer,) = file_batches(connection, [offer], self._key_of, now_ms)
        # The block above has committed; only now may the verdicts be said.
        return answer

    def rescue(self, hall: str, envelopes: list[str]) -> Answer:
        """Take what a technician read out of a device of this hall, as a batch of the hall's."""
        now_ms = self._now_ms()
        items = [EnvelopeItem(envelope, now_ms, None, None, (RESCUED,)) for envelope in envelopes]
        return self.take((hall,), [write(item) for item in items])

    def _judge(self, halls: tuple[str, ...], raw_items: list[object], now_ms: int) -> Offer:
        """The items sorted into documents, records, heads and refusals, each with its place."""
        items: list[_Item] = [read_item(raw, now_ms) for raw in raw_items]
        opened = [_open(item) for item in items]
        enrolled = self._enrolled(halls, opened)
        key_of = cache(self._key_of)  # a batch is of few devices
        offer = Offer(halls, len(items), [], [], [], [])
        wrong: dict[int, Opened] = {}
        for at, (item, envelope) in enumerate(zip(items, opened, strict=True)):
            why: Rejected | None = None
            if isinstance(item, FactsItem):
                document = judge_document(item, halls)
                if isinstance(document, Rejected):
                    why = document
                else:
                    offer.documents.append(SentDocument(at, item.facts.encode(), document))
            elif not isinstance(envelope, Opened):
                why = envelope
            elif isinstance(item, HeadItem):
                head = judge_head(envelope, item.receipt, enrolled, key_of)
                if isinstance(head, Rejected):
                    why = head
                else:
                    place = _place(head.epoch_key, halls, enrolled)
                    offer.heads.append(SentHead(at, head, place))
            elif isinstance(item, EnvelopeItem):
                verified = judge_record(envelope, enrolled, key_of)
                if isinstance(verified, Rejected):
                    why = verified
                else:
                    place = _place((verified.device, verified.epoch), halls, enrolled)
                    row = _row(verified, item, place, now_ms)
                    offer.records.append(SentRecord(at, row, place))
            if why is not None:
                offer.refused.append(Refused(at, why, _first_bytes(raw_items[at])))
                if why.code == BAD_MAC and isinstance(envelope, Opened):
                    wrong[at] = envelope
        return self._name_signers(offer, wrong) if wrong else offer

    def _enrolled(self, halls: tuple[str, ...], opened: Iterable[object]) -> _Enrolled:
        """All enrolments of each device named that was ever enrolled in one of these halls.

        A device once enrolled here is known in all its epochs, also in one that a restored
        backup does not remember: its key proves that the centre enrolled it.
        """
        named = {one.members["device"] for one in opened if isinstance(one, Opened)}
        if not named:
            return {}
        enrolled: dict[str, list[Enrolment]] = {}
        with self._database.read() as connection:
            for enrolment in places.enrolments(connection, named):
                enrolled.setdefault(enrolment.device, []).append(enrolment)
        return {
            device: enrolments
            for device, enrolments in enrolled.items()
            if any(enrolment.hall in halls for enrolment in enrolments)
        }

    def _name_signers(self, offer: Offer, wrong: dict[int, Opened]) -> Offer:
        """The offer; of some wrong MACs it is said which other enrolment's key made them."""
        with self._database.read() as connection:
            known = [place[:2] for place in places.enrolments_in(connection, offer.halls)]
        signers = {
            at: signer_of(envelope, known, self._key_of)
            for at, envelope in list(wrong.items())[:_SIGNERS_SOUGHT]
        }
        refused = []
        for one in offer.refused:
            if (signer := signers.get(one.at)) is not None:
                sentence = f"it was signed with the key of {signer[0]}, epoch {signer[1]}"
                one = one._replace(why=rejected(WRONG_DEVICE, sentence))
            refused.append(one)
        return offer._replace(refused=refused)


def _open(item: _Item) -> Opened | Rejected | None:
    """An item's envelope, taken apart; None for a document, which has none."""
    if isinstance(item, EnvelopeItem):
        return open_record(item.envelope)
    if isinstance(item, HeadItem):
        return open_head(item.head)
    return item if isinstance(item, Rejected) else None


def _place(epoch: Epoch, halls: tuple[str, ...], enrolled: _Enrolled) -> Enrolment:
    """The enrolment of an epoch; of one that nobody remembers, the newest in these halls."""
    enrolments = enrolled[epoch[0]]
    place = next((known for known in enrolments if known.epoch == epoch[1]), None)
    if place is not None:
        return place
    return max((known for known in enrolments if known.hall in halls), key=lambda e: e.epoch)


def _row(verified: Verified, item: EnvelopeItem, place: Enrolment, now_ms: int) -> Row:
    """The ledger's row of a record: signed columns from it, the others from hall and enrolment."""
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
        window=place.window,
        service=item.service,
        facts=None,
        marks=list(verified.marks),
        hall_marks=list(item.marks),
        _record=verified.record,
    )
    if (rating := rating_of(verified)) is not None:
        row.service, row.facts, row.level = rating.service, rating.facts, rating.level
    return row


def _first_bytes(raw: object) -> bytes:
    """The beginning of what was sent, for the person who looks for the cause."""
    text = raw
    if isinstance(raw, dict):
        text = next((raw[name] for name in ("envelope", "head", "facts") if name in raw), raw)
    if not isinstance(text, str):
        try:
            text = json.dumps(text)
        except RecursionError:
            text = "nested too deeply to show"
    return text[: rejections.FIRST_BYTES].encode("utf-8", "replace")[: rejections.FIRST_BYTES]
