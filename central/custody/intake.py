"""Intake of batches: one batch, one transaction, and only then an answer (BAT-3, RCT-1).

What needs no database, reading items and checking MACs, is done before the transaction begins.
Next on a rating's way: GET /v1/records in central/web/api/records.py, for those who may
read.
"""

import json
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Connection

from central.custody.batch import book
from central.custody.documents import SentDocument, file_documents
from central.custody.marks import BAD_MAC, RESCUED, WRONG_DEVICE
from central.custody.open import (
    KeyOf,
    Opened,
    Rejected,
    Verified,
    VerifiedHead,
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
from protocol.batch import (
    REJECTED,
    Answer,
    EnvelopeItem,
    FactsItem,
    HeadItem,
    ServiceDocument,
    Verdict,
)
from protocol.field import write

log = logging.getLogger(__name__)

_SIGNERS_SOUGHT = 10  # in a batch: each may take a look at all keys of the hall


@dataclass(slots=True)
class _Item:
    """One item on its way, and its verdict once there is one.

    read: FactsItem, EnvelopeItem, HeadItem or Rejected. opened: Opened, Rejected, or None for a
    document. judged: ServiceDocument, Verified, VerifiedHead or Rejected.
    """

    raw: object
    read: Any
    opened: Any = None
    judged: Any = None
    verdict: Verdict | None = None


class Intake:
    """Takes the batches of gateways."""

    def __init__(self, database: Database, key_of: KeyOf, now_ms: Callable[[], int]) -> None:
        self._database = database
        self._key_of = key_of
        self._now_ms = now_ms

    def take(self, halls: tuple[str, ...], raw_items: list[object]) -> Answer:
        """Verdicts in item order, the receipts of all devices named, the hall's version.

        halls: those of the caller's token, at least one; the first is the version's. Everything
        the answer says is durable when this returns.
        """
        now_ms = self._now_ms()
        key_of = cache(self._key_of)  # a batch is of few devices
        items = [_read(raw, now_ms) for raw in raw_items]
        enrolled = self._enrolled(halls, items)
        for item in items:
            item.judged = _judge(item, halls, enrolled, key_of)
        self._find_signers(items, halls)
        with self._database.write() as connection:
            versions = places.lock_halls(connection, halls)
            receipts = self._file(connection, items, halls, enrolled, now_ms)
        # The block above has committed; only now may the verdicts be said.
        verdicts = tuple(item.verdict for item in items)
        return Answer(verdicts, receipts, versions.get(halls[0], 0))

    def rescue(self, hall: str, envelopes: list[str]) -> Answer:
        """Take what a technician read out of a device of this hall, as a batch of the hall's."""
        now_ms = self._now_ms()
        items = [EnvelopeItem(envelope, now_ms, None, None, (RESCUED,)) for envelope in envelopes]
        return self.take((hall,), [write(item) for item in items])

    def _enrolled(self, halls: tuple[str, ...], items: list[_Item]) -> dict[str, list[Enrolment]]:
        """The enrolments of the devices named, if any of them is in one of the halls.

        A device once enrolled here is known in all its epochs, also in one that a restored
        backup does not remember: its key proves that the centre enrolled it.
        """
        named = {
            item.opened.members["device"] for item in items if isinstance(item.opened, Opened)
        }
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

    def _file(
        self,
        connection: Connection,
        items: list[_Item],
        halls: tuple[str, ...],
        enrolled: dict[str, list[Enrolment]],
        now_ms: int,
    ) -> tuple[str, ...]:
        """File the items and give each its verdict; the receipts to answer with."""
        hashes = _file_documents(connection, items, now_ms)
        records = [item for item in items if isinstance(item.judged, Verified)]
        heads = [item for item in items if isinstance(item.judged, VerifiedHead)]

        places_known: dict[Epoch, Enrolment] = {}

        def place_of(epoch: Epoch) -> Enrolment:
            if epoch not in places_known:
                places_known[epoch] = _place(epoch, halls, enrolled)
            return places_known[epoch]

        rows = [_row(item, place_of, now_ms) for item in records]
        sent = [item.judged for item in heads]
        booked = book(connection, rows, sent, hashes, place_of, self._key_of, now_ms)
        for item, outcome in zip(records, booked.filed):
            item.verdict = Verdict(outcome.verdict, None, tuple(outcome.row.marks))
        for item, verdict in zip(heads, booked.heads):
            item.verdict = Verdict(verdict, None, ())
        _file_rejections(connection, items, halls[0], now_ms)
        return booked.receipts

    def _find_signers(self, items: list[_Item], halls: tuple[str, ...]) -> None:
        """Of some items with a wrong MAC, whether another device's key made it."""
        wrong = [
            item
            for item in items
            if isinstance(item.judged, Rejected) and item.judged.code == BAD_MAC
        ]
        if not wrong:
            return
        with self._database.read() as connection:
            known = [place[:2] for place in places.enrolments_in(connection, halls)]
        for item in wrong[:_SIGNERS_SOUGHT]:
            signer = signer_of(item.opened, known, self._key_of)
            if signer is not None:
                item.judged = rejected(
                    WRONG_DEVICE,
                    f"it was signed with the key of {signer[0]}, epoch {signer[1]}",
                )


def _judge(item: _Item, halls: tuple[str, ...], enrolled: dict[str, Any], key_of: KeyOf) -> Any:
    read, opened = item.read, item.opened
    if isinstance(opened, Opened) and isinstance(read, HeadItem):
        return judge_head(opened, read.receipt, enrolled, key_of)
    if isinstance(opened, Opened):
        return judge_record(opened, enrolled, key_of)
    if isinstance(read, FactsItem):
        return judge_document(read, halls)
    return opened


def _read(raw: object, now_ms: int) -> _Item:
    read = read_item(raw, now_ms)
    if isinstance(read, EnvelopeItem):
        return _Item(raw, read, open_record(read.envelope))
    if isinstance(read, HeadItem):
        return _Item(raw, read, open_head(read.head))
    return _Item(raw, read, read if isinstance(read, Rejected) else None)


def _file_documents(connection: Connection, items: list[_Item], now_ms: int) -> list[str]:
    """The hashes of the service documents that are new."""
    sent = [item for item in items if isinstance(item.judged, ServiceDocument)]
    contents = [SentDocument(item.read.facts.encode(), item.judged) for item in sent]
    outcomes, hashes = file_documents(connection, contents, now_ms)
    for item, outcome in zip(sent, outcomes):
        if isinstance(outcome, Rejected):
            item.judged = outcome
        else:
            item.verdict = Verdict(outcome, None, ())
    return hashes


def _place(
    epoch: Epoch, halls: tuple[str, ...], enrolled: dict[str, list[Enrolment]]
) -> Enrolment:
    """The enrolment of an epoch; of one that nobody remembers, the newest in these halls."""
    enrolments = enrolled[epoch[0]]
    place = next((known for known in enrolments if known.epoch == epoch[1]), None)
    if place is not None:
        return place
    return max((known for known in enrolments if known.hall in halls), key=lambda e: e.epoch)


def _row(item: _Item, place_of: Callable[[Epoch], Enrolment], now_ms: int) -> Row:
    verified, read = item.judged, item.read
    place = place_of((verified.device, verified.epoch))
    row = Row(
        device=verified.device,
        epoch=verified.epoch,
        seq=verified.seq,
        mac16=verified.mac16,
        kind=verified.kind,
        prev=verified.prev,
        envelope=verified.envelope,
        received_at_ms=read.received_at_ms,
        stored_at_ms=now_ms,
        hall=place.hall,
        window=place.window,
        service=read.service,
        facts=None,
        marks=list(verified.marks),
        hall_marks=list(read.marks),
        _record=verified.record,
    )
    if (rating := rating_of(verified)) is not None:
        row.service, row.facts, row.level = rating.service, rating.facts, rating.level
    return row


def _file_rejections(
    connection: Connection, items: Iterable[_Item], hall: str, now_ms: int
) -> None:
    rows = []
    for item in items:
        if isinstance(item.judged, Rejected):
            item.verdict = Verdict(REJECTED, item.judged.reason, ())
            rows.append(
                {
                    "hall": hall,
                    "reason": item.judged.code,
                    "sentence": item.judged.reason,
                    "first_bytes": _first_bytes(item.raw),
                    "rejected_at_ms": now_ms,
                }
            )
    rejections.add(connection, rows)
    if rows:
        log.warning(
            "hall %s: %d of its items rejected, first: %s", hall, len(rows), rows[0]["sentence"]
        )


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
