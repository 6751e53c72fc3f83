"""The outbox: which items go up next, and what becomes of them when the centre has spoken.

Nothing leaves it without a verdict, and nothing is forgotten before a receipt covers it (BAT-5).
Next on a rating's way: gateway/upward/forwarder.py sends what `live_batch` and `backlog_batch`
give.
"""

import itertools
import logging
import threading
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from gateway.config import Config
from gateway.hall.hall_book import read_receipt
from gateway.keep.hall_clock import HallClock
from gateway.store import envelopes, progress, quarantine, receipts, services, states
from gateway.store.database import Database
from gateway.upward.alone import Alone
from gateway.upward.batch import ENVELOPE, FACTS, HEAD, PROGRESS, Batch, Sent, add_envelopes
from gateway.upward.riders import Riders
from protocol.batch import REJECTED, Answer, Verdict
from protocol.envelope import split
from protocol.field import ProtocolError
from protocol.record import parse

log = logging.getLogger(__name__)


REJECTED_KEPT = 100  # records of a device that the centre rejected, as evidence; more are counted
# So often what has a false signature is offered, about a day: the fault may be the centre's own.
# A device whose record it is offers it again, and so does the hall (gateway/store/envelopes.py).
_FALSE_TRIES = 12
_FALSE = ("bad_mac", "wrong_device")  # how the reason begins


class Pace(NamedTuple):
    """Milliseconds: how new a live record is, how often heads go, pauses between offers, and for
    how much running time what the centre has is kept.
    """

    live_ms: int
    head_every_ms: int
    reoffer_first_ms: int
    reoffer_longest_ms: int
    keep_ms: int

    @classmethod
    def of(cls, config: Config) -> "Pace":
        """As the settings say it."""
        return cls(
            live_ms=round(config.live_s * 1000),
            head_every_ms=round(config.head_every_s * 1000),
            reoffer_first_ms=round(config.reoffer_first_s * 1000),
            reoffer_longest_ms=round(config.reoffer_longest_s * 1000),
            keep_ms=config.keep_days * 86_400_000,
        )


class Settled(NamedTuple):
    """Devices with a changed receipt, and devices whose `hall` may have changed otherwise. false:
    how many records of a device the centre found falsely signed for the first time.
    """

    acks: frozenset[str]
    recounts: frozenset[str]
    false: dict[str, int]


