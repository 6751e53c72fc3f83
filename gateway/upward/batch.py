"""A batch: its items within their limits, and what each of them is in the hall's database.

gateway/upward/outbox.py says what goes into one.
"""

import json
from collections.abc import Callable, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from gateway.store import services
from protocol.batch import (
    EnvelopeItem,
    FactsItem,
    HeadItem,
    Progress,
    ProgressItem,
    encode_batch,
)
from protocol.limits import BATCH_BYTES, BATCH_ITEMS

FACTS, ENVELOPE, PROGRESS, HEAD = "facts", "envelope", "progress", "head"

_ORDER = (FACTS, ENVELOPE, PROGRESS, HEAD)  # in a body
_MARGIN_BYTES = 64 * 1024  # for the batch's own brackets


Key = tuple[str, int, str]  # what an item is: its kind, its row, a head's device


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

    @property
    def key(self) -> Key:
        """Tells it from every other item."""
        return (self.what, self.row_id, self.device)


class Batch:
    """Up to 500 items below 8 MB, documents first and heads last.

    last_id: of its newest record. packed: its body as it travels. began, answered: when it was
    sent and answered, in the count that `Outbox.tick` gives. has_failed: the centre answered 500.
    """

    def __init__(self):
        self.last_id = 0
        self.packed = b""
        self.began = self.answered = 0
        self.has_failed = False
        self._items: dict[str, list] = {what: [] for what in _ORDER}
        self._sent: dict[str, list[Sent]] = {what: [] for what in _ORDER}
        self._size = _MARGIN_BYTES

    def __len__(self) -> int:
        return sum(len(items) for items in self._items.values())

    def has(self, what: str, row_id: int) -> bool:
        """Whether this service document, or this progress, is in it."""
        return any(one.row_id == row_id for one in self._sent[what])

    def has_heads(self) -> bool:
        """Whether a head is in it."""
        return bool(self._items[HEAD])

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

    def body(self, now_ms: int) -> bytes:
        """The body of `POST /v1/batches`, packed now."""
        return encode_batch([item for items in self._items.values() for item in items], now_ms)

    def body_of_no_time(self) -> bytes:
        """The same for a file: nobody knows when it will arrive."""
        return encode_batch([item for items in self._items.values() for item in items])

    def halves(self) -> tuple["Batch", "Batch"]:
        """Two batches with its items, in their order; of two items or more."""
        middle = len(self) // 2
        return self._part(0, middle), self._part(middle, len(self))

    def again(self) -> "Batch":
        """The same items, to be sent once more."""
        return self._part(0, len(self))

    def _part(self, begin: int, end: int) -> "Batch":
        part = Batch()
        items = [item for items in self._items.values() for item in items]
        for item, sent in list(zip(items, self.sent(), strict=True))[begin:end]:
            part.add(item, sent, 0)
        return part

    def sent(self) -> list[Sent]:
        """What the items are, in the body's order."""
        return [sent for items in self._sent.values() for sent in items]


def add_envelopes(
    connection: Connection, batch: Batch, rows: Sequence, received_at_ms: Callable
) -> None:
    """Add records of the store, each after its service document if the centre lacks that; the
    first one that does not fit ends it. received_at_ms: of a row, as the centre is told it.
    """
    for row in rows:
        if not _add_envelope(connection, batch, row, received_at_ms(row)):
            return


def _add_envelope(connection: Connection, batch: Batch, row, received_at_ms: int) -> bool:
    document = b""
    lacking: int | None = row.document_id if row.document_verdict is None else None
    if lacking is not None and not batch.has(FACTS, lacking):
        document = services.document(connection, lacking)
    if not batch.has_room(2 if document else 1, _size(row.envelope) + _size(document)):
        return False
    if lacking is not None and document:
        add_document(batch, lacking, document)
    item = EnvelopeItem(
        envelope=row.envelope.decode(),
        received_at_ms=received_at_ms,
        window=row.window,
        service=row.service,
        marks=() if row.marks == "[]" else tuple(json.loads(row.marks)),
    )
    name = f"record {row.seq} of {row.device}"
    sent = Sent(ENVELOPE, row.id, row.device, row.epoch, name, "", row.verdict, row.tries)
    batch.add(item, sent, _size(row.envelope))
    return True


def add_document(batch: Batch, row_id: int, document: bytes) -> None:
    """Add a service document, once, if it fits."""
    if not batch.has(FACTS, row_id) and batch.has_room(1, _size(document)):
        name = f"service document {row_id}"
        sent = Sent(FACTS, row_id, "", 0, name, "", None, 0)
        batch.add(FactsItem(facts=document.decode()), sent, _size(document))


def add_progress(batch: Batch, hall: str, row, at_ms: int | None) -> None:
    """Add what became of a service, once, if it fits. at_ms: when, None if nobody can tell."""
    if not batch.has(PROGRESS, row.id) and batch.has_room(1, _size(row.projects.encode())):
        told = (row.service, row.what, at_ms, row.staff_no, tuple(json.loads(row.projects)))
        name = f"{row.what} of service {row.service}"
        sent = Sent(PROGRESS, row.id, "", 0, name, "", None, 0)
        batch.add(ProgressItem(Progress(hall, *told)), sent, _size(row.projects.encode()))


def add_head(batch: Batch, row) -> bool:
    """Add a device's newest head and the receipt that it holds; whether they fit."""
    size = _size(row.head.encode()) + _size((row.receipt or "").encode())
    if not batch.has_room(1, size):
        return False
    sent = Sent(HEAD, 0, row.device, 0, f"the head of {row.device}", row.head, None, 0)
    batch.add(HeadItem(row.head, row.receipt, row.settings), sent, size)
    return True


def _size(data: bytes) -> int:
    """At most how long `data` is as a string in JSON, with what stands around it."""
    return 2 * len(data) + 256
