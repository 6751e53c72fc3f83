"""Intake of batches: those that wait at the same time, of all halls, are filed in one transaction,
and each is answered after the commit (BAT-3, RCT-1).

A transaction costs as much as eight ratings in it. At rest nobody waits for company; while several
come at a time, the next ones gather until 20 ms after the last transaction began.
Next on a rating's way: central/custody/offer.py reads and judges each batch by itself.
"""

import logging
import queue
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from sqlalchemy import Connection

from central.custody import offer
from central.custody.batch import file_batches
from central.custody.offer import Letter, Offer
from central.custody.open import KeyOf
from central.people import tokens
from central.people.callers import Callers
from central.steady import Instant, PlainClock
from central.store.database import Database, is_of_store
from central.store.ledger import Epoch
from protocol.batch import Answer, Body, EnvelopeItem, HeadItem
from protocol.field import write
from protocol.limits import BATCH_ITEMS

log = logging.getLogger(__name__)

_GROUP_S = 0.02  # of reading for one transaction
_GATHER_S = 0.02  # from one transaction's beginning to the next, while several come at a time
_LIVE_BYTES = 64 * 1024  # over twenty ratings with their documents; what is larger is backlog
_ALONE_S = 600.0  # that a hall travels alone whose batch made a transaction fail

Outcome = Answer | Exception
Read = Callable[[], Body]


class NoHallError(Exception):
    """The token is good, but not a hall's."""


class UnfiledError(Exception):
    """This batch cannot be filed. Nothing of it is kept, and it costs nobody else a verdict."""


class ClosedError(Exception):
    """The centre is ending; the same batch is good for the next one."""


@dataclass(slots=True, eq=False)
class _Waiting:
    """A batch that waits; see `Intake.offer`. token: None if the halls are known without one."""

    token: str | None
    halls: tuple[str, ...]
    size: int
    read: Read
    reply: Callable[[Outcome], None]
    is_rescued: bool = False

    @property
    def sender(self) -> str:
        """Whose turn it takes."""
        return self.halls[0] if self.token is None else self.token


class _Lane:
    """Batches that wait, a queue for each sender: who sends many delays only itself."""

    def __init__(self) -> None:
        self._queues: OrderedDict[str, deque[_Waiting]] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._queues)

    def add(self, waiting: _Waiting) -> None:
        """Behind what its sender sent before."""
        self._queues.setdefault(waiting.sender, deque()).append(waiting)

    def put_back(self, waiting: _Waiting) -> None:
        """It comes first the next time."""
        self._queues.setdefault(waiting.sender, deque()).appendleft(waiting)
        self._queues.move_to_end(waiting.sender, last=False)

    def next(self, most: int) -> list[_Waiting]:
        """The first of each sender, of those senders that have waited longest."""
        chosen = []
        for sender in list(self._queues)[:most]:
            waiting = self._queues.pop(sender)
            chosen.append(waiting.popleft())
            if waiting:
                self._queues[sender] = waiting
        return chosen


class _Judged(NamedTuple):
    """A batch of the transaction that is under way."""

    waiting: _Waiting
    offer: Offer


_Read = tuple[_Waiting, Letter]


