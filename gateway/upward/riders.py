"""What rides with the records: service documents and signed heads; when they leave by themselves.

A province has 3,000 halls: each request that a hall can do without is 3,000 of them for the
centre. All pauses here are monotonic and in memory, so a stepped wall clock changes none.
"""

import math
from collections.abc import Callable

from sqlalchemy import Connection

from gateway.store import services, states
from gateway.upward.batch import Batch, add_document, add_head
from protocol.limits import BATCH_ITEMS
from protocol.message import CLOSED

DOCUMENT_WAIT_S = 30.0  # how long a document waits for company, at most (DESIGN 7)


class Riders:
    """Used by the live lane's thread, which has up to two batches on their way.

    head_every_s: so long after the centre was told all heads the next ones are due.
    """

    def __init__(self, head_every_s: float, monotonic_s: Callable[[], float]):
        self._head_every_s = head_every_s
        self._monotonic_s = monotonic_s
        self._heads_since_s = -math.inf
        self._whole: Batch | None = None  # the newest batch that held every changed head
        self._waits_since_s: dict[int, float] | None = None  # by document; None before any look
        self._under_way: list[Batch] = []

    def board(self, connection: Connection, batch: Batch, is_first: bool) -> None:
        """Add to a batch of records, which may be empty, what leaves with it.

        Changed heads go all together once a minute (`head_every_s`). A document goes with
        whatever leaves, its own rating or anything else; else when it has waited for
        `DOCUMENT_WAIT_S`, or its service is closed. is_first: no other batch is on its way.
        """
        if is_first:
            self._under_way.clear()
        self._add_heads(connection, batch)
        self._add_documents(connection, batch)
        if len(batch) > 0:
            self._under_way.append(batch)

    def landed(self, batch: Batch) -> None:
        """The centre has answered this batch, of whichever lane."""
        if batch in self._under_way:
            self._under_way.remove(batch)
        if batch is self._whole:
            self._heads_since_s = self._monotonic_s()
            self._whole = None

    def _add_heads(self, connection: Connection, batch: Batch) -> None:
        is_due = self._monotonic_s() - self._heads_since_s >= self._head_every_s
        if not is_due or any(one.has_heads() for one in self._under_way):
            return
        rows = states.unsent_heads(connection, BATCH_ITEMS)
        fitted = [row for row in rows if add_head(batch, row)]
        is_whole = 0 < len(rows) == len(fitted) < BATCH_ITEMS
        self._whole = batch if is_whole else None  # else the rest is due at once

    def _add_documents(self, connection: Connection, batch: Batch) -> None:
        rows = services.unsent_documents(connection, BATCH_ITEMS)
        now_s = self._monotonic_s()
        # Nobody knows how long those have waited that a start finds.
        new_s = -math.inf if self._waits_since_s is None else now_s
        since_s = self._waits_since_s or {}
        self._waits_since_s = {row.id: since_s.get(row.id, new_s) for row in rows}
        waiting = [row for row in rows if not self._is_under_way(row.id)]
        is_due = len(rows) == BATCH_ITEMS or any(
            row.phase == CLOSED or now_s - self._waits_since_s[row.id] >= DOCUMENT_WAIT_S
            for row in waiting
        )
        if is_due or len(batch) > 0:
            for row in waiting:
                add_document(batch, row.id, row.document)

    def _is_under_way(self, document: int) -> bool:
        return any(one.has_document(document) for one in self._under_way)
