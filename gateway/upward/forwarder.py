"""The forwarder: two lanes to the centre. What was just made leaves at once; beside it the backlog
drains at a pace that adapts to the centre's answers (BAT-6).

Next on a rating's way: gateway/upward/centre.py posts a batch, which central/web/api/batches.py
takes.
"""

import logging
import math
import queue
import random
import threading
import time
from collections.abc import Callable

from gateway.hall.inbox import Inbox
from gateway.keep.alarms import Alarms
from gateway.keep.metrics import Metrics
from gateway.upward.alone import Alone
from gateway.upward.backoff import Backoff
from gateway.upward.batch import Batch
from gateway.upward.centre import Centre, RefusedError, UnreachableError, pack
from gateway.upward.outbox import Outbox
from protocol.batch import Answer
from protocol.field import ProtocolError
from protocol.limits import BATCH_ITEMS

log = logging.getLogger(__name__)

LIVE, BACKLOG = "live", "backlog"

_REST_S = 0.2  # how long `step` sleeps in a pause, at most
_FEWEST = 50  # items of a batch, however slow the centre is
_SLOW_S = 2.0  # an answer that takes longer asks for smaller batches


class Way:
    """What both lanes share: the pause after a failure, and what is done with an answer.

    hint_version: is told the hall's version that each answer names. accuse: is told of devices
    under whose name false signatures came, and of how many. alone: what travels by itself.
    """

    def __init__(
        self,
        *,
        outbox: Outbox,
        inbox: Inbox,
        alarms: Alarms,
        metrics: Metrics,
        backoff: Backoff,
        alone: Alone,
        accuse: Callable[[str, int], None],
        refused_retry_s: float,
        hint_version: Callable[[int], None],
        now_ms: Callable[[], int],
        monotonic_s: Callable[[], float],
    ):
        self._outbox = outbox
        self._inbox = inbox
        self._alarms = alarms
        self._metrics = metrics
        self._backoff = backoff
        self._accuse = accuse
        self.alone = alone
        self._refused_retry_s = refused_retry_s
        self._hint_version = hint_version
        self._now_ms = now_ms
        self._monotonic_s = monotonic_s
        self._lock = threading.Lock()
        self._not_before_s = -math.inf

    def pause_s(self) -> float:
        """How long nothing may be sent; nothing shortens it."""
        return self._not_before_s - self._monotonic_s()

    def forgive(self) -> None:
        """End the pause: whatever was wrong may be mended."""
        self._not_before_s = -math.inf

    def carry(self, lane: str, centre: Centre, batch: Batch) -> Answer | None:
        """Send a batch; the answer, or None if there was none: then both lanes pause."""
        batch.began = self._outbox.tick()
        began_s = time.monotonic()
        try:
            answer = centre.send(batch.packed)
        except UnreachableError as error:
            batch.has_failed = error.has_failed
            self._rest(f"{error}.", error.retry_after_s)
            return None
        except RefusedError as error:
            self._rest(str(error), self._refused_retry_s)
            return None
        batch.answered = self._outbox.tick()
        self._metrics.answered(lane, len(batch), time.monotonic() - began_s)
        return answer

    def settle(self, batch: Batch, answer: Answer) -> None:
        """Keep what the centre said. Raises what the database raises; then nothing is kept."""
        try:
            settled = self._outbox.settle(batch, answer, self._now_ms())
        except ProtocolError as error:
            self._rest(f"The centre's answer does not fit: {error}.", None)
            return
        with self._lock:
            self._backoff.reset()
        self._alarms.clear("centre")
        self.alone.note_answer(batch)
        for device, count in settled.false.items():
            self._accuse(device, count)
        self._metrics.judged(verdict.verdict for verdict in answer.verdicts)
        self._inbox.want(acks=settled.acks, recounts=settled.recounts)
        self._hint_version(answer.hall_version)

    def _rest(self, sentence: str, at_least_s: float | None) -> None:
        with self._lock:
            pause_s = at_least_s or 0.0
            if self.pause_s() <= 0:  # else the other lane has met the same failure
                pause_s = self._backoff.pause_s(at_least_s)
            self._not_before_s = max(self._not_before_s, self._monotonic_s() + pause_s)
        self._alarms.set("centre", f"{sentence} Ratings are kept here meanwhile.")


