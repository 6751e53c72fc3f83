"""Custody: the hall becomes the keeper of a rating.

Takes everything that waits, commits it once, and only then acknowledges (ACK-1). A small hall
sees the latency of one commit, a flood the throughput of large ones.
gateway/broker/mqtt.py put it into gateway/hall/inbox.py; gateway/hall/intake.py judges it without
a key. Next on a rating's way: gateway/hall/filing.py writes it.
"""

import logging
import time
from collections.abc import Callable

from gateway.broker.mqtt import Link, Message
from gateway.hall import intake
from gateway.hall.announcer import Announcer
from gateway.hall.filing import Filing
from gateway.hall.hall_book import HallBook
from gateway.hall.inbox import Inbox
from gateway.hall.intake import Accepted, Judged, Refused, Told
from gateway.hall.presence import Presence
from gateway.keep.alarms import Alarms
from gateway.keep.metrics import Metrics
from gateway.keep.reserve import Room, refusal
from protocol.message import State

log = logging.getLogger(__name__)

_WORDS = {Accepted: "record", Told: "state", Refused: "refused"}


class Custody:
    """One thread's work; `step` does one round.

    forward: what was committed may leave: so many live records, so many old ones.
    """

    def __init__(
        self,
        *,
        inbox: Inbox,
        book: HallBook,
        filing: Filing,
        room: Room,
        presence: Presence,
        link: Link,
        announcer: Announcer,
        forward: Callable[[int, int], None],
        alarms: Alarms,
        metrics: Metrics,
    ):
        self._inbox = inbox
        self._book = book
        self._filing = filing
        self._room = room
        self._presence = presence
        self._link = link
        self._announcer = announcer
        self._forward = forward
        self._alarms = alarms
        self._metrics = metrics
        self._messages: list[Message] = []

    def step(self, timeout_s: float = 1.0) -> None:
        """Take what waits, commit, acknowledge, say what is to be said.

        Raises whatever the commit raised, but for a disk that takes nothing, which is waited out.
        Nothing of it is acknowledged then, nothing more is received, and the next step tries the
        same messages again. What is safe already is said all the same.
        """
        if self._messages:
            wanted = self._inbox.take_wanted(timeout_s if self._room.is_shut else 0)
        else:
            self._messages, wanted = self._inbox.take(timeout_s)
        try:
            if self._messages and self._room.is_there():
                self._keep()
        finally:
            self._announcer.say(wanted)

    def _keep(self) -> None:
        began_s = time.monotonic()
        judged = [self._judge(message) for message in self._messages]
        try:
            filed = self._filing.file(judged)
        except Exception as error:
            if self._room.is_shut:
                return
            self._alarms.set("database", refusal(error))
            raise
        self._alarms.clear("database")
        # Here custody passes: the commit is durable, and only now the broker may forget (ACK-1).
        self._link.acknowledge(self._messages)
        self._messages = []
        self._presence.hear(
            one.device
            for one in judged
            if type(one) is Accepted
            or (type(one) is Told and type(one.message) is State and not one.is_kept)
        )
        tickets = self._announcer.hear(filed.heard)
        self._inbox.want(acks=filed.acks, clocks=filed.clocks, tickets=tickets)
        self._forward(filed.live, filed.old)
        took_s = time.monotonic() - began_s
        self._metrics.committed((_WORDS[type(one)] for one in judged), len(judged), took_s)

    def _judge(self, message: Message) -> Judged:
        book = self._book
        try:
            judged = intake.judge(message.topic, message.payload, book.name, book.devices)
            return judged._replace(is_kept=message.is_kept) if type(judged) is Told else judged
        except Exception as error:  # ours, but one strange payload must not stop the hall
            log.exception("a payload on %s could not be judged", message.topic)
            reason = intake.INTAKE_FAILED
            return intake.refused("", message.topic, reason, repr(error), message.payload)
