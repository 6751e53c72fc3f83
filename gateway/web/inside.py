"""A device's own page, and the page of the system: what is so, and what was."""

import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from gateway.broker.mqtt import Link
from gateway.config import Config
from gateway.desk.services import NoSuchError
from gateway.hall.hall_book import HallBook
from gateway.hall.history import ALARM, KEPT_DAYS, PROBLEM, RUN, STATE
from gateway.hall.presence import Presence
from gateway.keep.alarms import Alarms
from gateway.keep.certificates import days_shown
from gateway.store import envelopes, happenings, states, tokens
from gateway.store.database import Database
from gateway.upward.centre import Contact
from gateway.web import advice
from gateway.web.advice import Advice
from gateway.web.health import VERSION
from gateway.web.overview import Overview
from gateway.web.views import settings_version
from protocol.envelope import split
from protocol.field import ProtocolError
from protocol.limits import ENVELOPE_BYTES
from protocol.record import parse_json

_ROWS = 50  # of a history
_STARTS = 20
_MB = 1_000_000


class Shown(NamedTuple):
    """A row of a history: what was so, in words (None for a state, which the page names), what to
    do, until when it was so, None if it is so now, and the row itself.
    """

    kind: str
    word: str
    what: str
    todo: str
    until_ms: int | None
    row: Any


class Start(NamedTuple):
    """A start of a device: when it was told, and why; with which firmware."""

    at_ms: int
    cause: str
    firmware: str


class Inside:
    """The values of device_live.html and system_live.html; called by any thread."""

    def __init__(
        self,
        config: Config,
        database: Database,
        book: HallBook,
        link: Link,
        contact: Contact,
        overview: Overview,
        now_ms: Callable[[], int],
    ):
        self._config = config
        self._database = database
        self._book = book
        self._link = link
        self._contact = contact
        self._overview = overview
        self._now_ms = now_ms
        self._began_s = time.monotonic()

    def device(self, name: str) -> Mapping[str, Any]:
        """Of one device. Raises NoSuchError for none of the hall's."""
        bound = self._book.devices.get(name)
        if bound is None:
            raise NoSuchError(f"The hall has no device {name[:64]}")
        with self._database.read() as connection:
            said = states.get(connection, name)
            rows = happenings.newest(connection, name, _ROWS)
            boots = envelopes.newest_boots(connection, name, _STARTS)
        return {
            "device": self._overview.device(said, name, self._now_ms()),
            "window_id": bound.window,
            "epoch": bound.epoch,
            "settings_wanted": settings_version(bound.settings),
            "starts": [one for row in boots if (one := _start(row))],
            "history": [_shown(row) for row in rows],
            "kept_days": KEPT_DAYS,
        }

    def system(self) -> Mapping[str, Any]:
        """Of the gateway itself."""
        with self._database.read() as connection:
            every = sorted(tokens.everyone(connection), key=lambda row: row.name)
            rows = happenings.newest(connection, "", _ROWS)
        config, folder = self._config, self._config.data_dir
        ago_s, now_ms = self._contact.ago_s(), self._now_ms()
        up_ms = round((time.monotonic() - self._began_s) * 1000)
        return {
            "hall": self._book.name,
            "hall_version": self._book.version,
            "version": VERSION,
            "up_ms": up_ms,
            "disk": _disk(folder),
            "broker": config.broker,
            "broker_at": f"{config.mqtt_host}:{config.mqtt_port}",
            "is_linked": self._link.is_up(),
            "centre_url": config.centre_url,
            "centre_ago_ms": None if ago_s is None else round(ago_s * 1000),
            "certificate_days": days_shown(config.secure_dir),
            "tokens": every,
            "now_ms": now_ms,
            "history": [_shown(row, now_ms - up_ms) for row in rows],
            "kept_days": KEPT_DAYS,
        }

    def see(self, id: int, who: str) -> None:
        """Note that somebody knows of what is so. Raises NoSuchError for what is no more."""
        with self._database.write() as connection:
            if not happenings.see(connection, id, self._now_ms(), who):
                raise NoSuchError("It is over")


def views_of(
    config: Config,
    database: Database,
    book: HallBook,
    presence: Presence,
    alarms: Alarms,
    link: Link,
    contact: Contact,
    now_ms: Callable[[], int],
) -> tuple[Overview, Inside]:
    """What hall IT's pages show."""
    overview = Overview(database, book, presence, alarms, now_ms, config.secure_dir)
    return overview, Inside(config, database, book, link, contact, overview, now_ms)


def _disk(folder: Path) -> tuple[int, int] | None:
    """Free and all megabytes; None if nobody knows."""
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return None
    return usage.free // _MB, usage.total // _MB


def _start(row: Any) -> Start | None:
    try:
        boot = parse_json(split(row.envelope, ENVELOPE_BYTES)[0], "boot")
        cause = str(boot["cause"])
        return Start(row.received_at_ms, advice.CAUSES.get(cause, cause), str(boot["firmware"]))
    except (ProtocolError, KeyError, TypeError):
        return None


def _shown(row: Any, began_ms: int | None = None) -> Shown:
    """began_ms: when this gateway began; its own run goes on, whenever that was noted last."""
    kind, _, word = row.what.partition(":")
    kind = f"{kind}:"
    found = Advice(word, "")
    if kind == PROBLEM:
        found = advice.PROBLEMS.get(word, found)
    elif kind == ALARM:
        found = advice.ALARMS.get(word, found)
    elif kind in (STATE, RUN):
        found = Advice("", "")
    is_ours = kind == RUN and began_ms is not None and row.since_ms >= began_ms
    until_ms = None if is_ours else row.until_ms
    return Shown(kind.rstrip(":"), word, found.what, found.todo, until_ms, row)
