"""The outbox: which items go up next, and what becomes of them when the centre has spoken.

Nothing leaves it without a verdict, and nothing is forgotten before a receipt covers it (BAT-5).
Next on a rating's way: gateway/upward/forwarder.py sends what `live_batch` and `backlog_batch`
give.
"""

import itertools
import json
import logging
import threading
from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection

from gateway.hall.hall_book import read_receipt
from gateway.store import envelopes, receipts, services, states
from gateway.store.database import Database
from protocol.batch import (
    REJECTED,
    Answer,
    EnvelopeItem,
    FactsItem,
    HeadItem,
    Verdict,
    encode_batch,
)
from protocol.envelope import split
from protocol.field import ProtocolError
from protocol.limits import BATCH_BYTES, BATCH_ITEMS
from protocol.record import parse

log = logging.getLogger(__name__)

FACTS, ENVELOPE, HEAD = "facts", "envelope", "head"

_MARGIN_BYTES = 64 * 1024  # for the batch's own brackets


class Pace(NamedTuple):
    """Milliseconds: how new a live record is, how often heads go, pauses between offers, and how
    long what the centre has is kept.
    """

    live_ms: int
    head_every_ms: int
    reoffer_first_ms: int
    reoffer_longest_ms: int
    keep_ms: int


class Sent(NamedTuple):
    """What an item of a batch is in the database; verdict: what the centre said of it before.

    epoch: of an envelope, else 0. text: of a head, else empty.
    """

    what: str
    row_id: int
    device: str
    epoch: int
    name: str
    text: str
    verdict: str | None
    tries: int


class Batch:
    """Up to 500 items below 8 MB, documents first and heads last.

    last_id: of its newest record. packed: its body as it travels. began, answered: when it was
    sent and answered, in the count that `Outbox.tick` gives.
    """

    def __init__(self):
        self.last_id = 0
        self.packed = b""
        self.began = self.answered = 0
        self._items: dict[str, list] = {FACTS: [], ENVELOPE: [], HEAD: []}
        self._sent: dict[str, list[Sent]] = {FACTS: [], ENVELOPE: [], HEAD: []}
        self._documents: set[int] = set()
        self._size = _MARGIN_BYTES

    def __len__(self) -> int:
        return sum(len(items) for items in self._items.values())

    def has_document(self, row_id: int) -> bool:
        """Whether this service document is in it."""
        return row_id in self._documents

    def has_room(self, items: int, size: int) -> bool:
        """Whether so many more items of `size` bytes together fit."""
        return len(self) + items <= BATCH_ITEMS and self._size + size <= BATCH_BYTES

    def add(self, item, sent: Sent, size: int) -> None:
        """Add an item."""
        self._items[sent.what].append(item)
        self._sent[sent.what].append(sent)
        self._size += size
        if sent.what == ENVELOPE:
            self.last_id = max(self.last_id, sent.row_id)
        if sent.what == FACTS:
            self._documents.add(sent.row_id)

    def body(self) -> bytes:
        """The body of `POST /v1/batches`."""
        return encode_batch([item for items in self._items.values() for item in items])

    def sent(self) -> list[Sent]:
        """What the items are, in the body's order."""
        return [sent for items in self._sent.values() for sent in items]


class Settled(NamedTuple):
    """Devices with a changed receipt, and devices whose `hall` may have changed otherwise."""

    acks: frozenset[str]
    recounts: frozenset[str]


