"""GET /healthz: what is so now, with what to do; for anybody, so without people.

503 while the hall is cut off from its devices or its disk; `ok` only without any alarm.
`pingjia gateway status` asks here.
"""

import time
from importlib.metadata import version
from typing import Literal, NamedTuple

from fastapi import FastAPI
from pydantic import BaseModel
from sqlalchemy.exc import DatabaseError
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

from gateway.broker.mqtt import Link
from gateway.hall.hall_book import HallBook
from gateway.hall.presence import Presence
from gateway.keep.alarms import Alarms
from gateway.keep.metrics import Metrics
from gateway.keep.reserve import refusal
from gateway.store import overview, states
from gateway.store.database import Database
from gateway.store.overview import Waiting
from gateway.upward.centre import Contact

VERSION = version("pingjia")
CUT_OFF = ("mqtt", "broker", "disk", "database")  # alarms with which nothing is taken in

_OLD_S = 1.0


class HealthAnswer(BaseModel):
    """What is so now. status: `ok` without any alarm. devices: how many are in which state.
    centre_s: how many seconds ago the centre answered last, null if it has not since the start.
    waiting, waiting_documents: what the centre has not taken, waiting_since_ms: since when the
    oldest waits; rejected: records that it refused; null while the database cannot be read.
    alarms: a sentence for whoever must act, by name (docs/operate.md).
    """

    status: Literal["ok", "degraded"]
    version: str
    hall: str
    hall_version: int | None
    mqtt: bool
    devices: dict[str, int] | None
    centre_s: float | None
    waiting: int | None
    waiting_documents: int | None
    waiting_since_ms: int | None
    rejected: int | None
    alarms: dict[str, str]


class Counted(NamedTuple):
    """What waits for the centre, and how many devices are in which state."""

    waiting: Waiting
    devices: dict[str, int]


class Health:
    """Answers without asking the database again, while it has nothing new to say.

    What waits is counted when something was committed since, and else once a second: a disk that
    nobody writes to may fail, too.
    """

    def __init__(
        self,
        database: Database,
        book: HallBook,
        link: Link,
        presence: Presence,
        contact: Contact,
        alarms: Alarms,
    ):
        self._database = database
        self._book = book
        self._link = link
        self._presence = presence
        self._contact = contact
        self._alarms = alarms
        self._counted: tuple[int, float, Counted | None] = (-1, 0.0, None)

    def install(self, app: FastAPI) -> None:
        """Add the route."""
        app.add_api_route(
            "/healthz",
            self.now,
            response_class=JSONResponse,
            responses={200: {"model": HealthAnswer}, 503: {"model": HealthAnswer}},
            summary="What is so now, and what to do",
        )

    async def now(self) -> JSONResponse:
        """200, or 503 with the same members while the hall is cut off from devices or disk."""
        commits, counted_s, counted = self._counted
        if commits != self._database.commits or time.monotonic() - counted_s >= _OLD_S:
            counted = await run_in_threadpool(self._try_count)
        alarms = self._alarms.standing()
        waiting, devices = counted or (None, None)
        since_ms = waiting and [one for one in waiting[1::2] if one is not None]
        ago_s = self._contact.ago_s()
        answer = {
            "status": "degraded" if alarms else "ok",
            "version": VERSION,
            "hall": self._book.name,
            "hall_version": self._book.version,
            "mqtt": self._link.is_up(),
            "devices": devices,
            "centre_s": ago_s and round(ago_s, 1),
            "waiting": waiting and waiting.records,
            "waiting_documents": waiting and waiting.documents,
            "waiting_since_ms": min(since_ms) if since_ms else None,
            "rejected": waiting and waiting.rejected,
            "alarms": alarms,
        }
        is_cut_off = any(name in alarms for name in CUT_OFF)
        return JSONResponse(answer, 503 if is_cut_off else 200)

    def count(self) -> Counted:
        """What waits, and the devices. Raises what the database raises."""
        commits = self._database.commits  # before: a commit meanwhile is counted the next time
        with self._database.read() as connection:
            waiting = overview.waiting(connection)
            said = {row.device: row for row in states.everyone(connection)}
        counted = Counted(waiting, self._presence.counts(said))
        self._counted = (commits, time.monotonic(), counted)
        return counted

    def _try_count(self) -> Counted | None:
        try:
            return self.count()
        except DatabaseError as error:
            self._alarms.set("database", refusal(error))
            return None

    def watch(self, metrics: Metrics) -> None:
        """Let the metrics say the same."""
        watch = metrics.watch
        watch("mqtt_up", "Whether the broker's session stands.", self._link.is_up)
        watch("alarms", "Alarms that stand, see /healthz.", lambda: len(self._alarms.standing()))
        watch(
            "centre_silence_seconds",
            "Since the centre answered last, or since the start.",
            self._contact.silence_s,
        )
        metrics.tell_version(VERSION)

        def waiting() -> Waiting:
            return self.count().waiting

        watch("waiting_records", "Records without a verdict.", lambda: waiting().records)
        watch("waiting_documents", "Service documents not sent.", lambda: waiting().documents)
        watch("rejected_records", "Records that the centre refused.", lambda: waiting().rejected)
        metrics.watch_each("devices", "Devices by state.", "state", lambda: self.count().devices)
