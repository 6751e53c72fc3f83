"""Custody: the hall becomes the keeper of a rating.

Takes everything that waits, commits it once, and only then acknowledges (ACK-1). A small hall
sees the latency of one commit, a flood the throughput of large ones.
Next on a rating's way: gateway/announcer.py tells the device, gateway/outbox.py offers it upward.
"""

import logging
import time
from collections.abc import Callable

from sqlalchemy import Connection

from gateway import intake
from gateway.alarm import Alarms
from gateway.announcer import Announcer
from gateway.hall import HallBook
from gateway.inbox import Inbox, Message, Wanted
from gateway.intake import Accepted, Refused, Told
from gateway.metrics import Metrics
from gateway.mqtt import Link
from gateway.reserve import Reserve
from gateway.store import envelopes, quarantine, states
from gateway.store.database import Database, is_full
from protocol.message import State, Will

log = logging.getLogger(__name__)

INTAKE_FAILED = "intake_failed"

_WORDS = {Accepted: "record", Told: "state", Refused: "refused"}


class Custody:
    """One thread's work; `step` does one round."""

    def __init__(
        self,
        database: Database,
        inbox: Inbox,
        link: Link,
        book: HallBook,
        announcer: Announcer,
        alarms: Alarms,
        metrics: Metrics,
        reserve: Reserve,
        wake_forwarder: Callable[[int, int], None],
        now_ms: Callable[[], int],
        live_ms: int,
        quarantine_kept: int,
    ):
        self._database = database
        self._inbox = inbox
        self._link = link
        self._book = book
        self._announcer = announcer
        self._alarms = alarms
        self._metrics = metrics
        self._reserve = reserve
        self._wake_forwarder = wake_forwarder
        self._now_ms = now_ms
        self._live_ms = live_ms
        self._quarantine_kept = quarantine_kept
        self._messages: list[Message] = []
        self._is_full = False
        self._live = self._old = 0  # records of the last commit, by lane

    def step(self, timeout_s: float = 1.0) -> None:
        """Take what waits, commit, acknowledge, say what is to be said.

        Raises whatever the commit raised: nothing of it is acknowledged then, nothing more is
        received, and the next step tries the same messages again. What is safe already is said
        all the same.
        """
        if self._messages:
            wanted = self._inbox.take_wanted(timeout_s if self._is_full else 0)
        else:
            self._messages, wanted = self._inbox.take(timeout_s)
        try:
            if self._messages and self._has_room():
                self._keep()
        finally:
            self._say(wanted)

    def _keep(self) -> None:
        now_ms = self._now_ms()
        began_s = time.monotonic()
        judged = [self._judge(message) for message in self._messages]
        try:
            self._commit(judged, now_ms)
        except Exception as error:
            if is_full(error):
                self._pause()
                return
            self._alarms.set(
                "database",
                f"The database takes nothing: {error}. Devices keep their records meanwhile.",
            )
            raise
        self._alarms.clear("database")
        # Here custody passes: the commit is durable, and only now the broker may forget (ACK-1).
        self._link.acknowledge(self._messages)
        self._messages = []
        self._wake_forwarder(self._live, self._old)
        took_s = time.monotonic() - began_s
        self._metrics.committed((_WORDS[type(one)] for one in judged), len(judged), took_s)

    def _pause(self) -> None:
        """The disk is full: with the reserve given up, verdicts and deletions still find room."""
        self._is_full = True
        self._reserve.release()
        self._alarms.set(
            "disk",
            "The disk with the data folder is full: nothing more is taken in, devices keep their "
            "records. Make room on it; the gateway goes on by itself.",
        )

    def _has_room(self) -> bool:
        """Whether to take in: not while the disk is full and nothing could be deleted."""
        if not self._is_full:
            return True
        if not self._reserve.hold() and not self._make_room():
            return False
        self._is_full = False
        self._alarms.clear("disk")
        log.info("there is room again; intake goes on")
        return True

    def _make_room(self) -> bool:
        """Delete the oldest of what the centre has; whether that is room enough to go on."""
        with self._database.write() as tx:
            envelopes.let_go(tx, self._now_ms())
        return self._database.free_bytes() >= self._reserve.size // 2

    def _judge(self, message: Message):
        book = self._book
        try:
            return intake.judge(message.topic, message.payload, book.name, book.devices)
        except Exception as error:  # ours, but one strange payload must not stop the hall
            log.exception("a payload on %s could not be judged", message.topic)
            return intake.refused("", message.topic, INTAKE_FAILED, repr(error), message.payload)

    def _commit(self, judged: list, now_ms: int) -> None:
        accepted = [one for one in judged if type(one) is Accepted]
        refused = [one for one in judged if type(one) is Refused]
        told = [one for one in judged if type(one) is Told]
        clocks: set[str] = set()
        with self._database.write() as tx:
            kept = [self._row(one, now_ms) for one in accepted]
            envelopes.put(tx, kept)
            rows = [{**one._asdict(), "received_at_ms": now_ms} for one in refused]
            quarantine.put(tx, rows, self._quarantine_kept)
            for one in told:
                if self._hear(tx, one, now_ms):
                    clocks.add(one.device)
        self._live = sum(row["live"] for row in kept)
        self._old = len(kept) - self._live
        # Duplicates are acknowledged again: the database holds them (ACK-2).
        acks = {one.device for one in accepted}
        acks |= {one.device for one in told if type(one.message) is State}
        self._inbox.want(acks=acks, clocks=clocks)

    def _row(self, accepted: Accepted, now_ms: int) -> dict:
        made_at_ms = accepted.made_at_ms
        is_live = made_at_ms is not None and abs(now_ms - made_at_ms) <= self._live_ms
        return intake.row(accepted, now_ms, self._book.devices[accepted.device].window, is_live)

    def _hear(self, tx: Connection, told: Told, now_ms: int) -> bool:
        """Keep what a device said; whether it has just come online."""
        if isinstance(told.message, Will):
            if not states.put_will(tx, told.device, told.message, now_ms):
                log.info("the last will of %s is of an older session (STA-2)", told.device)
            return False
        before = states.get(tx, told.device)
        states.put(tx, told.device, told.message, now_ms)
        return not before or not before.online or before.session != told.message.session

    def _say(self, wanted: Wanted) -> None:
        for device in wanted.recounts:
            self._announcer.reach.forget(device)
        for before, after in wanted.former:
            self._announcer.former(before, after)
        if wanted.is_everything:
            self._announcer.everything_retained()
        self._announcer.clocks(wanted.clocks)
        self._announcer.tickets(wanted.tickets)
        self._announcer.acks(wanted.acks | wanted.recounts)
