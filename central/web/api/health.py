"""GET /healthz and /metrics of the centre, and what they know: whether the database takes what is
written, whether figures keep up. `pingjia central doctor` asks here.
"""

import logging
import os
import shutil
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from fastapi import FastAPI
from pydantic import BaseModel
from sqlalchemy import Connection
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import JSONResponse, PlainTextResponse

from central.custody.marks import CENTRE_CLOCK, JUDGE_LATE, RESTORED
from central.steady import PlainClock
from central.store import places
from central.store.database import Database
from hosting.clock import written
from hosting.log import CHANGE

log = logging.getLogger(__name__)

LOOK_EVERY_S = 10.0
STORE = "store"
_HANGS_S = 30.0  # a write waits ten seconds for others at most


class Health(BaseModel):
    """Whether the centre can answer: `ok`; `centre_clock` while its own clock is in doubt,
    `judge_late` while figures are behind, `restored` while what a copy lacked is offered again,
    which all lose nothing; or `store` while its database takes nothing; with a sentence for the
    operator. Nothing more is told without a token.
    """

    status: str
    detail: str | None = None


class StoreWatch:
    """Tries a write now and then; `trouble` is the alarm's sentence while that fails or hangs.

    write: writes something small, durably. find_late: since when the judge is behind, if it is.
    """

    def __init__(
        self,
        database: Database,
        write: Callable[[], None],
        find_late: Callable[[Connection], int | None],
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.late_ms: int | None = None
        # What a restored centre still waits for, a sentence.
        self.offered_again: Callable[[], str | None] = lambda: None
        self._database = database
        self._write = write
        self._find_late = find_late
        self._monotonic_s = monotonic_s
        self._where = where_of(database.url)
        self._said: str | None = None
        self._began_s: float | None = None  # of a look that has not ended yet
        self._took_s = monotonic_s()

    @property
    def trouble(self) -> str | None:
        """Why the database takes nothing; None while it does."""
        began_s = self._began_s
        if began_s is not None and self._monotonic_s() - began_s > _HANGS_S:
            self._say(f"{self._where} does not answer. {_REMEDY}")
        return self._said

    def silence_s(self) -> float:
        """How long ago it took something last, or since the start."""
        return self._monotonic_s() - self._took_s

    def look(self) -> None:
        """Try a write, and see whether the judge keeps up."""
        self._began_s = self._monotonic_s()
        try:
            self._write()
            with self._database.read() as connection:
                late_ms = self._find_late(connection)
        except SQLAlchemyError as error:
            first = str(getattr(error, "orig", error)).splitlines()[0]
            self._say(f"{self._where} takes nothing ({first}). {_REMEDY}")
        else:
            self._took_s = self._monotonic_s()
            if self._said is not None:
                log.warning("alarm %s is over", STORE, extra=CHANGE)
            self._said = None
            self._note_late(late_ms)
        finally:
            self._began_s = None

    def _say(self, sentence: str) -> None:
        if sentence != self._said:
            self._said = sentence
            log.error("alarm %s: %s", STORE, sentence, extra=CHANGE)

    def _note_late(self, late_ms: int | None) -> None:
        if late_ms is not None and self.late_ms is None:
            log.error("alarm %s: %s", JUDGE_LATE, late_since(late_ms), extra=CHANGE)
        elif late_ms is None and self.late_ms is not None:
            log.warning("alarm %s is over", JUDGE_LATE, extra=CHANGE)
        self.late_ms = late_ms


_REMEDY = (
    "Halls keep their records meanwhile. Is the disk full, read-only or failing (`df`, `dmesg`), "
    "does PostgreSQL run? The centre goes on by itself."
)


def late_since(late_ms: int) -> str:
    """The alarm's sentence about a judge that is behind."""
    return (
        f"figures lack what has waited since {written(late_ms)} (Asia/Shanghai); ratings and "
        "receipts go on. After a recount or an upgrade it catches up; else see the log."
    )


def where_of(url: str) -> str:
    """What an operator calls the database; no password, no host."""
    folder, name = folder_of(url), make_url(url).database or ""
    if folder is None:
        return f"the PostgreSQL database {name}"
    return f"the disk with {folder}, where {Path(name).name} is,"


def folder_of(url: str) -> Path | None:
    """Where SQLite's file is; None for PostgreSQL."""
    parsed = make_url(url)
    is_file = parsed.get_backend_name() == "sqlite"
    return Path(parsed.database or "").parent if is_file else None


def add_health(app: FastAPI, database: Database, clock: PlainClock, watch: StoreWatch) -> None:
    """Add the routes."""

    @app.get("/healthz", responses={503: {"model": Health}})
    def get_health() -> Health:
        """200 while the database answers and takes what is written, else 503."""
        if watch.trouble is not None:
            told = Health(status=STORE, detail=watch.trouble).model_dump(exclude_none=True)
            return JSONResponse(told, 503)  # type: ignore[return-value]
        with database.read() as connection:
            places.has_devices(connection)
        told = Health(status="ok")
        if clock.doubt() is not None:
            told = Health(status=CENTRE_CLOCK)
        elif watch.late_ms is not None:
            told = Health(status=JUDGE_LATE, detail=late_since(watch.late_ms))
        elif (again := watch.offered_again()) is not None:
            told = Health(status=RESTORED, detail=again)
        return JSONResponse(told.model_dump(exclude_none=True))  # type: ignore[return-value]

    @app.get("/metrics", response_class=PlainTextResponse)
    def get_metrics() -> PlainTextResponse:
        """How the centre is, in Prometheus' text format; no names, no figures of ratings."""
        return PlainTextResponse(metrics_of(database, clock, watch), media_type=_PROMETHEUS)


_PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


def metrics_of(database: Database, clock: PlainClock, watch: StoreWatch) -> str:
    """What `GET /metrics` says."""
    late_s = 0.0
    if watch.late_ms is not None:
        late_s = max(0, clock.now_ms() - watch.late_ms) / 1000
    build = f'build{{version="{version("pingjia")}"}}'
    told = [
        ("build", "The version that runs.", build, 1.0),
        ("store_up", "Whether the database takes what is written.", "", watch.trouble is None),
        ("store_silence_seconds", "Since it took something last.", "", watch.silence_s()),
        ("clock_doubted", "Whether the own clock is in doubt.", "", clock.doubt() is not None),
        ("judge_late_seconds", "Since when figures are behind, 0 if not.", "", late_s),
    ]
    if (folder := folder_of(database.url)) is not None:
        free = shutil.disk_usage(folder).free
        told.append(("disk_free_bytes", "Free space where the database is.", "", free))
    lines = []
    for name, words, sample, value in told:
        full = f"pingjia_centre_{name}"
        lines.append(f"# HELP {full} {words}\n# TYPE {full} gauge\n")
        lines.append(f"pingjia_centre_{sample or name} {float(value)}\n")
    return "".join(lines)


def probe(folder: Path) -> None:
    """Write a small file there, and remove it. Raises OSError."""
    path = folder / f".probe-{os.getpid()}"
    try:
        with path.open("wb") as file:
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())
    finally:
        path.unlink(missing_ok=True)
