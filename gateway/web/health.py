"""GET /healthz: what works and what does not, with what to do; for anybody, so without names."""

import time
from typing import NamedTuple

from starlette.concurrency import run_in_threadpool

from gateway.broker.mqtt import Link
from gateway.hall.hall_book import HallBook
from gateway.keep.alarms import Alarms
from gateway.store import envelopes, services
from gateway.store.database import Database

_OLD_S = 1.0


class Waiting(NamedTuple):
    """What the centre has not taken: records, documents; rejected: records that it refused."""

    records: int
    documents: int
    rejected: int


class Health:
    """Answers without asking the database again, while it has nothing new to say.

    What waits is counted when something was committed since, and else once a second: a disk that
    nobody writes to may fail, too.
    """

    def __init__(self, database: Database, book: HallBook, link: Link, alarms: Alarms):
        self._database = database
        self._book = book
        self._link = link
        self._alarms = alarms
        self._counted = (-1, 0.0, Waiting(0, 0, 0))

    async def now(self) -> dict:
        """What works and what does not, with what to do; no token, so no names either."""
        commits, counted_s, waiting = self._counted
        if commits != self._database.commits or time.monotonic() - counted_s >= _OLD_S:
            waiting = await run_in_threadpool(self.count)
        standing = self._alarms.standing()
        is_up = self._link.is_up()
        return {
            "status": "ok" if is_up and not standing else "degraded",
            "hall": self._book.name,
            "hall_version": self._book.version,
            "mqtt": is_up,
            "waiting": waiting.records,
            "waiting_documents": waiting.documents,
            "rejected": waiting.rejected,
            "alarms": standing,
        }

    def count(self) -> Waiting:
        """What waits for the centre. Raises what the database raises."""
        commits = self._database.commits  # before: a commit meanwhile is counted the next time
        with self._database.read() as connection:
            records = envelopes.waiting_counts(connection)
            documents = services.unsent_count(connection)
        waiting = Waiting(records["waiting"], documents, records["rejected"])
        self._counted = (commits, time.monotonic(), waiting)
        return waiting
