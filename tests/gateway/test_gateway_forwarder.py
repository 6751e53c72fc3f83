"""From the outbox to a centre in every mood. BAT-1 BAT-5 BAT-6 ACK-4"""

import json
import random
import time
from datetime import UTC, datetime

import pytest
from gateway_hall import (
    EPOCH,
    HALL,
    FixedCredentials,
    Pen,
    receipt_of,
    settings_in,
    start_gateway,
    until,
)

from gateway.desk.services import Opening
from gateway.hall.inbox import Inbox
from gateway.keep.alarms import Alarms
from gateway.keep.hall_clock import HallClock
from gateway.keep.metrics import Metrics
from gateway.store.database import Database
from gateway.upward.alone import Alone
from gateway.upward.backoff import Backoff
from gateway.upward.batch import Batch, Sent
from gateway.upward.centre import Centre, Contact, answered_at, retry_after_s
from gateway.upward.forwarder import Lane, Way
from gateway.upward.outbox import Outbox, Pace
from hosting.clock import now_ms
from protocol.batch import EnvelopeItem, FactsItem

MOODS = (500, 502, 503, 504, (429, "1"), "half", "lost", "few", 0.3, 401, 403, 400, 413)


def test_nothing_is_lost_or_doubled_whatever_the_centre_answers(
    gateway, centre, connect, subtests
):
    """BAT-6: retried, or kept and alarmed; the order of the device stays."""
    pen = Pen("dev-1")
    device = connect(gateway, "dev-1").enter()
    device.tell(pen.state())
    for mood in MOODS:
        with subtests.test(mood=mood):
            centre.script.append(mood)
            for _ in range(5):
                device.send(pen.rating())
            word = f'"seq":{pen.seq}'
            ack = device.hear("ack", lambda ack, word=word: word in (ack["receipt"] or ""))
            assert ack["hall"] == pen.seq
            assert centre.seqs("dev-1") == list(range(1, pen.seq + 1))
            until(lambda: "centre" not in gateway.alarms.standing(), "the end of the alarm")
    for batch in centre.batches:
        seqs = [json.loads(item.envelope.split("\n")[0])["seq"] for item in batch]
        assert seqs == sorted(seqs)


def test_an_answer_for_a_person_is_an_alarm_with_what_to_do(gateway, centre, connect):
    """BAT-6: 401 is not a fault that goes away by asking often."""
    pen = Pen("dev-1")
    centre.script.extend([401] * 50)
    device = connect(gateway, "dev-1").enter()
    device.tell(pen.state())
    device.send(pen.rating())
    device.hear_hall(1)
    alarm = until(lambda: gateway.alarms.standing().get("centre"), "the alarm")
    assert "centre_token_file" in alarm
    left = len(centre.script)
    until(lambda: len(centre.script) < left, "one more try")
    assert len(centre.script) >= left - 2
    centre.script.clear()
    until(lambda: centre.seqs("dev-1") == [1], "the rating")


def test_retry_after_is_respected(gateway, centre, connect):
    """BAT-6: for as long as the centre asks for, nothing is sent."""
    pen = Pen("dev-1")
    device = connect(gateway, "dev-1").enter()
    device.tell(pen.state())
    device.hear_hall(0)
    centre.script.append((429, "1"))
    device.send(pen.rating())
    until(lambda: not centre.script, "the refusal")
    with pytest.raises(AssertionError):
        until(lambda: centre.batches, "a batch too early", timeout_s=0.8)
    until(lambda: centre.seqs("dev-1") == [1], "the rating")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("7", 7.0),
        ("Sat, 01 Jan 2000 00:00:30 GMT", 30.0),
        ("Fri, 31 Dec 1999 00:00:00 GMT", 0.0),
        ("soon", None),
        ("9" * 40, 86400.0),
        ("Mon, 01 Jan 2024 00:00:00 +9999999999999999", None),
        (f"Mon, 01 Jan {'9' * 20} 00:00:00 GMT", None),
    ],
)
def test_retry_after_is_a_number_or_a_date(value, seconds):
    """BAT-6"""
    assert retry_after_s(value, datetime(2000, 1, 1, tzinfo=UTC)) == seconds


@pytest.mark.parametrize("hours", [-8, 0, 8])
def test_a_date_to_try_again_is_on_the_centre_s_own_clock(hours):
    """BAT-6: however far ours is off; the control, without the centre's word, waits by ours."""
    ours = datetime(2000, 1, 1, 12 + hours, tzinfo=UTC)
    date, later = "Sat, 01 Jan 2000 12:00:00 GMT", "Sat, 01 Jan 2000 12:00:30 GMT"
    assert retry_after_s(later, answered_at(date, ours)) == 30.0
    assert retry_after_s(later, answered_at(None, ours)) == max(0.0, 30.0 - hours * 3600)
    assert answered_at("soon", ours) == ours


