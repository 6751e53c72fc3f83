"""One device's password in a stranger's hands: false signatures at full speed. FAULTS 24"""

import shutil
import threading
import time
from pathlib import Path

import pytest
from gateway_hall import EPOCH, Pen, ScriptedCentre, settings_in, start_gateway, until
from hand_fed_hall import DEVICES, HandFedHall

from gateway.broker import embedded
from gateway.hall import restraint
from gateway.store import envelopes, quarantine
from gateway.upward.outbox import REJECTED_KEPT

ROOT = Path(__file__).parents[2]
FALSE = 3000


@pytest.fixture
def centre():
    running = ScriptedCentre(DEVICES, [f"w{number}" for number in range(1, 13)])
    yield running
    running.stop()


@pytest.fixture
def hall(tmp_path, centre):
    running = HandFedHall(tmp_path, centre)
    running.look()
    yield running
    running.close()


class Forger(Pen):
    """Has the password, and not the key."""

    def __init__(self, device: str):
        super().__init__(device)
        self.key = b"x" * 32


def forge(hall, count: int, a_look: int = 100, at: int | None = None) -> None:
    """So many false records of dev-1, a hundred a tenth of a second."""
    forger = Forger("dev-1")
    for _ in range(count // a_look):
        hall.take("dev-1", *[forger.rating(level=1, at=at) for _ in range(a_look)])
        hall.look(0.1)


def rows_of(hall, device: str) -> int:
    with hall.database.read() as connection:
        query = "SELECT count(*) FROM envelope WHERE device = ?"
        return connection.exec_driver_sql(query, (device,)).scalar_one()


def counted(hall) -> dict[str, int]:
    with hall.database.read() as connection:
        return {row.reason: row.count for row in quarantine.counts(connection)}


def test_false_signatures_are_bounded_counted_and_alarmed_and_the_honest_go_up(hall, centre):
    """BAT-10: evidence up to a bound; the rest is a number, and the alarm names the device."""
    forge(hall, FALSE, at=hall.wall_ms)
    for _ in range(5):
        hall.look(1)
    assert rows_of(hall, "dev-1") == REJECTED_KEPT
    assert sum(counted(hall).values()) == FALSE - REJECTED_KEPT
    assert "dev-1" in hall.alarms.standing()["false_macs"]
    offered = sum(len(batch) for batch in centre.batches)
    assert offered < FALSE / 4, "the centre is spared, too"

    honest = [hall.pens["dev-1"].rating() for _ in range(5)]
    hall.seconds += 1
    hall.take("dev-1", *honest)
    for _ in range(3):
        hall.look(1)
    assert centre.seqs("dev-1") == [1, 2, 3, 4, 5]
    for _ in range(61):
        hall.seconds += 60
        hall.restraint.look()
    assert "false_macs" not in hall.alarms.standing()


def test_the_control_without_restraint_takes_it_all_in(hall, centre, monkeypatch):
    monkeypatch.setattr(restraint, "_FALSE", 10**9)
    forge(hall, FALSE, at=hall.wall_ms)
    for _ in range(5):
        hall.look(1)
    assert sum(len(batch) for batch in centre.batches) >= FALSE
    assert "false_macs" not in hall.alarms.standing()


def test_false_ones_are_not_offered_for_ever(hall, centre):
    """BAT-10: about a day, for the fault may be the centre's; the device's word revives it."""
    forger = Forger("dev-1")
    false = forger.rating(level=1)
    hall.take("dev-1", false)
    for _ in range(3 * 24 * 60):
        hall.look(60)
        if not waits(hall):
            break
    assert not waits(hall)
    offers = len(centre.batches)
    assert offers >= 12
    for _ in range(48):
        hall.look(3600)
    assert len(centre.batches) == offers
    hall.take("dev-1", false)
    for _ in range(8):
        hall.look(3600)
    assert len(centre.batches) == offers + 1, "somebody says it again: offered once"


def waits(hall) -> bool:
    with hall.database.read() as connection:
        query = "SELECT count(*) FROM envelope WHERE verdict IS NULL OR next_try_at_ms IS NOT NULL"
        return connection.exec_driver_sql(query).scalar_one() > 0


def test_while_the_centre_is_away_a_device_may_wait_with_so_many_and_no_more(
    hall, centre, monkeypatch
):
    """No verdict can come: the disk is bounded all the same, and other devices are taken in."""
    monkeypatch.setattr(restraint, "WAITING_MOST", 500)
    centre.script.extend([503] * 999)
    forge(hall, 2000)
    assert 500 <= rows_of(hall, "dev-1") <= 600
    assert counted(hall)["held_back"] >= 1400
    hall.take("dev-2", hall.pens["dev-2"].rating())
    assert rows_of(hall, "dev-2") == 1
    centre.script.clear()
    for _ in range(400):
        hall.look(1)
    hall.take("dev-1", hall.pens["dev-1"].rating())
    hall.look(1)
    assert centre.seqs("dev-1") == [1]


@pytest.fixture
def unfair(tmp_path, monkeypatch):
    """The control: a broker that lets a device have as much under way as it likes."""
    text = embedded._SCRIPT.read_text()
    weak = text.replace("const WAITING_OF_ONE = 100", "const WAITING_OF_ONE = 1e9")
    assert weak != text
    script = tmp_path / "broker.mjs"
    script.write_text(weak)
    (tmp_path / "node_modules").symlink_to(ROOT / "node_modules")
    shutil.copy(ROOT / "package.json", tmp_path)
    monkeypatch.setattr(embedded, "_SCRIPT", script)


def before_the_honest_one(tmp_path, centre, connect) -> int:
    """How many of a stranger's 2,500 messages are committed before another device's record that
    comes after them; the gateway commits nothing until both have sent.
    """
    gateway = start_gateway(settings_in(tmp_path, centre.url, queue_messages=100))
    may_commit = threading.Event()
    custody = gateway.custody
    file = custody._filing.file
    custody._filing.file = lambda judged: may_commit.wait(30) and file(judged)
    try:
        stranger = connect(gateway, "dev-1", in_flight=5000).enter()
        device = connect(gateway, "dev-2").enter()
        forger, pen = Forger("dev-1"), Pen("dev-2")
        for _ in range(2500):
            stranger.send(forger.rating(level=1))
        until(lambda: is_at_rest(stranger), "the end of the broker's answers to the stranger")
        last = device.send(pen.rating())
        until(lambda: last in device.acked, "the broker's answer to the other device")
        may_commit.set()
        device.tell(pen.state())
        device.hear_hall(1, 30)
        with gateway.database.read() as connection:
            query = "SELECT id FROM envelope WHERE device = 'dev-2'"
            return connection.exec_driver_sql(query).scalar_one() - 1
    finally:
        may_commit.set()
        gateway.stop()


def is_at_rest(client) -> bool:
    """Whether the broker has answered, and answers no more."""
    before = len(client.acked)
    time.sleep(2)
    return before == len(client.acked) > 0


def test_a_stranger_at_full_speed_stands_before_nobody(tmp_path, centre, connect):
    """Whatever it sends, another device's record waits for a few of them: a turn, not a flood."""
    assert before_the_honest_one(tmp_path, centre, connect) <= 400


def test_the_control_an_unfair_broker_lets_the_flood_go_first(tmp_path, centre, connect, unfair):
    assert before_the_honest_one(tmp_path, centre, connect) > 400


def test_the_evidence_is_the_oldest(hall):
    """What came first tells more than what a stranger chose to send last."""
    forge(hall, 300)
    hall.look(1)
    with hall.database.read() as connection:
        assert envelopes.holds(connection, "dev-1", EPOCH, 1)
        assert not envelopes.holds(connection, "dev-1", EPOCH, 300)
