"""The gateway's clocks: no wall clock deletes, delays, ages or misplaces anything. FAULTS 20

Each has its control: the same with the wall clock in the place of the monotonic one.
"""

import pytest
from gateway_hall import EPOCH, HandTime, Pen, ScriptedCentre, receipt_of
from hand_fed_hall import DEVICES, HOUR_MS, HandFedHall

from gateway.hall import intake
from gateway.hall.hall_book import read_receipt
from gateway.keep.hall_clock import HallClock
from gateway.store import aside, books, envelopes, receipts
from gateway.store.database import Database
from hosting.clock import CHINA, china, last_time
from protocol.batch import EnvelopeItem, HeadItem, ProgressItem

DAY_MS = 24 * HOUR_MS
NOON_MS = 1_760_068_800_000  # 2025-10-10 12:00 in China


class WallClock(HallClock):
    """The control: what is kept is counted by the wall clock."""

    def ran_ms(self) -> int:
        return self.now_ms()


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
        halls.append(HandFedHall(tmp_path, centre, **{"wall_ms": NOON_MS, **how}))
        return halls[-1]

    yield start
    halls.pop().close()


def held(database) -> tuple[int, int, int]:
    """Envelopes, services and progress that are kept."""
    with database.read() as connection:
        count = connection.exec_driver_sql
        return tuple(
            count(f"SELECT count(*) FROM {table}").scalar_one()
            for table in ("envelope", "service", "progress")
        )


def keep_something(hall: HandFedHall) -> None:
    """A rating of a closed service, all of which the centre has."""
    hall.look()
    service = hall.open()
    hall.rate("dev-1", service)
    hall.desk.close(service)
    hall.look()
    assert held(hall.database) == (1, 1, 1)


@pytest.mark.parametrize("step_days", [40, 3650, -40])
def test_a_start_with_a_wrong_clock_deletes_nothing(start, step_days):
    """BAT-5: what is kept for a restored centre stays, however far the clock is off."""
    keep_something(start())
    later = start(wall_ms=NOON_MS + step_days * DAY_MS)
    later.outbox.let_go()
    assert held(later.database) == (1, 1, 1)


def test_the_control_that_counts_by_the_wall_clock_deletes_it_all(start):
    hall = start()
    hall.outbox._clock.__class__ = WallClock
    keep_something(hall)
    hall.wall_ms += 40 * DAY_MS
    hall.outbox.let_go()
    assert held(hall.database) == (0, 0, 0)


def test_what_the_centre_has_is_let_go_after_thirty_days_of_running(start):
    """BAT-5: over starts, and whatever the wall clock says; time that is off does not count."""
    keep_something(start())
    for day in range(30):
        hall = start(wall_ms=NOON_MS + 7 * day * DAY_MS)
        assert held(hall.database) == (1, 1, 1)
        hall.seconds += 24 * 3600
        hall.clock.note()
        hall.outbox.let_go()
    hall = start(wall_ms=NOON_MS - 40 * DAY_MS)
    hall.seconds += 3600
    hall.outbox.let_go()
    assert held(hall.database) == (0, 0, 0)


def test_what_the_centre_lacks_is_never_let_go(start, centre):
    hall = start()
    hall.look()
    centre.script.extend([503] * 99)
    service = hall.open()
    hall.rate("dev-1", service)
    hall.desk.close(service)
    hall.seconds += 400 * 24 * 3600
    hall.outbox.let_go()
    assert held(hall.database) == (1, 1, 1)


def test_a_killed_gateway_forgets_an_hour_at_most(tmp_path):
    database, time = Database(tmp_path / "gateway.sqlite"), HandTime()
    time.clock(database)
    clock = time.clock(database)
    time.pass_s(3600)
    clock.note()
    time.pass_s(3599)
    assert clock.ran_ms() == 7199 * 1000
    assert time.clock(database).ran_ms() == 3600 * 1000
    with database.read() as connection:
        assert books.ran_ms(connection) == 3600 * 1000
    database.close()


def test_a_full_disk_takes_what_is_covered_and_nothing_else(tmp_path):
    """The room that a full disk needs comes from what the centre has, the oldest first."""
    database, pen = Database(tmp_path / "gateway.sqlite"), Pen("dev-1")
    time = HandTime()
    rows = [
        intake.row(
            intake.judge("pj/1/demo/dev-1/record", pen.rating(), "demo", {"dev-1"}), 1, "w1", False
        )
        for _ in range(3)
    ]
    with database.write() as connection:
        envelopes.put(connection, rows)
        connection.exec_driver_sql("UPDATE envelope SET verdict = 'stored'")
        text = receipt_of("dev-1", 2).encode()
        receipts.put(connection, read_receipt(text), text, time.wall_ms, 10**15)
        assert envelopes.let_go(connection, None) == 2
        assert list(envelopes.held_seqs(connection, "dev-1", EPOCH, 0)) == [3]
    database.close()


def test_the_newest_set_aside_database_is_never_the_one_to_go(tmp_path):
    """Only three are kept; a clock that was set back does not make the newest the oldest."""
    path = tmp_path / "gateway.sqlite"
    for number, at_ms in enumerate([NOON_MS, NOON_MS + 1, NOON_MS - 400 * DAY_MS, 0, NOON_MS]):
        path.write_text(str(number))
        aside.set_aside(path, at_ms)
    assert [one.read_text() for one in aside.waiting(path)] == ["2", "3", "4"]