def test_pauses_double_up_to_the_longest_and_differ():
    """BAT-6"""
    backoff = Backoff(1, 8, random.Random(1))
    pauses = [backoff.pause_s() for _ in range(6)]
    for pause, whole in zip(pauses, [1, 2, 4, 8, 8, 8], strict=True):
        assert whole / 2 <= pause <= whole
    assert len(set(pauses)) == 6
    assert backoff.pause_s(60) == 60
    backoff.reset()
    assert backoff.pause_s() <= 1


def test_in_a_pause_nothing_is_prepared(tmp_path):
    """A hall without its centre for days has other things to do."""
    database = Database(tmp_path / "gateway.sqlite")
    alone = Alone(Alarms(), 1, 1, time.monotonic)
    outbox = Outbox(database, "demo", Pace(1, 1, 1, 1, 1), HallClock(database), alone)
    backoff = Backoff(60, 60, random.Random(1))
    way = Way(
        outbox=outbox,
        inbox=Inbox(9),
        alarms=Alarms(),
        metrics=Metrics(),
        backoff=backoff,
        alone=alone,
        accuse=lambda device, count: None,
        refused_retry_s=60,
        hint_version=lambda version: None,
        now_ms=now_ms,
        monotonic_s=time.monotonic,
    )
    centre = Centre("http://127.0.0.1:9", FixedCredentials(), Contact())
    prepared = []

    def prepare(*_):
        prepared.append(Batch())
        document = Sent("facts", len(prepared), "", 0, "", "", None, 0)
        prepared[-1].add(FactsItem("{}"), document, 2)
        return prepared[-1]

    lane = Lane(
        "backlog",
        centre,
        way,
        prepare,
        per_s=10_000,
        gather_s=0,
        chance=random.Random(1),
        now_ms=now_ms,
    )
    for _ in range(20):
        lane.step(0.001)
        lane.send_step(0.001)
    assert 1 <= len(prepared) <= 2
    centre.close()
    database.close()


def test_a_document_goes_up_before_its_ratings_and_only_once(gateway, centre, connect):
    """BAT-1: exact bytes, the hash of which stands in the ticket."""
    from protocol.mac import sha256_hex

    device = connect(gateway, "dev-1").enter()
    service, _ = gateway.desk.open(Opening("w1", "A001", "single", (), None, "t", None))
    ticket = device.hear("ticket")
    pen = Pen("dev-1")
    device.tell(pen.state())
    device.send(pen.rating(service=service, facts=ticket["facts"]))
    # A rating that is made while the document is on its way takes it along once more.
    until(lambda: not gateway.health.count().waiting.documents, "the document's verdict")
    for _ in range(2):
        device.send(pen.rating(service=service, facts=ticket["facts"]))
    device.hear_hall(3)
    until(lambda: centre.seqs("dev-1") == [1, 2, 3], "the ratings")
    items = [item for batch in centre.batches for item in batch]
    documents = [item for item in items if isinstance(item, FactsItem)]
    ratings = [item for item in items if isinstance(item, EnvelopeItem)]
    assert len(documents) == 1
    assert items.index(documents[0]) < items.index(ratings[0])
    assert sha256_hex(documents[0].facts.encode()) == ticket["facts"]
    assert ratings[0].service == service


def test_a_document_is_sent_until_the_centre_has_it(gateway, centre):
    """BAT-1 BAT-6"""
    centre.script.extend([500, "half"])
    service, _ = gateway.desk.open(Opening("w1", "A001", "single", (), None, "t", None))
    gateway.desk.close(service)
    until(lambda: len(centre.documents) == 2, "the document, again after half an answer")
    assert centre.documents[0] == centre.documents[1]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (
            b'{"title":"x","detail":"this batch cannot be filed"}',
            "500: this batch cannot be filed.",
        ),
        (b'{"detail":["x"]}', "500."),
        (b'{"detail":"\\ud800"}', "500: ?."),
        (b"<html>", "500."),
        (b"[" * 100_000, "500."),
    ],
)
def test_what_the_centre_says_of_a_failure_is_told(gateway, centre, body, told):
    """Its own hall reads why a batch cannot be filed, whatever stands in the body."""
    centre.script.extend([body] * 3)
    gateway.desk.close(gateway.desk.open(Opening("w1", "A001", "single", (), None, "t", None))[0])

    until(lambda: told in gateway.alarms.standing().get("centre", ""), "the alarm")


