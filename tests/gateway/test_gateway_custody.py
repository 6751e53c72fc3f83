"""From a device's publish to the `ack` and the centre. ACK-1 ACK-2 SND-2 ENV-1 STA-2 TOP-2"""

import sqlite3
import time

import pytest
from gateway_hall import EPOCH, Pen, until

from gateway.hall.intake import Refused
from protocol.message import Will


def test_a_rating_is_acknowledged_and_reaches_the_centre_byte_for_byte(gateway, centre, connect):
    """ENV-1 ACK-2"""
    pen = Pen("dev-1")
    device = connect(gateway, "dev-1").enter()
    device.tell(pen.state())
    assert device.hear("ack") == {"epoch": EPOCH, "hall": 0, "receipt": None}
    envelope = pen.rating()
    mid = device.send(envelope)
    device.hear_hall(1)
    ack = device.hear("ack", lambda ack: ack["receipt"] is not None)
    assert ack["hall"] == 1
    assert mid in device.acked
    assert centre.held["dev-1", EPOCH] == {1: envelope}
    assert centre.tokens[-1] == "Bearer hall-token"


def test_nothing_is_acknowledged_while_the_commit_fails(gateway, centre, connect):
    """ACK-1: somebody holds the database's lock; no `ack`, no PUBACK to the broker, no loss."""
    pen = Pen("dev-1")
    device = connect(gateway, "dev-1").enter()
    device.tell(pen.state())
    device.hear_hall(0)
    blocker = sqlite3.connect(gateway.config.data_dir / "gateway.sqlite", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    envelope = pen.rating()
    device.send(envelope)
    with pytest.raises(AssertionError):
        device.hear_hall(1, timeout_s=1.5)
    assert centre.seqs("dev-1") == []
    blocker.execute("ROLLBACK")
    blocker.close()
    device.hear_hall(1)
    until(lambda: centre.seqs("dev-1") == [1], "the rating in the centre")


def test_a_commit_that_raises_leaves_everything_for_the_next_round(gateway, centre, connect):
    """ACK-1: the commit itself fails; the alarm says so, and the same messages are kept later."""
    pen = Pen("dev-1")
    device = connect(gateway, "dev-1").enter()
    device.tell(pen.state())
    device.hear_hall(0)
    path = gateway.config.data_dir / "gateway.sqlite"
    with sqlite3.connect(path) as other:
        other.execute("ALTER TABLE envelope RENAME TO elsewhere")
    other.close()
    device.send(pen.rating())
    until(lambda: "database" in gateway.alarms.standing(), "the alarm")
    with pytest.raises(AssertionError):
        device.hear_hall(1, timeout_s=0.5)
    with sqlite3.connect(path) as other:
        other.execute("ALTER TABLE elsewhere RENAME TO envelope")
    other.close()
    device.hear_hall(1)
    until(lambda: "database" not in gateway.alarms.standing(), "the end of the alarm")


def test_a_duplicate_is_acknowledged_again_and_kept_once(gateway, centre, connect):
    """ACK-2 SND-2"""
    pen = Pen("dev-1")
    device = connect(gateway, "dev-1").enter()
    device.tell(pen.state())
    device.hear_hall(0)
    envelope = pen.rating()
    for _ in range(3):
        device.send(envelope)
        device.hear_hall(1)
    until(lambda: centre.seqs("dev-1") == [1], "the rating")
    with gateway.database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM envelope").scalar() == 1


def test_two_records_of_one_key_both_go_up(gateway, centre, connect):
    """SND-2: told apart by their bytes, never by their key."""
    device = connect(gateway, "dev-1").enter()
    one, other = Pen("dev-1"), Pen("dev-1")
    device.tell(one.state())
    device.hear_hall(0)
    first, second = one.rating(level=5), other.rating(level=1)
    device.send(first)
    device.send(second)
    sent = lambda: {  # noqa: E731
        item.envelope.encode()
        for batch in centre.batches
        for item in batch
        if hasattr(item, "envelope")
    }
    until(lambda: {first, second} <= sent(), "both records at the centre")


def test_an_ack_is_never_retained(gateway, connect):
    """ACK-2"""
    pen = Pen("dev-1")
    device = connect(gateway, "dev-1").enter()
    device.tell(pen.state())
    device.hear_hall(0)
    device.leave()
    again = connect(gateway, "dev-1").enter("ack")
    time.sleep(0.3)  # nothing is to come: there is no event to wait for
    assert again.heard.empty()


def test_a_last_will_of_an_older_session_is_not_believed(gateway, connect):
    """STA-2"""
    pen = Pen("dev-1")
    device = connect(gateway, "dev-1").enter()
    device.tell(pen.state(session="a" * 16))
    device.hear_hall(0)
    device.tell(pen.state(session="b" * 16))
    device.hear_hall(0)
    device.tell(Will(False, "a" * 16))
    device.send(pen.rating())
    device.hear_hall(1)
    assert _is_online(gateway, "dev-1")
    device.tell(Will(False, "b" * 16))
    until(lambda: not _is_online(gateway, "dev-1"), "the newest session's will")


def test_a_device_that_comes_online_is_told_the_time(gateway, connect):
    pen = Pen("dev-1")
    device = connect(gateway, "dev-1").enter()
    device.tell(pen.state())
    before_ms = time.time() * 1000 - 5000
    assert before_ms < device.hear("clock")["now_ms"] < before_ms + 10_000


NONSENSE = {
    "too_large": b"x" * 1_000_000,
    "not_utf8": b"\xff\xfe" * 50,
    "not_an_envelope": b"[" * 900,
    "not_a_record": b"[" * 900 + b"\n" + b"0" * 64,
    "not_a_record ": b'{"device":"dev-1","epoch":1}\n' + b"0" * 64,
    "not_a_record  ": b'{"device":"dev-1","epoch":NaN,"seq":1}\n' + b"0" * 64,
    "other_device": b'{"device":"dev-2","epoch":1,"seq":1}\n' + b"0" * 64,
}


def test_nonsense_is_quarantined_and_the_ratings_around_it_arrive(
    gateway, centre, connect, subtests
):
    """TOP-2"""
    pen = Pen("dev-1")
    device = connect(gateway, "dev-1").enter()
    device.tell(pen.state())
    for reason, payload in NONSENSE.items():
        with subtests.test(reason=reason):
            device.send(pen.rating())
            device.send(payload)
            device.send(pen.rating())
            device.hear_hall(pen.seq)
            with gateway.database.read() as connection:
                row = connection.exec_driver_sql(
                    "SELECT device, reason, size, beginning FROM quarantine ORDER BY id DESC"
                ).first()
            kept = payload if len(payload) <= 1024 else payload[:256]
            assert row == ("dev-1", reason.strip(), len(payload), kept)
    until(lambda: centre.seqs("dev-1") == list(range(1, 15)), "the ratings around it")
    with gateway.database.read() as connection:
        counts = dict(connection.exec_driver_sql("SELECT reason, count FROM refusal").all())
    assert counts["not_a_record"] == 3


def test_a_gateway_that_stops_at_what_it_refuses_is_found_out(gateway, centre, connect):
    """FAULTS 14, the control: what is behind the poison never arrives."""
    judge = gateway.custody._judge

    def judge_or_stop(message):
        if type(judged := judge(message)) is Refused:
            raise ValueError("poison")
        return judged

    gateway.custody._judge = judge_or_stop
    pen = Pen("dev-1")
    device = connect(gateway, "dev-1").enter()
    device.tell(pen.state())
    for payload in (pen.rating(), b"{", pen.rating()):
        device.send(payload)
    with pytest.raises(AssertionError):
        device.hear_hall(2, timeout_s=2)
    assert len(centre.seqs("dev-1")) < 2


def test_an_unknown_version_goes_up_with_its_mark(gateway, centre, connect):
    """REC-7"""
    pen = Pen("dev-1")
    device = connect(gateway, "dev-1").enter()
    device.tell(pen.state())
    device.hear_hall(0)
    record = b'{"v":2,"kind":"rating","device":"dev-1","epoch":%d,"seq":1,"x":[]}' % EPOCH
    envelope = pen.append(record)
    device.send(envelope)
    device.hear_hall(1)
    until(lambda: centre.seqs("dev-1") == [1], "the record")
    items = [item for batch in centre.batches for item in batch if hasattr(item, "envelope")]
    assert items[0].marks == ("unknown_version",)
    assert items[0].window == "w1"


def _is_online(gateway, device: str) -> bool:
    with gateway.database.read() as connection:
        query = "SELECT online FROM devicestate WHERE device = ?"
        return bool(connection.exec_driver_sql(query, (device,)).scalar())
