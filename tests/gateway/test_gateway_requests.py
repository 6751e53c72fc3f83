"""How seldom a hall speaks to its centre. Time is handed in: ten minutes pass at once."""

import itertools

import pytest
from gateway_hall import Pen, ScriptedCentre
from hand_fed_hall import DEVICES, HOUR_MS, MINUTE_S, HandFedHall

from gateway.store import states
from gateway.upward.batch import PROGRESS, add_head
from gateway.upward.riders import DOCUMENT_WAIT_S, Riders
from protocol.batch import EnvelopeItem, FactsItem, HeadItem, ProgressItem
from protocol.limits import BATCH_ITEMS


class OneByOne(Riders):
    """The control: a head leaves when its own minute is over, not its hall's."""

    def _add_heads(self, connection, batch):
        for row in states.unsent_heads(connection, BATCH_ITEMS):
            told_s = self.__dict__.setdefault("told_s", {}).get(row.device, -MINUTE_S)
            if self._monotonic_s() - told_s >= MINUTE_S:
                add_head(batch, row)
                self.told_s[row.device] = self._monotonic_s()


@pytest.fixture
def centre():
    running = ScriptedCentre(DEVICES, [f"w{number}" for number in range(1, 13)])
    yield running
    running.stop()


@pytest.fixture
def start(tmp_path, centre):
    """Starts a hall on the same database, once or again."""
    halls = []

    def start(**how) -> HandFedHall:
        if halls:
            halls.pop().close()
        halls.append(HandFedHall(tmp_path, centre, **how))
        halls[-1].look()
        return halls[-1]

    yield start
    halls.pop().close()


def kinds(items) -> list[type]:
    """Of what is no progress: that rides with everything."""
    return [type(item) for item in items if type(item) is not ProgressItem]


def test_an_idle_hall_makes_one_request_a_minute_for_all_its_heads(start, centre):
    hall = start()
    hall.idle(10 * MINUTE_S)
    times = [at_s for at_s, _ in hall.requests]
    assert 9 <= len(times) <= 10
    assert min(after - before for before, after in itertools.pairwise(times)) >= MINUTE_S
    assert {kind for _, items in hall.requests for kind in kinds(items)} == {HeadItem}
    told = [pen.head(up_ms=0).split('"up_ms"')[0] for pen in hall.pens.values()]
    for beginning in told:  # each device's head goes with every request but the first
        assert sum(item.head.startswith(beginning) for item in centre.heads) >= len(times) - 1
    assert len(centre.hall_requests) == 1, "only at the start: the answers tell the version"


def test_the_control_sends_heads_one_by_one(start):
    hall = start()
    hall.outbox._riders.__class__ = OneByOne
    hall.idle(10 * MINUTE_S)
    assert len(hall.requests) > 60


def test_the_control_that_hears_no_answer_polls(start, centre):
    hall = start(is_hinted=False)
    hall.idle(10 * MINUTE_S)
    assert len(centre.hall_requests) > 7


def test_a_hall_that_nobody_answers_asks_for_its_document(start, centre):
    """No device is on, or the centre refuses the batches: what a poll finds out is found out."""
    hall = start()
    for _ in range(3):
        before = len(centre.hall_requests)
        hall.look(MINUTE_S)
        assert len(centre.hall_requests) == before
        hall.look(0.2 * MINUTE_S)
        assert len(centre.hall_requests) == before + 1
    centre.script.extend([401] * 9)
    before = len(centre.hall_requests)
    hall.idle(2 * MINUTE_S)
    assert len(centre.script) == 8
    assert len(centre.hall_requests) == before + 1


def test_an_answer_with_another_version_is_asked_about_at_once(start, centre):
    hall = start()
    hall.idle(MINUTE_S)
    centre.change_hall()
    told = len(hall.requests)
    while len(hall.requests) == told:
        hall.idle(1)
    hall.look()
    assert hall.book.version == 2
    assert centre.hall_requests == [None, '"1"']


def test_a_document_waits_for_its_rating_and_goes_before_it(start):
    hall = start()
    service = hall.open()
    assert hall.look(DOCUMENT_WAIT_S - 1) == []
    hall.rate("dev-1", service)
    assert kinds(hall.look()) == [FactsItem, EnvelopeItem]