def test_heads_go_up_with_the_receipt_that_the_device_holds(gateway, centre, connect):
    pen = Pen("dev-1")
    device = connect(gateway, "dev-1").enter()
    pen.rating()
    held = receipt_of("dev-1", 1)
    device.tell(pen.state(head=pen.head(), receipt=held))
    until(lambda: centre.heads, "the head")
    assert centre.heads[0].head == pen.head()
    assert centre.heads[0].receipt == held


def test_a_restored_centre_gets_everything_again_and_hall_stays_true(gateway, centre, connect):
    """BAT-5: a lower receipt is believed; what it does not cover is offered again."""
    pen = Pen("dev-1")
    device = connect(gateway, "dev-1").enter()
    device.tell(pen.state())
    service, _ = gateway.desk.open(Opening("w1", "A001", "single", (), None, "t", None))
    for _ in range(4):
        device.send(pen.rating(service=service))
    device.hear("ack", lambda ack: ack["receipt"] and '"seq":4' in ack["receipt"])
    with centre.lock:
        for seq in (3, 4):
            del centre.held["dev-1", EPOCH][seq]
        centre.documents.clear()
    device.tell(pen.state(head=pen.head()))  # an item that names the device
    ack = device.hear("ack", lambda ack: ack["receipt"] and '"seq":2' in ack["receipt"])
    assert ack["hall"] == 4, "the hall still holds 3 and 4"
    until(lambda: centre.seqs("dev-1") == [1, 2, 3, 4], "the lost records")
    until(lambda: centre.documents, "their service document")


def test_a_centre_restored_to_before_the_first_record_gets_everything_again(
    gateway, centre, connect
):
    """BAT-5 ACK-3: its answers hold no receipt; the device is told so, and `hall` stays true."""
    pen = Pen("dev-1")
    device = connect(gateway, "dev-1").enter()
    device.tell(pen.state())
    for _ in range(4):
        device.send(pen.rating())
    device.hear("ack", lambda ack: ack["receipt"] and '"seq":4' in ack["receipt"])
    with centre.lock:
        centre.held.clear()
        centre.script.extend([0.0, (503, "1")])  # the head, then time to hear what it changed
    device.tell(pen.state(head=pen.head(), first=4))  # the device has freed three of them
    ack = device.hear("ack", lambda ack: ack["receipt"] is None)
    assert ack["hall"] == 4
    until(lambda: centre.seqs("dev-1") == [1, 2, 3, 4], "the lost records")
    device.hear("ack", lambda ack: ack["receipt"] and '"seq":4' in ack["receipt"])


def test_what_no_receipt_covers_is_offered_again_without_being_asked(gateway, centre, connect):
    """BAT-5: a record beyond a gap has its verdict, but no receipt."""
    pen = Pen("dev-1")
    device = connect(gateway, "dev-1").enter()
    first, second = pen.rating(), pen.rating()
    device.tell(pen.state())
    device.send(second)
    until(lambda: centre.seqs("dev-1") == [2], "the later record")
    with centre.lock:
        centre.held.clear()
    until(lambda: centre.seqs("dev-1") == [2], "the same record again")
    device.send(first)
    device.hear("ack", lambda ack: ack["receipt"] and '"seq":2' in ack["receipt"])
    offers = len(centre.batches)
    with pytest.raises(AssertionError):
        until(lambda: len(centre.batches) > offers, "an offer of what is covered", 0.8)


def test_a_forged_record_makes_room_for_the_device_s_own(gateway, centre, connect):
    """ACK-4: `hall` goes down when the centre rejects, and up with the true record."""
    pen, forger = Pen("dev-1"), Pen("dev-1")
    forger.key = b"x" * 32
    device = connect(gateway, "dev-1").enter()
    device.tell(pen.state())
    device.hear_hall(0)
    centre.script.append(0.5)  # so that the device hears of the commit before the verdict comes
    device.send(forger.rating(level=1))
    device.hear_hall(1)
    device.hear_hall(0)
    true = pen.rating(level=5)
    device.send(true)
    device.hear_hall(1)
    until(lambda: centre.held.get(("dev-1", EPOCH)) == {1: true}, "the true record")


