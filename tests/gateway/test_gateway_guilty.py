"""One item that the centre fails on holds up nothing else. BAT-6"""

import pytest
from gateway_hall import ScriptedCentre
from hand_fed_hall import DEVICES, HandFedHall

from gateway.upward.forwarder import Lane

RATINGS = 40


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


class WholeAgain(Lane):
    """The control: the same batch again, as a whole."""

    def _halve(self, batch):
        pass


def rate(hall, device: str = "dev-1", count: int = RATINGS, at: int | None = None) -> list[bytes]:
    texts = [hall.pens[device].rating(at=at) for _ in range(count)]
    hall.take(device, *texts)
    return texts


def look_for(hall, seconds: int) -> None:
    for _ in range(seconds):
        hall.look(1)


def guilty_in(hall) -> str:
    return hall.alarms.standing().get("guilty", "")


@pytest.mark.parametrize("lane", ["live", "backlog"])
def test_a_batch_answered_500_is_halved_until_the_guilty_item_travels_alone(hall, centre, lane):
    """BAT-6: it stays offered, an alarm names it, and it arrives when the centre has mended."""
    texts = rate(hall, at=hall.wall_ms if lane == "live" else None)
    centre.fails_on.add(texts[16].decode().split("\n")[1])
    look_for(hall, 600)
    assert centre.seqs("dev-1") == [seq for seq in range(1, RATINGS + 1) if seq != 17]
    assert centre.failed[:6] == [40, 20, 10, 5, 2, 1], centre.failed
    assert set(centre.failed[6:]) == {1}
    assert "record 17 of dev-1" in guilty_in(hall)
    offers = len(centre.failed)
    look_for(hall, 600)
    assert 1 <= len(centre.failed) - offers <= 10, "offered again, with pauses"
    rate(hall, count=3)
    look_for(hall, 5)
    assert len(centre.seqs("dev-1")) == RATINGS + 2, "nothing waits behind it"
    centre.fails_on.clear()
    look_for(hall, 310)
    assert centre.seqs("dev-1") == list(range(1, RATINGS + 4))
    assert guilty_in(hall) == ""


def test_the_control_that_sends_the_whole_again_delivers_nothing(hall, centre):
    for lane in hall.lanes:
        lane.__class__ = WholeAgain
    texts = rate(hall)
    centre.fails_on.add(texts[16].decode().split("\n")[1])
    look_for(hall, 600)
    assert centre.seqs("dev-1") == []


def test_a_guilty_document_and_a_guilty_head_are_found_too(hall, centre):
    """BAT-6: each is named; the rating of the document that the centre fails on arrives."""
    bad = hall.open()
    centre.fails_on.add(f'{{\\"service\\":\\"{bad}\\"')  # how its document begins
    hall.rate("dev-1", bad)
    hall.desk.close(bad)
    head = hall.pens["dev-2"].head(up_ms=5)
    centre.fails_on.add(head.split("\n")[1])
    hall.take_state("dev-2", head)
    hall.open("w2", "B001")
    hall.tell("dev-3")
    for _ in range(10):
        rate(hall, "dev-4", 1)
        look_for(hall, 60)
    assert centre.seqs("dev-1") == [1]
    assert len(centre.documents) == 1
    assert len(centre.heads) >= 1
    assert "closed" in [one.what for one in centre.progress]
    assert "service document 1" in guilty_in(hall)
    assert "the head of dev-2" in guilty_in(hall)


def test_a_guilty_head_does_not_keep_back_the_newer_ones(hall, centre):
    """BAT-6: else the centre would call its device silent, whatever it says from now on."""
    pen = hall.pens["dev-2"]
    bad = pen.head(up_ms=5)
    centre.fails_on.add(bad.split("\n")[1])
    hall.take_state("dev-2", bad)
    hall.tell("dev-3")
    look_for(hall, 200)
    hall.tell("dev-3")
    look_for(hall, 200)
    assert "the head of dev-2" in guilty_in(hall)
    newer = pen.head(up_ms=600_000)
    hall.take_state("dev-2", newer)
    look_for(hall, 400)
    assert newer in [one.head for one in centre.heads]
    assert guilty_in(hall) == ""


def test_a_centre_that_fails_on_everything_makes_nothing_guilty(hall, centre):
    """BAT-6: an outage of 500 is the centre's own; afterwards all arrives, nothing is named."""
    rate(hall)
    centre.script.extend([500] * 12)
    named = []
    for _ in range(1500):
        hall.look(1)
        named.append(guilty_in(hall))
        if len(centre.seqs("dev-1")) == RATINGS:
            break
    assert centre.seqs("dev-1") == list(range(1, RATINGS + 1))
    assert len(centre.script) == 0
    assert set(named) == {""}
