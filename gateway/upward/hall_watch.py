"""Asks the centre for the hall's document: at the start, when an answer to a batch hints at a new
version, and when no answer has come for a while.
"""

import math
import random
import threading
import time
from collections.abc import Callable

from gateway.hall.hall_book import HallBook
from gateway.hall.inbox import Inbox
from gateway.keep.alarms import Alarms
from gateway.upward.backoff import Backoff
from gateway.upward.centre import Centre, Credentials, RefusedError, UnreachableError
from hosting.clock import written
from protocol.field import ProtocolError

_REST_S = 0.2  # how long a stop may have to wait for us
# 3,000 halls must not ask in one second; and a hall whose devices are on is answered every minute,
# when their heads have gone: with a shorter pause it would ask all the same.
_JITTER = (1.05, 1.2)


class HallWatch:
    """One thread's work; `step` asks when it is time.

    refresh_users: the broker's users may have changed. forgive: with other credentials nothing
    need wait any more that was refused. poll_s: how long the centre may have said nothing, neither
    to a batch nor about the document, jittered.
    """

    def __init__(
        self,
        *,
        book: HallBook,
        inbox: Inbox,
        centre: Centre,
        credentials: Credentials,
        refresh_users: Callable[[], None],
        forgive: Callable[[], None],
        alarms: Alarms,
        poll_s: float,
        backoff: Backoff,
        chance: random.Random,
        monotonic_s: Callable[[], float],
        now_ms: Callable[[], int],
    ):
        self._book = book
        self._inbox = inbox
        self._refresh_users = refresh_users
        self._centre = centre
        self._credentials = credentials
        self._forgive = forgive
        self._failing_since = ""
        self._alarms = alarms
        self._poll_s = poll_s
        self._backoff = backoff
        self._chance = chance
        self._monotonic_s = monotonic_s
        self._now_ms = now_ms
        self._hinted = threading.Event()
        self._answered_s = -math.inf
        self._pause_s = 0.0  # since the last answer; after a failure: since that
        self._is_resting = False

    def hint(self, version: int) -> None:
        """The centre has answered a batch, and mentioned this version: ask at once if it is not
        ours, else not so soon. After a failure of ours neither changes the pause.
        """
        if version != self._book.version:
            self._hinted.set()
        elif not self._is_resting:
            self._answered_s = self._monotonic_s()

    def wake(self) -> None:
        """End a wait for the next time."""
        self._hinted.set()

    def step(self, timeout_s: float = 1.0) -> None:
        """Ask if it is time or hinted, else wait up to `timeout_s`."""
        if self._credentials.renew():
            self._pause_s = 0.0
            self._forgive()
        pause_s = self._answered_s + self._pause_s - self._monotonic_s()
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
                self.take(document)
                self._alarms.clear("hall_document")
        except (UnreachableError, RefusedError, ProtocolError) as error:
            self._is_resting = True
            if isinstance(error, ProtocolError):
                self._alarms.set(
                    "hall_document",
                    f"The centre's hall document cannot be taken: {error}. The hall goes on with "
                    "the one before; tell the centre's operator.",
                )
            least_s = getattr(error, "retry_after_s", None)
            self._wait(self._backoff.pause_s(least_s))
            self._failing_since = self._failing_since or written(self._now_ms())
            since = f"Since {self._failing_since} (Asia/Shanghai)"
            if self._book.current is None:
                self._alarms.set(
                    "no_hall",
                    f"No hall document yet, so no device can log in: {error}. {since} the centre "
                    "is asked again and again.",
                )
            else:
                self._alarms.set(
                    "poll",
                    f"{since} the centre does not tell whether the hall has changed: {error}. "
                    "Devices go on; it is asked again and again.",
                )
            return
        self._is_resting = False
        self._failing_since = ""
        self._backoff.reset()
        self._alarms.clear("no_hall")
        self._alarms.clear("poll")
        self._wait(self._poll_s * self._chance.uniform(*_JITTER))

    def _wait(self, pause_s: float) -> None:
        self._answered_s, self._pause_s = self._monotonic_s(), pause_s

    def take(self, document: bytes) -> None:
        """Let a document be the hall's. Raises ProtocolError if it is none."""
        former = self._book.take(document)
        if former is not None:
            self._refresh_users()
            self._inbox.want(former=former, is_everything=not former, acks=self._book.devices)