def test_what_is_covered_is_kept_for_thirty_days_and_then_let_go(gateway, centre, connect):
    """BAT-5"""
    pen = Pen("dev-1")
    device = connect(gateway, "dev-1").enter()
    device.tell(pen.state())
    device.send(pen.rating())
    device.hear("ack", lambda ack: ack["receipt"] is not None)
    for days, held in ((29, 1), (31, 0)):
        ahead_s = days * 86_400
        clock = HallClock(gateway.database, monotonic_s=time.monotonic)
        clock.monotonic_s = lambda ahead_s=ahead_s: time.monotonic() + ahead_s
        alone = Alone(Alarms(), 1, 1, time.monotonic)
        Outbox(gateway.database, "demo", Pace.of(gateway.config), clock, alone).let_go()
        assert _held(gateway) == held
    device.tell(pen.state())
    device.hear_hall(1)


def test_live_records_do_not_wait_for_the_backlog(tmp_path, centre, connect):
    """600 old ratings wait, and each of their batches takes the centre a second; a rating that is
    made meanwhile is there before the second one."""
    centre.script.append((503, "1"))
    gateway = start_gateway(settings_in(tmp_path, centre.url))
    try:
        pen = Pen("dev-1")
        device = connect(gateway, "dev-1").enter()
        device.tell(pen.state())
        for _ in range(600):
            device.send(pen.rating(at=now_ms() - 3_600_000))
        centre.script.extend([1.0] * 3)
        device.hear_hall(600, 20)
        live = Pen("dev-2")
        other = connect(gateway, "dev-2").enter()
        other.tell(live.state())
        until(lambda: len(centre.script) < 3, "the first batch of the backlog")
        other.send(live.rating(at=now_ms()))
        until(lambda: centre.seqs("dev-2") == [1], "the live rating")
        assert len(centre.seqs("dev-1")) <= 500
        until(lambda: len(centre.seqs("dev-1")) == 600, "the backlog")
    finally:
        gateway.stop()


def test_the_hall_starts_from_its_database_without_the_centre(tmp_path, centre, connect):
    """The hall's document is kept, and asked for only if it is another version."""
    settings = settings_in(tmp_path, centre.url)
    start_gateway(settings).stop()
    centre.is_hall_known = False
    gateway = start_gateway(settings)
    try:
        connect(gateway, "dev-1").enter()
        assert '"1"' in until(lambda: centre.hall_requests[-1], "a question")
        assert gateway.book.name == HALL
    finally:
        gateway.stop()


def test_the_first_start_waits_for_the_centre_without_dying(tmp_path, centre, connect):
    centre.is_hall_known = False
    gateway = start_gateway(settings_in(tmp_path, centre.url), wait_for_hall=False)
    try:
        until(lambda: "no_hall" in gateway.alarms.standing(), "the alarm")
        refused = connect(gateway, "dev-1")
        until(lambda: refused.reason is not None and refused.reason.is_failure, "the refusal")
        centre.is_hall_known = True
        connect(gateway, "dev-2").enter()
        assert "no_hall" not in gateway.alarms.standing()
    finally:
        gateway.stop()


def test_an_older_receipt_in_the_hall_document_does_not_win(gateway, centre, connect):
    """BAT-5: an answer is newer than a document that is polled."""
    pen = Pen("dev-1")
    device = connect(gateway, "dev-1").enter()
    device.tell(pen.state())
    for _ in range(3):
        device.send(pen.rating())
    device.hear("ack", lambda ack: ack["receipt"] and '"seq":3' in ack["receipt"])
    centre.change_device("dev-1", receipts=(receipt_of("dev-1", 1, at=1),))
    until(lambda: gateway.book.version == 2, "the new document")
    device.tell(pen.state())
    assert '"seq":3' in device.hear("ack")["receipt"]
    centre.change_device("dev-1", receipts=(receipt_of("dev-1", 2, at=99),))
    device.hear("ack", lambda ack: '"seq":2' in ack["receipt"])


def _held(gateway) -> int:
    with gateway.database.read() as connection:
        return connection.exec_driver_sql("SELECT count(*) FROM envelope").scalar()


def test_what_nobody_expected_takes_no_lane_away(gateway, centre, connect, monkeypatch):
    """BAT-6: a batch whose sending fails in any way is prepared and sent again."""
    real, failures = Centre.send, [ZeroDivisionError()] * 5

    def send(self, packed):
        if failures:
            raise failures.pop()
        return real(self, packed)

    monkeypatch.setattr(Centre, "send", send)
    pen = Pen("dev-1")
    device = connect(gateway, "dev-1").enter()
    device.tell(pen.state())
    device.send(pen.rating())
    until(lambda: centre.seqs("dev-1") == [1], "the rating", 60)
    assert not failures
