"""What the outbox makes of the centre's answers. BAT-5 ACK-3"""

import pytest
from gateway_hall import EPOCH, HandTime, Pen, receipt_of
from test_gateway_reach import hold

from gateway.hall.cover import Cover
from gateway.hall.hall_book import read_receipt
from gateway.keep.alarms import Alarms
from gateway.store import envelopes, receipts, states
from gateway.store.database import Database
from gateway.upward.alone import Alone
from gateway.upward.outbox import Outbox, Pace
from protocol.batch import CONFLICT, DUPLICATE, REJECTED, STORED, Answer, Verdict

DEVICE = "dev-1"
DAY_MS = 86_400_000
PACE = Pace(1000, 60_000, 10_000, 300_000, 30 * DAY_MS)


@pytest.fixture
def database(tmp_path):
    opened = Database(tmp_path / "gateway.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def time():
    return HandTime()


@pytest.fixture
def outbox(database, time):
    alone = Alone(Alarms(), 10, 300, lambda: time.seconds)
    return Outbox(database, "demo", PACE, time.clock(database), alone)


def answer(outbox, verdicts, *told: str, now_ms: int = 1):
    """Settle what is due at `now_ms` with these verdicts, one for all or one each."""
    batch = outbox.backlog_batch(now_ms, None, 500)
    if len(batch) == 0:
        batch = outbox.live_batch(now_ms, None, 500)
    return settle(outbox, batch, verdicts, *told, now_ms=now_ms)


def settle(outbox, batch, verdicts, *told: str, now_ms: int = 1):
    """Settle a batch that is sent and answered now, unless it was sent before."""
    batch.began = batch.began or outbox.tick()
    batch.answered = outbox.tick()
    words = [verdicts] * len(batch) if isinstance(verdicts, str) else verdicts
    said = tuple(Verdict(word, "no" if word == REJECTED else None, ()) for word in words)
    return outbox.settle(batch, Answer(said, told, 1), now_ms)


def offered(outbox, now_ms: int = 1) -> list[int]:
    """The records that are due."""
    return [int(sent.name.split()[1]) for sent in outbox.backlog_batch(now_ms, None, 500).sent()]


def known(database) -> tuple[int | None, int]:
    """The receipt's seq, None for none, and `hall`."""
    with database.read() as connection:
        row = receipts.get(connection, DEVICE, EPOCH)
        return row.seq if row else None, Cover().of(connection, DEVICE, EPOCH)


def tell_head(database, pen: Pen) -> None:
    with database.write() as connection:
        states.put(connection, DEVICE, pen.state(head=pen.head()), 1)


@pytest.mark.parametrize("verdict", [STORED, DUPLICATE, CONFLICT])
def test_no_receipt_for_a_record_that_is_named_means_none(database, outbox, time, verdict):
    """BAT-5 BAT-3: a centre restored to before its first record gets everything again."""
    pen = Pen(DEVICE)
    hold(database, *[pen.rating() for _ in range(3)])
    assert answer(outbox, STORED, receipt_of(DEVICE, 3)).acks == {DEVICE}
    assert (offered(outbox), known(database)) == ([], (3, 3))
    hold(database, pen.rating())
    assert answer(outbox, verdict).acks == {DEVICE}
    assert known(database) == (None, 4)
    assert sorted(offered(outbox)) == [1, 2, 3]
    time.pass_s(31 * DAY_MS / 1000)
    outbox.let_go()
    assert known(database) == (None, 4), "nothing is deleted"
    assert answer(outbox, STORED, receipt_of(DEVICE, 4, at=2)).acks == {DEVICE}
    assert known(database) == (4, 4)


def test_no_receipt_for_a_head_means_none(database, outbox):
    """BAT-5 BAT-3"""
    pen = Pen(DEVICE)
    hold(database, pen.rating())
    answer(outbox, STORED, receipt_of(DEVICE, 1))
    tell_head(database, pen)
    now_ms = 2 * PACE.head_every_ms
    assert answer(outbox, STORED, now_ms=now_ms).acks == {DEVICE}
    assert known(database) == (None, 1)
    assert offered(outbox, now_ms) == [1]


def test_what_is_rejected_names_nothing(database, outbox):
    """BAT-5: for a forged record or head the centre owes no receipt."""
    pen, forger = Pen(DEVICE), Pen(DEVICE)
    hold(database, pen.rating())
    answer(outbox, STORED, receipt_of(DEVICE, 1))
    forger.key, forger.seq = b"x" * 32, 1
    hold(database, forger.rating())
    tell_head(database, forger)
    assert answer(outbox, REJECTED, now_ms=2 * PACE.head_every_ms).acks == frozenset()
    assert known(database) == (1, 1)


@pytest.mark.parametrize("step_ms", [-8 * 3_600_000, -3650 * DAY_MS])
def test_a_clock_that_was_set_back_does_not_hold_up_the_next_offer(database, outbox, step_ms):
    """BAT-5: due later than the longest pause from now is due; the control is due soon."""
    pen, now_ms = Pen(DEVICE), 4000 * DAY_MS
    hold(database, pen.rating(), pen.rating())
    answer(outbox, STORED, now_ms=now_ms)
    assert offered(outbox, now_ms - PACE.reoffer_first_ms) == []
    assert offered(outbox, now_ms + step_ms) == [1, 2]


def test_what_is_kept_is_not_looked_through_for_what_is_due(database):
    """A gateway keeps 30 days of ratings, and looks every second."""
    plan = f"EXPLAIN QUERY PLAN {envelopes._WAITING_AGAIN}"
    with database.read() as connection:
        first = connection.exec_driver_sql(plan, (1, 2, 500)).first()
    assert first is not None
    assert "ix_envelope_again" in first[3]


def test_another_epoch_s_receipt_stays(database, outbox):
    """BAT-5: a receipt is of one epoch, and so is its end."""
    former, pen = Pen(DEVICE, EPOCH - 1), Pen(DEVICE)
    hold(database, former.rating(), pen.rating())
    answer(outbox, STORED, receipt_of(DEVICE, 1, epoch=EPOCH - 1), receipt_of(DEVICE, 1))
    hold(database, former.rating())
    answer(outbox, STORED)
    assert known(database) == (1, 1)
    with database.read() as connection:
        assert receipts.get(connection, DEVICE, EPOCH - 1) is None


def test_a_receipt_that_never_was_changes_nothing(database, outbox):
    """BAT-5: the first records are not there yet; that is a matter of patience."""
    pen = Pen(DEVICE)
    first, second = pen.rating(), pen.rating()
    hold(database, second)
    assert answer(outbox, STORED).acks == frozenset()
    assert offered(outbox) == []
    assert offered(outbox, 1 + PACE.reoffer_first_ms) == [2]
    hold(database, first)
    assert answer(outbox, STORED, receipt_of(DEVICE, 2)).acks == {DEVICE}


def test_what_a_restored_centre_has_not_seen_again_is_not_covered(database, outbox, time):
    """BAT-5 SND-2: its new receipt may stand on another board's record of the same key."""
    pen = Pen(DEVICE)
    hold(database, *[pen.rating() for _ in range(3)])
    answer(outbox, STORED, receipt_of(DEVICE, 3))
    hold(database, pen.rating())
    answer(outbox, STORED)
    text = receipt_of(DEVICE, 3, at=2).encode()
    with database.write() as connection:  # as the hall's document brings it
        assert receipts.put_if_newer(connection, read_receipt(text), text, 1, 1)
    time.pass_s(40 * DAY_MS / 1000)
    outbox.let_go()
    assert sorted(offered(outbox)) == [1, 2, 3]


def test_what_the_centre_rejected_does_not_count_again_before_it_says_so(database, outbox):
    """ACK-4 BAT-5"""
    pen = Pen(DEVICE)
    hold(database, *[pen.rating() for _ in range(3)])
    answer(outbox, [STORED, STORED, REJECTED], receipt_of(DEVICE, 3))
    hold(database, pen.rating())
    answer(outbox, STORED)
    assert known(database) == (None, 2)
    assert sorted(offered(outbox)) == [1, 2, 3]


def test_a_receipt_from_an_answer_that_crossed_a_newer_one_is_not_a_fall(database, outbox):
    """BAT-5: two lanes have batches on their way at once; only a later batch lowers a receipt."""
    pen = Pen(DEVICE)
    hold(database, pen.rating())
    slow = outbox.backlog_batch(1, None, 500)
    slow.began = outbox.tick()
    hold(database, pen.rating(), pen.rating())
    quick = outbox.backlog_batch(1, slow.last_id, 500)
    settle(outbox, quick, STORED, receipt_of(DEVICE, 3))
    assert settle(outbox, slow, STORED, receipt_of(DEVICE, 1)).acks == frozenset()
    assert known(database) == (3, 3)
    hold(database, pen.rating())
    assert answer(outbox, STORED, receipt_of(DEVICE, 2)).acks == {DEVICE}
    assert known(database) == (2, 4)


def test_a_batch_behind_one_on_its_way_does_not_hold_its_records_again(database, outbox):
    pen = Pen(DEVICE)
    hold(database, *[pen.rating() for _ in range(5)])
    first = outbox.backlog_batch(1, None, 3)
    second = outbox.backlog_batch(1, first.last_id, 3)
    seqs = [[int(sent.name.split()[1]) for sent in batch.sent()] for batch in (first, second)]
    assert seqs == [[1, 2, 3], [4, 5]]
