"""GET /healthz of the centre, and what it knows: whether the database takes what is written.

`pingjia central doctor` asks here.
"""

import logging
import os
from collections.abc import Callable
from pathlib import Path

from fastapi import FastAPI
from pydantic import BaseModel
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import JSONResponse

from central.custody.marks import CENTRE_CLOCK
from central.steady import PlainClock
from central.store import places
from central.store.database import Database

log = logging.getLogger(__name__)

LOOK_EVERY_S = 10.0
STORE = "store"


class Health(BaseModel):
    """Whether the centre can answer: `ok`, `centre_clock` while its own clock is in doubt, which
    loses nothing, or `store` while its database takes nothing, with a sentence for the operator.
    Nothing more is told without a token.
    """

    status: str
    detail: str | None = None


class StoreWatch:
    """Tries a write now and then; `trouble` is the alarm's sentence while it fails.

    write: writes something small, durably.
    """

    def __init__(self, database: Database, write: Callable[[], None]) -> None:
        self.trouble: str | None = None
        self._where = where_of(database.url)
        self._write = write

    def look(self) -> None:
        """Try a write."""
        try:
            self._write()
        except SQLAlchemyError as error:
            first = str(getattr(error, "orig", error)).splitlines()[0]
            self._say(f"{self._where} takes nothing ({first}). {_TODO}")
        else:
            if self.trouble is not None:
                log.warning("alarm %s is over", STORE)
            self.trouble = None

    def _say(self, sentence: str) -> None:
        if sentence != self.trouble:
            self.trouble = sentence
            log.error("alarm %s: %s", STORE, sentence)


_TODO = (
    "Halls keep their records meanwhile. Is the disk full, read-only or failing (`df`, `dmesg`), "
    "does PostgreSQL run? The centre goes on by itself."
)


def where_of(url: str) -> str:
    """What an operator calls the database; no password, no host."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        path = Path(parsed.database or "")
        return f"the disk with {path.parent}, where {path.name} is,"
    return f"the PostgreSQL database {parsed.database}"


def add_health(app: FastAPI, database: Database, clock: PlainClock, watch: StoreWatch) -> None:
    """Add the route."""

    @app.get("/healthz", responses={503: {"model": Health}})
    def get_health() -> Health:
        """200 while the database answers and takes what is written, else 503."""
        if watch.trouble is not None:
            told = Health(status=STORE, detail=watch.trouble).model_dump(exclude_none=True)
            return JSONResponse(told, 503)  # type: ignore[return-value]
        with database.read() as connection:
            places.has_devices(connection)
        told = Health(status="ok" if clock.doubt() is None else CENTRE_CLOCK)
        return JSONResponse(told.model_dump(exclude_none=True))  # type: ignore[return-value]


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
