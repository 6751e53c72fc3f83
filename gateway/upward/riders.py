"""What rides with the records: service documents, what became of services, and signed heads; when
they leave by themselves.

A province has 3,000 halls: each request that a hall can do without is 3,000 of them for the
centre. All pauses here are monotonic and in memory, so a stepped wall clock changes none.
"""

import math

from sqlalchemy import Connection

from gateway.keep.hall_clock import HallClock
from gateway.store import progress, services, states
from gateway.upward.alone import Alone
from gateway.upward.batch import FACTS, HEAD, PROGRESS, Batch, add_document, add_head, add_progress
from protocol.limits import BATCH_ITEMS
from protocol.message import CLOSED

DOCUMENT_WAIT_S = 30.0  # how long a document waits for company, at most (DESIGN 7)


class Riders:
    """Used by the live lane's thread, which has up to two batches on their way.

    hall: its id. head_every_s: so long after the centre was told all heads the next ones are due.
    first_id: progress up to it is an earlier start's.
    """

    def __init__(
        self, hall: str, head_every_s: float, clock: HallClock, first_id: int, alone: Alone
    ):
        self._hall = hall
        self._head_every_s = head_every_s
        self._clock = clock
        self._monotonic_s = clock.monotonic_s
        self._first_id = first_id
        self._alone = alone
        self._heads_since_s = -math.inf
        self._whole: Batch | None = None  # the newest batch that held every changed head
        # By (FACTS or PROGRESS, id); None before any look.
        self._waits_since_s: dict[tuple[str, int], float] | None = None
        self._under_way: list[Batch] = []

    def board(self, connection: Connection, batch: Batch, is_first: bool) -> None:
        """Add to a batch of records, which may be empty, what leaves with it.

        Changed heads go all together once a minute (`head_every_s`). A document, and progress, go
        with whatever leaves, its own rating or anything else; else when they have waited for
        `DOCUMENT_WAIT_S`, or a document's service is closed. is_first: no other batch is on its
        way.
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
        apart = [row for row in rows if self._alone.has((HEAD, 0, row.device))]
        for row in apart:
            newest = Batch()
            add_head(newest, row)
            self._alone.renew(newest)
        rows = [row for row in rows if row not in apart]
        fitted = [row for row in rows if add_head(batch, row)]
        is_whole = 0 < len(rows) == len(fitted) < BATCH_ITEMS
        self._whole = batch if is_whole else None  # else the rest is due at once

    def _add_documents(self, connection: Connection, batch: Batch) -> None:
        documents = services.unsent_documents(connection, BATCH_ITEMS)
        told = progress.unsent(connection, BATCH_ITEMS)
        rows = {(FACTS, row.id): row for row in documents}
        rows |= {(PROGRESS, row.id): row for row in told}
        now_s = self._monotonic_s()
        # Nobody knows how long those have waited that a start finds.
        new_s = -math.inf if self._waits_since_s is None else now_s
        since_s = self._waits_since_s or {}
        self._waits_since_s = {key: since_s.get(key, new_s) for key in rows}
        waiting = {
            key: row
            for key, row in rows.items()
            if not self._is_under_way(*key) and not self._alone.has((*key, ""))
        }
        is_due = max(len(documents), len(told)) == BATCH_ITEMS or any(
            now_s - self._waits_since_s[key] >= DOCUMENT_WAIT_S
            or (key[0] == FACTS and row.phase == CLOSED)
            for key, row in waiting.items()
        )
        if is_due or len(batch) > 0:
            for (what, row_id), row in waiting.items():
                if what == FACTS:
                    add_document(batch, row_id, row.document)
                else:
                    ran_ms = row.ran_ms if row.id > self._first_id else None
                    add_progress(batch, self._hall, row, self._clock.place(row.at_ms, ran_ms))

    def _is_under_way(self, what: str, row_id: int) -> bool:
        return any(one.has(what, row_id) for one in self._under_way)
