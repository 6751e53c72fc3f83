"""Services live for twelve hours, whatever the day; clerks leave at the day's end.

Time is handed in.
"""

from datetime import date

import pytest
from gateway_hall import ScriptedCentre
from hand_fed_hall import DEVICES, HOUR_MS, HandFedHall

from gateway.desk.console import Console
from gateway.desk.services import PRESENT, ConflictError, Opening
from gateway.store import services
from gateway.upward.riders import DOCUMENT_WAIT_S
from hosting.clock import last_time, start_of

FRIDAY_MS = start_of(date(2025, 10, 10))
MORNING_MS = FRIDAY_MS + 9 * HOUR_MS
CLERK = {"staff_no": "0231", "name": "王芳"}


@pytest.fixture
def centre():
    running = ScriptedCentre(DEVICES, [f"w{number}" for number in range(1, 13)])
    yield running
    running.stop()


@pytest.fixture
def start(tmp_path, centre):
    """Starts a hall on the same database, once or again, at a time of the wall's clock."""
    halls = []

    def start(wall_ms: int) -> HandFedHall:
        if halls:
            halls[-1].clock.note()
            halls.pop().close()
        halls.append(HandFedHall(tmp_path, centre, wall_ms=wall_ms))
        halls[-1].look()
        return halls[-1]

    yield start
    halls.pop().close()


def open_by_key(hall, key: str, ticket_no: str = "A001") -> tuple[str, bool]:
    return hall.desk.open(Opening("w1", ticket_no, "single", (), None, "queue", key))


def pass_h(hall, hours: float) -> None:
    hall.seconds += hours * 3600
    hall.wall_ms += round(hours * HOUR_MS)
    hall.desk.close_overdue()


def test_a_key_means_its_service_for_twelve_hours(start):
    """The same request gets the same service with its present phase; in the morning another."""
    hall = start(FRIDAY_MS + 20 * HOUR_MS)
    service, is_new = open_by_key(hall, "A001")
    assert is_new
    pass_h(hall, 11.9)
    assert open_by_key(hall, "A001") == (service, False), "over midnight, too"
    with pytest.raises(ConflictError):
        open_by_key(hall, "A001", "A002")
    hall.desk.close(service)
    assert open_by_key(hall, "A001") == (service, False)
    pass_h(hall, 0.2)
    again, is_new = open_by_key(hall, "A001", "A002")
    assert (again != service, is_new) == (True, True)
    assert open_by_key(hall, "A001", "A002") == (again, False)


def test_a_key_of_the_evening_is_free_in_the_morning_after_a_night_off(start):
    """The gateway was off: its running time stood still, the wall's clock did not."""
    service, _ = open_by_key(start(FRIDAY_MS + 17 * HOUR_MS), "A001")
    hall = start(FRIDAY_MS + 33 * HOUR_MS)
    assert open_by_key(hall, "A001")[0] != service


def test_midnight_makes_no_second_service(start):
    """One invited at 23:59:40 and called again at 00:00:04 stays the same."""
    hall = start(FRIDAY_MS + 24 * HOUR_MS - 20_000)
    service = hall.open()
    hall.desk.invite(service)
    pass_h(hall, 24 / 3600)
    assert hall.open() == service
    assert hall.desk.get(service)[0].phase == "inviting"


def test_one_left_open_on_friday_is_not_monday_s(start, centre):
    """It is closed as overdue, the centre is told, and the ticket's number is another service."""
    service = start(FRIDAY_MS + 16 * HOUR_MS).open()
    hall = start(FRIDAY_MS + 72 * HOUR_MS + 9 * HOUR_MS)
    with pytest.raises(ConflictError):
        hall.desk.invite(service)
    hall.desk.close_overdue()
    row, outcome = hall.desk.get(service)
    assert (row.phase, row.ended, outcome) == ("closed", "overdue", "not_rated")
    hall.look()
    hall.look(DOCUMENT_WAIT_S)
    assert [(one.service, one.what) for one in centre.progress] == [(service, "closed")]
    assert hall.open() != service