class Intake:
    """Takes the batches of gateways, in a thread that begins with the first of them."""

    def __init__(
        self, database: Database, key_of: KeyOf, clock: PlainClock, callers: Callers | None = None
    ) -> None:
        self._database = database
        self._callers = callers or Callers(database, clock.now_ms)
        self._key_of = key_of
        self._clock = clock
        self._arrivals: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._live, self._backlog = _Lane(), _Lane()
        self._alone: dict[str, float] = {}  # hall: until when, monotonic
        self._entry = threading.Lock()
        self._thread: threading.Thread | None = None
        self._is_closed = False

    def offer(self, token: str, size: int, read: Read, reply: Callable[[Outcome], None]) -> None:
        """Let a batch wait for its turn.

        token: as its holder sent it; it is looked at when the turn comes. size: in bytes, as far
        as it is known before it is read; live ones do not wait behind a backlog. read: gives the
        decoded JSON of its items, of any shape, and its time, or raises what the sender is to be
        told; called for good tokens only, and perhaps again. reply: called once with the answer,
        all of which is durable, or with why nothing is kept: what `read` raised,
        UnknownTokenError, EndedTokenError, NoHallError, UnfiledError, ClosedError, or the
        database's own error, after which the same batch may succeed. Both are called in the
        thread that files, and must not wait.
        """
        self._put(_Waiting(token, (), size, read, reply))

    def take(
        self,
        halls: tuple[str, ...],
        raw_items: list[object],
        sent_ms: int | None = None,
        is_rescued: bool = False,
    ) -> Answer:
        """Verdicts in item order, the receipts of all devices named, the hall's version.

        halls: those that the caller may speak for, at least one; the first is the version's.
        sent_ms: the gateway's time when it packed them.
        Everything the answer says is durable when this returns; if it raises, nothing is kept.
        """
        heard: Future[Outcome] = Future()
        body = Body(raw_items, sent_ms)
        self._put(_Waiting(None, halls, 0, lambda: body, heard.set_result, is_rescued))
        outcome = heard.result()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def rescue(self, hall: str, envelopes: list[str], heads: Sequence[HeadItem] = ()) -> Answer:
        """Take what a technician read out of a device of this hall, as a batch of the hall's."""
        now_ms = self._clock.now_ms()
        items = [EnvelopeItem(envelope, now_ms, None, None, ()) for envelope in envelopes]
        raw: list[object] = [dict(write(item)) for item in (*items, *heads)]
        return self.take((hall,), raw, is_rescued=True)

    def close(self) -> None:
        """End after what has come so far; what comes later is answered ClosedError."""
        with self._entry:
            self._is_closed = True
            self._arrivals.put(None)
        if self._thread is not None:
            self._thread.join()

    def _put(self, waiting: _Waiting) -> None:
        with self._entry:
            if self._is_closed:
                waiting.reply(ClosedError("the centre is ending"))
                return
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="intake", daemon=True)
                self._thread.start()
            self._arrivals.put(waiting)

    def _run(self) -> None:
        is_open = True
        while is_open or self._live or self._backlog:
            try:
                is_open = is_open and self._gather()
                self._file_what_waits()
            except Exception:  # ours; who waits for it sends again
                log.exception("some batches were not answered")

    def _file_what_waits(self) -> None:
        """A transaction each, in turn: neither kind waits for more than one of the other."""
        began_s = time.monotonic()
        together = max([self._file_some(lane) for lane in (self._live, self._backlog)])
        if together > 1:  # they come so fast that the next ones may gather
            time.sleep(max(0.0, began_s + _GATHER_S - time.monotonic()))

    def _gather(self) -> bool:
        """Sort what has come, and wait for something if nothing is there; False at the end."""
        must_wait = not (self._live or self._backlog)
        while must_wait or not self._arrivals.empty():
            arrived = self._arrivals.get()
            if arrived is None:
                return False
            (self._live if arrived.size <= _LIVE_BYTES else self._backlog).add(arrived)
            must_wait = False
        return True

    def _file_some(self, lane: _Lane) -> int:
        """File what fits into one transaction, so many batches; the rest comes first next time."""
        some = lane.next(BATCH_ITEMS)
        if not some:
            return 0
        try:
            with self._database.read() as connection:
                chosen, refused, left = self._choose(connection, some)
        except Exception as error:
            log.exception("the tokens of %d batches could not be looked at", len(some))
            for waiting in some:
                waiting.reply(error)
            return 0
        for waiting, error in refused:
            waiting.reply(error)
        apart = self._file(chosen, self._clock.read())
        for waiting in reversed(left + apart):
            lane.put_back(waiting)
        return len(chosen)

    def _choose(
        self, connection: Connection, some: list[_Waiting]
    ) -> tuple[list[_Read], list[tuple[_Waiting, Exception]], list[_Waiting]]:
        """Those whose items go into one transaction; those that are refused; those that are left.

        One batch a hall, at most BATCH_ITEMS items unless one batch alone has more, and what can
        be read in _GROUP_S.
        """
        holders = self._callers.look_up(connection, {one.token for one in some if one.token})
        chosen: list[_Read] = []
        refused: list[tuple[_Waiting, Exception]] = []
        left: list[_Waiting] = []
        taken: set[str] = set()
        items, end_s, is_full = 0, time.monotonic() + _GROUP_S, False
        for one in some:
            holder = holders[one.token] if one.token else None
            if isinstance(holder, Exception):
                refused.append((one, holder))
                continue
            halls = one.halls if holder is None else tokens.halls_of(holder.scopes)
            if not halls:
                refused.append((one, NoHallError()))
                continue
            is_alone = self._travels_alone(halls)
            if is_full or (chosen and is_alone) or not taken.isdisjoint(halls):
                left.append(one)
                continue
            try:
                body = one.read()
                self._clock.hear(halls[0], body.now_ms)
                letter = offer.read(halls, body, self._clock.now_ms(), one.is_rescued)
            except Exception as error:  # what is wrong with it, its sender is told
                refused.append((one, error))
                is_full = time.monotonic() > end_s
                continue
            items += len(letter.items)
            if chosen and items > BATCH_ITEMS:
                left.append(one)
                is_full = True
                continue
            chosen.append((one, letter))
            taken.update(halls)
            is_full = is_alone or time.monotonic() > end_s
        return chosen, refused, left

    def _file(self, chosen: list[_Read], now: Instant, is_last: bool = False) -> list[_Waiting]:
        """File them in one transaction, and answer each; split until a guilty one stands alone.

        is_last: this one stood alone before. Alone it is tried twice: another process may have
        filed the same at that moment. Those that have to wait for the next transaction.
        """
        if not chosen:
            return []
        try:
            with self._database.read() as connection:
                together, apart = _without_clashes(self._judge(connection, chosen, now.ms))
            with self._database.write() as connection:
                offers = [one.offer for one in together]
                answers = file_batches(connection, offers, self._key_of, now)
        except Exception as error:
            return self._fail(chosen, error, now, is_last)
        # The block above has committed; only now may the verdicts be said.
        for one, answer in zip(together, answers, strict=True):
            one.waiting.reply(answer)
        return apart

    def _judge(self, connection: Connection, chosen: list[_Read], now_ms: int) -> list[_Judged]:
        """Each with the authority of its own halls, after one look at the enrolments."""
        key_of = cache(self._key_of)
        devices = {device for _, letter in chosen for device in letter.devices}
        known = offer.enrolled(connection, devices) if devices else {}
        return [
            _Judged(one, offer.judge(connection, letter, known, key_of, now_ms))
            for one, letter in chosen
        ]

    def _fail(
        self, chosen: list[_Read], error: Exception, now: Instant, is_last: bool
    ) -> list[_Waiting]:
        if is_of_store(error):
            log.warning("%d batches could not be filed: %s", len(chosen), error)
            for waiting, _ in chosen:
                waiting.reply(error)
            return []
        if is_last:
            ((waiting, letter),) = chosen
            hall = letter.halls[0]
            log.error("a batch of hall %s cannot be filed", hall, exc_info=error)
            self._alone[hall] = time.monotonic() + _ALONE_S
            what = f"this batch cannot be filed ({type(error).__name__}), nothing of it is kept"
            waiting.reply(UnfiledError(f"{what}; the centre's log has the cause"))
            return []
        # Judged anew: filing has marked and dated their rows.
        half, is_one = (len(chosen) + 1) // 2, len(chosen) == 1
        apart = self._file(chosen[:half], now, is_one)
        return apart + self._file(chosen[half:], now, is_one)

    def _travels_alone(self, halls: tuple[str, ...]) -> bool:
        return self._alone.get(halls[0], 0.0) > time.monotonic()


def _without_clashes(group: list[_Judged]) -> tuple[list[_Judged], list[_Waiting]]:
    """Those that can be filed together, and those that wait for the next time: where a forgotten
    epoch stood is each hall's own word, and one transaction has one place for it.
    """
    together, apart, named = [], [], set[Epoch]()
    for one in group:
        if named.isdisjoint(one.offer.forgotten):
            together.append(one)
            named |= one.offer.forgotten
        else:
            apart.append(one.waiting)
    return together, apart
