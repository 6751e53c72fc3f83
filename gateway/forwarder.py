"""The forwarder: carries batches to the centre, as soon as there is something and as long as it
takes (BAT-6).

Next on a rating's way: gateway/centre.py posts the batch, central/intake.py takes it.
"""

import logging
import random
import threading
import time
from collections.abc import Callable

from gateway.alarm import Alarms
from gateway.centre import Centre, RefusedError, UnreachableError
from gateway.inbox import Inbox
from gateway.outbox import Outbox
from protocol.field import ProtocolError

log = logging.getLogger(__name__)

_REST_S = 0.2  # how long a stop may have to wait for us
_LET_GO_EVERY_MS = 3_600_000


class Backoff:
    """Pauses that double from `first_s` to `longest_s`, each between half and the whole of it."""

    def __init__(self, first_s: float, longest_s: float, chance: random.Random):
        self._first_s = first_s
        self._longest_s = longest_s
        self._chance = chance
        self._failures = 0

    def pause_s(self, at_least_s: float | None = None) -> float:
        """The pause after one more failure; Retry-After is `at_least_s`."""
        whole_s = min(self._first_s * 2 ** min(self._failures, 30), self._longest_s)
        self._failures += 1
        pause_s = whole_s * self._chance.uniform(0.5, 1.0)
        return max(pause_s, at_least_s or 0.0)

    def reset(self) -> None:
        """It worked."""
        self._failures = 0


class Forwarder:
    """One thread's work; `step` sends at most one batch."""

    def __init__(
        self,
        outbox: Outbox,
        centre: Centre,
        inbox: Inbox,
        alarms: Alarms,
        backoff: Backoff,
        refused_retry_s: float,
        hint_version: Callable[[int], None],
        now_ms: Callable[[], int],
    ):
        self._outbox = outbox
        self._centre = centre
        self._inbox = inbox
        self._alarms = alarms
        self._backoff = backoff
        self._refused_retry_s = refused_retry_s
        self._hint_version = hint_version
        self._now_ms = now_ms
        self._woken = threading.Event()
        self._not_before_ms = 0
        self._let_go_at_ms = 0

    def wake(self) -> None:
        """Something was committed."""
        self._woken.set()

    def step(self, timeout_s: float = 1.0) -> None:
        """Send what is due, or wait up to `timeout_s` for it."""
        pause_s = (self._not_before_ms - self._now_ms()) / 1000
        if pause_s > 0:
            time.sleep(min(pause_s, timeout_s, _REST_S))  # nothing shortens this pause
            return
        self._woken.clear()
        now_ms = self._now_ms()
        if now_ms >= self._let_go_at_ms:
            self._outbox.let_go(now_ms)
            self._let_go_at_ms = now_ms + _LET_GO_EVERY_MS
        batch = self._outbox.next_batch(now_ms)
        if len(batch) == 0:
            self._woken.wait(timeout_s)
            return
        try:
            answer = self._centre.send(batch.body())
            settled = self._outbox.settle(batch, answer, self._now_ms())
        except UnreachableError as error:
            self._rest(self._backoff.pause_s(error.retry_after_s), f"{error}.")
        except ProtocolError as error:
            self._rest(self._backoff.pause_s(), f"The centre's answer does not fit: {error}.")
        except RefusedError as error:
            self._rest(self._refused_retry_s, str(error))
        else:
            self._backoff.reset()
            self._alarms.clear("centre")
            self._inbox.want(acks=settled.acks, recounts=settled.recounts)
            self._hint_version(answer.hall_version)

    def _rest(self, pause_s: float, sentence: str) -> None:
        self._not_before_ms = self._now_ms() + round(pause_s * 1000)
        self._alarms.set("centre", f"{sentence} Ratings are kept here meanwhile.")