class Lane:
    """Two threads' work: `step` prepares batches and settles answers while `send_step` has the
    next batch on its way, so that neither the centre nor a citizen waits for our database.

    What was committed leaves at once; while a request is on its way, and for `gather_s` after it
    began (jittered), more gathers for the next. per_s: the most items a second. Slow answers and
    failures halve the batches, each good answer makes them larger again. A batch that is answered
    500 is itself halved, until what the centre fails on travels alone (BAT-6); meanwhile the lane
    prepares no other.
    """

    def __init__(
        self,
        name: str,
        centre: Centre,
        way: Way,
        prepare: Callable[[int, int | None, int], Batch],
        *,
        per_s: float,
        gather_s: float,
        chance: random.Random,
        now_ms: Callable[[], int],
    ):
        self._name = name
        self._centre = centre
        self._way = way
        self._next_batch = prepare
        self._per_s = per_s
        self._gather_s = gather_s
        self._chance = chance
        self._now_ms = now_ms
        self._news: queue.SimpleQueue[tuple[Batch, Answer | None] | None] = queue.SimpleQueue()
        self._prepared: queue.SimpleQueue[Batch] = queue.SimpleQueue()
        self._most = BATCH_ITEMS
        self._after_id: int | None = None  # the newest record under way, None if nothing is
        self._unsettled = 0
        self._halves: list[Batch] = []  # of a batch that was answered 500, the first one last

    def wake(self) -> None:
        """Something was committed."""
        if self._news.empty():  # else the lane looks anyway
            self._news.put(None)

    def step(self, timeout_s: float = 1.0) -> None:
        """Prepare what is due, up to two batches, and settle what was answered."""
        pause_s = self._way.pause_s()
        if pause_s > 0 and not self._unsettled:
            time.sleep(min(pause_s, timeout_s, _REST_S))
            return
        if not self._unsettled:
            self._after_id = None  # also look again at what was not taken
        while pause_s <= 0 and self._unsettled < 2 and self._prepare():
            pass
        try:
            news = self._news.get(timeout=timeout_s)
        except queue.Empty:
            return
        if news is None:
            return  # woken
        batch, answer = news
        self._unsettled -= 1
        if answer is None:
            if batch.has_failed:
                self._halve(batch)
            return
        while self._unsettled < 2 and self._prepare():
            pass  # the next ones leave before we write
        self._way.settle(batch, answer)

    def send_step(self, timeout_s: float = 1.0) -> None:
        """Send a prepared batch, not faster than the pace."""
        try:
            batch = self._prepared.get(timeout=timeout_s)
        except queue.Empty:
            return
        began_s = time.monotonic()
        answer = None
        try:
            if self._way.pause_s() <= 0:
                answer = self._way.carry(self._name, self._centre, batch)
        finally:  # whatever happened to it, it is no longer under way
            took_s = time.monotonic() - began_s
            self._news.put((batch, answer))
        is_slow = answer is None or took_s > _SLOW_S
        most = self._most // 2 if is_slow else self._most + _FEWEST
        self._most = min(max(most, _FEWEST), BATCH_ITEMS)
        # A centre that is slow has others to serve: it gets as long a pause as it took.
        least_s = max(len(batch) / self._per_s, self._gather_s * self._chance.uniform(0.5, 1.0))
        rest_s = took_s if took_s > _SLOW_S else least_s - took_s
        time.sleep(min(max(rest_s, 0), 1.0))

    def _prepare(self) -> bool:
        """Prepare a batch; whether more may wait behind it. What comes later wakes the lane: a
        look for nothing would only keep the interpreter from the thread that sends.
        """
        most = self._most
        batch = self._by_itself()
        if batch is None:
            if self._halves:
                return False  # one after the other
            batch = self._next_batch(self._now_ms(), self._after_id, most)
        if len(batch) == 0:
            return False
        # Here, so that the next request begins at once.
        batch.packed = pack(batch.body(self._now_ms()))
        self._after_id = max(batch.last_id, self._after_id or 0)
        self._unsettled += 1
        self._prepared.put(batch)
        return len(batch) >= most

    def _by_itself(self) -> Batch | None:
        """A half of what was answered 500, or what travels alone; only if nothing is under way."""
        if self._unsettled:
            return None
        return self._halves.pop() if self._halves else self._way.alone.take_due()

    def _halve(self, batch: Batch) -> None:
        if len(batch) == 1:
            self._way.alone.put(batch)
        else:
            self._halves += reversed(batch.halves())


class Forwarder:
    """The two lanes. centres: a connection for each. backlog_per_s: old items a second, at most.

    live_gather_s: for how long live records are gathered, see `Lane`.
    """

    def __init__(
        self,
        way: Way,
        outbox: Outbox,
        centres: tuple[Centre, Centre],
        *,
        live_gather_s: float,
        backlog_per_s: float,
        chance: random.Random,
        now_ms: Callable[[], int],
    ):
        live, backlog = centres
        both = {"chance": chance, "now_ms": now_ms}
        self.live = Lane(
            LIVE, live, way, outbox.live_batch, per_s=math.inf, gather_s=live_gather_s, **both
        )
        self.backlog = Lane(
            BACKLOG, backlog, way, outbox.backlog_batch, per_s=backlog_per_s, gather_s=0, **both
        )

    def wake(self, live: int, old: int) -> None:
        """So many live and old records were committed; neither: something else, say a head."""
        if live or not old:
            self.live.wake()
        if old or not live:
            self.backlog.wake()

    def stop(self) -> None:
        """Let both lanes look up, so that they can end."""
        self.wake(0, 0)
