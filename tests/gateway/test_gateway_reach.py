"""How far a device's chain is safe in the hall. ACK-3 ACK-4"""

import hashlib

import pytest
from gateway_hall import EPOCH, Pen, receipt_of

from gateway.hall import intake
from gateway.hall.cover import Cover
from gateway.hall.hall_book import read_receipt
from gateway.store import envelopes, receipts, states
from gateway.store.database import Database

DEVICE = "dev-1"


@pytest.fixture
def database(tmp_path):
    opened = Database(tmp_path / "gateway.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def reach():
    return Cover()


def hold(database, *texts: bytes) -> None:
    rows = []
    for envelope in texts:
        accepted = intake.judge(f"pj/1/demo/{DEVICE}/record", envelope, "demo", {DEVICE})
        rows.append(intake.row(accepted, 1, "w1", is_live=False))
    with database.write() as connection:
        envelopes.put(connection, rows)


def of(database, reach) -> int:
    with database.read() as connection:
        found = reach.of(connection, DEVICE, EPOCH)
        assert found == Cover().of(connection, DEVICE, EPOCH), "what is remembered must not differ"
    return found


def say_first(database, first: int) -> None:
    with database.write() as connection:
        states.put(connection, DEVICE, Pen(DEVICE).state(first=first), 1)


def say_receipt(database, seq: int, at: int = 1) -> None:
    text = receipt_of(DEVICE, seq, at).encode()
    with database.write() as connection:
        receipts.put(connection, read_receipt(text), text, 5, 5)


def test_it_ends_at_the_first_missing_seq(database, reach):
    """ACK-3"""
    pen = Pen(DEVICE)
    ratings = [pen.rating() for _ in range(5)]
    assert of(database, reach) == 0
    hold(database, *ratings[:2], ratings[3])
    assert of(database, reach) == 2
    hold(database, ratings[2])
    assert of(database, reach) == 4
    hold(database, ratings[4])
    assert of(database, reach) == 5


def test_what_is_below_first_or_covered_by_the_receipt_counts(database, reach):
    """ACK-3"""
    pen = Pen(DEVICE)
    ratings = [pen.rating() for _ in range(12)]
    hold(database, *ratings[10:])
    assert of(database, reach) == 0
    say_first(database, 8)
    assert of(database, reach) == 7
    say_receipt(database, 10)
    assert of(database, reach) == 12


def test_it_goes_down_with_a_lower_receipt_and_another_first(database, reach):
    """ACK-3: from what the database holds at that moment."""
    pen = Pen(DEVICE)
    ratings = [pen.rating() for _ in range(12)]
    hold(database, *ratings[10:])
    say_receipt(database, 10)
    assert of(database, reach) == 12
    say_receipt(database, 4)
    assert of(database, reach) == 4
    say_first(database, 11)
    assert of(database, reach) == 12
    say_first(database, 2)
    assert of(database, reach) == 4


def test_what_a_held_boot_names_counts(database, reach):
    """ACK-3"""
    pen = Pen(DEVICE)
    hold(database, pen.rating(), pen.rating())
    gaps = ((3, 5, "damage"), (6, 64, "restart"))
    hold(database, pen.boot(65, gaps), pen.rating())
    assert of(database, reach) == 66
    hold(database, pen.boot(129, ((68, 128, "restart"),)))
    assert of(database, reach) == 66, "67 is neither held nor named"


def test_a_rejected_record_no_longer_counts(database, reach):
    """ACK-4: nor does what a rejected boot names; the device's own record counts again."""
    pen, forger = Pen(DEVICE), Pen(DEVICE)
    ratings = [pen.rating() for _ in range(3)]
    forger.seq = 1
    forged = forger.rating(level=1)
    hold(database, ratings[0], forged, ratings[2])
    assert of(database, reach) == 3
    with database.write() as connection:
        row_id = connection.exec_driver_sql(
            "SELECT id FROM envelope WHERE sha256 = ?", (hashlib.sha256(forged).digest(),)
        ).scalar_one()
        verdict = {"row_id": row_id, "verdict": "rejected", "reason": "x", "next_try_at_ms": 9}
        envelopes.judge(connection, [verdict])
    reach.forget(DEVICE)
    assert of(database, reach) == 1
    hold(database, ratings[1])
    assert of(database, reach) == 3


def test_epochs_are_apart(database, reach):
    """ACK-3"""
    hold(database, Pen(DEVICE, EPOCH + 1).rating())
    assert of(database, reach) == 0
    with database.read() as connection:
        assert reach.of(connection, DEVICE, EPOCH + 1) == 1
