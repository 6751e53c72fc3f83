"""Asks the centre for the hall's document, now and then and when an answer hints at a new one."""

import logging
import random
import threading
import time
from collections.abc import Callable

from gateway.hall.hall_book import HallBook
from gateway.hall.inbox import Inbox
from gateway.keep.alarms import Alarms
from gateway.upward.backoff import Backoff
from gateway.upward.centre import Centre, RefusedError, UnreachableError
from protocol.field import ProtocolError

_REST_S = 0.2  # how long a stop may have to wait for us

log = logging.getLogger(__name__)


class HallWatch:
    """One thread's work; `step` asks when it is time.

    refresh_users: the broker's users may have changed.
    """

    def __init__(
        self,
        *,
        book: HallBook,
        inbox: Inbox,
        centre: Centre,
        refresh_users: Callable[[], None],
        alarms: Alarms,
        poll_s: float,
        backoff: Backoff,
        chance: random.Random,
        now_ms: Callable[[], int],
    ):
        self._book = book
        self._inbox = inbox
        self._refresh_users = refresh_users
        self._centre = centre
        self._alarms = alarms
        self._poll_s = poll_s
        self._backoff = backoff
        self._chance = chance
        self._now_ms = now_ms
        self._hinted = threading.Event()
        self._next_ms = 0
        self._is_resting = False

    def hint(self, version: int) -> None:
        """The centre mentioned this version; ask at once if it is not ours."""
        if version != self._book.version:
            self._hinted.set()

    def wake(self) -> None:
        """End a wait for the next time."""
        self._hinted.set()

    def step(self, timeout_s: float = 1.0) -> None:
        """Ask if it is time or hinted, else wait up to `timeout_s`."""
        pause_s = (self._next_ms - self._now_ms()) / 1000
        if pause_s > 0:
            pause_s = min(pause_s, timeout_s)
            if self._is_resting:  # after a failure no hint shortens the pause
                time.sleep(min(pause_s, _REST_S))
                return
            if not self._hinted.wait(pause_s):
                return
        self._hinted.clear()
        try:
            document = self._centre.hall(self._book.name, self._book.version)
            if document is not None:
                self._take(document)
        except (UnreachableError, RefusedError, ProtocolError) as error:
            self._is_resting = True
            least_s = getattr(error, "retry_after_s", None)
            self._next_ms = self._now_ms() + round(1000 * self._backoff.pause_s(least_s))
            if self._book.current is None:
                self._alarms.set(
                    "no_hall",
                    f"No hall document yet, so no device can log in: {error}. Waiting for it.",
                )
            else:
                log.info("the hall document could not be asked for: %s", error)
            return
        self._is_resting = False
        self._backoff.reset()
        self._alarms.clear("no_hall")
        jitter = self._chance.uniform(0.9, 1.1)  # 3,000 halls must not ask in one second
        self._next_ms = self._now_ms() + round(1000 * self._poll_s * jitter)

    def _take(self, document: bytes) -> None:
        former = self._book.take(document)
        if former is not None:
            self._refresh_users()
            self._inbox.want(former=former, is_everything=True, acks=self._book.devices)