class Outbox:
    """Used by the forwarder's lanes, each in a thread of its own."""

    def __init__(self, database: Database, pace: Pace):
        self._database = database
        self._pace = pace
        self._count = itertools.count(1)
        self._settling = threading.Lock()
        self._told: dict[tuple[str, int], int] = {}  # when the newest answer about it came

    def tick(self) -> int:
        """The next number of an order in which all batches are sent and answered."""
        return next(self._count)

    def live_batch(self, now_ms: int, after_id: int | None, most: int) -> Batch:
        """What goes up at once: up to `most` records just made, service documents, heads.

        after_id: the newest record of a batch on its way, None if no batch is. Documents stand
        before everything else, heads last.
        """
        batch = Batch()
        with self._database.read() as connection:
            since_ms = now_ms - self._pace.live_ms
            _add_envelopes(
                connection,
                batch,
                envelopes.waiting_live(connection, since_ms, after_id or 0, most),
            )
            if after_id is not None:
                return batch  # those on their way would be in it again
            for row in services.unsent_documents(connection, now_ms, BATCH_ITEMS):
                _add_document(batch, row.id, row.document)
            for row in states.unsent_heads(
                connection, now_ms - self._pace.head_every_ms, BATCH_ITEMS
            ):
                _add_head(batch, row)
        return batch

    def backlog_batch(self, now_ms: int, after_id: int | None, most: int) -> Batch:
        """Up to `most` older records, each device's in order; empty if nothing is due."""
        batch = Batch()
        with self._database.read() as connection:
            since_ms = now_ms - self._pace.live_ms
            _add_envelopes(
                connection, batch, envelopes.waiting(connection, since_ms, after_id or 0, most)
            )
            if after_id is None:
                _add_envelopes(
                    connection,
                    batch,
                    envelopes.waiting_again(connection, now_ms, most - len(batch)),
                )
        return batch

    def settle(self, batch: Batch, answer: Answer, now_ms: int) -> Settled:
        """Write verdicts and receipts in one transaction.

        A device that was named and has no receipt in the answer has none: the centre was restored
        to a time before its first record, and needs all of it again (BAT-5).
        Raises ProtocolError if the answer does not fit the batch; then nothing is written.
        """
        with self._settling:
            return self._settle(batch, answer, now_ms)

    def let_go(self, now_ms: int) -> bool:
        """Delete what a receipt has covered for so long that no restored centre asks for it.

        Whether there may be more of it.
        """
        with self._database.write() as connection:
            return bool(
                envelopes.let_go(connection, now_ms - self._pace.keep_ms)
                + services.let_go(connection, now_ms - self._pace.keep_ms)
            )

    def _settle(self, batch: Batch, answer: Answer, now_ms: int) -> Settled:
        sent = batch.sent()
        if len(answer.verdicts) != len(sent):
            raise ProtocolError(
                f"{len(sent)} items were sent, {len(answer.verdicts)} verdicts came"
            )
        told = [(read_receipt(envelope.encode()), envelope) for envelope in answer.receipts]
        untold = _named(sent, answer.verdicts)
        untold -= {(receipt.device, receipt.epoch) for receipt, _ in told}
        judged: dict[str, list[dict]] = {FACTS: [], ENVELOPE: [], HEAD: []}
        recounts = set()
        for one, verdict in zip(sent, answer.verdicts, strict=True):
            judged[one.what].append(self._row(one, verdict, now_ms))
            if one.what == ENVELOPE and REJECTED in (verdict.verdict, one.verdict):
                recounts.add(one.device)  # it no longer counts, or counts again (ACK-4)
        with self._database.write() as connection:
            services.judge_documents(connection, judged[FACTS])
            envelopes.judge(connection, judged[ENVELOPE])
            for head in judged[HEAD]:
                states.mark_head_sent(connection, head["device"], head["text"], now_ms)
            changed = set()
            for receipt, envelope in told:
                if self._is_overtaken(
                    connection, batch, receipt.device, receipt.epoch, receipt.seq
                ):
                    continue
                if receipts.put(connection, receipt, envelope.encode(), now_ms):
                    changed.add(receipt.device)
            for device, epoch in sorted(untold):
                if self._is_overtaken(connection, batch, device, epoch, 0):
                    continue
                if receipts.drop(connection, device, epoch, now_ms):
                    changed.add(device)
        for key in untold | {(receipt.device, receipt.epoch) for receipt, _ in told}:
            self._told[key] = max(self._told.get(key, 0), batch.answered)
        return Settled(frozenset(changed), frozenset(recounts))

    def _is_overtaken(self, connection, batch: Batch, device: str, epoch: int, seq: int) -> bool:
        """Whether an answer to the other lane's batch, sent later, already said more.

        A receipt that falls is believed only from a batch that was sent after the higher one came:
        otherwise both answers crossed on their way.
        """
        known = receipts.get(connection, device, epoch)
        is_lower = known is not None and known.seq > seq
        return is_lower and batch.began < self._told.get((device, epoch), 0)

    def _row(self, one: Sent, verdict: Verdict, now_ms: int) -> dict:
        if verdict.verdict == REJECTED:
            log.warning("the centre rejects %s: %s", one.name, verdict.reason)
        pause_ms = self._pace.reoffer_first_ms * 2 ** min(one.tries, 30)
        return {
            "row_id": one.row_id,
            "verdict": verdict.verdict,
            "reason": verdict.reason,
            "next_try_at_ms": now_ms + min(pause_ms, self._pace.reoffer_longest_ms),
            "device": one.device,
            "text": one.text,
        }


def _add_envelopes(connection: Connection, batch: Batch, rows) -> None:
    for row in rows:
        if not _add_envelope(connection, batch, row):
            return


def _add_envelope(connection: Connection, batch: Batch, row) -> bool:
    """Add a record, and before it its service document if the centre lacks it; whether it fits."""
    document = b""
    lacking: int | None = row.document_id if row.document_verdict is None else None
    if lacking is not None and not batch.has_document(lacking):
        document = services.document(connection, lacking)
    if not batch.has_room(2 if document else 1, _size(row.envelope) + _size(document)):
        return False
    if lacking is not None and document:
        _add_document(batch, lacking, document)
    item = EnvelopeItem(
        envelope=row.envelope.decode(),
        received_at_ms=row.received_at_ms,
        window=row.window,
        service=row.service,
        marks=() if row.marks == "[]" else tuple(json.loads(row.marks)),
    )
    name = f"record {row.seq} of {row.device}"
    sent = Sent(ENVELOPE, row.id, row.device, row.epoch, name, "", row.verdict, row.tries)
    batch.add(item, sent, _size(row.envelope))
    return True


def _add_document(batch: Batch, row_id: int, document: bytes) -> None:
    if not batch.has_document(row_id) and batch.has_room(1, _size(document)):
        name = f"service document {row_id}"
        sent = Sent(FACTS, row_id, "", 0, name, "", None, 0)
        batch.add(FactsItem(facts=document.decode()), sent, _size(document))


def _add_head(batch: Batch, row) -> None:
    size = _size(row.head.encode()) + _size((row.receipt or "").encode())
    if batch.has_room(1, size):
        sent = Sent(HEAD, 0, row.device, 0, f"the head of {row.device}", row.head, None, 0)
        batch.add(HeadItem(head=row.head, receipt=row.receipt), sent, size)


def _named(sent: Iterable[Sent], verdicts: Iterable[Verdict]) -> set[tuple[str, int]]:
    """The (device, epoch) of every record and head that the centre verified."""
    named = set()
    for one, verdict in zip(sent, verdicts, strict=True):
        if one.what == FACTS or verdict.verdict == REJECTED:
            continue
        if one.what == ENVELOPE:
            named.add((one.device, one.epoch))
            continue
        try:  # what it names is in its bytes; the state around it was signed by nobody
            members = parse(split(one.text.encode())[0])
        except ProtocolError:
            continue
        named.add((members["device"], members["epoch"]))
    return named


def _size(data: bytes) -> int:
    """At most how long `data` is as a string in JSON, with what stands around it."""
    return 2 * len(data) + 256