def test_without_the_twelve_hours_it_would_have_been(start, monkeypatch):
    """The control: with no bound Friday's service is Monday's, and may invite."""
    monkeypatch.setattr("gateway.desk.services.OPEN_MS", 10**15)
    service = start(FRIDAY_MS + 16 * HOUR_MS).open()
    hall = start(FRIDAY_MS + 72 * HOUR_MS + 9 * HOUR_MS)
    hall.desk.close_overdue()
    assert hall.open() == service
    hall.desk.invite(service)


def test_a_service_s_outcome_is_rated_expired_or_not_rated(start):
    """Never how; an invitation that stands is neither."""
    hall = start(MORNING_MS)
    service = hall.open()
    assert hall.desk.get(service)[1] == "not_rated"
    hall.desk.invite(service)
    assert hall.desk.get(service)[1] == "not_rated"
    hall.announcer.end_invitations()
    hall.pass_s(23)
    hall.announcer.end_invitations()
    assert hall.desk.get(service)[1] == "expired"
    hall.desk.invite(service)
    assert hall.desk.get(service)[1] == "not_rated"
    hall.rate("dev-1", service)
    assert hall.desk.get(service)[1] == "rated"


def signed_in(hall) -> list[str]:
    with hall.database.read() as connection:
        return [row.window for row in services.all_staff(connection)]


def test_whoever_is_signed_in_at_the_day_s_end_is_signed_out(start):
    hall = start(MORNING_MS)
    hall.desk.set_staff("w1", PRESENT, "0231", "王芳")
    hall.wall_ms = FRIDAY_MS + 20 * HOUR_MS - 1
    hall.desk.sign_out_before(last_time("20:00", hall.wall_ms))
    assert signed_in(hall) == ["w1"]
    hall.wall_ms += 1
    hall.desk.sign_out_before(last_time("20:00", hall.wall_ms))
    assert signed_in(hall) == []
    hall.desk.set_staff("w2", PRESENT, "0240", "李强")  # the evening's
    hall.wall_ms += 3 * HOUR_MS
    hall.desk.sign_out_before(last_time("20:00", hall.wall_ms))
    assert signed_in(hall) == ["w2"]


@pytest.fixture
def console(start):
    hall = start(MORNING_MS)
    made = Console(
        hall.database, hall.desk, hall.book, hall.presence, lambda: hall.wall_ms, 20_000
    )
    made.press("w1", "sign-in", "t", CLERK)
    made.hall = hall
    return made


def test_after_the_key_the_console_says_at_once_that_it_was_taken(console):
    """Then it counts down, then says that no key was pressed; the device has not spoken yet."""
    console.press("w1", "start", "t", {"ticket_no": "A001"})
    service = console.show("w1")["service"].service
    console.press("w1", "invite", "t", {"service": service})
    seen = console.show("w1")
    assert (seen["is_inviting"], seen["is_asking"], seen["left_s"]) == (True, False, 20)
    console.hall.announcer.end_invitations()  # as it looks several times a second
    for left_s in (15, 10, 5, 0):
        console.hall.pass_s(5)
        assert console.show("w1")["left_s"] == left_s
    console.hall.announcer.end_invitations()
    console.hall.pass_s(3)
    console.hall.announcer.end_invitations()
    seen = console.show("w1")
    assert (seen["is_inviting"], seen["is_expired"]) == (False, True)


@pytest.mark.parametrize("how", ["closed", "transferred", "no_show"])
def test_who_signs_out_says_what_becomes_of_an_open_service(console, how):
    console.press("w1", "start", "t", {"ticket_no": "A001"})
    service = console.show("w1")["service"].service
    assert "如何结束" in console.press("w1", "sign-out", "t", {})
    assert "如何结束" in console.press("w1", "sign-out", "t", {"as": "lost"})
    assert signed_in(console.hall) == ["w1"]
    assert console.press("w1", "sign-out", "t", {"as": how}) == ""
    assert signed_in(console.hall) == []
    assert console.hall.desk.get(service)[0].ended == how
    console.press("w1", "sign-in", "t", CLERK)
    assert console.press("w1", "sign-out", "t", {}) == "", "nothing is open"


def test_a_service_that_is_open_over_midnight_is_still_shown(console):
    console.press("w1", "start", "t", {"ticket_no": "A001"})
    console.hall.wall_ms += 15 * HOUR_MS
    seen = console.show("w1")
    assert seen["is_open"]
    assert seen["service"].ticket_no == "A001"