class Outbox:
    """Used by the forwarder's lanes, each in a thread of its own."""

    def __init__(self, database: Database, hall: str, pace: Pace, clock: HallClock, alone: Alone):
        self._database = database
        self._alone = alone
        self._pace = pace
        self._clock = clock
        with database.read() as connection:
            first_id = progress.newest_id(connection)
            self._first_id = envelopes.newest_id(connection)
        self._riders = Riders(hall, pace.head_every_ms / 1000, clock, first_id, alone)
        self._count = itertools.count(1)
        self._settling = threading.Lock()
        self._told: dict[tuple[str, int], int] = {}  # when the newest answer about it came

    def tick(self) -> int:
        """The next number of an order in which all batches are sent and answered."""
        return next(self._count)

    def live_batch(self, now_ms: int, after_id: int | None, most: int) -> Batch:
        """What goes up at once: up to `most` records just made, and what rides with them.

        after_id: the newest record of a batch on its way, None if no batch is. Documents stand
        before everything else, heads last.
        """
        batch = Batch()
        since_ms = now_ms - self._pace.live_ms
        with self._database.read() as connection:
            wanted = most + len(self._alone)
            rows = envelopes.waiting_live(connection, since_ms, after_id or 0, wanted)
            self._add(connection, batch, self._in_company(rows)[:most])
            self._riders.board(connection, batch, is_first=after_id is None)
        return batch

    def backlog_batch(self, now_ms: int, after_id: int | None, most: int) -> Batch:
        """Up to `most` older records, each device's in order; empty if nothing is due."""
        batch = Batch()
        since_ms = now_ms - self._pace.live_ms
        with self._database.read() as connection:
            wanted = most + len(self._alone)
            rows = envelopes.waiting(connection, since_ms, after_id or 0, wanted)
            self._add(connection, batch, self._in_company(rows)[:most])
            if after_id is None:
                longest_ms = self._pace.reoffer_longest_ms
                rows = envelopes.waiting_again(connection, now_ms, longest_ms, wanted)
                self._add(connection, batch, self._in_company(rows)[: most - len(batch)])
        return batch

    def _add(self, connection: Connection, batch: Batch, rows: Sequence) -> None:
        add_envelopes(connection, batch, rows, self._received_at_ms)

    def _received_at_ms(self, row) -> int:
        """When a record came. If the clock was set since then it is the earlier of what it said
        and what it would have said: the centre adds what it finds missing to how far the record's
        time may be off, and its device had that time from the same clock. One that cannot be by
        now came now.
        """
        ran_ms = row.received_ran_ms if row.id > self._first_id else None
        placed_ms = self._clock.place(row.received_at_ms, ran_ms)
        return self._clock.now_ms() if placed_ms is None else min(row.received_at_ms, placed_ms)

    def _in_company(self, rows: Sequence) -> list:
        """Those that travel with others."""
        if not self._alone:
            return list(rows)
        return [row for row in rows if not self._alone.has((ENVELOPE, row.id, row.device))]

    def settle(self, batch: Batch, answer: Answer, now_ms: int) -> Settled:
        """Write verdicts and receipts in one transaction.

        A device that was named and has no receipt in the answer has none: the centre was restored
        to a time before its first record, and needs all of it again (BAT-5).
        Raises ProtocolError if the answer does not fit the batch; then nothing is written.
        """
        with self._settling:
            try:
                return self._settle(batch, answer, now_ms)
            finally:
                self._riders.landed(batch)

    def let_go(self) -> bool:
        """Delete what the centre has had for so long that no restored one asks for it, counted in
        running time.

        Whether there may be more of it.
        """
        before_ran_ms = self._clock.ran_ms() - self._pace.keep_ms
        with self._database.write() as connection:
            return bool(
                envelopes.let_go(connection, before_ran_ms)
                + services.let_go(connection, before_ran_ms)
                + progress.let_go(connection, before_ran_ms)
            )

    def _settle(self, batch: Batch, answer: Answer, now_ms: int) -> Settled:
        sent = batch.sent()
        if len(answer.verdicts) != len(sent):
            raise ProtocolError(
                f"{len(sent)} items were sent, {len(answer.verdicts)} verdicts came"
            )
        told = [(read_receipt(envelope.encode()), envelope) for envelope in answer.receipts]
        untold = _named(sent, answer.verdicts)
        untold -= {(receipt.device, receipt.epoch) for receipt, _ in told}
        judged: dict[str, list[dict]] = {FACTS: [], ENVELOPE: [], PROGRESS: [], HEAD: []}
        recounts, false = set(), {}
        for one, verdict in zip(sent, answer.verdicts, strict=True):
            judged[one.what].append(self._row(one, verdict, now_ms))
            if one.what == ENVELOPE and REJECTED in (verdict.verdict, one.verdict):
                recounts.add(one.device)  # it no longer counts, or counts again (ACK-4)
            if one.what == ENVELOPE and one.verdict is None and _is_false(verdict):
                false[one.device] = false.get(one.device, 0) + 1
        ran_ms = self._clock.ran_ms()
        with self._database.write() as connection:
            services.judge_documents(connection, judged[FACTS], ran_ms)
            envelopes.judge(connection, judged[ENVELOPE])
            progress.judge(connection, judged[PROGRESS], ran_ms)
            states.mark_heads_sent(connection, judged[HEAD], ran_ms)
            for device in false:
                dropped = envelopes.drop_rejected(connection, device, REJECTED_KEPT)
                quarantine.count(connection, device, REJECTED, dropped, now_ms)
            changed = set()
            for receipt, envelope in told:
                if self._is_overtaken(
                    connection, batch, receipt.device, receipt.epoch, receipt.seq
                ):
                    continue
                if receipts.put(connection, receipt, envelope.encode(), now_ms, ran_ms):
                    changed.add(receipt.device)
            for device, epoch in sorted(untold):
                if self._is_overtaken(connection, batch, device, epoch, 0):
                    continue
                if receipts.drop(connection, device, epoch, now_ms):
                    changed.add(device)
        for key in untold | {(receipt.device, receipt.epoch) for receipt, _ in told}:
            self._told[key] = max(self._told.get(key, 0), batch.answered)
        return Settled(frozenset(changed), frozenset(recounts), false)

    def _is_overtaken(self, connection, batch: Batch, device: str, epoch: int, seq: int) -> bool:
        """Whether an answer to the other lane's batch, sent later, already said more.

        A receipt that falls is believed only from a batch that was sent after the higher one came:
        otherwise both answers crossed on their way.
        """
        known = receipts.get(connection, device, epoch)
        is_lower = known is not None and known.seq > seq
        return is_lower and batch.began < self._told.get((device, epoch), 0)

    def _row(self, one: Sent, verdict: Verdict, now_ms: int) -> dict:
        if verdict.verdict == REJECTED:
            log.warning("the centre rejects %s: %s", one.name, verdict.reason)
        pause_ms = self._pace.reoffer_first_ms * 2 ** min(one.tries, 30)
        is_given_up = _is_false(verdict) and one.tries >= _FALSE_TRIES
        next_try_at_ms = now_ms + min(pause_ms, self._pace.reoffer_longest_ms)
        return {
            "row_id": one.row_id,
            "verdict": verdict.verdict,
            "reason": verdict.reason,
            "next_try_at_ms": None if is_given_up else next_try_at_ms,
            "device": one.device,
            "text": one.text,
        }


def _is_false(verdict: Verdict) -> bool:
    return verdict.verdict == REJECTED and (verdict.reason or "").startswith(_FALSE)


def _named(sent: Iterable[Sent], verdicts: Iterable[Verdict]) -> set[tuple[str, int]]:
    """The (device, epoch) of every record and head that the centre verified."""
    named = set()
    for one, verdict in zip(sent, verdicts, strict=True):
        if one.what in (FACTS, PROGRESS) or verdict.verdict == REJECTED:
            continue
        if one.what == ENVELOPE:
            named.add((one.device, one.epoch))
            continue
        try:  # what it names is in its bytes; the state around it was signed by nobody
            members = parse(split(one.text.encode())[0])
        except ProtocolError:
            continue
        named.add((members["device"], members["epoch"]))
    return named