def run_ahead(start, centre, **how) -> HandFedHall:
    """A gateway that starts eight hours ahead while the centre is away, and is corrected."""
    start().look()
    centre.change_hall()
    centre.is_hall_known = False
    centre.script.extend([503] * 9)
    hall = start(wall_ms=NOON_MS + 8 * HOUR_MS, **how)
    service = hall.open()
    hall.desk.invite(service)
    hall.tell("dev-1")
    hall.rate("dev-1", service)
    for _ in range(6):
        hall.look(2)
    centre.script.clear()
    centre.is_hall_known = True
    hall.wall_ms -= 8 * HOUR_MS
    return hall


def arrived(hall: HandFedHall, centre) -> dict:
    kinds = {type(item) for _, batch in hall.requests for item in batch}
    return {
        "ratings": len(centre.seqs("dev-1")),
        "heads": HeadItem in kinds,
        "progress": ProgressItem in kinds,
        "hall": hall.book.version == 2,
    }


def test_a_gateway_that_was_ahead_sends_within_ten_seconds_of_the_correction(start, centre):
    """BAT-6: and heads, the hall's document and progress are due likewise."""
    hall = run_ahead(start, centre)
    for _ in range(10):
        hall.look(1)
    assert arrived(hall, centre) == {"ratings": 1, "heads": True, "progress": True, "hall": True}


def test_the_control_that_pauses_by_the_wall_clock_does_not(start, centre):
    hall = run_ahead(start, centre, paused_by=lambda hall: hall.wall_ms / 1000)
    for _ in range(10):
        hall.look(1)
    assert arrived(hall, centre)["ratings"] == 0


@pytest.mark.parametrize("step_ms", [-8 * HOUR_MS, 3 * DAY_MS, 3650 * DAY_MS])
def test_what_was_not_sent_is_moved_along_with_the_clock(start, centre, step_ms):
    """BAT-9: the centre counts back from now, so an instant keeps its distance from now. A record
    never seems to have come later than it did by either clock: nobody has to say anything before.
    """
    hall = start()
    hall.look()
    centre.script.extend([503] * 2)
    service = hall.open()
    hall.desk.invite(service)
    hall.rate("dev-1", service)
    hall.look(20)
    hall.wall_ms += step_ms
    for _ in range(33):  # progress waits for company for half a minute
        hall.look(1)
    ages = {
        type(item): sent_ms - at_ms
        for sent_ms, batch in zip(centre.sent_ms, centre.batches, strict=True)
        for item in batch
        if (at_ms := instant_of(item, "dev-1")) is not None
    }
    assert ages.keys() == {ProgressItem, EnvelopeItem}
    for item, age_ms in ages.items():
        unknown_ms = max(0, step_ms) if item is EnvelopeItem else 0
        assert 20_000 <= age_ms - unknown_ms <= 60_000, ages


def instant_of(item, device: str) -> int | None:
    if isinstance(item, ProgressItem):
        return item.progress.at_ms
    if isinstance(item, EnvelopeItem) and f'"{device}"' in item.envelope:
        return item.received_at_ms
    return None


def test_an_instant_of_an_earlier_start_that_has_not_come_yet_goes_without(start, centre):
    """BAT-9: nobody can place what a start wrote whose clock was ahead; what may be, stays."""
    hall = start(wall_ms=NOON_MS)
    hall.look()
    centre.script.extend([503] * 9)
    hall.desk.close(hall.open())
    start(wall_ms=NOON_MS + 8 * HOUR_MS)  # its document is known, the centre is away
    hall = start(wall_ms=NOON_MS + 8 * HOUR_MS)
    hall.desk.close(hall.open("w2", "B001"))
    centre.script.clear()
    again = start(wall_ms=NOON_MS + HOUR_MS)
    for _ in range(5):
        again.look(1)
    assert [one.at_ms for one in centre.progress] == [NOON_MS, None]


def test_a_service_grows_old_by_the_running_time_and_not_by_the_clock(start):
    """One that a stepped clock would age goes on; one that stood open for twelve hours ends."""
    hall = start()
    hall.look()
    service = hall.open()
    for step_ms in (3650 * DAY_MS, -3700 * DAY_MS, 50 * DAY_MS):
        hall.wall_ms += step_ms
        hall.desk.close_overdue()
        assert hall.desk.get(service)[0].phase == "serving"
    hall.seconds += 12 * 3600
    hall.desk.close_overdue()
    assert hall.desk.get(service)[0].ended == "overdue"


def test_the_end_of_a_day_is_china_s():
    assert (china(NOON_MS).hour, CHINA.utcoffset(None).seconds) == (12, 8 * 3600)
    assert last_time("20:00", NOON_MS) == NOON_MS - 16 * HOUR_MS
    assert last_time("20:00", NOON_MS + 8 * HOUR_MS) == NOON_MS + 8 * HOUR_MS
    assert last_time("12:01", NOON_MS) == NOON_MS - DAY_MS + 60_000
