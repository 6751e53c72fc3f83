"""What was judged becomes rows: records, states, refusals, in one commit.

Then gateway/hall/custody.py acknowledges it and wakes the forwarder, which asks for batches. Next
on a rating's way: gateway/upward/outbox.py makes them.
"""

import logging
from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection

from gateway.hall import intake
from gateway.hall.hall_book import HallBook
from gateway.hall.intake import Accepted, Judged, Refused, Told
from gateway.hall.restraint import HELD_BACK, Restraint
from gateway.keep.hall_clock import HallClock
from gateway.store import envelopes, quarantine, services, states
from gateway.store.database import Database
from protocol.message import State, Will

log = logging.getLogger(__name__)


class Filed(NamedTuple):
    """What a commit leads to: records by lane, and devices to be told something. heard: those that
    told their state.
    """

    live: int
    old: int
    acks: set[str]
    clocks: set[str]
    heard: set[str]


class Filing:
    """Writes deliveries into the hall's database.

    live_ms: a record that its device dates within so much of now is live and leaves at once; one
    without a time is old. quarantine_kept: refusals, the newest.
    """

    def __init__(
        self,
        database: Database,
        book: HallBook,
        clock: HallClock,
        restraint: Restraint,
        live_ms: int,
        quarantine_kept: int,
    ):
        self._database = database
        self._book = book
        self._clock = clock
        self._restraint = restraint
        self._live_ms = live_ms
        self._quarantine_kept = quarantine_kept

    def file(self, judged: Iterable[Judged]) -> Filed:
        """Commit all of it; durable when this returns, nothing of it is kept if it raises."""
        now_ms = self._clock.now_ms()
        rows, refusals, told = [], [], []
        acks, clocks = set(), set()
        held_back: dict[str, int] = {}
        for one in judged:
            if type(one) is Accepted:
                if not self._restraint.admits(one.device):
                    held_back[one.device] = held_back.get(one.device, 0) + 1
                    continue
                rows.append(self._row(one, now_ms))
                acks.add(one.device)  # duplicates, too: the database holds them (ACK-2)
            elif type(one) is Refused:
                refusals.append({**one._asdict(), "received_at_ms": now_ms})
            elif type(one) is Told:
                told.append(one)
        with self._database.write() as connection:
            envelopes.put(connection, rows)
            quarantine.put(connection, refusals, self._quarantine_kept)
            for device, times in held_back.items():
                quarantine.count(connection, device, HELD_BACK, times, now_ms)
            for one in told:
                if _hear(connection, one, now_ms):
                    clocks.add(one.device)
        self._restraint.note_rows(row["device"] for row in rows)
        heard = {one.device for one in told if type(one.message) is State}
        acks |= heard
        live = sum(row["live"] for row in rows)
        return Filed(live, len(rows) - live, acks, clocks, heard)

    def _row(self, accepted: Accepted, now_ms: int) -> dict:
        made_at_ms = accepted.made_at_ms
        is_live = made_at_ms is not None and abs(now_ms - made_at_ms) <= self._live_ms
        is_live = is_live and not self._restraint.is_suspect(accepted.device)
        window = self._window(accepted)
        return intake.row(accepted, now_ms, window, is_live, self._clock.ran_ms())

    def _window(self, accepted: Accepted) -> str | None:
        """Where a record was made: at its service's window, else where its device stood then."""
        if accepted.service is not None and self._book.has_moved(accepted.device):
            with self._database.read() as connection:
                service = services.get(connection, accepted.service)
            if service is not None:
                return service.window
        return self._book.window_at(accepted.device, accepted.made_at_ms)


def _hear(connection: Connection, told: Told, now_ms: int) -> bool:
    """Keep what a device said; whether it has just come online."""
    before = states.get(connection, told.device)
    if told.is_kept:  # nobody knows when it was said
        now_ms = before.received_at_ms if before else 0
    if isinstance(told.message, Will):
        is_its = states.put_will(connection, told.device, told.message, now_ms)
        if not is_its:
            log.info("the last will of %s is of an older session (STA-2)", told.device)
        elif before is not None and before.online:
            log.info("%s has gone: the broker lost its connection", told.device)
        return False
    states.put(connection, told.device, told.message, now_ms)
    is_new = not before or not before.online or before.session != told.message.session
    if is_new and not told.is_kept:
        log.info("%s has come, with firmware %s", told.device, told.message.firmware)
    return is_new