def test_a_document_without_a_rating_goes_by_itself_after_half_a_minute(start):
    hall = start()
    hall.open()
    hall.look()
    assert hall.look(DOCUMENT_WAIT_S - 1) == []
    hall.open("w2", "B001")
    assert kinds(hall.look(1)) == [FactsItem] * 2, "the younger one rides with it"
    assert hall.look(DOCUMENT_WAIT_S) == []


@pytest.mark.parametrize("how", ["closed", "followed"])
def test_the_document_of_a_service_that_is_over_waits_for_nothing(start, how):
    hall = start()
    service = hall.open()
    assert hall.look() == []
    if how == "closed":
        hall.desk.close(service)
    else:
        hall.open(ticket_no="A002")
    sent = hall.look()
    assert kinds(sent) == [FactsItem] * (1 if how == "closed" else 2)
    assert service in sent[0].facts


def test_a_document_rides_with_any_batch(start):
    """With another window's rating, and with heads; each goes once."""
    hall = start()
    hall.open()
    hall.rate("dev-2", "S1")
    assert kinds(hall.look()) == [FactsItem, EnvelopeItem]
    hall.open("w3", "C001")
    hall.tell("dev-4")
    assert kinds(hall.look()) == [FactsItem, HeadItem]


@pytest.mark.parametrize("step_ms", [-8 * HOUR_MS, 72 * HOUR_MS, 10 * 365 * 24 * HOUR_MS])
def test_a_stepped_wall_clock_changes_no_pause(start, centre, step_ms):
    hall = start()
    hall.tell("dev-1")
    hall.look()
    hall.open()
    hall.look()
    hall.wall_ms += step_ms
    assert hall.look(DOCUMENT_WAIT_S - 1) == []
    hall.tell("dev-1")
    assert kinds(hall.look(1)) == [FactsItem]
    assert kinds(hall.look(MINUTE_S - DOCUMENT_WAIT_S)) == [HeadItem]
    centre.script.append((429, "20"))
    hall.desk.close(hall.open(ticket_no="A002"))
    assert hall.look() == []
    hall.wall_ms -= step_ms
    assert hall.look(19) == []
    assert kinds(hall.look(1)) == [FactsItem]
    assert len(centre.hall_requests) == 1


def test_a_start_sends_the_documents_that_it_finds(start):
    """Nobody knows how long they have waited: however often a gateway starts, they leave."""
    hall = start()
    hall.open()
    assert hall.look() == []
    again = start()
    assert kinds(again.requests[0][1]) == [FactsItem]
    again.open("w2", "B001")
    assert again.look() == []


def test_documents_and_heads_need_no_moment_without_a_batch_under_way(start):
    """Ratings that never let up must not keep them here; and nothing goes twice."""
    hall = start()
    batches = []
    for number in range(4):
        hall.rate("dev-1", f"S{number}")
        hall.open("w2", f"B{number}")
        hall.tell("dev-3")
        last_id = batches[-1].last_id if batches else None
        batches.append(hall.outbox.live_batch(hall.wall_ms, last_id, 500))
    whats = [[one.what for one in batch.sent() if one.what != PROGRESS] for batch in batches]
    assert whats == [["facts", "envelope", "head"]] + [["facts", "envelope"]] * 3


def test_what_got_no_answer_goes_again(start, centre):
    hall = start()
    hall.open()
    hall.rate("dev-2", "S1")
    hall.tell("dev-3")
    centre.script.append(503)
    assert hall.look() == []
    assert kinds(hall.look(2)) == [FactsItem, EnvelopeItem, HeadItem]


def test_more_heads_than_a_batch_holds_do_not_wait_for_another_minute(start):
    hall = start()
    with hall.database.write() as connection:
        for number in range(BATCH_ITEMS + 3):
            pen = Pen(f"dev-{number}")
            states.put(connection, pen.device, pen.state(head=pen.head()), 1)
    hall.look()
    assert [len(items) for _, items in hall.requests] == [BATCH_ITEMS, 3]
